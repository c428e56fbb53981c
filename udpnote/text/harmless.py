r"""Replaces the characters of a text that could harm its reader on a terminal, or that nobody can see.

A text from the network could move the cursor, set the clipboard, reverse the direction of writing, or hide something. ASCII's
control characters become control pictures (U+2400 to U+2421). Other control characters, invisible characters, characters that
change the direction of writing, and lone surrogates become escapes such as `\u200b`.

Some invisible characters are needed to write a language or an emoji, so they stay:

- a joiner or non-joiner after a letter of a script that has joined letters, such as Persian;
- a joiner between two emoji;
- one variation selector after a visible character;
- a direction mark (U+200E, U+200F, U+061C) near a Hebrew or Arabic letter. It has no more effect than such a letter, and
  moves only the signs beside it. Embeddings, overrides and isolates, which can reverse whole lines, never stay.
"""

import re
from functools import cache

_CONTROL = "\x00-\x1f\x7f-\x9f"
_INVISIBLE = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2065\u206a-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""The characters that Unicode calls default ignorable, and the interlinear annotations."""

_DIRECTION = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""The characters that change the direction of writing."""

_MARKS = "\u061c\u200e\u200f"
_RIGHT_TO_LEFT = "[\u05d0-\u05f2\u0620-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
_NEAR = 32
"""How far, in characters, a direction mark may be from the nearest Hebrew or Arabic letter: a few words."""

_OTHERS = f"{_INVISIBLE}{_DIRECTION}\u2028\u2029\ud800-\udfff"

_JOINED_SCRIPTS = "\u0600-\u10ff\u1700-\u17b3\u17b6-\u180a\u1810-\u1cff"
_EMOJI = "\u2190-\u2bff\U0001f000-\U0001faff"
_NEEDED = "|".join(
    (
        f"(?<=[{_JOINED_SCRIPTS}])[\u200c\u200d\u180b-\u180f]",
        f"(?<=[{_EMOJI}\ufe0f])\u200d(?=[{_EMOJI}])",
        f"(?<=[^{_CONTROL}{_OTHERS}])[\ufe00-\ufe0f\U000e0100-\U000e01ef]",
    )
)
_IN_A_LINE = f"[{_CONTROL}{_OTHERS}]"
_IN_LINES = f"\r(?!\n)|[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f{_OTHERS}]"
_IN_JSON = f"[\x7f-\x9f{_OTHERS}]"


def harmless(text: str) -> str:
    """`text` as one line: its harmful and invisible characters, line ends and tabs are replaced."""
    return text if text.isascii() and text.isprintable() else _pattern(_IN_A_LINE).sub(_replaced, text)


def harmless_lines(text: str) -> str:
    """`text` with its harmful and invisible characters replaced. Line ends (LF or CR LF) and tabs stay."""
    return text if text.isascii() and text.isprintable() else _pattern(_IN_LINES).sub(_replaced, text)


def harmless_lines_no_longer(text: str) -> str:
    """Do what `harmless_lines` does, but replace each harmful or invisible character by `?`. So the result has no more bytes in
    UTF-8 than `text`.
    """
    return _pattern(_IN_LINES).sub(lambda found: found[0] if _replaced(found) == found[0] else "?", text)


def harmless_json(text: str) -> str:
    """`text`, which is JSON, with a JSON escape instead of each harmful or invisible character.

    A JSON parser reads the same value from the result as from `text`. Therefore even the invisible characters that a language
    needs are escaped. The caller must have escaped the control characters below U+0020, as JSON requires.
    """
    return text if text.isascii() and text.isprintable() else _pattern(_IN_JSON).sub(_escaped_in_json, text)


@cache
def _pattern(expression: str) -> re.Pattern[str]:
    """The compiled `expression`. It is compiled on the first call, because most commands print no text that needs it."""
    return re.compile(expression)


def _replaced(found: re.Match[str]) -> str:
    """What stands in place of the character in `found`; the character itself if the text around it needs it."""
    character = found[0]
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    text, place = found.string, found.start()
    if _pattern(_NEEDED).match(text, place) or (character in _MARKS and _is_needed_mark(text, place)):
        return character
    if code == 0x7F:
        return "\u2421"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _is_needed_mark(text: str, place: int) -> bool:
    """Whether the direction mark `text[place]` stays: it is near a Hebrew or Arabic letter, and no mark is just before it."""
    is_repeated = place > 0 and text[place - 1] in _MARKS
    near = _pattern(_RIGHT_TO_LEFT).search(text, max(place - _NEAR, 0), place + _NEAR + 1)
    return near is not None and not is_repeated


def _escaped_in_json(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\u{0xD800 + (code - 0x10000 >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
