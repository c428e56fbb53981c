"""Reads TOML, the format of the settings file and of key files, and says where a text breaks the format."""

import re
import tomllib
from typing import Any

from udpnote.errors import UdpnoteError


class InvalidToml(UdpnoteError):
    """A text is not TOML, or cannot be read. The message says where or why. It shows none of the text, which may be secret."""


def read_toml(text: str) -> dict[str, Any]:
    """Return the table in `text`. Raises `InvalidToml` if `text` is not TOML, has too long a number, or is nested too deep."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        place = re.search(r"at line (\d+), column (\d+)\)$", str(error))
        if place is not None:
            raise InvalidToml("toml_wrong_at", line=int(place[1]), column=int(place[2])) from None
        is_at_end = isinstance(error, tomllib.TOMLDecodeError)
        raise InvalidToml("toml_wrong_at_end" if is_at_end else "toml_beyond_limits") from None
