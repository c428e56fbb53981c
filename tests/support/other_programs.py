"""Runs readers of other programs' formats in tests. `SAMPLES` has small files in these formats."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from io import StringIO
from pathlib import Path
from typing import Any

from udpnote.errors import InvalidImport, StorageError
from udpnote.text.jsonl import iso_time
from udpnote.text.other_programs.imported_note import ImportedNote, LeftOut, Reading, Zones
from udpnote.text.times import exact_microseconds

SAMPLES = Path(__file__).parent.parent / "text" / "other_programs" / "samples"

_HERE = timezone(timedelta(hours=8))
_ZONES = {"": 480, "Asia/Hong_Kong": 480, "America/New_York": -240}


class Read:
    """Calls `reader` with `arguments`, on a machine whose time zone is +08:00 all year, and keeps what it gives.

    `notes` are the notes that it has yielded, `bad` the errors that it has reported, and `left_out` counts what it has left
    out.
    """

    def __init__(self, reader: Callable[..., Iterable[ImportedNote]], *arguments: Any, date_format: str = "") -> None:
        self.bad: list[InvalidImport | StorageError] = []
        self.left_out: Counter[LeftOut] = Counter()
        zones = Zones(
            lambda local: (exact_microseconds(local.replace(tzinfo=_HERE)), 480), lambda _, zone: _ZONES.get(zone, 480)
        )
        self.notes = list(reader(*arguments, Reading(zones, self.bad.append, self.left_out, date_format)))
        self.texts = [note.text for note in self.notes]
        self.times = [iso_time(note.written_at, note.utc_offset)[:16] for note in self.notes]
        self.identities = [note.identity for note in self.notes]
        self.amounts = {what.value: count for what, count in self.left_out.items() if count}

    @property
    def places(self) -> list[tuple[str, dict[str, object]]]:
        """For each error in `bad`, its kind, and those of its values that say where it is."""
        named = ("path", "line", "position")
        return [
            (each.notice.kind, {key: each.notice.values[key] for key in named if key in each.notice.values})
            for each in self.bad
        ]


def reader_of(text: str) -> Callable[[int], str]:
    return StringIO(text).read


def microseconds_at(local: str) -> int:
    """Convert `local`, an ISO 8601 time in the time zone of `Read` (+08:00), to microseconds since 1970 UTC."""
    return exact_microseconds(datetime.fromisoformat(local).replace(tzinfo=_HERE))
