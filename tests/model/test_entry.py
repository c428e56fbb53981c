"""Entries: which texts and authors are valid, and how an entry is cut into parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.golden import CLIENT_ID, WRITTEN_AT
from udpnote.errors import InvalidEntry, Notice
from udpnote.model.entry import (
    AUTHOR_BYTES_MAX,
    SEQUENCE_MAX,
    TEXT_BYTES_MAX,
    Entry,
    Kind,
    check_author,
    check_number,
    check_text,
    is_text,
    is_whole,
    split,
)

BLANKS = ["", " ", "\n\t ", "\u3000\u00a0"]


def too_long(kind: str, size: int, maximum: int) -> Notice:
    return Notice(kind, bytes=size, bytes_max=maximum)


@pytest.mark.parametrize("text", ["a", "  我是一个中文\n", "\0", "x" * TEXT_BYTES_MAX, "中" * (TEXT_BYTES_MAX // 3)])
def test_a_text_of_up_to_a_mebibyte_in_any_language_is_an_entry(text: str) -> None:
    check_text(text)
    assert is_text(text.encode())


@pytest.mark.parametrize(
    ("text", "notice"),
    [
        *((blank, Notice("text_blank")) for blank in BLANKS),
        ("x" * (TEXT_BYTES_MAX + 1), too_long("text_too_long", TEXT_BYTES_MAX + 1, TEXT_BYTES_MAX)),
        ("中" * (TEXT_BYTES_MAX // 3 + 1), too_long("text_too_long", TEXT_BYTES_MAX + 2, TEXT_BYTES_MAX)),
        ("abc\udce6\udc88", Notice("text_not_unicode", character=4)),
    ],
)
def test_a_text_that_is_blank_too_long_or_not_unicode_is_refused(text: str, notice: Notice) -> None:
    with pytest.raises(InvalidEntry) as error:
        check_text(text)
    assert error.value.notice == notice


@pytest.mark.parametrize("data", [b"", b" \n", b"\xff", "中".encode()[:2], b"\xed\xa0\x80"])
def test_bytes_that_are_blank_or_not_utf8_are_no_text(data: bytes) -> None:
    assert not is_text(data)


@pytest.mark.parametrize("author", ["a", "小明", "x" * AUTHOR_BYTES_MAX, "中" * 42 + "ab"])
def test_an_author_has_up_to_128_bytes(author: str) -> None:
    check_author(author)


@pytest.mark.parametrize(
    ("author", "notice"),
    [
        *((blank, Notice("author_blank")) for blank in BLANKS),
        ("x" * 129, too_long("author_too_long", 129, AUTHOR_BYTES_MAX)),
        ("中" * 43, too_long("author_too_long", 129, AUTHOR_BYTES_MAX)),
        ("\udce6", Notice("author_not_unicode")),
    ],
)
def test_an_author_that_is_blank_too_long_or_not_unicode_is_refused(author: str, notice: Notice) -> None:
    with pytest.raises(InvalidEntry) as error:
        check_author(author)
    assert error.value.notice == notice


@pytest.mark.parametrize("number", [0, -1, SEQUENCE_MAX + 1])
def test_entries_are_numbered_from_1(number: int) -> None:
    check_number(1)
    check_number(SEQUENCE_MAX)
    with pytest.raises(InvalidEntry):
        check_number(number)


@given(st.text(min_size=1, max_size=300), st.integers(1, 400))
def test_the_parts_of_an_entry_are_its_text_cut_in_order_under_its_identity(text: str, part_bytes_max: int) -> None:
    whole = Entry(CLIENT_ID, 1, Kind.NOTE, WRITTEN_AT, 480, "小明", text)
    parts = split(whole, part_bytes_max)
    assert b"".join(part.data for part in parts).decode() == text
    assert [part.offset for part in parts] == list(range(0, len(text.encode()), part_bytes_max))
    assert all(len(part.data) <= part_bytes_max for part in parts)
    assert {part[:7] for part in parts} == {(*whole[:6], len(text.encode()))}
    assert [is_whole(part) for part in parts] == [len(parts) == 1] * len(parts)
