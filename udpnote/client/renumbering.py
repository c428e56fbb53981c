"""The new numbers of imported entries. Revisions and deletions in a file name other entries by their old numbers."""

from collections.abc import Collection
from typing import NamedTuple

from udpnote.model.entry import NO_PREDECESSOR, Entry, Kind, Restored, SeenEntry, Status, StoredEntry, Verdict

_Identity = tuple[bytes, int]


class Prepared(NamedTuple):
    """An entry as it is sent to the server, and what the server needs to restore it (see `Restored`)."""

    entry: Entry
    restored: Restored


class Renumbering:
    """Keeps the new numbers of those imported entries that later revisions name.

    `revised` are the numbers in the file of all entries that revisions and deletions name.
    """

    def __init__(self, revised: Collection[int]) -> None:
        self._revised = revised
        self._under_way: dict[_Identity, int] = {}
        self._numbers: dict[int, SeenEntry] = {}
        self._erased: set[int] = set()
        self._predecessor: _Identity = NO_PREDECESSOR

    def prepare(self, old: StoredEntry) -> Prepared | None:
        """The entry to import for `old`, an entry of the file.

        The server must store it after the entry that the previous call has prepared. In a revision or deletion, `revises`
        becomes the new number of the entry that it revises. The result is None if this new number is not known. If the entry
        says what its writer has `seen`, it names an entry of this notebook, and nothing is renumbered.
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

    def note_verdict(self, entry: Entry, verdict: Verdict) -> None:
        """Keep the new number of the imported `entry`, or that it was erased, if later revisions name it."""
        old = self._under_way.pop((entry.client_id, entry.sequence), None)
        if old is not None and verdict.number:
            self._numbers[old] = SeenEntry(verdict.number, entry.client_id, entry.sequence)
        elif old is not None and verdict.status is Status.ERASED:
            self._erased.add(old)

    def changes_erased(self, old: StoredEntry) -> bool:
        """Whether `old`, for which `prepare` has returned None, changes a note that was erased.

        If so, later entries that name `old` change that note, too.
        """
        if old.entry.revises not in self._erased:
            return False
        self._erased.add(old.number)
        return True
