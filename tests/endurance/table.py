"""The results of the experiments: a row for each thing that was tried."""

from dataclasses import dataclass, field
from math import ceil, isfinite

MEMORY_BYTES_MAX = 64 << 20
"""A server needs less memory than this, whatever arrives."""

MILLISECONDS_MAX = 300.0
"""Beside a flood, 99 of 100 requests of an honest client take less than this."""


@dataclass
class Row:
    """How often something was tried, how many entries were compared, and how many were lost or stored twice.

    `milliseconds` has the time of each request of an honest client; infinity if it failed. With `is_flood`, they must meet the
    target. `memory_bytes` is the most memory that a server used; 0 if it was not measured.
    """

    what: str
    times: int = 0
    entries: int = 0
    lost: int = 0
    doubled: int = 0
    milliseconds: list[float] = field(default_factory=list)
    is_flood: bool = False
    memory_bytes: int = 0

    def add(self, other: "Row") -> None:
        self.times += other.times
        self.entries += other.entries
        self.lost += other.lost
        self.doubled += other.doubled
        self.milliseconds += other.milliseconds
        self.memory_bytes = max(self.memory_bytes, other.memory_bytes)

    @property
    def is_met(self) -> bool:
        is_slow = self.is_flood and self._milliseconds(99) >= MILLISECONDS_MAX
        return not (self.lost or self.doubled or is_slow or self.memory_bytes >= MEMORY_BYTES_MAX)

    @property
    def figures(self) -> dict[str, str | int | None]:
        """The cells of this row in the table, by their headings."""
        found: dict[str, str | int | None] = {"tried": self.what, "times": self.times, "entries": self.entries}
        found |= {"lost": self.lost, "twice": self.doubled}
        for heading, percent in (("p99 ms", 99), ("slowest ms", 100)):
            taken = self._milliseconds(percent)
            found[heading] = (round(taken) if isfinite(taken) else "no answer") if self.milliseconds else None
        found["MiB"] = ceil(self.memory_bytes / (1 << 20)) if self.memory_bytes else None
        return found | {"result": "met" if self.is_met else "MISSED"}

    def _milliseconds(self, percent: int) -> float:
        """The time that `percent` of the requests did not exceed; 0 without requests."""
        return sorted(self.milliseconds)[ceil(len(self.milliseconds) * percent / 100) - 1] if self.milliseconds else 0.0


def as_markdown(rows: list[Row]) -> str:
    headings = list(Row("").figures)
    lines = [[f"{each:,}" if isinstance(each, int) else each or "-" for each in row.figures.values()] for row in rows]
    cells = [headings, ["---"] * len(headings), *lines]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(f"| {' | '.join(map(str.ljust, line, widths))} |" for line in cells)
