"""Holds revisions and deletions until their turn, so that a delivery sends one at a time, in the order of adding."""

from collections import deque
from collections.abc import Collection, Iterable

from udpnote.model.entry import Entry
from udpnote.protocol.payloads import Identity


class HeldRevisions:
    """Revisions and deletions that a delivery shall send, one at a time. The server's verdict on one releases the next.

    An entry is held until `take_next` returns it. From then on it is being sent, until `end` or `drop` is called for it.
    """

    def __init__(self) -> None:
        self._held: deque[Entry] = deque()
        self._under_way: Identity | None = None

    def add(self, entries: Iterable[Entry]) -> None:
        """Hold `entries`, which are revisions and deletions, after the entries that are held already."""
        self._held.extend(entries)

    def take_next(self) -> Entry | None:
        """Remove and return the next held entry, which the caller sends now.

        Returns None if no entry is held, or if the entry before is still being sent.
        """
        if self._under_way is None and self._held:
            entry = self._held.popleft()
            self._under_way = entry[:2]
            return entry
        return None

    def take_all(self) -> list[Entry]:
        """Remove and return the held entries, in order. An entry that is being sent is not among them."""
        entries = list(self._held)
        self._held.clear()
        return entries

    def end(self, identity: Identity) -> bool:
        """Record that the server has given its verdict on the entry with this client id and sequence number.

        Returns whether this is the revision or deletion that was being sent.
        """
        was_under_way = identity == self._under_way
        if was_under_way:
            self._under_way = None
        return was_under_way

    def drop(self, identities: Collection[Identity]) -> None:
        """Remove the entries with these client ids and sequence numbers, whether they are held or being sent."""
        self._held = deque([entry for entry in self._held if entry[:2] not in identities])
        if self._under_way in identities:
            self._under_way = None
