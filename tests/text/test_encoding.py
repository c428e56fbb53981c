"""Texts of Windows programs in UTF-16 are told from UTF-8, whatever their language."""

import pytest

from udpnote.text.encoding import other_encoding

TEXTS = ("milk\n", "2019/05/09 16:37:08\r\n今天开会 🎉\r\n")


@pytest.mark.parametrize("text", TEXTS)
def test_a_byte_order_mark_or_nul_bytes_show_that_a_text_is_not_utf_8(text: str) -> None:
    for encoding in ("UTF-16", "UTF-32", "UTF-16LE", "UTF-16BE"):
        assert other_encoding(text.encode(encoding)) == encoding
    assert other_encoding(b"\xfe\xff" + text.encode("UTF-16BE")) == "UTF-16"
    assert other_encoding(b"\0\0\xfe\xff" + text.encode("UTF-32BE")) == "UTF-32"
    for data in (text.encode(), text.encode("UTF-8-sig"), text.encode("GB18030"), b"", b"\xff", "\xff".encode()):
        assert other_encoding(data) is None
