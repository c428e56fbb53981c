"""The entries of a file on their way into a notebook: which come next, with which numbers, and what has become of each.

A revision or deletion names the entry that it changes by its number. The file has the numbers of the old notebook. In the new
notebook, the changed entry may get another number.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from enum import Enum
from typing import NamedTuple

from udpnote.errors import EntryRefused, NoSpace, StorageError, UdpnoteError
from udpnote.model.argument_types import check_type
from udpnote.model.entry import NO_PREDECESSOR, Entry, Identity, Kind, Restored, SeenEntry, Status, StoredEntry, Verdict
from udpnote.protocol.congestion import WINDOW_MAX

PENDING_ENTRIES_MAX = 2 * WINDOW_MAX
"""How many entries may be read from the file before their outcomes are yielded."""

CHUNK_ENTRIES = 1024
"""The most entries in one transaction of a notebook file. With so many, the fsync costs hardly anything for each entry."""

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


class Prepared(NamedTuple):
    """An `entry` to send to the server, and in `restored` what the server needs in addition to import it."""

    entry: Entry
    restored: Restored


class Renumbering:
    """Remembers the new numbers of those imported entries that later revisions and deletions change.

    `revised` are all numbers that revisions and deletions in the imported file name.
    """

    def __init__(self, revised: Collection[int]) -> None:
        self._revised = revised
        self._under_way: dict[Identity, int] = {}
        """For each entry without a verdict: the number that it has in the file, if that number is among `revised`."""
        self._numbers: dict[int, SeenEntry] = {}
        """For the number of an entry in the file: the entry in the new notebook."""
        self._erased: set[int] = set()
        """The numbers, in the file, of entries that are erased in the new notebook, and of revisions and deletions of these."""
        self._predecessor: Identity = NO_PREDECESSOR

    def prepare(self, old: StoredEntry) -> Prepared | None:
        """Make the entry to import from `old`, an entry of the file. The server stores it after the entry of the previous call.

        In a revision or deletion without `seen`, `revises` becomes the new number of the entry that it changes. The result is
        None if this new number is not known. A revision or deletion with `seen` keeps its `revises`: it changes an entry that
        was in the new notebook before the import.
        """
        number, stored_at, entry, _ = old
        if entry.kind is not Kind.NOTE and not entry.seen.number:
            revises = self._numbers.get(entry.revises)
            if revises is None:
                return None
            entry = entry._replace(revises=revises.number, seen=revises)
        identity = (entry.client_id, entry.sequence)
        if number in self._revised:
            self._under_way[identity] = number
            self._numbers.pop(number, None)  # from an earlier entry with the same number, if the file holds two exports
            self._erased.discard(number)
        prepared = Prepared(entry, Restored(stored_at, *self._predecessor))
        self._predecessor = identity
        return prepared

    def record_verdict(self, entry: Entry, verdict: Verdict) -> None:
        """Keep what the notebook's `verdict` says about the imported `entry`: its new number, or that it was erased.

        Does nothing if no revision or deletion in the file changes `entry`.
        """
        old = self._under_way.pop((entry.client_id, entry.sequence), None)
        if old is not None and verdict.number:
            self._numbers[old] = SeenEntry(verdict.number, entry.client_id, entry.sequence)
        elif old is not None and verdict.status is Status.ERASED:
            self._erased.add(old)

    def changes_erased(self, old: StoredEntry) -> bool:
        """Whether `old`, for which `prepare` has returned None, changes a note that was erased.

        If so, this also records `old` as erased, so that the result is True for later entries that change `old`.
        """
        if old.entry.revises not in self._erased:
            return False
        self._erased.add(old.number)
        return True


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


_ERRORS_OF_VERDICTS = {"import_refused", "no_space_to_import", "notebook_not_writable_to_import"}
"""The kinds of the errors that `ImportQueue.finished` raises."""


def is_rest_unstored(error: UdpnoteError) -> bool:
    """Whether an import that ended with `error` has yielded an outcome for every entry that it stored.

    True if the notebook has refused an entry, or could not store it: it stores no later one. False for any other error, such as
    a silent server: further entries may be stored, because only their acknowledgements may have been lost.
    """
    return error.notice.kind in _ERRORS_OF_VERDICTS
