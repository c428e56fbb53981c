"""Entries: what may be one, and how it is cut into parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.golden import CLIENT_ID, WRITTEN_AT
from udpnote.errors import InvalidEntry
from udpnote.model.entry import (
    AUTHOR_BYTES_MAX,
    TEXT_BYTES_MAX,
    Entry,
    Kind,
    check_author,
    check_text,
    is_text,
    is_whole,
    split,
)

BLANKS = ["", " ", "\n\t ", "\u3000\u00a0"]


def entry(text: str) -> Entry:
    return Entry(CLIENT_ID, 1, Kind.NOTE, WRITTEN_AT, 480, "小明", text)


@pytest.mark.parametrize("text", ["a", "  我是一个中文\n", "\0", "x" * TEXT_BYTES_MAX, "中" * (TEXT_BYTES_MAX // 3)])
def test_a_text_of_up_to_a_mebibyte_in_any_language_is_an_entry(text: str) -> None:
    check_text(text)
    assert is_text(text.encode())


@pytest.mark.parametrize("text", BLANKS)
def test_a_blank_text_is_no_entry(text: str) -> None:
    with pytest.raises(InvalidEntry, match="empty"):
        check_text(text)
    assert not is_text(text.encode())


@pytest.mark.parametrize("text", ["x" * (TEXT_BYTES_MAX + 1), "中" * (TEXT_BYTES_MAX // 3 + 1)])
def test_a_text_is_measured_in_bytes_and_one_too_many_is_refused(text: str) -> None:
    with pytest.raises(InvalidEntry, match=r"at most 1,048,576.*split it"):
        check_text(text)


def test_a_text_that_is_not_unicode_is_refused_and_the_first_bad_character_named() -> None:
    with pytest.raises(InvalidEntry, match=r"character 4.*iconv"):
        check_text("abc\udce6\udc88")


@pytest.mark.parametrize("data", [b"\xff", "中".encode()[:2], b"\xed\xa0\x80"])
def test_bytes_that_are_not_utf8_are_no_text(data: bytes) -> None:
    assert not is_text(data)


@pytest.mark.parametrize("author", ["a", "小明", "x" * AUTHOR_BYTES_MAX, "中" * 42 + "ab"])
def test_an_author_has_up_to_128_bytes(author: str) -> None:
    check_author(author)


@pytest.mark.parametrize(
    ("author", "complaint"),
    [
        *((blank, "empty") for blank in BLANKS),
        ("x" * 129, "129 bytes"),
        ("中" * 43, "129 bytes"),
        ("\udce6", "not valid UTF-8"),
    ],
)
def test_an_author_that_is_blank_too_long_or_not_unicode_is_refused(author: str, complaint: str) -> None:
    with pytest.raises(InvalidEntry, match=complaint):
        check_author(author)


@given(st.text(min_size=1, max_size=300), st.integers(1, 400))
def test_the_parts_of_an_entry_are_its_text_cut_in_order_under_its_identity(text: str, part_bytes_max: int) -> None:
    whole = entry(text)
    parts = split(whole, part_bytes_max)
    assert b"".join(part.data for part in parts).decode() == text
    assert [part.offset for part in parts] == list(range(0, len(text.encode()), part_bytes_max))
    assert all(len(part.data) <= part_bytes_max for part in parts)
    assert {part[:7] for part in parts} == {(*whole[:6], len(text.encode()))}


@given(st.text(min_size=1, max_size=20), st.integers(1, 40))
def test_a_part_is_whole_exactly_when_it_is_the_only_one(text: str, part_bytes_max: int) -> None:
    parts = split(entry(text), part_bytes_max)
    assert [is_whole(part) for part in parts] == [len(parts) == 1] * len(parts)
