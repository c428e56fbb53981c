"""Recognizes the encoding of texts: UTF-16 or UTF-32, as some editors and shells on Windows write them, and UTF-8."""

_BYTE_ORDER_MARKS = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
"""The encodings of texts that begin with these bytes (Unicode 15, section 23.8), the longer ones first."""

TWO_BYTE_CHARACTERS_MIN = 6
"""So many characters of GBK are hardly ever valid UTF-8: of 4,578 pieces of five Chinese characters, none was."""


def other_encoding(data: bytes) -> str | None:
    """The encoding of `data`, as iconv(1) names it, if `data` cannot be UTF-8 text; None if it may be.

    `data` is a text or its beginning. It begins with a byte order mark of the encoding, or it has a NUL byte. No text in UTF-8
    has NUL bytes, but in UTF-16 one byte of each Latin letter, digit and space is NUL: the second one if it is `UTF-16LE`.
    Other data with NUL bytes, such as pictures, is not told apart from UTF-16.
    """
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            return encoding
    if b"\0" not in data:
        return None
    return "UTF-16LE" if data[1::2].count(0) >= data[::2].count(0) else "UTF-16BE"


def is_rather_utf8(data: bytes, text: str) -> bool:
    """Whether `data`, which is `text` in the encoding of a locale such as GBK, is rather a text in UTF-8.

    It is valid UTF-8, and so much of it is not ASCII that this is hardly by chance. Where each character of the locale's
    encoding is one byte, one such character is enough. A pair of bytes in GBK or Big5, such as `路`, often is one character of
    UTF-8: then the UTF-8 must have a character of three or four bytes, as Chinese characters have there, or
    `TWO_BYTE_CHARACTERS_MIN` characters of two bytes.
    """
    if data.isascii():
        return False
    try:
        others = [character for character in data.decode() if not character.isascii()]
    except UnicodeDecodeError:
        return False
    return len(text) == len(data) or max(others) > "\u07ff" or len(others) >= TWO_BYTE_CHARACTERS_MIN
