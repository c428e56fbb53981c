"""Records which parts of long entries the server keeps while it waits for the other parts."""

from udpnote.protocol.codec import part_bytes_max
from udpnote.protocol.payloads import Identity, PartPayload


class KeptParts:
    """For each long entry, the parts that the server has acknowledged with `Status.PART_KEPT`."""

    def __init__(self) -> None:
        self._kept: dict[Identity, dict[int, PartPayload]] = {}

    def note(self, payload: PartPayload) -> list[PartPayload]:
        """Record that the server keeps the part in `payload` until the other parts of its entry arrive.

        Returns the parts that the client must send again: usually none.

        A server stores an entry as soon as it has all parts of the entry. So if every part was acknowledged with PART_KEPT, but
        the entry is not stored, then the server has removed some of the parts meanwhile. In this case, this method returns all
        parts of the entry, and forgets that they are kept.
        """
        part = payload.part
        kept = self._kept.setdefault(payload.key[:2], {})
        kept[part.offset] = payload
        parts_count = -(-part.total_bytes // part_bytes_max(part.author))
        if len(kept) < parts_count:
            return []
        return list(self._kept.pop(payload.key[:2]).values())

    def count(self, identity: Identity) -> int:
        """The number of parts that the server keeps of the entry with this client id and sequence number."""
        return len(self._kept.get(identity, ()))

    def forget(self, identity: Identity) -> None:
        """Forget the parts of the entry with this client id and sequence number."""
        self._kept.pop(identity, None)
