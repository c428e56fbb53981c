"""The client: finds notebooks and sends entries, blocking until they are acknowledged or known to be queued."""

import os
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from random import SystemRandom
from types import TracebackType
from typing import TYPE_CHECKING, Self

from udpnote.courier import Courier, Moved, Searching
from udpnote.entry import (
    WRITTEN_AT_MAX,
    WRITTEN_AT_MIN,
    Entry,
    Kind,
    StoredEntry,
    check_author,
    check_number,
    check_text,
)
from udpnote.errors import EntryRefused, InvalidSetting, Queued, UdpnoteError
from udpnote.lan.datagrams import format_address
from udpnote.lan.endpoint import Endpoint, ProbeAttempt
from udpnote.outcomes import Outcomes
from udpnote.protocol.discovery import DISCOVERY_SECONDS
from udpnote.protocol.retransmission import WINDOW_MAX
from udpnote.query import Item, Query
from udpnote.reads import Reads
from udpnote.rediscovery import known_notebook
from udpnote.searcher import FoundNotebook, Searcher, found_notebook, is_meant
from udpnote.sending import NOT_WAITED, SentEntry, Source, State, silence_reason
from udpnote.settings import find_places, load_settings
from udpnote.station import Station
from udpnote.storage.outbox import KnownNotebook, Outbox, WaitingEntry
from udpnote.storage.permissions import too_open

if TYPE_CHECKING:
    from udpnote.importing import Imported
    from udpnote.remote import Overtaken

CHUNK_ENTRIES = 1024
"""How many entries are added to the outbox in one transaction: its fsync then costs each a microsecond."""

PENDING_ENTRIES_MAX = 2 * WINDOW_MAX
"""How far the outbox runs ahead of the acknowledgements: enough to keep the window full, little to keep in memory."""

LOCATE_SECONDS_MIN = 0.3
"""Who does not want to wait for the answer waits that long to know where to send."""

IDLE_SECONDS = 1.0
"""How long a stream without entries sleeps at a time."""


class Client(Reads):
    """A client of the notebooks on this LAN.

    What is not given is taken from the environment, the settings file or the defaults, as by the `udpnote` command:
    `server` (HOST or HOST:PORT) to go there instead of searching, `port` to search at, `notebook_id` (an id, the start of
    one, or a name) to choose among several, `author`, `wait` seconds before an entry counts as queued, and `outbox`, the
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
        author: str | None = None,
        wait: float | None = None,
        outbox: str | None = None,
        window_max: int = WINDOW_MAX,
        endpoint: Endpoint | None = None,
        on_delivered: Callable[[SentEntry], None] | None = None,
        on_notice: Callable[[str], None] | None = None,
        on_indexing: Callable[[int, int], None] | None = None,
    ) -> None:
        settings = load_settings({"server": server, "port": port, "notebook_id": notebook_id, "author": author, "wait": wait})
        self._port, self._author, self._wait = settings.port, settings.author, settings.wait
        if window_max < 1:
            raise InvalidSetting(f"window_max must be at least 1, not {window_max}")
        self._window_max = window_max
        self._on_notice = on_notice or _ignore
        self._on_indexing = on_indexing or _ignore
        self._courier: Courier | None = None
        self._outcomes = Outcomes(on_delivered or _ignore, self._on_notice)
        outbox = outbox if outbox is not None else settings.outbox
        places = find_places(os.environ)
        notices = too_open(
            [outbox, settings.history, places.settings_file], places.folders
        )  # not of what goes when it is closed
        self._outbox = Outbox(outbox)
        for notice in notices:
            self._on_notice(notice)
        self._endpoint = endpoint if endpoint is not None else Endpoint.client()
        random = SystemRandom()
        self._searcher = Searcher(
            self._endpoint,
            port=settings.port,
            names_port=port is not None,
            server=settings.server,
            wanted=settings.notebook_id,
            random=random,
        )
        self._station = Station(self._endpoint, self._outbox, self._searcher, port=settings.port, random=random)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the sockets and the outbox; what is not acknowledged stays in it."""
        if self._station.is_closed:
            return
        with self._station.turn():
            if self._courier is not None:
                self._courier.flush()
            self._station.close()

    def wake(self) -> None:
        """End the wait of a call in another thread, so that it looks again at what it is to send."""
        self._endpoint.wake()

    @property
    def retransmissions(self) -> int:
        """How many datagrams were sent again so far."""
        return self._courier.retransmissions if self._courier is not None else 0

    @property
    def probe_attempts(self) -> list[ProbeAttempt]:
        """Where the latest probe went, and where it could not."""
        return self._searcher.attempts

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
        does, and `EntryRefused` if there is no such entry.
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
        return self._sending(Source(iter(texts)), author, self._wait if wait is None else _checked(wait))

    def deliver(self, wait: float | None = None) -> None:
        """Deliver what waits in the outbox for this client's notebook, until nothing does or `wait` seconds pass in silence.

        Each entry goes to `on_delivered`. Raises `ServerNotFound`, `SeveralNotebooks` or `WrongNotebook` if it is not known
        where to.
        """
        wait = self._wait if wait is None else _checked(wait)
        started = time.monotonic()
        with self._station.turn():
            courier = self._courier or self._locate(started + max(wait, LOCATE_SECONDS_MIN))
            courier.look_into_outbox()
        self._finish(courier, started, wait)

    def import_entries(self, olds: Iterable[StoredEntry], *, revised: Collection[int] = ()) -> "Iterator[Imported]":
        """Import entries, in order, as they were stored elsewhere, and tell the fate of each; importing again adds nothing.

        `revised` are the numbers, among those of `olds`, that revisions and deletions name. Raises `EntryRefused`, `NoSpace`,
        and what is needed to reach the notebook: then what was not told is imported by importing all again.
        """
        from udpnote.importing import import_through  # here, because a one-shot send imports nothing

        return import_through(
            self._station, olds, revised, before=self.last_number(), locate_seconds=max(self._wait, LOCATE_SECONDS_MIN),
            patience_seconds=self._wait, on_event=self._tell,
        )  # fmt: skip

    def overtaken(self) -> "list[Overtaken]":
        """Revisions from here that somebody has replaced without having seen them; each is told once.

        Raises what reading does.
        """
        from udpnote.remote import overtaken_revisions  # here, because a one-shot send reads nothing

        return overtaken_revisions(self, self._station)

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
        prober = self._searcher.start()
        while time.monotonic() < until:
            with self._station.turn():
                found = self._searcher.step(prober, until)
            yield from map(found_notebook, found)

    @property
    def name(self) -> str:
        """What people call the notebook that is meant; it is searched for if need be, and raises what that does."""
        with self._station.turn():
            return self._station.locate(time.monotonic() + max(self._wait, LOCATE_SECONDS_MIN)).notebook.name

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
            return notebook

    def _send_one(
        self, text: str, *, kind: Kind = Kind.NOTE, revises: int = 0, author: str | None, wait: float | None
    ) -> SentEntry:
        author = self._author if author is None else author
        check_author(author)
        source = Source(iter([text]), kind=kind, revises=revises)
        [sent] = self._sending(source, author, self._wait if wait is None else _checked(wait))
        if sent.state is State.QUEUED:
            raise Queued(str(sent.reason), sent.entry.client_id, sent.entry.sequence)
        if sent.state is State.REFUSED:
            raise EntryRefused(str(sent.reason))
        return sent

    def _read(self, query: Query, *, limit: int = 0, follows: bool = False, start: int | None = None) -> Iterator[Item]:
        from udpnote.remote import read  # here, because a one-shot send reads nothing

        patience = float("inf") if follows else max(self._wait, LOCATE_SECONDS_MIN)
        return read(
            self._station, query, limit=limit, follows=follows, start=start, locate_seconds=max(self._wait, LOCATE_SECONDS_MIN),
            patience_seconds=patience, on_event=self._tell, on_indexing=self._on_indexing,
        )  # fmt: skip

    def _sending(self, source: Source, author: str, wait: float) -> Iterator[SentEntry]:
        pending: deque[Entry] = deque()
        try:
            yield from self._send_all(source, pending, author, wait)
        finally:
            self._outcomes.forget(pending)

    def _send_all(self, source: Source, pending: deque[Entry], author: str, wait: float) -> Iterator[SentEntry]:
        started = time.monotonic()
        while True:
            while pending and (outcome := self._outcomes.pop(pending[0])) is not None:
                pending.popleft()
                yield outcome
            chunk = source.take(CHUNK_ENTRIES) if len(pending) < PENDING_ENTRIES_MAX else []
            if chunk:
                pending.extend(self._post(chunk, source, author))
            elif source.is_exhausted and not pending:
                break
            self._advance(pending, started, wait, may_linger=not chunk)
        if self._courier is not None:
            self._finish(self._courier, started, wait)
        if source.error is not None:
            raise source.error

    def _post(self, texts: list[str], source: Source, author: str) -> list[Entry]:
        """Put `texts` into the outbox and, where it is known where to, on their way."""
        written_at = min(max(time.time_ns() // 1000, WRITTEN_AT_MIN), WRITTEN_AT_MAX)  # whatever the clock says
        utc_offset = time.localtime().tm_gmtoff // 60
        with self._station.turn():
            notebook = self._courier.notebook if self._courier is not None else self._station.known()
            entries = self._outbox.add(
                texts,
                author=author,
                written_at=written_at,
                utc_offset=utc_offset,
                kind=source.kind,
                revises=source.revises,
                notebook_id=notebook.notebook_id if notebook is not None else None,
                meant_for=self._searcher.meant_for,
            )
            self._outcomes.expect(entries)
            courier = self._courier or (self._engage(notebook) if notebook is not None else None)
            if courier is not None and courier.outstanding < PENDING_ENTRIES_MAX:
                courier.carry_waiting(time.monotonic())
                courier.carry(entries, time.monotonic())
            elif courier is not None:  # a silent server: they wait in the outbox until it is heard
                courier.look_into_outbox()
        return entries

    def _advance(self, pending: deque[Entry], started: float, wait: float, *, may_linger: bool) -> None:
        """Go on with the network for a moment; entries that have waited too long for an answer become queued."""
        with self._station.turn():
            if self._courier is None:
                self._advance_without_server(pending, started, wait)
                return
            self._courier.carry_waiting(time.monotonic())
            given_up_at = max(started, self._courier.answered_at) + wait if pending else time.monotonic() + IDLE_SECONDS
            self._exchange(self._courier, given_up_at if may_linger else 0.0)
            if pending and time.monotonic() >= given_up_at:
                self._outcomes.queue(pending, silence_reason(self._courier.notebook) if wait else NOT_WAITED)

    def _advance_without_server(self, pending: deque[Entry], started: float, wait: float) -> None:
        if not pending:
            self._endpoint.receive(IDLE_SECONDS)
        elif time.monotonic() < self._station.locate_again_at:
            self._outcomes.queue(pending, "no server was found a moment ago")
        else:
            try:
                courier = self._locate(started + max(wait, LOCATE_SECONDS_MIN))
            except UdpnoteError as error:
                self._outcomes.queue(pending, str(error))
                return
            ours = self._outbox.waiting_sequences(courier.notebook.notebook_id)
            courier.carry([entry for entry in pending if entry.sequence in ours], time.monotonic())
            self._leave_to_others([entry for entry in pending if entry.sequence not in ours])

    def _leave_to_others(self, entries: Iterable[Entry]) -> None:
        """Stop waiting for entries that another command has taken on while this one searched."""
        waiting = {each.entry.sequence for each in self._outbox.listing()} if entries else set()
        for entry in entries:
            if entry.sequence in waiting:
                self._outcomes.queue([entry], "another command is delivering this entry to the notebook that it has found")
            else:
                self._outcomes.store_elsewhere(entry)

    def _finish(self, courier: Courier, started: float, wait: float) -> None:
        """Deliver what earlier commands left, too, until nothing waits or the server is silent for `wait` seconds."""
        is_given_up = False
        while not is_given_up:
            with self._station.turn():
                courier.carry_waiting(time.monotonic())
                if courier.is_idle or self._outcomes.are_awaited:  # another thread waits for its entries: it goes on from here
                    break
                given_up_at = max(started, courier.answered_at) + wait
                self._exchange(courier, given_up_at)
                is_given_up = time.monotonic() >= given_up_at
        with self._station.turn():
            courier.flush()

    def _exchange(self, courier: Courier, until: float) -> None:
        """Send what is due, wait for an answer or a timer until `until` at the latest, and act on what came."""
        self._station.exchange(courier, until)
        for event in courier.events():
            if isinstance(event, Moved | Searching):
                self._tell(event)
            else:
                self._outcomes.take_event(event)
        courier.flush_if_due()

    def _tell(self, event: Moved | Searching) -> None:
        if isinstance(event, Moved):
            self._on_notice(f"the server was found again, at {format_address(event.address)}")
        else:
            self._on_notice("the server does not answer: looking for it")

    def _locate(self, until: float) -> Courier:
        """Find the notebook that is meant, by a search if need be, and be ready to carry entries there."""
        located = self._station.locate(until)
        return self._engage(located.notebook, round_trip_seconds=located.round_trip_seconds)

    def _engage(self, notebook: KnownNotebook, *, round_trip_seconds: float | None = None) -> Courier:
        """Be ready to carry entries to `notebook`, among them all that were meant for it before it was known."""
        self._outbox.bind(notebook.notebook_id, meant_for=self._searcher.meant_for)
        self._courier = Courier(
            self._outbox,
            notebook,
            random=self._station.random,
            window_max=self._window_max,
            round_trip_seconds=round_trip_seconds,
        )
        self._station.join(self._courier)
        return self._courier


def _checked(wait: float) -> float:
    if not wait >= 0:
        raise InvalidSetting(f"wait must be a number of seconds from 0 on, not {wait}")
    return wait


def _ignore(*_: object) -> None:
    """What is done with news that nobody asked for."""
