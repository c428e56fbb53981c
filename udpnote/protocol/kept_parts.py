"""Keeps account of the parts of long entries which the server has, while it waits for the others."""

from udpnote.protocol.codec import part_bytes_max
from udpnote.protocol.payloads import Identity, PartPayload


class KeptParts:
    """The parts of which the server has said that it keeps them, by the entries to which they belong."""

    def __init__(self) -> None:
        self._kept: dict[Identity, dict[int, PartPayload]] = {}

    def note(self, payload: PartPayload) -> list[PartPayload]:
        """Note that the server keeps this part until the other parts of its entry arrive. Returns the parts to send again.

        The verdict on the last part should be about the whole entry. If the server instead says of every part that it keeps it,
        it has removed some parts meanwhile: then all parts of the entry are returned, and none counts as kept. Otherwise the
        list is empty.
        """
        part = payload.part
        kept = self._kept.setdefault(payload.key[:2], {})
        kept[part.offset] = payload
        parts_count = -(-part.total_bytes // part_bytes_max(part.author))
        if len(kept) < parts_count:
            return []
        return list(self._kept.pop(payload.key[:2]).values())

    def count(self, identity: Identity) -> int:
        """How many parts of the entry with this client id and sequence the server keeps."""
        return len(self._kept.get(identity, ()))

    def forget(self, identity: Identity) -> None:
        """Forget the parts of the entry with this client id and sequence."""
        self._kept.pop(identity, None)
