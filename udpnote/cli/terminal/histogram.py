"""A histogram of durations: how many of them are in each of a few intervals of equal length."""

from collections import Counter
from collections.abc import Iterator

from udpnote.cli.terminal.bars import Line, bar_line
from udpnote.cli.terminal.streams import drawn
from udpnote.model.durations import Durations

ROWS_MAX = 8
"""The durations up to the 99th percentile are in about as many intervals as this, or fewer."""


def histogram(durations: Durations, width: int) -> Iterator[Line]:
    """Yield a line for each interval: the milliseconds at which it begins, a bar, and how many durations are in it.

    The intervals go from the shortest duration to the 99th percentile. All are equally long: 1, 2 or 5 µs, or 10, 20 or 50 µs,
    and so on. One more line counts the durations above the 99th percentile. Each line has at most `width` terminal cells.
    """
    step = _step(durations)
    first, last = (round(seconds * 1e6) // step for seconds in (durations.seconds[0], durations.percentile_99))
    amounts = Counter(min(round(seconds * 1e6) // step, last + 1) for seconds in durations.seconds)
    decimals = 4 - len(str(step)) if step < 1000 else 0
    labels = [f"{place * step / 1000:.{decimals}f}" for place in range(first, last + 2)]
    cells = max(map(len, labels))
    for place, label in enumerate(labels, first):
        if place <= last or amounts[place]:
            sign = drawn("≥", ">") if place > last else " "
            yield bar_line(f"{sign} {label:>{cells}} ms ", amounts[place], highest=max(amounts.values()), width=width)


def _step(durations: Durations) -> int:
    """The length of an interval in microseconds."""
    span = (durations.percentile_99 - durations.seconds[0]) * 1e6
    power = 1
    while True:
        for factor in (1, 2, 5):
            if factor * power * ROWS_MAX >= span:
                return factor * power
        power *= 10
