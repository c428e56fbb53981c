"""Lines of charts that are made of bars."""

from udpnote.cli.terminal.streams import drawn

BAR_CELLS_MAX = 60
"""The length of the longest bar in terminal cells: longer bars would not be easier to compare."""

NO_BAR_STYLE = "bright_black"
_BAR_STYLE = "color(34)"

SHADES, PLAIN_SHADES = "·░▒▓█", ".-+#@"
"""The signs for nothing, for little, and for more and more up to the most; and those of a terminal without UTF-8."""

Line = list[str | tuple[str, str]]
"""The pieces of a line: texts, or pairs of a text and its style."""


def bar_line(label: str, amount: int, *, highest: int, width: int) -> Line:
    """A line of a chart: `label`, a bar and the `amount`, which is from 0 to `highest`.

    The bar is as long, in proportion, as the amount. For the amount `highest` it is so long that the line fits into `width`
    terminal cells, but has at least one cell and at most `BAR_CELLS_MAX`.
    """
    from rich.cells import cell_len  # here, because `list` imports this module, too, and draws no bar

    if not amount:
        return [label, (drawn(SHADES, PLAIN_SHADES)[0], NO_BAR_STYLE)]
    cells = max(min(width - cell_len(f"{label} {highest:,}"), BAR_CELLS_MAX), 1)
    return [label, (drawn("█", "#") * max(amount * cells // highest, 1), _BAR_STYLE), f" {amount:,}"]
