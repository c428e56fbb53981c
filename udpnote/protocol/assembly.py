"""Long entries from the parts in which pages carry them."""

from udpnote.model.entry import StoredEntry
from udpnote.protocol.messages import StoredPart


class Assembly:
    """Puts the parts of one entry at a time together again."""

    def __init__(self) -> None:
        self._number = 0
        self._version = 0
        self._data = bytearray()

    def fits(self, part: StoredPart) -> bool:
        """Whether this part begins an entry, or goes on with the one whose other parts are here."""
        return not part.offset or (self.agrees(part) and part.offset == len(self._data))

    def agrees(self, part: StoredPart) -> bool:
        """Whether this is of the same version of the same entry as the parts that are here."""
        return (self._number, self._version) == (part.stored.number, part.stored.version)

    def take(self, part: StoredPart) -> StoredEntry | None:
        """Take a part that fits, and give the entry if it is whole now; raises `UnicodeDecodeError` if that is no text."""
        stored = part.stored
        if not part.offset:
            self._number, self._version, self._data = stored.number, stored.version, bytearray()
        self._data += part.data
        if len(self._data) < part.total_bytes:
            return None
        text = self._data.decode()
        self._number, self._data = 0, bytearray()
        return stored._replace(entry=stored.entry._replace(text=text))
