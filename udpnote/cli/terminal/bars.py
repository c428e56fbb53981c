"""The lines of a bar chart."""

from udpnote.cli.terminal.streams import drawn

BAR_CELLS_MAX = 60
"""The length of the longest bar in terminal cells. Longer bars would not be easier to compare."""

NO_BAR_STYLE = "bright_black"
_BAR_STYLE = "color(34)"

SHADES, PLAIN_SHADES = "·░▒▓█", ".-+#@"
"""The signs for the amount 0, and for higher and higher amounts. `SHADES` are for outputs in UTF-8, `PLAIN_SHADES` for all
others.
"""

Line = list[str | tuple[str, str]]
"""A line that consists of pieces. A piece is a text, or a pair of a text and its style."""


def bar_line(label: str, amount: int, *, highest: int, width: int) -> Line:
    """Return a line of a chart: `label`, a bar and the `amount`, which is from 0 to `highest`.

    The bar's length is in proportion to the amount. The longest bar, for the amount `highest`, fills the line up to `width`
    terminal cells, but has at least one cell and at most `BAR_CELLS_MAX`. The line for the amount 0 has one small sign after
    the label, and no number.
    """
    from rich.cells import cell_len  # here, because `list` imports this module, too, and draws no bar

    if not amount:
        return [label, (drawn(SHADES, PLAIN_SHADES)[0], NO_BAR_STYLE)]
    cells = max(min(width - cell_len(f"{label} {highest:,}"), BAR_CELLS_MAX), 1)
    return [label, (drawn("█", "#") * max(amount * cells // highest, 1), _BAR_STYLE), f" {amount:,}"]
