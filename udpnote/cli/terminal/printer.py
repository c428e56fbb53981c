"""Where results are printed: in style on a terminal, plainly elsewhere."""

import shutil
import sys
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


class Paper:
    """Standard output, line by line; `on_print` is called before each line.

    What is printed must be harmless.
    """

    def __init__(self, on_print: Callable[[], None]) -> None:
        self._on_print = on_print
        self.is_terminal = sys.stdout.isatty()

    @cached_property
    def width(self) -> int:
        """The terminal's width in cells, or that of a usual one."""
        return self._console.width if self.is_terminal else shutil.get_terminal_size().columns

    def print(self, *pieces: "str | tuple[str, str] | Text") -> None:
        """Print a line made of `pieces`: texts, or pairs of a text and its style, or, on a terminal only, rich's texts."""
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
