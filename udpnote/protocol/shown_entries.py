"""What a follower has shown, so that it can find the place from which a restored notebook differs from the followed one.

A follower is a reading that follows a notebook. When the notebook is restored from an older copy, its numbers go back, and
later name other entries than before. So each READ of a follower names the latest entry that was shown. If the notebook has
another entry under that number, or none, the follower goes back: it names earlier and earlier entries, in growing steps, until
the notebook has the named entry. From that entry on it reads again, and shows only entries that it has not shown, as far as it
remembers: of more than `SHOWN_MAX` entries it may show some once more.
"""

from collections.abc import Iterable
from typing import NamedTuple

from udpnote.model.entry import NOTHING_SEEN, SeenEntry

SHOWN_MAX = 4096
"""How many entries are remembered. If there are more, every other entry of the older half is forgotten. So the older the
entries are, the fewer of them are left."""


class NotebookRestored(NamedTuple):
    """Event: the followed notebook was restored from an older copy. The reading goes back and continues from `number` on."""

    number: int


class ShownEntries:
    """The entries that a follower has shown or passed over, at first `entries`; kept in the order of their numbers."""

    def __init__(self, entries: Iterable[SeenEntry] = ()) -> None:
        self._entries = sorted(entries)
        self._lost: set[SeenEntry] = set()
        """Entries that were shown before the notebook was restored. If they come again, they are not shown again."""

        self._step = 1

    @property
    def latest(self) -> SeenEntry:
        """The entry with the highest number that the notebook may still have; `NOTHING_SEEN` if none is left."""
        return self._entries[-1] if self._entries else NOTHING_SEEN

    @property
    def is_going_back(self) -> bool:
        """Whether the follower is going back: `go_back` was called, and `confirm` was not called since."""
        return self._step > 1

    def go_back(self) -> None:
        """Note that the notebook does not have `latest`.

        Then an earlier entry is `latest`: 1 entry back, next time 2, then 4 …
        """
        if not self.is_going_back and len(self._lost) > SHOWN_MAX:
            self._lost.clear()
        self._lost.update(self._entries[-self._step :])
        del self._entries[-self._step :]
        self._step *= 2

    def confirm(self) -> None:
        """Note that the notebook has `latest`, so that the follower need not go back further."""
        self._step = 1

    def add(self, entry: SeenEntry) -> None:
        """Remember `entry`, up to which the follower has read. Ignored unless its number is higher than that of `latest`."""
        if entry.number > self.latest.number:
            self._entries.append(entry)
            if len(self._entries) > SHOWN_MAX:
                del self._entries[1 : SHOWN_MAX // 2 : 2]

    def show(self, entry: SeenEntry) -> bool:
        """Remember `entry`, which was read.

        Returns whether to show it: False if it was shown before the notebook was restored.
        """
        self.add(entry)
        return entry not in self._lost
