"""The client: finds notebooks and sends entries, blocking until they are acknowledged or known to be queued."""

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from random import SystemRandom
from types import TracebackType
from typing import TYPE_CHECKING, Self

from udpnote.client.connection import LOCATE_SECONDS_MIN, Station
from udpnote.client.notebook_finder import FoundNotebook, Searcher, is_meant
from udpnote.client.notebook_reader import Reads
from udpnote.client.notices import notice_of
from udpnote.client.send_outcomes import Outcomes
from udpnote.client.send_results import SentEntry, Source, State
from udpnote.client.sending import Dispatch
from udpnote.client.trust import Keyring
from udpnote.errors import EntryRefused, InvalidSetting, OldKey, Queued, ServerNotFound
from udpnote.lan.endpoint import Endpoint, ProbeAttempt
from udpnote.model.entry import Kind, StoredEntry, check_author, check_number, check_text
from udpnote.model.notebook import KnownNotebook
from udpnote.model.query import Item, Query
from udpnote.protocol.congestion import WINDOW_MAX
from udpnote.protocol.discovery import DISCOVERY_SECONDS
from udpnote.protocol.rediscovery import RediscoveryEvent, known_notebook
from udpnote.settings import Settings, find_places, load_settings
from udpnote.storage.outbox import Outbox, WaitingEntry
from udpnote.storage.permissions import too_open
from udpnote.text.messages.reasons import called, unsettled_reason

if TYPE_CHECKING:
    from udpnote.client.importing import Imported
    from udpnote.client.server_reader import Overtaken


class Client(Reads):
    """A client of the notebooks on this LAN.

    What is not given is taken from the environment, the settings file or the defaults, as by the `udpnote` command:
    `server` (HOST or HOST:PORT) to go there instead of searching, `port` to search at, `notebook_id` (an id, the start of
    one, or a name) to choose among several, `key` (a join code) or `key_file` (one that holds it) for the sealed notebook that
    has it and that was not joined, `author`, `wait` seconds before an entry counts as queued, and `outbox`, the
    file that keeps entries until they are acknowledged. `window_max` limits the datagrams under way.

    `on_delivered` is called with each entry of an earlier command that was delivered meanwhile, `on_notice` with each
    message that whoever writes should see, at once with those about files that others can read, `on_indexing` with how far
    the server's search index has come, and of how much, while a search waits for it; none of them may call the client.

    Methods block, and may be called from several threads. Raises `StorageError` if the outbox cannot be used, and
    `InvalidSetting`.
    """

    def __init__(
        self,
        *,
        server: str | None = None,
        port: int | None = None,
        notebook_id: str | None = None,
        key: str | None = None,
        key_file: str | None = None,
        author: str | None = None,
        wait: float | None = None,
        outbox: str | None = None,
        window_max: int = WINDOW_MAX,
        endpoint: Endpoint | None = None,
        on_delivered: Callable[[SentEntry], None] | None = None,
        on_notice: Callable[[str], None] | None = None,
        on_indexing: Callable[[int, int], None] | None = None,
    ) -> None:
        settings = load_settings(
            {
                "server": server, "port": port, "notebook_id": notebook_id, "key": key, "key_file": key_file, "author": author,
                "wait": wait,
            }
        )  # fmt: skip
        self._port, self._author, self._wait = settings.port, settings.author, settings.wait
        if window_max < 1:
            raise InvalidSetting(f"window_max must be at least 1, not {window_max}")
        named_key = _named_key(settings)  # now, because it may fail, and nothing is open yet
        self._on_notice = on_notice or _ignore
        self._on_indexing = on_indexing or _ignore
        outbox = outbox if outbox is not None else settings.outbox
        places = find_places(os.environ)
        files = [outbox, settings.history, places.settings_file, *([settings.key_file] if settings.key_file else [])]
        notices = too_open(files, places.folders)  # now, because some of the outbox's files come and go
        self._outbox = Outbox(outbox)
        for notice in notices:
            self._on_notice(str(notice))
        self._endpoint = endpoint if endpoint is not None else Endpoint.client()
        random = SystemRandom()
        keyring = Keyring(self._outbox, named=named_key)
        self._searcher = Searcher(
            self._endpoint,
            keyring,
            port=settings.port,
            names_port=port is not None,
            server=settings.server,
            wanted=settings.notebook_id,
            random=random,
        )
        self._station = Station(self._endpoint, self._outbox, keyring, self._searcher, port=settings.port, random=random)
        outcomes = Outcomes(on_delivered or _ignore, self._on_notice)
        self._dispatch = Dispatch(self._station, outcomes, window_max=window_max, on_event=self._tell)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the sockets and the outbox; what is not acknowledged stays in it."""
        if self._station.is_closed:
            return
        with self._station.turn():
            self._dispatch.flush()
            self._station.close()

    def wake(self) -> None:
        """End the wait of a call in another thread, so that it looks again at what it is to send."""
        self._endpoint.wake()

    @property
    def retransmissions(self) -> int:
        """How many datagrams were sent again so far."""
        return self._dispatch.retransmissions

    @property
    def probe_attempts(self) -> list[ProbeAttempt]:
        """Where the latest probe went, and where it could not."""
        return self._searcher.attempts

    @property
    def named_key_id(self) -> bytes | None:
        """The id of the key that is named for this client, and not only joined."""
        return self._station.keyring.named_id

    def send(self, text: str, *, author: str | None = None, wait: float | None = None) -> SentEntry:
        """Have `text` kept in the notebook and give the stored entry, with its number.

        Raises `InvalidEntry` before anything is done; `Queued` if no acknowledgement came within `wait` seconds (the entry
        is in the outbox, and a later call delivers it); `EntryRefused` if the notebook will never take it.
        """
        check_text(text)
        return self._send_one(text, author=author, wait=wait)

    def revise(
        self, number: int, text: str, *, seen: int | None = None, author: str | None = None, wait: float | None = None
    ) -> SentEntry:
        """Replace the text of the entry `number` by `text`, by an entry of its own; the earlier text stays in its history.

        `seen` is the number of the version that the new text was made from (default: the one first written). Whoever revises
        another version than the one that shows replaces something unseen, and is told (see `overtaken`). Raises what `send`
        does, and `EntryRefused` if there is no such entry. Numbers mean something in one notebook only: so where it is not
        settled which one is meant, nothing is queued, but `ServerNotFound` or `SeveralNotebooks` raised.
        """
        check_text(text)
        check_number(number)
        return self._send_one(text, kind=Kind.REVISION, revises=seen or number, author=author, wait=wait)

    def delete(
        self, number: int, *, seen: int | None = None, author: str | None = None, wait: float | None = None
    ) -> SentEntry:
        """Take the entry `number` away, by an entry that says so; its texts stay in its history. Like `revise`."""
        check_number(number)
        return self._send_one("", kind=Kind.DELETION, revises=seen or number, author=author, wait=wait)

    def send_many(
        self, texts: Iterable[str | None], *, author: str | None = None, wait: float | None = None
    ) -> Iterator[SentEntry]:
        """Have each of `texts` kept, many under way at once, and give what became of each, in their order.

        A None among them says that there is nothing more for the moment: the call goes on with what is under way, and looks
        again when that is done or `wake` is called. After `wait` seconds without an answer entries count as queued, and
        whatever follows is only queued until the server is heard again.

        Raises `InvalidEntry` at the first text that no notebook would take, once all before it are through.
        """
        author = self._author if author is None else author
        check_author(author)
        return self._dispatch.send(Source(iter(texts)), author=author, wait=self._wait if wait is None else _checked(wait))

    def deliver(self, wait: float | None = None) -> None:
        """Deliver what waits in the outbox for this client's notebook, until nothing does or `wait` seconds pass in silence.

        Each entry goes to `on_delivered`. Raises `ServerNotFound`, `SeveralNotebooks` or `WrongNotebook` if it is not known
        where to, and of a sealed notebook `KeyMissing`, `OldKey` or `NotSealed`.
        """
        self._dispatch.deliver(self._wait if wait is None else _checked(wait))

    def import_entries(self, olds: Iterable[StoredEntry], *, revised: Collection[int] = ()) -> "Iterator[Imported]":
        """Import entries, in order, as they were stored elsewhere, and tell the fate of each; importing again adds nothing.

        `revised` are the numbers, among those of `olds`, that revisions and deletions name. Raises `EntryRefused`, `NoSpace`,
        and what is needed to reach the notebook: then what was not told is imported by importing all again.
        """
        from udpnote.client.importing import import_through  # here, because a one-shot send imports nothing

        return import_through(
            self._station, olds, revised, before=self.last_number(), locate_seconds=max(self._wait, LOCATE_SECONDS_MIN),
            patience_seconds=self._wait, on_event=self._tell,
        )  # fmt: skip

    def overtaken(self) -> "list[Overtaken]":
        """Revisions from here that somebody has replaced without having seen them; each is told once.

        Raises what reading does.
        """
        from udpnote.client.server_reader import overtaken_revisions  # here, because a one-shot send reads nothing

        return overtaken_revisions(self, self._station)

    @property
    def is_settled(self) -> bool:
        """Whether it is known which notebook is meant, or was said by a server, a notebook or a key that was named."""
        with self._station.turn():
            return self._station.is_settled

    def waiting(self) -> list[WaitingEntry]:
        """What the outbox holds, for all notebooks."""
        with self._station.turn():
            return self._outbox.listing()

    def discard(self, sequences: Iterable[int]) -> int:
        """Remove entries from the outbox, durably; gives how many were there. What is on its way may still arrive."""
        with self._station.turn():
            return self._outbox.discard(sequences)

    def find(self, timeout: float = DISCOVERY_SECONDS) -> Iterator[FoundNotebook]:
        """The notebooks that answer within `timeout` seconds, as they answer; raises `ServerNotFound` for an unknown host."""
        until = time.monotonic() + timeout
        with self._station.turn():
            prober = self._searcher.start()
        while time.monotonic() < until:
            with self._station.turn():
                found = self._searcher.step(prober, until)
                described = list(map(self._searcher.describe, found))
            yield from described

    @property
    def name(self) -> str:
        """What people call the notebook that is meant; it is searched for if need be, and raises what that does."""
        with self._station.turn():
            return self._station.locate(time.monotonic() + max(self._wait, LOCATE_SECONDS_MIN)).notebook.name

    @property
    def notebook(self) -> KnownNotebook | None:
        """The notebook that is meant, if that is known without a search; this client then keeps to it."""
        with self._station.turn():
            return self._station.known()

    def known(self) -> list[KnownNotebook]:
        """All notebooks that have answered this client or another one with the same outbox, by name."""
        with self._station.turn():
            return self._outbox.notebooks()

    def chosen(self) -> KnownNotebook | None:
        """The notebook that entries go to, if there is one yet."""
        with self._station.turn():
            return self._outbox.chosen()

    def use(self, wanted: str) -> KnownNotebook:
        """Choose the notebook that entries go to from now on, by its name, its id or the start of that.

        Raises `ServerNotFound` if neither the outbox nor the LAN knows it, `SeveralNotebooks` if the name is not unique.
        """
        with self._station.turn():
            known = [notebook for notebook in self._outbox.notebooks() if is_meant(wanted, notebook)]
            if len(known) == 1:
                [notebook] = known
            else:
                notebook = known_notebook(self._searcher.locate(time.monotonic() + DISCOVERY_SECONDS, wanted=wanted))
                self._outbox.remember(notebook)
            self._outbox.choose(notebook.notebook_id)
            self._station.look_again()
            return notebook

    def join(self, code: str) -> KnownNotebook:
        """Join the sealed notebook whose key the join code `code` is: keep the key, and choose that notebook from now on.

        Raises `InvalidKey`, and `ServerNotFound` if no server has that key, or `OldKey` if it has another one now; then nothing
        is kept.
        """
        from udpnote.model.join_code import parse_join_code  # here, because a one-shot send joins nothing

        key = parse_join_code(code)
        with self._station.turn():
            keyring = Keyring(self._outbox, named=key, is_joining=True)
            searcher = self._searcher.with_keyring(keyring)
            try:
                notebook = known_notebook(searcher.locate(time.monotonic() + DISCOVERY_SECONDS))
            except OldKey:
                raise OldKey(
                    "the notebook has another key now, this is an earlier one: its owner finds the new code with "
                    "`udpnote key show`"
                ) from None
            self._outbox.join(notebook, key, server=self._searcher.server_name)
            self._station.look_again()
        return notebook

    def leave(self, wanted: str, *, sends_open: bool = False) -> KnownNotebook:
        """Forget the key of a sealed notebook (its name, its id or the start of that), and that it was sealed.

        From then on an open one of this id or name is believed. Raises `InvalidSetting` if it was not joined, and, without
        `sends_open`, `EntriesWait` if some wait for it, which might then go out unsealed.
        """
        from udpnote.client.leave_check import check_nothing_waits  # here, because a one-shot send leaves nothing

        with self._station.turn():
            all_known = self._outbox.notebooks()
            joined = [each for each in all_known if each.key_id is not None]
            known = [each for each in joined if is_meant(wanted, each)]
            if len(known) != 1:
                what = f"several notebooks are called {wanted!r}: name one by its id" if known else f"{wanted!r} was not joined"
                raise InvalidSetting(f"{what}. Joined: {', '.join(called(each, all_known) for each in joined) or 'none'}")
            [notebook] = known
            before = _ignore if sends_open else lambda: check_nothing_waits(self._outbox, notebook)
            self._outbox.leave(notebook.notebook_id, before=before)
            self._station.look_again()
            return notebook

    def _settle(self, number: int, wait: float | None) -> None:
        """Search for the notebook whose entry `number` is revised, unless it is settled which one that is."""
        seconds = max(self._wait if wait is None else _checked(wait), LOCATE_SECONDS_MIN)
        with self._station.turn():
            if self._station.is_settled:
                return
            try:
                self._station.locate(time.monotonic() + seconds)
            except ServerNotFound:
                raise ServerNotFound(unsettled_reason(number)) from None

    def _send_one(
        self, text: str, *, kind: Kind = Kind.NOTE, revises: int = 0, author: str | None, wait: float | None
    ) -> SentEntry:
        author = self._author if author is None else author
        check_author(author)
        if kind is not Kind.NOTE:
            self._settle(revises, wait)
        source = Source(iter([text]), kind=kind, revises=revises)
        [sent] = self._dispatch.send(source, author=author, wait=self._wait if wait is None else _checked(wait))
        if sent.state is State.QUEUED:
            raise Queued(str(sent.reason), client_id=sent.entry.client_id, sequence=sent.entry.sequence)
        if sent.state is State.REFUSED:
            raise EntryRefused(str(sent.reason))
        return sent

    def _read(self, query: Query, *, limit: int = 0, follows: bool = False, start: int | None = None) -> Iterator[Item]:
        from udpnote.client.server_reader import read  # here, because a one-shot send reads nothing

        patience = float("inf") if follows else max(self._wait, LOCATE_SECONDS_MIN)
        return read(
            self._station, query, limit=limit, follows=follows, start=start, locate_seconds=max(self._wait, LOCATE_SECONDS_MIN),
            patience_seconds=patience, on_event=self._tell, on_indexing=self._on_indexing,
        )  # fmt: skip

    def _tell(self, event: RediscoveryEvent) -> None:
        notice = notice_of(event, self._outbox.notebooks())
        if notice is not None:
            self._on_notice(notice)


def _named_key(settings: Settings) -> bytes | None:
    """The key that is named for this client; raises `InvalidKey` or `StorageError`."""
    if settings.key is not None or settings.key_file is None:
        return settings.key
    from udpnote.storage.key_file import read_code_file  # here, because most commands name no key

    return read_code_file(settings.key_file)


def _checked(wait: float) -> float:
    if not wait >= 0:
        raise InvalidSetting(f"wait must be a number of seconds from 0 on, not {wait}")
    return wait


def _ignore(*_: object) -> None:
    """What is done with news that nobody asked for."""
