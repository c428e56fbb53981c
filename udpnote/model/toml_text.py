"""Reads TOML, the format of the settings file and of key files, and says where a text breaks the format."""

import re
import tomllib
from typing import Any

from udpnote.errors import Notice, UdpnoteError

_REASONS = {
    "Cannot overwrite a value": Notice("toml_name_twice"),
    "Cannot declare": Notice("toml_name_twice"),
    "Duplicate inline table key": Notice("toml_name_twice"),
    "Expected '=' after a key": Notice("toml_without_equals_sign"),
    "Invalid value": Notice("toml_not_a_value"),
    "Illegal character '\\n'": Notice("toml_without_closing_quote"),
    "Expected newline or end of document after a statement": Notice("toml_more_after_value"),
}
"""For the beginning of a message of tomllib, the same reason in words for people."""


class InvalidToml(UdpnoteError):
    """A text is not TOML, or cannot be read. The message says where or why. It shows none of the text, which may be secret."""


def read_toml(text: str) -> dict[str, Any]:
    """Return the table in `text`. Raises `InvalidToml` if `text` is not TOML, has too long a number, or is nested too deep."""
    try:
        return tomllib.loads(text + "\n")  # for an error in a last line without a newline, tomllib would name no line
    except (ValueError, RecursionError) as error:
        said = str(error)
    if (place := re.search(r"at line (\d+), column (\d+)\)$", said)) is not None:
        line, column = int(place[1]), int(place[2])
        for beginning, reason in _REASONS.items():
            if said.startswith(beginning):
                raise InvalidToml("toml_wrong_because", line=line, column=column, reason=reason)
        raise InvalidToml("toml_wrong_at", line=line, column=column)
    is_at_end = said.endswith("(at end of document)")
    raise InvalidToml("toml_not_closed" if is_at_end else "toml_beyond_limits")
