"""Imports entries into a notebook: through its server, or into its file if no server runs.

An imported entry keeps its identity (client id and sequence) and the time at which it was stored. So importing a file again
adds nothing: after an interruption the user imports the file again, and no entry needs to be in the outbox.

The server stores each entry only after the entry before it in the file, even if the network loses datagrams. So the new numbers
have the same order as the numbers in the file. In an empty notebook they are the same numbers, unless some are missing in the
file. A revision in the file names the number that the revised entry has there. The revised entry may get another number in the
notebook, so the revision is sent only when this new number is known.
"""

import os
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from enum import Enum
from itertools import groupby
from typing import NamedTuple

from udpnote.client.notebook_finder import LOCATE_SECONDS_MIN
from udpnote.client.renumbering import Prepared, Renumbering
from udpnote.client.session import Driver, Session
from udpnote.errors import EntryRefused, NoSpace, NotebookInUse, ServerNotFound, StorageError, UdpnoteError
from udpnote.machine.clock import wall_microseconds
from udpnote.machine.names import host_name
from udpnote.model.argument_types import check_type
from udpnote.model.entry import (
    TEXT_BYTES_MAX,
    Bundle,
    Entry,
    Identity,
    Kind,
    Part,
    Status,
    StoredEntry,
    Verdict,
    split,
)
from udpnote.model.notebook import KnownNotebook
from udpnote.model.randomness import Randomness
from udpnote.protocol.codec_runs import RUN_NOTES_MAX
from udpnote.protocol.congestion import WINDOW_MAX
from udpnote.protocol.delivery import Delivery
from udpnote.protocol.delivery_events import Rejected, Stored
from udpnote.protocol.envelope import Envelope
from udpnote.protocol.payloads import SHORT_NOTE_BYTES_MAX
from udpnote.settings import find_places
from udpnote.storage.database import make_own_folder
from udpnote.storage.notebook.notebook import Notebook

PENDING_ENTRIES_MAX = 2 * WINDOW_MAX
"""How many entries may be read from the file before their outcomes are yielded."""

CHUNK_ENTRIES = 1024
"""The most entries in one transaction of a notebook file. With so many, the fsync costs hardly anything for each entry."""

_ERRORS_OF_VERDICTS = {"import_refused", "no_space_to_import", "notebook_not_writable_to_import"}
"""The kinds of the errors that `ImportQueue.finished` raises."""

CHARACTERS_MAX = 4 << 20
"""About how many characters of text may be in memory, and in one transaction: a few of the longest entries."""


class ImportOutcome(Enum):
    """What has become of an entry of the file. NEW: it was added to the notebook. THERE_ALREADY: the notebook had it before."""

    NEW = "new"
    THERE_ALREADY = "there already"
    DIFFERENT = "different"
    """The notebook has another entry with the same identity (client id and sequence), and keeps that one."""

    ERASED = "erased"
    """The entry, or the note that it revises or deletes, was erased in the notebook. An erased entry is not stored again."""

    ORPHANED = "orphaned"
    """The entry was not sent, because the notebook does not have the entry that it revises or deletes.

    Either that entry does not come before it in the file, or it could not be imported.
    """


class Imported(NamedTuple):
    """The entry `old` of the file, its outcome, and its `number` in the notebook (0 if the notebook does not have it)."""

    old: StoredEntry
    outcome: ImportOutcome
    number: int


class ImportSession(Session[Stored | Rejected]):
    """Delivers to `notebook` entries that a `Renumbering` has prepared. Each occurs in one event: `Stored` or `Rejected`.

    For `round_trip_seconds` see `Delivery`.
    """

    def __init__(
        self, notebook: KnownNotebook, *, random: Randomness, envelope: Envelope, round_trip_seconds: float | None
    ) -> None:
        self._delivery = Delivery(notebook.notebook_id, random=random, envelope=envelope, round_trip_seconds=round_trip_seconds)
        super().__init__(notebook, self._delivery, random=random, envelope=envelope)
        self._added: list[Prepared] = []
        self._has_begun_entries = False

    @property
    def outstanding(self) -> int:
        """How many of the entries that `prepare` began to deliver are neither stored nor rejected yet."""
        return self._delivery.outstanding

    @property
    def may_wait(self) -> bool:
        """Whether the driver may wait for the next datagram or timer in this round.

        False if there are events that the driver has not taken yet. Also False if `prepare` has begun to deliver entries,
        because the caller may have more entries to add.
        """
        return super().may_wait and not self._has_begun_entries

    def add(self, prepared: list[Prepared]) -> None:
        """Let the next `prepare` begin to deliver these entries. A second `add` before that would replace them."""
        self._added = prepared

    def prepare(self, now: float) -> None:
        """Begin to deliver the entries that were added since the last call."""
        added, self._added = self._added, []
        self._has_begun_entries = bool(added)
        self._delivery.add_restored(added, now)


class _Item:
    """An entry of the file, and the notebook's verdict on it, which is None until the notebook has answered."""

    __slots__ = ("old", "verdict")

    def __init__(self, old: StoredEntry, verdict: Verdict | None) -> None:
        self.old = old
        self.verdict = verdict


_ORPHANED = Verdict(Status.REFUSED, -1)
"""The verdict on a revision or deletion that is not sent, because the new number of the entry that it revises is not known."""

_ERASED = Verdict(Status.ERASED, 0)
"""The verdict on a revision or deletion that is not sent, because its note was erased in the notebook."""


class ImportQueue:
    """The entries of a file on their way into a notebook: `take` prepares them, and `finished` yields their outcomes, in order.

    `revised` are all numbers that revisions and deletions in the file name. `before` is the notebook's last number before the
    import. New entries get rising numbers above `before`, in the order of the file. So an entry is new only if its number is
    above `before`, and above the numbers of all new entries before it. If its number is lower, the notebook had the entry
    already, or the entry comes twice in the file.
    """

    def __init__(self, entries: Iterable[StoredEntry], revised: Collection[int], *, before: int) -> None:
        self._entries = iter(entries)
        self._renumbering = Renumbering(revised)
        self._last_number = before
        self._held: StoredEntry | None = None
        """An entry that was read from the file, and must wait for the verdict on another one."""
        self._items: deque[_Item] = deque()
        """The entries whose outcomes were not yielded yet. Their texts have `_characters` characters."""
        self._characters = 0
        self._pending: dict[Identity, _Item] = {}
        """The entries among `_items` that are to be sent, and have no verdict yet, by their identities."""
        self._is_exhausted = False

    @property
    def has_pending(self) -> bool:
        """Whether an entry that `take` has returned has no verdict yet."""
        return bool(self._pending)

    @property
    def is_done(self) -> bool:
        """Whether all entries of the file were read, and `finished` has yielded an outcome for each."""
        return self._is_exhausted and not self._items

    def take(self) -> list[Prepared]:
        """Read the next entries from the file, and return those to send: at most `CHUNK_ENTRIES`, and perhaps none.

        Stops earlier if `PENDING_ENTRIES_MAX` or `CHARACTERS_MAX` is reached, and before an entry that must wait for the
        verdict on another one. A revision or deletion that is not sent (ORPHANED or ERASED) is read, but not returned.
        """
        taken: list[Prepared] = []
        while len(taken) < CHUNK_ENTRIES and len(self._items) < PENDING_ENTRIES_MAX and self._characters < CHARACTERS_MAX:
            old = self._next()
            if old is None:
                break
            check_type("each of entries", old, StoredEntry)
            identity = old.entry[:2]
            prepared = self._renumbering.prepare(old) if identity not in self._pending else None
            if prepared is None and self._pending:  # the entry that it revises, or the same one, may have no verdict yet
                self._held = old
                break
            item = _Item(old, None)
            self._items.append(item)
            self._characters += len(old.entry.text)
            if prepared is not None:
                self._pending[identity] = item
                taken.append(prepared)
            else:
                item.verdict = _ERASED if self._renumbering.changes_erased(old) else _ORPHANED
        return taken

    def record_verdict(self, entry: Entry, verdict: Verdict) -> None:
        """Keep the notebook's verdict on `entry`, which `take` has returned."""
        self._pending.pop(entry[:2]).verdict = verdict
        self._renumbering.record_verdict(entry, verdict)

    def finished(self) -> Iterator[Imported]:
        """Yield the outcomes that were not yielded yet, in order, up to the first entry without a verdict.

        Raises `EntryRefused`, `NoSpace` or `StorageError` at an entry that the notebook refused, had no space for, or could not
        write. The notebook has then stored no later entry of the file.
        """
        while self._items and (verdict := self._items[0].verdict) is not None:
            old = self._items.popleft().old
            self._characters -= len(old.entry.text)
            yield self._imported(old, verdict)

    def _next(self) -> StoredEntry | None:
        old, self._held = self._held or next(self._entries, None), None
        self._is_exhausted = old is None
        return old

    def _imported(self, old: StoredEntry, verdict: Verdict) -> Imported:
        """The outcome of the entry `old` by the notebook's `verdict` on it. Raises the errors of `finished`."""
        status, number = verdict
        if verdict is _ORPHANED:
            return Imported(old, ImportOutcome.ORPHANED, 0)
        if status is Status.CONFLICT:
            return Imported(old, ImportOutcome.DIFFERENT, 0)
        if status is Status.ERASED:
            return Imported(old, ImportOutcome.ERASED, 0)
        if status is Status.NO_SPACE:
            raise NoSpace("no_space_to_import")
        if status is Status.NOT_WRITABLE:
            raise StorageError("notebook_not_writable_to_import")
        if not number:
            raise EntryRefused("import_refused", number=old.number, status=status.name)
        if number <= self._last_number:
            return Imported(old, ImportOutcome.THERE_ALREADY, number)
        self._last_number = number
        return Imported(old, ImportOutcome.NEW, number)


def is_rest_missing(error: UdpnoteError) -> bool:
    """Whether an import that has ended with `error` has stored no entry after those whose outcomes it has yielded.

    If not, entries may be stored whose acknowledgements have not arrived.
    """
    return error.notice.kind in _ERRORS_OF_VERDICTS


def import_through(
    driver: Driver, entries: Iterable[StoredEntry], revised: Collection[int], *, before: int, wait_seconds: float
) -> Iterator[Imported]:
    """Import `entries`, in order, through the server of the client's notebook, and yield an `Imported` for each, in order.

    `revised` are all numbers that revisions and deletions among `entries` name. `before` is the notebook's last number. Raises
    `ServerNotFound` if the server does not answer for `wait_seconds`, `OldKey` if the notebook's key has changed, and the
    errors of `NotebookFinder.find` if the notebook is not known and cannot be found. Also raises the errors of
    `ImportQueue.finished`. After any error, importing all entries again imports the rest. At the end, saves the round-trip time
    in the outbox.
    """
    with driver.connection.lock():
        located = driver.locate(max(wait_seconds, LOCATE_SECONDS_MIN))
        session = ImportSession(
            located.notebook,
            random=driver.connection.random,
            envelope=driver.keyring.envelope(located.notebook),
            round_trip_seconds=located.round_trip_seconds,
        )
        driver.connection.add_listener(session)
    try:
        yield from _import_all(driver, session, ImportQueue(entries, revised, before=before), wait_seconds)
    finally:
        driver.connection.remove_listener(session)


def _import_all(driver: Driver, session: ImportSession, queue: ImportQueue, wait_seconds: float) -> Iterator[Imported]:
    """Do the work of `import_through`: import the entries of `queue` through `session`, and yield an `Imported` for each.

    Raises `ServerNotFound` if the server does not answer for `wait_seconds`.
    """
    rounds = driver.drive(
        session, started=driver.now(), patience_seconds=wait_seconds, on_events=lambda events: _record_verdicts(queue, events)
    )
    while not queue.is_done:
        session.add(queue.take())
        if queue.has_pending and next(rounds, _GIVEN_UP) is _GIVEN_UP:
            with driver.connection.lock():
                raise ServerNotFound("no_answer_to_import", server=driver.silent_server(session))
        yield from queue.finished()
    with driver.connection.lock():
        driver.remember_round_trip(session)


_GIVEN_UP = object()  # stands for the next round when there is none, because the session has made no progress for too long


def _record_verdicts(queue: ImportQueue, events: list[Stored | Rejected]) -> None:
    """Pass the server's verdicts in `events` on to `queue`."""
    for event in events:
        match event:
            case Stored(entries, first):
                for number, entry in enumerate(entries, first):
                    queue.record_verdict(entry, Verdict(Status.STORED, number))
            case Rejected(entry, status):
                queue.record_verdict(entry, Verdict(status, 0))


def import_into_file(path: str, entries: Iterable[StoredEntry], revised: Collection[int]) -> Iterator[Imported]:
    """Import `entries`, in order, into the notebook file `path`, and yield an `Imported` for each, in order.

    If `path` does not exist, this makes the file, and its folder if necessary. A notebook that has no name yet gets the name of
    this machine. `revised` are all numbers that revisions and deletions among `entries` name. Raises `NotebookInUse` if a
    server uses the file, `StorageError`, `NoSpace` or `EntryRefused`.
    """
    make_own_folder(path, find_places(os.environ).folders)
    try:
        notebook = Notebook(path)
    except NotebookInUse:
        raise NotebookInUse("import_into_served_file", path=path) from None
    try:
        if not notebook.name:
            notebook.rename(host_name())
        queue = ImportQueue(entries, revised, before=notebook.last_number)
        while not queue.is_done:
            chunk = queue.take()
            for prepared, verdict in zip(chunk, _store(notebook, chunk, wall_microseconds()), strict=True):
                if verdict is None:
                    break  # an entry before it was refused: `finished` raises there
                queue.record_verdict(prepared.entry, verdict)
            yield from queue.finished()
            assert not queue.has_pending, "an entry without a verdict would never be imported, and the loop would not end"
    finally:
        notebook.close()


def _store(notebook: Notebook, chunk: list[Prepared], now: int) -> Iterator[Verdict | None]:
    """Store the entries of `chunk`, and yield the verdict on each, in order. It is None if an earlier entry was refused, so
    that this one was not tried (see `Notebook.store`).

    `now` is the time of storing, in microseconds since 1970 UTC. Consecutive short notes are stored together as a `Bundle`, in
    half of the time that single notes take.
    """
    groups: list[list[Prepared]] = []
    for is_short, same in groupby(chunk, _is_short_note):
        entries = list(same)
        size = RUN_NOTES_MAX if is_short else 1
        groups += [entries[start : start + size] for start in range(0, len(entries), size)]
    arrivals = [_bundle_of(group) if len(group) > 1 else _whole(group[0]) for group in groups]
    for group, verdict in zip(groups, notebook.store(arrivals, now) if arrivals else [], strict=True):
        if verdict is not None and verdict.status is Status.SPLIT:  # no single verdict is true of all entries in the bundle
            yield from notebook.store(list(map(_whole, group)), now)
        elif verdict is not None and verdict.number:
            yield from [Verdict(verdict.status, verdict.number + place) for place in range(len(group))]
        else:
            yield from [verdict] * len(group)


def _is_short_note(prepared: Prepared) -> bool:
    """Whether this entry may be stored in a bundle: True for a short note whose text is not blank.

    A blank text must be refused, but a notebook that stores a bundle does not check for blank texts.
    """
    entry = prepared.entry
    return entry.kind is Kind.NOTE and bool(entry.text.strip()) and len(entry.text.encode()) <= SHORT_NOTE_BYTES_MAX


def _bundle_of(group: list[Prepared]) -> Bundle:
    """Make a bundle of the entries in `group`, each of which names the entry before it as its predecessor."""
    entries, restored = zip(*group, strict=True)
    return Bundle(entries, tuple([each.stored_at for each in restored]), *restored[0][1:])


def _whole(prepared: Prepared) -> Part:
    """The entry as a single `Part`, with its whole text."""
    [part] = split(prepared.entry, TEXT_BYTES_MAX, prepared.restored)
    return part
