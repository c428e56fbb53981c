"""Draws bar charts, line by line, and histograms of durations."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from udpnote.cli.terminal.streams import drawn
from udpnote.cli.terminal.styles import Line

if TYPE_CHECKING:
    from udpnote.model.durations import Durations

BAR_CELLS_MAX = 60
"""The length of the longest bar in terminal cells. Longer bars would not be easier to compare."""

NO_BAR_STYLE = "bright_black"
_BAR_STYLE = "color(34)"

SHADES, PLAIN_SHADES = "·░▒▓█", ".-+#@"
"""The signs for the amount 0, and for higher and higher amounts. `SHADES` are for outputs in UTF-8, `PLAIN_SHADES` for all
others.
"""


def bar_line(label: str, amount: int, *, highest: int, width: int) -> Line:
    """Return a line of a chart: `label`, a bar and the `amount`, which is from 0 to `highest`.

    The bar's length is in proportion to the amount, but at least one terminal cell. The longest bar, for the amount `highest`,
    fills the line up to `width` cells, but has at most `BAR_CELLS_MAX`. The line for the amount 0 has one small sign after the
    label, and no number.
    """
    from rich.cells import cell_len  # here, because `list` imports this module, too, and draws no bar

    if not amount:
        return [label, (drawn(SHADES, PLAIN_SHADES)[0], NO_BAR_STYLE)]
    cells = max(min(width - cell_len(f"{label} {highest:,}"), BAR_CELLS_MAX), 1)
    return [label, (drawn("█", "#") * max(amount * cells // highest, 1), _BAR_STYLE), f" {amount:,}"]


ROWS_MAX = 8
"""Together, this many intervals of `histogram` are at least as long as the span from the shortest duration to the 99th
percentile. One more can be drawn, because intervals begin at multiples of their length.
"""


def histogram(durations: "Durations", width: int) -> Iterator[Line]:
    """Yield a line for each interval: the milliseconds at which it begins, a bar, and how many durations are in it.

    The intervals go from the shortest duration to the 99th percentile. All are equally long: 1, 2 or 5 µs, or 10, 20 or 50 µs,
    and so on. If there are longer durations, one more line counts them. Each line has at most `width` terminal cells.
    """
    step = _step(durations)
    first, last = (round(seconds * 1e6) // step for seconds in (durations.seconds[0], durations.percentile_99))
    amounts = Counter(min(round(seconds * 1e6) // step, last + 1) for seconds in durations.seconds)
    decimals = 4 - len(str(step)) if step < 1000 else 0  # as many as `step` has in milliseconds
    labels = [f"{place * step / 1000:.{decimals}f}" for place in range(first, last + 2)]  # the last is for longer durations
    cells = max(map(len, labels))
    for place, label in enumerate(labels, first):
        if place <= last or amounts[place]:
            sign = drawn("≥", ">") if place > last else " "
            yield bar_line(f"{sign} {label:>{cells}} ms ", amounts[place], highest=max(amounts.values()), width=width)


def _step(durations: "Durations") -> int:
    """The length of an interval in microseconds."""
    span = (durations.percentile_99 - durations.seconds[0]) * 1e6
    power = 1
    while True:
        for factor in (1, 2, 5):
            if factor * power * ROWS_MAX >= span:
                return factor * power
        power *= 10
