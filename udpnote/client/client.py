"""The client: finds notebooks, sends entries, reads notes. Sending blocks until each entry is stored, queued or refused."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sized
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from udpnote.client.connection import opened_connection
from udpnote.client.driver import Driver
from udpnote.client.entry_arguments import check_number, check_written, checked_entries, seen_entry
from udpnote.client.finding.destination import destination_of
from udpnote.client.finding.discoverer import Discoverer
from udpnote.client.finding.notebook_finder import LOCATE_SECONDS_MIN, NotebookFinder
from udpnote.client.finding.trust import Keyring, named_key_of, own_key
from udpnote.client.notebook_choice import NotebookChoice
from udpnote.client.outbox_access import OutboxAccess
from udpnote.client.outbox_opening import opened_outbox
from udpnote.client.reading.notebook_reader import NotebookReader
from udpnote.client.sending.results import Outcomes, SentEntry, State
from udpnote.client.sending.send_call import SendCall
from udpnote.client.sending.sender import Sender
from udpnote.client.sending.text_source import TextSource
from udpnote.client.surroundings import ClientEndpoint, Clock
from udpnote.errors import ClientClosed, EntryRefused, InvalidSetting, Notice, NotTakenBack, Queued
from udpnote.lan.probing_endpoint import ProbeAttempt
from udpnote.model.argument_types import check_functions, check_options, check_several, check_type
from udpnote.model.entry import Entry, Kind, SeenEntry, StoredEntry, Verdict, WritingTime, check_author, check_text
from udpnote.model.notebook import KnownNotebook
from udpnote.model.randomness import Randomness
from udpnote.protocol.discovery import DISCOVERY_SECONDS
from udpnote.settings import UNSET, Flags, Settings, load_settings
from udpnote.storage.outbox.outbox import Outbox

if TYPE_CHECKING:
    from udpnote.client.finding.all_notebooks import FoundNotebook
    from udpnote.client.reading.overtaken import Overtaken
    from udpnote.client.round_trips import RoundTrips
    from udpnote.client.sending.forwarding import Forwarder
    from udpnote.client.sending.import_queue import Imported
    from udpnote.client.status import NotebookStatus
    from udpnote.client.undoing import Undo
    from udpnote.model.query import Item, Selection


class Client(NotebookReader, OutboxAccess, NotebookChoice):
    """Finds the notebooks on this LAN, sends entries to one of them, the client's notebook, and reads it.

    The client's notebook is the one that the arguments or settings name. If they name none, it is the chosen one: see `chosen`.
    If none is chosen, it is the only one that answers a discovery.

    An argument that is not given is taken from the environment, the settings file or the defaults, as for the `udpnote`
    command:

    - `server`: HOST or HOST:PORT of a server that is asked without discovery; `port`: the only UDP port at which discovery asks
    - `notebook`: a notebook's name, its id or the start of its id
    - `key` (a join code) or `key_file` (a file with one, or a notebook's key file): for a sealed notebook that was not joined.
      The default notebook of this machine needs neither, if this user can read its key file
    - `author`: who writes; `wait`: after how many seconds without an answer a call leaves its entries in the outbox and returns
    - `outbox`: the file that keeps entries until they are acknowledged, or an `Outbox`

    `on_delivered` is called with the outcome of each entry that is stored while no call waits for it, such as one that an
    earlier command has queued. `on_notice` is called with each notice for the user, perhaps before the constructor returns.
    While a search waits for the server's search index, `on_indexing` is called with two numbers: that of the last entry in the
    index, and that of the last entry in the notebook. These three functions must not call the client.

    `endpoint` has the sockets, `clock` the time, and `random` makes ids and salts, which must be unpredictable; the module
    `client.surroundings` explains how a simulation provides its own.

    Methods block, and several threads may call them. The `author` and `wait` of a method apply to one call; None stands for
    those of the client. An argument of a wrong type raises `TypeError`, before anything is saved or sent. The constructor
    raises `InvalidSetting` for a value that a setting cannot have, `InvalidKey` if the key file has no join code,
    `StorageError` if the key file cannot be read or the outbox cannot be used, and `TooManyOpenFiles`.
    """

    def __init__(
        self,
        *,
        server: str | None = None,
        port: int | None = None,
        notebook: str | None = None,
        key: str | None = None,
        key_file: str | os.PathLike[str] | None = None,
        author: str | None = None,
        wait: float | None = None,
        outbox: str | os.PathLike[str] | Outbox | None = None,
        endpoint: ClientEndpoint | None = None,
        clock: Clock | None = None,
        random: Randomness | None = None,
        on_delivered: Callable[[SentEntry], None] | None = None,
        on_notice: Callable[[Notice], None] | None = None,
        on_indexing: Callable[[int, int], None] | None = None,
    ) -> None:
        flags = Flags(server=server, port=port, notebook=notebook, key=key, key_file=key_file, author=author, wait=wait)
        check_options(flags, UNSET)
        check_functions(on_delivered=on_delivered, on_notice=on_notice, on_indexing=on_indexing)
        settings, named_key = self._settings_of(flags)  # now, because it may fail, and nothing is open yet
        self._author, self._wait = settings.author, settings.wait
        self._on_notice, self._on_indexing = on_notice, on_indexing
        with (  # both stay open after the block; if it raises, what was opened here is closed
            opened_outbox(outbox if outbox is not None else settings.outbox, settings, self._notify) as self._outbox,
            opened_connection(endpoint, clock, random) as self._connection,
        ):
            own = own_key(settings, self._outbox) if named_key is None else None  # for a notebook of this machine
            self._keyring = Keyring(self._outbox, named_key, random_bytes=self._connection.random.randbytes, own=own)
            destination = destination_of(settings, names_port=port is not None, key_id=self._keyring.named_id)
            self._ports = settings.ports
            discoverer = Discoverer(
                self._connection, self._outbox, self._keyring, destination, ports=self._ports, on_notice=self._notify
            )
            self._finder = NotebookFinder(discoverer, self._outbox, now=self._connection.now, on_notice=self._notify)
            self._driver = Driver(self._connection, self._outbox, self._keyring, self._finder, self._notify)
            self._sender = Sender(self._driver, Outcomes(on_delivered, self._notify))
        self._forwarder: Forwarder | None = None

    def _settings_of(self, flags: Flags) -> tuple[Settings, bytes | None]:
        """The settings of this client, and the key that they name, or None. Raises as the constructor does."""
        settings = load_settings(flags)
        return settings, named_key_of(settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Client of {self._author!r} with the outbox {self._outbox.path!r}{', closed' * self._connection.is_closed}>"

    def close(self) -> None:
        """Close the sockets and the outbox. Later calls raise `ClientClosed`. Unacknowledged entries stay in the outbox."""
        with suppress(ClientClosed), self._connection.lock_to_close():
            self._sender.flush()
            self._connection.close()
            self._outbox.close()

    def wake(self) -> None:
        """Wake a call that waits in another thread. A waiting `send_many` then asks its iterator for the next text."""
        self._connection.wake()

    @property
    def retransmissions(self) -> int:
        """How many datagrams `send`, `send_many` and `deliver` sent again. The count begins again at 0 when the notebook is
        joined or left, when the client changes to another notebook, and when the outbox fails.
        """
        return self._sender.retransmissions

    @property
    def probe_attempts(self) -> list[ProbeAttempt]:
        """A `ProbeAttempt` for each datagram of the latest probe for servers, sent or not. Empty before the first probe."""
        return self._finder.discoverer.attempts

    @property
    def named_key_id(self) -> bytes | None:
        """The id of the key that this client's arguments or settings name; None if they name none. Joined keys do not count."""
        return self._keyring.named_id

    def send(self, text: str, *, author: str | None = None, wait: float | None = None) -> SentEntry:
        """Store `text` as a note in the client's notebook. Returns a `SentEntry` with the entry and its number in the notebook.

        Raises `InvalidEntry` for an invalid text or author: nothing is saved or sent. Raises `Queued` if no acknowledgement
        arrives within `wait` seconds, or if the notebook cannot be found or cannot store the entry now. Then the entry stays in
        the outbox, and a later `send` or `deliver` sends it again. Raises `EntryRefused` if the notebook refuses it for good.
        """
        return self._send_one(text, kind=Kind.NOTE, number=0, seen=None, author=author, wait=wait)

    def revise(
        self,
        number: int,
        text: str,
        *,
        seen: StoredEntry | SeenEntry | None = None,
        author: str | None = None,
        wait: float | None = None,
    ) -> SentEntry:
        """Replace the text of a note by `text`, by sending a revision. The history keeps the old text.

        Returns and raises what `send` does. `number` is the number of the note, or of one of its revisions. `seen` is the
        version of the note from which the new text was made: an entry that `log` has read, or its `as_seen`. By default, it is
        the entry with the given `number`. If another client has stored a later version than `seen`, this revision replaces that
        one as well. The other client learns that from its `overtaken`.

        Raises `InvalidQuery` for a number that no entry can have. Raises `EntryRefused` also if there is no such entry, or if
        the notebook was restored from an older copy since this client has seen it. If `is_notebook_decided` is False, a
        discovery looks for the notebook first. If no notebook answers, raises `ServerNotFound` and queues nothing. If several
        answer, raises `SeveralNotebooks` and queues nothing. Without `seen`, raises `WrongNotebook` if a notice has said that
        the named server has another notebook than before.
        """
        check_number("number", number)
        return self._send_one(text, kind=Kind.REVISION, number=number, seen=seen_entry(seen), author=author, wait=wait)

    def delete(
        self, number: int, *, seen: StoredEntry | SeenEntry | None = None, author: str | None = None, wait: float | None = None
    ) -> SentEntry:
        """Delete a note, by sending a deletion. The history keeps its texts. Arguments and errors are those of `revise`."""
        check_number("number", number)
        return self._send_one("", kind=Kind.DELETION, number=number, seen=seen_entry(seen), author=author, wait=wait)

    def send_many(
        self,
        texts: Iterable[str | None],
        *,
        author: str | None = None,
        wait: float | None = None,
        written: WritingTime | None = None,
    ) -> Iterator[SentEntry]:
        """Store each of `texts` as a note, and yield the `SentEntry` of each, in order. Many texts may be on their way at once.

        All notes get the time `written` or, if it is None, each the time at which it is saved in the outbox. Texts are taken
        and sent only while the caller iterates. A None means that there is no text for the moment: the client waits until an
        entry has an outcome, `wake` is called or a second has passed, and asks again. An iterator that blocks instead holds up
        other texts.

        After `wait` seconds without an answer from the server, the entries that were sent stay in the outbox, and have the
        outcome QUEUED. All further entries get the same outcome, and are not sent until the server answers again.

        Raises `InvalidEntry` at the first text that no notebook would take, `TypeError` at the first one that is no str, and
        `StorageError` if the outbox takes no further text; the outcomes of all texts before it are yielded first, unless the
        outbox was removed. An error of the iterable is raised at once; the texts before it are queued.
        """
        author = self._author if author is None else author
        check_several("texts", texts, "an iterable of strs")
        check_author(author)
        if written is not None:
            check_written(written)
        source = TextSource(iter(texts), written=written, may_block=not isinstance(texts, Sized))
        return SendCall(self._sender, source, author=author, wait_seconds=self._seconds(wait)).outcomes()

    def deliver(self, wait: float | None = None) -> Notice | None:
        """Send the entries that wait in the outbox for this client's notebook, and return None when none waits any more.

        Returns the reason if some still wait: the notebook has not answered for `wait` seconds, or cannot store them now. If
        another thread chooses another notebook, goes on with that one. Raises `ServerNotFound`, `SeveralNotebooks` or
        `WrongNotebook` if the client cannot find the notebook. For a sealed notebook, raises `KeyMissing` if the client has no
        key, `OldKey` if it has an old one, and `NotSealed` if only an impostor answers. Raises `JoinedOrLeftMeanwhile` if
        another command joins or leaves the notebook.
        """
        return self._sender.deliver(self._seconds(wait))

    def plan_undo(self, *, anywhere: bool = True) -> "Undo":
        """Find out how to take back the last write of this outbox that was not taken back yet.

        A write is a note, a revision or a deletion. Only the latest writes are remembered. If `anywhere` is False, only writes
        in the client's notebook count. If the write is queued and was sent, tries to deliver it first. Raises `NotTakenBack` if
        there is no such write, or if it is in another notebook than the client's. Also raises it if the client's notebook does
        not have the write any more, or others have changed its note since: then the next call plans for the write before it. If
        the client's notebook is needed and cannot be found or read, raises an `Unreachable`, `SeveralNotebooks` or
        `WrongNotebook`.
        """
        from udpnote.client.undoing import DELIVERY_WAIT_SECONDS, plan_undo  # here, because a one-shot send undoes nothing

        return plan_undo(self, self._driver, lambda: self.deliver(DELIVERY_WAIT_SECONDS), anywhere=anywhere)

    def undo(self, undo: "Undo", *, author: str | None = None, wait: float | None = None) -> SentEntry | None:
        """Take back a write as `plan_undo` has planned it. Returns the outcome of the revision or deletion that does so.

        If the write was only in the outbox, removes it from there and returns None. Raises what `revise` does, and
        `NotTakenBack` if another command has sent, taken back or removed the write meanwhile.
        """
        from udpnote.client.undoing import change_of

        if (change := change_of(undo)) is not None:
            kind, seen = change
            return self._send_one(
                undo.text or "", kind=kind, number=0, seen=seen, author=author, wait=wait, undoes=undo.write.sequence
            )
        with self._connection.lock():
            if not self._outbox.writes.discard_unsent(undo.write.sequence):
                raise NotTakenBack("undo_meanwhile")
        return None

    def forward(self, entries: Iterable[Entry], *, wait: float | None = None) -> list[Verdict | None]:
        """Deliver `entries` that have client ids and sequences of their own, without the outbox. Returns a verdict for each.

        If the notebook has stored the entry, now or earlier, `Verdict.status` is STORED, and `Verdict.number` is its number.
        Any other status says why not, and the entry is not sent again. The list has None in place of a verdict if no answer
        about any of the entries has come for `wait` seconds, if the notebook was joined or left meanwhile, or if the client
        uses another notebook now. Then the entry may or may not be stored: its writer must keep it and forward it again.

        Several threads may forward at once, also the same entry. Raises the errors of `deliver`, and those of
        `entry_arguments.check_entry` before anything is sent.
        """
        from udpnote.client.sending.forwarding import Forwarder  # here, because a one-shot send forwards nothing

        checked, wait_seconds = checked_entries(entries), self._seconds(wait)
        if self._forwarder is None:
            with self._connection.lock():
                self._forwarder = self._forwarder or Forwarder(self._driver)
        return self._forwarder.forward(checked, wait_seconds=wait_seconds)

    def import_entries(self, entries: Iterable[StoredEntry], *, revised: Collection[int] = ()) -> "Iterator[Imported]":
        """Import `entries`, which another notebook has stored, and yield an `Imported` for each, in order.

        If `entries` has revisions or deletions, `revised` has the number of each entry that they change. An entry that is in
        the notebook already is not added again. Raises `EntryRefused`, `NoSpace` or `StorageError` if the notebook does not
        store an entry, and the errors of `deliver` if the notebook cannot be reached. After an error, the caller imports all
        `entries` again, which adds those that are missing.
        """
        from udpnote.client.sending.importing import import_through  # here, because a one-shot send imports nothing

        return import_through(self._driver, entries, revised, before=self.last_number(), wait_seconds=self._wait)

    def overtaken(self) -> "list[Overtaken]":
        """The revisions from this outbox that were overtaken: another writer made the next version without having seen them.

        Each revision is returned only once: after that, the outbox forgets it. The list is empty if the client's notebook is
        not known without a discovery. Raises the errors of reading (see `NotebookReader`).
        """
        from udpnote.client.reading.overtaken import overtaken_revisions  # here, because a one-shot send reads nothing

        return overtaken_revisions(self, self._driver)

    def find(self, timeout: float = DISCOVERY_SECONDS) -> "Iterator[FoundNotebook]":
        """Run a discovery for `timeout` seconds, and yield each notebook, also that of an impostor, as soon as it answers.

        Raises `ServerNotFound` if the host name of the named server cannot be resolved, and no notebook has answered there
        before.
        """
        # here, because a one-shot send asks only for one notebook
        from udpnote.client.finding.all_notebooks import find_notebooks

        return find_notebooks(self._driver, timeout)

    @property
    def name(self) -> str:
        """The name of the client's notebook. If the notebook is not known, a discovery runs first. Raises as `deliver` does."""
        with self._connection.lock():
            return self._driver.locate(self._wait).notebook.name

    @property
    def key_id(self) -> bytes | None:
        """The id of the key that seals the client's notebook; None if it is open. Looks for the notebook as `name` does."""
        with self._connection.lock():
            return self._driver.locate(self._wait).notebook.key_id

    def status(self, wait: float | None = None, *, saves: bool = False) -> "NotebookStatus":
        """Find out whether the notebook's server answers within `wait` seconds; see `notebook_status`, also for `saves`."""
        from udpnote.client.status import notebook_status  # here, because a one-shot send does not need it

        with self._connection.lock():
            return notebook_status(self._driver, max(self._seconds(wait), LOCATE_SECONDS_MIN), saves=saves)

    def round_trips(self, notebook: KnownNotebook, on_progress: Callable[[int], None] = lambda _: None) -> "RoundTrips":
        """Measure the round trip to the server of `notebook` for two seconds, and save nothing; see `measure_round_trips`."""
        from udpnote.client.round_trips import measure_round_trips  # here, because a one-shot send does not need it

        return measure_round_trips(self._driver, notebook, on_progress)

    def _send_one(
        self,
        text: str,
        *,
        kind: Kind,
        number: int,
        seen: SeenEntry | None,
        author: str | None,
        wait: float | None,
        undoes: int = 0,
    ) -> SentEntry:
        """Do the work of `send`, `revise`, `delete` and `undo`. `undoes` is the sequence of the write to take back, or 0."""
        if kind is not Kind.DELETION:
            check_text(text)
        author = self._author if author is None else author
        check_author(author)
        if kind is not Kind.NOTE and not undoes:
            self._decide_notebook(number, wait_seconds=self._seconds(wait), is_seen=seen is not None)
        revises = seen.number if seen else number
        source = TextSource(iter([text]), kind=kind, revises=revises, seen=seen, undoes=undoes, is_checked=True)
        [sent] = SendCall(self._sender, source, author=author, wait_seconds=self._seconds(wait)).outcomes()
        if sent.reason is not None and sent.state is State.QUEUED:
            raise Queued.from_notice(sent.reason, client_id=sent.entry.client_id, sequence=sent.entry.sequence)
        if sent.reason is not None:
            raise EntryRefused.from_notice(sent.reason)
        return sent

    def _now(self) -> int:
        return self._connection.clock.microseconds()

    def _read(self, selection: "Selection") -> "Iterator[list[Item]]":
        from udpnote.client.reading.through_server import read  # here, because a one-shot send reads nothing

        return read(self._driver, selection, wait_seconds=self._wait, on_indexing=self._on_indexing)

    def _notify(self, notice: Notice) -> None:
        if self._on_notice is not None:
            self._on_notice(notice)

    def _seconds(self, wait: float | None) -> float:
        """`wait` or, if it is None, the client's setting, in seconds. Raises `InvalidSetting` for a negative number or NaN."""
        if wait is None:
            return self._wait
        check_type("wait", wait, int, float)
        if not wait >= 0:
            raise InvalidSetting("invalid_wait", wait=wait)
        return wait
