"""Draws a QR code on a terminal."""

from itertools import groupby
from typing import TextIO

from udpnote.cli.terminal.streams import is_in_utf_8
from udpnote.cli.terminal.styles import styled

DARK_ON_LIGHT = "30;47"
DARK, LIGHT = "40", "47"
"""Styles, as parameters of SGR (ECMA-48 §8.3.117). Cameras need dark modules, the squares of a QR code, on a light ground."""

_HALVES = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}
"""The character for two modules, one above the other. The key says whether the upper and the lower module are dark."""


def qr_lines(rows: list[list[bool]], stream: TextIO) -> list[str]:
    """Return the lines that show a QR code on the terminal `stream`: with their styles, without newlines.

    `rows` are the modules of the code, which are its squares; a module is True if it is dark. In UTF-8, each character shows
    two modules. Other encodings lack these characters, or their terminals show them two cells wide. There, each module is two
    spaces on a dark or light ground.
    """
    return _half_block_lines(rows) if is_in_utf_8(stream) else [_space_line(row) for row in rows]


def _half_block_lines(rows: list[list[bool]]) -> list[str]:
    """The lines for `rows`. Each line shows two rows."""
    if len(rows) % 2:
        rows = [*rows, [False] * len(rows[0])]
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return [styled("".join(_HALVES[each] for each in zip(upper, lower, strict=True)), DARK_ON_LIGHT) for upper, lower in pairs]


def _space_line(row: list[bool]) -> str:
    return "".join(styled("  " * len(list(run)), DARK if is_dark else LIGHT) for is_dark, run in groupby(row))
