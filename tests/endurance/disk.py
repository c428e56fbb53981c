"""What a file system may leave of a database after a power cut.

What was fsynced is there. Of the later writes and cuts of a file, any may be missing, and of a write any sector of 512 bytes.
Of the changes of names after the folder's fsync, the last ones may be missing: a file system's journal keeps their order. A
write damages no byte beside it, which SQLite assumes as well.
"""

from random import Random

from tests.endurance.trace import Call

SECTOR_BYTES = 512
TORN_SHARE = 0.2
"""The share of the writes of which a power cut may keep some sectors and lose others."""

NOT_KEPT = ("-shm",)
"""The ends of the names of files that SQLite makes again after a power cut."""


class File:
    """A file: what is on the disk, and the changes that are not synced yet: new bytes at a place, or None to cut it there."""

    def __init__(self) -> None:
        self._durable = bytearray()
        self._pending: list[tuple[int, bytes | None]] = []

    def write(self, place: int, data: bytes) -> None:
        self._pending.append((place, data))

    def cut(self, size: int) -> None:
        self._pending.append((size, None))

    def sync(self) -> None:
        for place, data in self._pending:
            _apply(self._durable, place, data)
        self._pending.clear()

    def left(self, source: Random, share: float) -> bytes:
        """What a power cut leaves if it keeps about this `share` of the pending changes."""
        content = bytearray(self._durable)
        for place, data in self._pending:
            if data is not None and source.random() < TORN_SHARE:
                for start in range(-(place % SECTOR_BYTES), len(data), SECTOR_BYTES):
                    if source.random() < share:
                        _apply(content, place + max(start, 0), data[max(start, 0) : start + SECTOR_BYTES])
            elif source.random() < share:
                _apply(content, place, data)
        return bytes(content)


class Disk:
    """The folder of the database at `path`, which follows the system calls of the processes that use it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._names: dict[str, File] = {}
        self._durable: dict[str, File] = {}
        self._pending: list[dict[str, File | None]] = []

    def follow(self, call: Call) -> bool:
        """Change this model as the call has changed the disk. Return whether anything has changed."""
        match call.name:
            case "openat" if "O_CREAT" in call.arguments and (name := call.quoted[0].decode()) not in self._names:
                return self._rename({name: File()}) if self._is_kept(name) else False
            case "pwrite64" if self._is_kept(call.path):
                self._names[call.path].write(call.last, call.quoted[0])
            case "write" if self._is_kept(call.path):
                raise AssertionError(f"no model of {call}")
            case "ftruncate" if self._is_kept(call.path):
                self._names[call.path].cut(call.last)
            case "fsync" | "fdatasync" if self._is_kept(call.path):
                self._names[call.path].sync()
            case "fsync" | "fdatasync" if self._path.rpartition("/")[0] == call.path:
                _rename(self._durable, self._pending)
                self._pending.clear()
            case "link" | "linkat" | "rename" if self._is_kept(call.quoted[0].decode()):
                old, new = (each.decode() for each in call.quoted)
                self._rename({new: self._names[old]} | ({old: None} if call.name == "rename" else {}))
            case "unlink" if (name := call.quoted[0].decode()) in self._names:
                self._rename({name: None})
            case _:
                return False
        return True

    def left(self, source: Random, share: float) -> dict[str, bytes]:
        """The files that a power cut leaves now, by their names, if it keeps about this `share` of what is not synced."""
        names = dict(self._durable)
        _rename(names, self._pending[: round(share * len(self._pending))])
        return {name.rpartition("/")[2]: file.left(source, share) for name, file in names.items()}

    def _is_kept(self, name: str) -> bool:
        return name.startswith(self._path) and not name.endswith(NOT_KEPT)

    def _rename(self, change: dict[str, File | None]) -> bool:
        _rename(self._names, [change])
        self._pending.append(change)
        return True


def _rename(names: dict[str, File], changes: list[dict[str, File | None]]) -> None:
    for change in changes:
        for name, file in change.items():
            if file is not None:
                names[name] = file
            else:
                names.pop(name, None)


def _apply(content: bytearray, place: int, data: bytes | None) -> None:
    if data is None:
        del content[place:]
        content.extend(bytes(place - len(content)))
        return
    content.extend(bytes(max(0, place - len(content))))
    content[place : place + len(data)] = data
