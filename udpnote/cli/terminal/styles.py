"""Styles of a terminal, also the colours of authors, and the printing of styled text, which is plain in a pipe."""

import os
import sys
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, TextIO
from zlib import crc32

from udpnote.cli.terminal.streams import terminal_columns

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    Piece = str | tuple[str, str] | Text


AUTHOR_COLOURS = (29, 31, 64, 68, 99, 100, 130, 133, 162, 166, 168)
"""The colours of authors, by their numbers in the palette of 256. Each has enough contrast on black and on white."""


def is_dumb_terminal() -> bool:
    """Whether the terminal cannot move its cursor and shows no styles: $TERM is `dumb`, empty or not set."""
    return os.environ.get("TERM", "") in ("", "dumb")


def shows_styles(stream: TextIO) -> bool:
    """Whether `stream` is a terminal that shows styles, and the user wants them (NO_COLOR is empty or not set)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and not is_dumb_terminal()


def author_colour(author: str) -> int:
    """The colour of `author`, one of `AUTHOR_COLOURS`. An author has the same colour on every machine."""
    return AUTHOR_COLOURS[crc32(author.encode()) % len(AUTHOR_COLOURS)]


def styled(text: str, style: str) -> str:
    """`text` in `style`, which has parameters of SGR (ECMA-48 §8.3.117), such as `1;36`."""
    return f"\x1b[{style}m{text}\x1b[0m"


def author_style(author: str) -> str:
    """The style for the name of `author`, as `styled` takes it."""
    return f"38;5;{author_colour(author)}"


def without_styles(text: str) -> str:
    """`text` without the styles that `styled` or rich has added."""
    if "\x1b" not in text:
        return text
    import re  # here, because most commands remove no styles

    return re.sub(r"\x1b\[[0-9;]*m", "", text)


class Printer:
    """Prints lines to standard output.

    Before each line it calls `on_print`, which must remove a line of progress from the terminal if one is there. `is_terminal`
    says whether standard output is a terminal. Styles have an effect only on a terminal. The caller must have passed texts from
    the network through `harmless` (in `udpnote.text.harmless`).
    """

    def __init__(self, on_print: Callable[[], None]) -> None:
        self._on_print = on_print
        self.is_terminal = sys.stdout.isatty()

    @cached_property
    def width(self) -> int:
        """The width of lines in terminal cells (see `terminal_columns`). It is measured once, at the first use."""
        return terminal_columns()

    def print(self, *pieces: "Piece") -> None:
        """Print `pieces` as one line. Each piece is a text, a pair of a text and its style, or a `rich.text.Text`."""
        self._on_print()
        texts = [piece[0] if isinstance(piece, tuple) else str(piece) for piece in pieces]
        line = "".join(texts)
        if self.is_terminal and (texts != [*pieces] or ("\t" in line and not line.isascii())):
            from rich.text import Text

            self._console.print(Text.assemble(*pieces), soft_wrap=True)
        else:  # without rich, which takes as long for a line as this for twenty
            sys.stdout.write(f"{line.expandtabs() if self.is_terminal else line}\n")

    @cached_property
    def _console(self) -> "Console":
        from rich.console import Console

        return Console(highlight=False)
