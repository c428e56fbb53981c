"""Prints results: with colours on a terminal, as plain text elsewhere."""

import sys
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from udpnote.cli.terminal.streams import terminal_columns

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    Piece = str | tuple[str, str] | Text


class Printer:
    """Prints lines to standard output, and calls `on_print` before each line.

    `is_terminal` says whether standard output is a terminal. Styles have an effect only on a terminal. The caller must have
    passed texts from the network through `harmless` (in `udpnote.text.harmless`).
    """

    def __init__(self, on_print: Callable[[], None]) -> None:
        self._on_print = on_print
        self.is_terminal = sys.stdout.isatty()

    @cached_property
    def width(self) -> int:
        """The width of the terminal in cells. If standard output is not a terminal, it is $COLUMNS or 80."""
        return self._console.width if self.is_terminal else terminal_columns()

    def print(self, *pieces: "Piece") -> None:
        """Print `pieces` as one line. Each piece is a text, a pair of a text and its style, or a `rich.text.Text`."""
        self._on_print()
        if self.is_terminal:
            from rich.text import Text

            self._console.print(Text.assemble(*pieces), soft_wrap=True)
        else:
            sys.stdout.write("".join(piece[0] if isinstance(piece, tuple) else str(piece) for piece in pieces) + "\n")

    @cached_property
    def _console(self) -> "Console":
        from rich.console import Console

        return Console(highlight=False)
