"""Recognizes the encoding of texts: UTF-16 or UTF-32, as some editors and shells on Windows write them, and UTF-8."""

from codecs import BOM_UTF8, getincrementaldecoder

_BYTE_ORDER_MARKS = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
"""For each byte order mark at the beginning of a text, the encoding (Unicode 15, section 23.8). The longer marks come first."""

TWO_BYTE_CHARACTERS_MIN = 6
"""The bytes of this many Chinese characters in GBK are almost never valid UTF-8. Of 4,578 samples with only five characters,
none was valid."""


def other_encoding(data: bytes) -> str | None:
    """The encoding of `data`, as iconv(1) names it, if `data` cannot be UTF-8 text; None if it may be UTF-8.

    `data` is a text or its beginning. The encoding is recognized by a byte order mark, or by NUL bytes: UTF-16 has one in the
    two bytes of each Latin letter, digit and space. If NUL is mostly the second of two bytes, the encoding is `UTF-16LE`; if it
    is mostly the first, `UTF-16BE`. The result is wrong for other data with NUL bytes, such as a picture. It is None for valid
    UTF-8 in which less than a quarter of the bytes are NUL: some program may have put them there by an error.
    """
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            return encoding
    if b"\0" not in data or _is_utf8_with_few_nuls(data):
        return None
    return "UTF-16LE" if data[1::2].count(0) >= data[::2].count(0) else "UTF-16BE"


def _is_utf8_with_few_nuls(data: bytes) -> bool:
    """Whether `data` is UTF-8, and begins with a byte order mark or has few NULs: less than one in four bytes. Its last
    character may be cut off.
    """
    try:
        getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return False
    return data.startswith(BOM_UTF8) or 4 * data.count(0) < len(data)


def is_rather_utf8(data: bytes, text: str) -> bool:
    """Whether `data` is more likely UTF-8 than the locale's encoding, such as GBK. `text` is `data` decoded from that
    encoding, or empty if that was not possible.

    False unless `data` is valid UTF-8 with characters that are not ASCII. If the locale's encoding has one byte for each
    character, one such character is enough for True: other text is hardly ever valid UTF-8 by chance. In GBK or Big5, the
    two bytes of a character such as `路` are often one valid character of UTF-8. So with these encodings, the UTF-8 must have a
    character of three or four bytes, such as a Chinese one, or six characters of two bytes (`TWO_BYTE_CHARACTERS_MIN`).
    """
    if data.isascii():
        return False
    try:
        others = [character for character in data.decode() if not character.isascii()]
    except UnicodeDecodeError:
        return False
    return len(text) == len(data) or max(others) > "\u07ff" or len(others) >= TWO_BYTE_CHARACTERS_MIN
