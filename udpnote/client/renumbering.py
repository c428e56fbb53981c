"""Changes the numbers in imported revisions and deletions.

Each of them changes another entry, which it names by its number. The file has the numbers of the old notebook. In the new
notebook, the changed entry may get another number.
"""

from collections.abc import Collection
from typing import NamedTuple

from udpnote.model.entry import NO_PREDECESSOR, Entry, Identity, Kind, Restored, SeenEntry, Status, StoredEntry, Verdict


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

        In a revision or deletion, `revises` becomes the new number of the entry that it changes. The result is None if this new
        number is not known. If `seen` is set in `old`, `revises` is a number of the new notebook already, and is kept.
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
        """Remember the new number of the imported `entry`, or that it was erased, if later entries of the file change it."""
        old = self._under_way.pop((entry.client_id, entry.sequence), None)
        if old is not None and verdict.number:
            self._numbers[old] = SeenEntry(verdict.number, entry.client_id, entry.sequence)
        elif old is not None and verdict.status is Status.ERASED:
            self._erased.add(old)

    def changes_erased(self, old: StoredEntry) -> bool:
        """Whether `old`, for which `prepare` has returned None, changes a note that was erased.

        If so, this method returns True as well for later entries that change `old`.
        """
        if old.entry.revises not in self._erased:
            return False
        self._erased.add(old.number)
        return True
