"""Entries: which texts and authors are valid, how an entry is cut into parts, and how Python shows it."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.errors import raises
from tests.support.golden import CLIENT_ID, WRITTEN_AT
from udpnote.errors import InvalidEntry, Notice
from udpnote.model.entry import (
    AUTHOR_BYTES_MAX,
    NOTHING_SEEN,
    TEXT_BYTES_MAX,
    WRITTEN_AT_MAX,
    WRITTEN_AT_MIN,
    Entry,
    Kind,
    StoredEntry,
    WritingTime,
    check_author,
    check_text,
    check_writing_time,
    is_text,
    is_whole,
    split,
)
from udpnote.model.notebook import Destination, KnownNotebook
from udpnote.model.outbox_entries import OwnWrite, StoredRun, WaitingCount, WaitingEntry

BLANKS = ["", " ", "\n\t ", "\u3000\u00a0"]
TEXTS = ["a", "  我是一个中文\n", "\0", "x" * TEXT_BYTES_MAX, "中" * (TEXT_BYTES_MAX // 3)]
AUTHORS = ["a", "小明", "x" * AUTHOR_BYTES_MAX, "中" * 42 + "ab"]


def text_too_long(size: int, *, has_lines: bool) -> Notice:
    return Notice("text_too_long", size=size, bytes_max=TEXT_BYTES_MAX, has_lines=has_lines)


@pytest.mark.parametrize(
    ("check", "accepted", "refused"),
    [
        (check_text, TEXTS, [(blank, Notice("text_blank")) for blank in BLANKS]),
        (check_text, [], [("abc\udce6\udc88", Notice("text_not_unicode", character=4))]),
        (check_text, [], [("x" * (TEXT_BYTES_MAX + 1), text_too_long(TEXT_BYTES_MAX + 1, has_lines=False))]),
        (check_text, [], [("a\nb" * TEXT_BYTES_MAX, text_too_long(TEXT_BYTES_MAX * 3, has_lines=True))]),
        (check_author, AUTHORS, [(blank, Notice("author_blank")) for blank in BLANKS]),
        (check_author, [], [("\udce6", Notice("author_not_unicode"))]),
        (check_author, [], [(name, Notice("author_of_several_lines")) for name in ("lin\namy", "lin\n", "\rlin", "lin\u2028")]),
        (
            check_author,
            [],
            [(author, Notice("author_too_long", bytes=129, bytes_max=AUTHOR_BYTES_MAX)) for author in ("x" * 129, "中" * 43)],
        ),
    ],
)
def test_a_text_of_up_to_a_mebibyte_and_an_author_of_up_to_128_bytes_are_valid_in_any_language(
    check: Callable[[str], None], accepted: list[str], refused: list[tuple[str, Notice]]
) -> None:
    for text in accepted:
        check(text)
    for text, notice in refused:
        with pytest.raises(InvalidEntry) as error:
            check(text)
        assert error.value.notice == notice


def test_bytes_that_are_blank_or_not_utf8_are_no_text() -> None:
    assert all(is_text(text.encode()) for text in TEXTS)
    for data in (b"", b" \n", b"\xff", "中".encode()[:2], b"\xed\xa0\x80"):
        assert not is_text(data)


@given(st.text(min_size=1, max_size=60), st.integers(1, 80))
def test_the_parts_of_an_entry_are_its_text_cut_in_order_under_its_identity(text: str, part_bytes_max: int) -> None:
    whole = Entry(CLIENT_ID, 1, Kind.NOTE, WRITTEN_AT, 480, "小明", text)
    parts = split(whole, part_bytes_max)
    assert b"".join(part.data for part in parts).decode() == text
    assert [part.offset for part in parts] == list(range(0, len(text.encode()), part_bytes_max))
    assert all(len(part.data) <= part_bytes_max for part in parts)
    assert {part[:7] for part in parts} == {(*whole[:6], len(text.encode()))}
    assert [is_whole(part) for part in parts] == [len(parts) == 1] * len(parts)


@pytest.mark.parametrize(
    ("written_at", "utc_offset"), [(WRITTEN_AT_MIN - 1, 0), (WRITTEN_AT_MAX + 1, 0), (0, 18 * 60 + 1), (0, -18 * 60 - 1)]
)
def test_a_time_of_writing_outside_of_the_limits_is_refused(written_at: int, utc_offset: int) -> None:
    for valid in (WritingTime(WRITTEN_AT_MIN, -18 * 60), WritingTime(WRITTEN_AT_MAX, 18 * 60)):
        check_writing_time(valid)
    with raises(InvalidEntry, "writing_time_out_of_range"):
        check_writing_time(WritingTime(written_at, utc_offset))


ID = bytes(range(0xF0, 0x100))
ENTRY = Entry(ID, 1, Kind.NOTE, 0, 480, "小明", "今天开会")
VALUES: list[tuple[object, ...]] = [
    ENTRY, StoredEntry(7, 0, ENTRY, 7), StoredEntry(7, 0, ENTRY, 7).as_seen, KnownNotebook(ID, "厨房", "::1", 6683, 0, ID[:8]),
    Destination(key_id=ID[:8]), WaitingEntry(ENTRY, ID, "厨房", ID[:8], Destination(), None),
    WaitingCount(ID, None, Destination(), None, 3), StoredRun(range(1, 3), 7, ID, Kind.NOTE),
    OwnWrite(ID, 1, Kind.NOTE, None, 7, is_unsent=False),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_shows_its_ids_as_hexadecimal_digits_and_all_its_fields(value: tuple[object, ...]) -> None:
    shown = repr(value)
    assert shown.startswith(f"{type(value).__name__}({value._fields[0]}=")  # type: ignore[attr-defined]
    assert ("b'" in shown, "f0f1f2" in shown, shown.count("(") == shown.count(")")) == (False, True, True)
    assert repr(NOTHING_SEEN) == f"SeenEntry(number=0, client_id={'00' * 16!r}, sequence=0)"


def test_a_stored_entry_has_the_text_and_the_author_of_its_entry() -> None:
    stored = StoredEntry(7, 0, ENTRY, 7)
    assert (stored.text, stored.author) == ("今天开会", "小明")
