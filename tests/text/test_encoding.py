"""Texts in UTF-16 and in UTF-8 are recognized, whatever their language."""

import pytest

from udpnote.text.encoding import is_rather_utf8, other_encoding

TEXTS = ("milk\n", "2019/05/09 16:37:08\r\n今天开会 🎉\r\n")


@pytest.mark.parametrize("text", TEXTS)
def test_a_byte_order_mark_or_nul_bytes_show_that_a_text_is_not_utf_8(text: str) -> None:
    for encoding in ("UTF-16", "UTF-32", "UTF-16LE", "UTF-16BE"):
        assert other_encoding(text.encode(encoding)) == encoding
    assert other_encoding(b"\xfe\xff" + text.encode("UTF-16BE")) == "UTF-16"
    assert other_encoding(b"\0\0\xfe\xff" + text.encode("UTF-32BE")) == "UTF-32"
    for data in (text.encode(), text.encode("UTF-8-sig"), text.encode("GB18030"), b"", b"\xff", "\xff".encode()):
        assert other_encoding(data) is None
    marked = text.encode("UTF-8-sig") + b"\0"
    for data in (marked, b"\xef\xbb\xbf\0" * 9, 8 * text.encode() + b"\0", "今天\0今天".encode()[:-1]):
        assert other_encoding(data) is None, "UTF-8 with a few NUL bytes"
    assert other_encoding(b"\x89PNG\r\n\x1a\n\0\0\0\r" + bytes(99)) == "UTF-16BE"


@pytest.mark.parametrize(
    ("data", "encoding", "expected"),
    [
        ("今天".encode(), "gbk", True), ("今天".encode(), "gb18030", True), ("今天".encode(), "big5", True),
        ("Привет, мир".encode(), "gbk", True), ("20 m² 😀".encode(), "gb18030", True), ("café".encode(), "latin-1", True),
        ("路".encode("gbk"), "gbk", False), ("陆路".encode("gbk"), "gbk", False), ("今天开会".encode("gbk"), "gbk", False),
        ("café".encode("latin-1"), "latin-1", False), (b"milk", "gbk", False), (b"", "gbk", False),
    ],
)  # fmt: skip
def test_text_in_utf_8_is_told_from_text_in_the_encoding_of_a_locale(data: bytes, encoding: str, expected: bool) -> None:
    assert is_rather_utf8(data, data.decode(encoding, "replace")) == expected
