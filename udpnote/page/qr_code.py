"""The QR code that takes a phone to the page."""

import segno

QUIET_MODULES = 2
"""The width of the light border in modules, the squares of the code. ISO/IEC 18004 asks for four, but cameras need fewer."""


def qr_modules(text: str) -> list[list[bool]]:
    """Return the rows of the QR code of `text`, with its border. A module, which is a square of the code, is True if it is
    dark.
    """
    code = segno.make(text, error="l", micro=False)
    return [[bool(module) for module in row] for row in code.matrix_iter(border=QUIET_MODULES)]
