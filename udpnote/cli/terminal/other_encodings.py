"""Escapes for the characters that an output's encoding does not have, if it is not UTF-8 but, for example, GBK.

This module registers two error handlers with Python's codecs: `TEXT_ESCAPES` for people, and `JSON_ESCAPES` for JSON.
"""

import codecs
from typing import Any, TextIO

TEXT_ESCAPES = "udpnote.text"
"""The handler that writes an escape such as `\\U0001f389`; but `^J` for `␊`, the picture of a control character, and `us` for
`µs`.
"""

JSON_ESCAPES = "udpnote.json"
"""The handler that writes the escapes of JSON, such as `\\ud83c\\udf89`."""

_PICTURES = range(0x2400, 0x2420)
_PICTURE_OF_DELETE = 0x2421


class EscapingOutput:
    """The output `stream`. Characters that its `encoding` does not have are written by the handler `TEXT_ESCAPES`."""

    def __init__(self, stream: TextIO, encoding: str) -> None:
        self._stream, self._encoding = stream, encoding

    def __getattr__(self, name: str) -> Any:
        """All attributes except `write` are those of the stream."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write `text` with escapes. Return the number of characters in `text`."""
        self._stream.write(text.encode(self._encoding, TEXT_ESCAPES).decode(self._encoding))
        return len(text)


def _text_escapes(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError), "only outputs have this handler"
    return "".join(map(_escaped, error.object[error.start : error.end])), error.end


def _escaped(character: str) -> str:
    code = ord(character)
    if code in _PICTURES or code == _PICTURE_OF_DELETE:
        return f"^{chr((code & 0x7F) ^ 0x40)}" if code in _PICTURES else "^?"
    return "u" if character == "µ" else character.encode("ascii", "backslashreplace").decode()


def _json_escapes(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError), "only outputs have this handler"
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place : place + 2].hex()}" for place in range(0, len(units), 2)), error.end


codecs.register_error(TEXT_ESCAPES, _text_escapes)
codecs.register_error(JSON_ESCAPES, _json_escapes)
