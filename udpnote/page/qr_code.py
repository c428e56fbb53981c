"""A QR code as lines of text, for a terminal."""

import segno

QUIET_MODULES = 2
"""The light border. ISO/IEC 18004 asks for four modules; cameras need fewer, and a terminal has few lines."""

_HALVES = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}
"""What shows two modules of a column, which are dark or not, one above the other."""


def qr_lines(text: str) -> list[str]:
    """The QR code of `text`. A character shows two modules: its foreground must be dark, and its background light."""
    code = segno.make(text, error="l", micro=False)
    rows = [[bool(module) for module in row] for row in code.matrix_iter(border=QUIET_MODULES)]
    if len(rows) % 2:
        rows.append([False] * len(rows[0]))
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return ["".join(_HALVES[each] for each in zip(upper, lower, strict=True)) for upper, lower in pairs]
