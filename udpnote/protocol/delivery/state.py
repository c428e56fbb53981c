"""What a delivery remembers of entries: the revisions that wait for their turn, and the parts that the server keeps.

A payload is what one datagram carries: here, a part of an entry (see `payloads`).
"""

from collections import deque
from collections.abc import Collection, Iterable

from udpnote.model.entry import Entry, Identity
from udpnote.protocol.codec.codec import part_bytes_max
from udpnote.protocol.delivery.payloads import PartPayload


class HeldRevisions:
    """Revisions and deletions that a delivery shall send, one at a time. The server's verdict on one releases the next.

    An entry is held until `take_next` or `take_all` returns it. After `take_next` it is being sent, until `end` or `drop` is
    called for it.
    """

    def __init__(self) -> None:
        self._held: deque[Entry] = deque()
        self._under_way: Identity | None = None

    def add(self, entries: Iterable[Entry]) -> None:
        """Hold `entries`, which are revisions and deletions, after the entries that are held already."""
        self._held.extend(entries)

    def take_next(self) -> Entry | None:
        """Remove and return the entry that was held first. The caller sends it now.

        Returns None if no entry is held, or if the entry that this method returned before is still being sent.
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
        """Forget the entries with these client ids and sequence numbers, whether they are held or being sent.

        Identities of other entries are ignored.
        """
        self._held = deque([entry for entry in self._held if entry[:2] not in identities])
        if self._under_way in identities:
            self._under_way = None


class KeptParts:
    """For each long entry, the parts that the server has acknowledged with `Status.PART_KEPT`."""

    def __init__(self) -> None:
        self._kept: dict[Identity, dict[int, PartPayload]] = {}

    def record(self, payload: PartPayload) -> list[PartPayload]:
        """Record that the server keeps the part in `payload` until the other parts of its entry arrive.

        Returns the parts that the client must send again: usually none.

        A server stores an entry as soon as it has all parts of the entry. So if every part was acknowledged with PART_KEPT, and
        none with `Status.STORED`, the server has removed some of the parts after it had acknowledged them. In this case, this
        method returns all parts of the entry, and forgets that they are kept.
        """
        part = payload.part
        kept = self._kept.setdefault(payload.key[:2], {})
        kept[part.offset] = payload
        parts_count = -(-part.total_bytes // part_bytes_max(part.author))  # rounded up
        if len(kept) < parts_count:
            return []
        return list(self._kept.pop(payload.key[:2]).values())

    def count(self, identity: Identity) -> int:
        """The number of parts that the server keeps of the entry with this client id and sequence number."""
        return len(self._kept.get(identity, ()))

    def forget(self, identity: Identity) -> None:
        """Forget the parts of the entry with this client id and sequence number, if there are any."""
        self._kept.pop(identity, None)
