"""What a follower has shown, so that it can find the place from which a restored notebook differs from the one it has followed.

When a notebook is restored from an older copy, its numbers go back, and later name other entries than before. So a READ of a
follower names the last entry that was shown. If the notebook has another one under that number, or none, the follower goes
back: it names earlier ones, in growing steps, until the notebook has the one that is named. From there it reads again, and
shows only what it has not shown, as far as it remembers: of more than `SHOWN_MAX` entries it may show some once more.
"""

from collections.abc import Iterable
from typing import NamedTuple

from udpnote.model.entry import NOTHING_SEEN, SeenEntry

SHOWN_MAX = 4096
"""How many entries are remembered. If there are more, every other one of the older half is forgotten: the older they are, the
fewer are left."""


class NotebookRestored(NamedTuple):
    """Event: the notebook was restored from an older copy; the reading, which follows it, goes on from `number` on."""

    number: int


class ShownEntries:
    """The entries that a follower has shown or passed over, in the order of their numbers."""

    def __init__(self, entries: Iterable[SeenEntry] = ()) -> None:
        self._entries = sorted(entries)
        self._lost: set[SeenEntry] = set()
        """Entries that were shown before the notebook was restored, and are not shown again."""

        self._step = 1

    @property
    def latest(self) -> SeenEntry:
        """The latest entry that the notebook may have; `NOTHING_SEEN` if there is none."""
        return self._entries[-1] if self._entries else NOTHING_SEEN

    @property
    def is_going_back(self) -> bool:
        """Whether the notebook did not have the entry that was named last."""
        return self._step > 1

    def go_back(self) -> None:
        """Note that the notebook does not have `latest`, so that an earlier entry becomes the latest one."""
        if not self.is_going_back and len(self._lost) > SHOWN_MAX:
            self._lost.clear()
        self._lost.update(self._entries[-self._step :])
        del self._entries[-self._step :]
        self._step *= 2

    def confirm(self) -> None:
        """Note that the notebook has `latest`."""
        self._step = 1

    def add(self, entry: SeenEntry) -> None:
        """Note that the notebook was read up to its newest entry, `entry`."""
        if entry.number > self.latest.number:
            self._entries.append(entry)
            if len(self._entries) > SHOWN_MAX:
                del self._entries[1 : SHOWN_MAX // 2 : 2]

    def show(self, entry: SeenEntry) -> bool:
        """Add an entry that was read; returns False if it was shown before."""
        self.add(entry)
        return entry not in self._lost
