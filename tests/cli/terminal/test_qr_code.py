"""The QR code at a terminal: by half blocks in UTF-8, by spaces in other encodings, with the same modules in both."""

import io
import re

from udpnote.cli.terminal.qr_code import DARK, DARK_ON_LIGHT, LIGHT, qr_lines

ROWS = [[True, False, True, True], [False, True, True, False], [True, True, False, False]]


def terminal(encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding)


def pieces(line: str) -> list[tuple[str, str]]:
    """The pieces of a line, each with its style."""
    found = re.findall(r"\x1b\[([\d;]+)m([^\x1b]+)\x1b\[0m", line)
    assert "".join(f"\x1b[{style}m{text}\x1b[0m" for style, text in found) == line
    return found


def test_the_code_has_the_same_modules_in_each_encoding() -> None:
    rows: list[list[bool]] = []
    for line in qr_lines(ROWS, terminal("utf-8")):
        [(style, blocks)] = pieces(line)
        assert style == DARK_ON_LIGHT
        rows += [[each in "█▀" for each in blocks], [each in "█▄" for each in blocks]]
    assert rows == [*ROWS, [False] * 4]
    lines = qr_lines(ROWS, terminal("gbk"))
    spaced = [[style for style, spaces in pieces(line) for _ in range(len(spaces) // 2)] for line in lines]
    assert spaced == [[DARK if is_dark else LIGHT for is_dark in row] for row in ROWS]
    assert "\n".join(lines).isascii()
