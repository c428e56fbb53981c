"""A QR code as lines of text, for a terminal."""

import segno

QUIET_MODULES = 2
"""The width of the light border, in modules, the squares of the code. ISO/IEC 18004 asks for four, but cameras need fewer."""

_HALVES = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}
"""The character for two modules, one above the other. The key says whether the upper and the lower one are dark."""


def qr_lines(text: str) -> list[str]:
    """The QR code of `text`. Each character shows two modules. Print it dark on a light background."""
    code = segno.make(text, error="l", micro=False)
    rows = [[bool(module) for module in row] for row in code.matrix_iter(border=QUIET_MODULES)]
    if len(rows) % 2:
        rows.append([False] * len(rows[0]))
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return ["".join(_HALVES[each] for each in zip(upper, lower, strict=True)) for upper, lower in pairs]
