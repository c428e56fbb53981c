"""Remembers the entries that a follower has shown, so that it can continue after the notebook was restored.

A follower is a reading that does not end: it waits for new entries and shows them. When the notebook is restored from an older
copy, its latest entries are gone, and later their numbers belong to other entries. So each READ of a follower names the latest
entry that was shown. If the notebook lacks that entry, the follower goes back: it names earlier and earlier entries, in growing
steps, until the notebook has the named entry. From that entry on it reads again, and shows only what is new.

A follower does not remember all entries of the notebook: it remembers only some from before it began, and at most `SHOWN_MAX`
in all. So it may go back too far, and read entries that are neither new nor remembered. Until the follower has read the first
new entry, an entry that it does not remember counts as new only in one of these cases:

- The entry was stored after everything that was shown.
- The entry's number is higher than all numbers that the follower had seen before the notebook was restored.
- The follower remembers that another entry had this number before the notebook was restored.

After the first new entry, every entry that the follower does not remember counts as new.
"""

from collections.abc import Iterable
from typing import NamedTuple

from udpnote.model.entry import NOTHING_SEEN, SeenEntry, StoredEntry

SHOWN_MAX = 4096
"""How many entries are remembered. If there are more, every second entry of the older half is forgotten. So the older the
entries are, the fewer of them are left."""


class NotebookRestored(NamedTuple):
    """Event: the followed notebook was restored from an older copy. Reading continues from the entry number `number` on."""

    number: int


class ShownEntries:
    """The entries that a follower has read, in the order of their numbers. It has shown them, or left them out as not new.

    At first they are `entries`: some entries from before the follower began, which it shall not show. The latest of these was
    stored at `stored_until`, in microseconds since 1970 UTC.
    """

    def __init__(self, entries: Iterable[SeenEntry] = (), *, stored_until: int = 0) -> None:
        self._entries = sorted(entries)
        self._stored_until = stored_until
        self._number_max = self.latest.number
        self._lost: set[SeenEntry] = set()
        """Entries that were shown before the notebook was restored. They are not shown a second time."""

        self._lost_numbers: set[int] = set()
        """The numbers of `_lost` if the notebook was restored exactly once, else empty. An entry that has such a number, but is
        not in `_lost`, is new. After a second restoration that is not certain: the entry may have been shown between the two
        restorations and then forgotten."""

        self._restorations = 0
        self._doubtful_until = 0
        """Entries up to this number may have been shown before the restoration and then forgotten; 0 if that is impossible."""

        self._step = 1
        """By how many entries the next call of `go_back` goes back; 1 unless the follower is going back."""

    @property
    def latest(self) -> SeenEntry:
        """The latest remembered entry that the notebook may still have; `NOTHING_SEEN` if there is none."""
        return self._entries[-1] if self._entries else NOTHING_SEEN

    @property
    def is_going_back(self) -> bool:
        """Whether the follower is going back: `go_back` was called, and `confirm` was not called since."""
        return self._step > 1

    def go_back(self) -> None:
        """Record that the notebook does not have `latest`. An earlier entry becomes `latest`.

        The first call goes back by one entry, the next by two, then by four, and so on until `confirm` is called.
        """
        if not self.is_going_back:
            self._begin_to_go_back()
        lost = self._entries[-self._step :]
        self._lost.update(lost)
        if self._restorations == 1:
            self._lost_numbers.update(each.number for each in lost)
        del self._entries[-self._step :]
        self._step *= 2

    def confirm(self) -> None:
        """Record that the notebook has `latest`, so that the follower need not go back further."""
        self._step = 1

    def add(self, entry: SeenEntry) -> None:
        """Remember `entry`, up to which the follower has read. Do nothing if its number is not higher than that of `latest`."""
        if entry.number > self.latest.number:
            self._entries.append(entry)
            self._number_max = max(self._number_max, entry.number)
            if len(self._entries) > SHOWN_MAX:
                del self._entries[1 : SHOWN_MAX // 2 : 2]

    def remember(self, stored: StoredEntry) -> bool:
        """Remember the entry `stored`, which the follower has read. Returns whether it is new and shall be shown.

        The module's docstring says which entries count as new.
        """
        entry = stored.as_seen
        is_doubtful = entry.number <= self._doubtful_until and entry.number not in self._lost_numbers
        self.add(entry)
        if entry in self._lost or (is_doubtful and stored.stored_at <= self._stored_until):
            return False
        self._doubtful_until = 0
        self._stored_until = max(self._stored_until, stored.stored_at)
        return True

    def _begin_to_go_back(self) -> None:
        """Record that the notebook was restored. From now on, an entry up to `_number_max` may be new or shown before."""
        self._restorations += 1
        self._doubtful_until = self._number_max
        if self._restorations > 1:
            self._lost_numbers.clear()
        if len(self._lost) > SHOWN_MAX:  # bounds the memory; these entries are doubtful from now on
            self._lost.clear()
