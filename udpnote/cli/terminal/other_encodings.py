"""Prints escapes in place of the characters that an output's encoding lacks. This is for outputs that are not in UTF-8 but, for
example, in GBK.

The module registers two error handlers with Python's codecs: `TEXT_ESCAPES` for people, and `JSON_ESCAPES` for JSON.
"""

import codecs
from typing import Any, TextIO

TEXT_ESCAPES = "udpnote.text"
"""The name of the handler that prints an escape such as `\\U0001f389`. In place of `␊`, the picture of a control character, it
prints `^J`; in place of `µ`, as in `µs`, it prints `u`.
"""

JSON_ESCAPES = "udpnote.json"
"""The name of the handler that prints the escapes of JSON, such as `\\ud83c\\udf89`."""

_PICTURES = range(0x2400, 0x2420)
_PICTURE_OF_DELETE = 0x2421
"""The code points of ␀ to ␟, and of ␡: `harmless` has put these pictures in place of control characters."""


class EscapingOutput:
    """Writes to the output `stream`. For characters that `encoding` lacks, the handler `TEXT_ESCAPES` writes escapes."""

    def __init__(self, stream: TextIO, encoding: str) -> None:
        self._stream, self._encoding = stream, encoding

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the stream. Only `write` is not the stream's own."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write `text`, with escapes for what the encoding lacks. Return the number of characters in `text`."""
        self._stream.write(text.encode(self._encoding, TEXT_ESCAPES).decode(self._encoding))
        return len(text)


def _text_escapes(error: UnicodeError) -> tuple[str, int]:
    """The handler `TEXT_ESCAPES`: return what is printed in place of the characters that `error` names, and the position in the
    text at which Python goes on.
    """
    assert isinstance(error, UnicodeEncodeError), "only outputs have this handler"
    return "".join(map(_escaped, error.object[error.start : error.end])), error.end


def _escaped(character: str) -> str:
    """What `TEXT_ESCAPES` prints for `character`, which the encoding lacks."""
    code = ord(character)
    if code in _PICTURES:
        return f"^{chr((code & 0x7F) ^ 0x40)}"
    if code == _PICTURE_OF_DELETE:
        return "^?"
    return "u" if character == "µ" else character.encode("ascii", "backslashreplace").decode()


def _json_escapes(error: UnicodeError) -> tuple[str, int]:
    """The handler `JSON_ESCAPES`: return what `_text_escapes` returns, but with an escape for each UTF-16 code unit (RFC 8259,
    section 7).
    """
    assert isinstance(error, UnicodeEncodeError), "only outputs have this handler"
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place : place + 2].hex()}" for place in range(0, len(units), 2)), error.end


codecs.register_error(TEXT_ESCAPES, _text_escapes)
codecs.register_error(JSON_ESCAPES, _json_escapes)
