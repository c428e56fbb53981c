"""Recognizes texts that are not UTF-8 but UTF-16 or UTF-32, as some editors and shells on Windows write them."""

_BYTE_ORDER_MARKS = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
"""The encodings of texts that begin with these bytes (Unicode 15, section 23.8), the longer ones first."""


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
