"""Terminals in memory, and lines that commands draw on them."""

import io

from udpnote.cli.terminal.text import Line


class Screen(io.StringIO):
    """A terminal that keeps what is written to it."""

    def isatty(self) -> bool:
        return True


def without_styles(line: Line) -> str:
    """Return the text of `line`."""
    return "".join(piece if isinstance(piece, str) else piece[0] for piece in line)
