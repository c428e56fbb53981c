"""Colours and other styles for a terminal that are written without rich, and the colours of authors."""

import os
from typing import TextIO
from zlib import crc32

AUTHOR_COLOURS = (29, 31, 64, 68, 99, 100, 130, 133, 162, 166, 168)
"""The colours of authors, by their numbers in the palette of 256. Each has enough contrast on black and on white."""


def is_dumb_terminal() -> bool:
    """Whether the terminal cannot move its cursor and shows no styles: $TERM is `dumb`, empty or not set."""
    return os.environ.get("TERM", "") in ("", "dumb")


def shows_styles(stream: TextIO) -> bool:
    """Whether `stream` is a terminal that shows styles, and the user wants them (NO_COLOR is not set)."""
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
