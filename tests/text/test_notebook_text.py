"""The old notebook's text file: what was written comes back as the same entries, however often it is imported."""

import tracemalloc
from datetime import datetime, timedelta
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.golden import WRITTEN_AT
from tests.support.texts import moments, offsets, texts
from udpnote.errors import InvalidEntry, InvalidImport
from udpnote.model.entry import SEQUENCE_MAX, TEXT_BYTES_MAX, Entry, Kind
from udpnote.text.jsonl import iso_time
from udpnote.text.notebook_text import (
    LINE_CHARACTERS_MAX,
    TEXT_CLIENT_ID,
    Format,
    TextBlock,
    TextBlocks,
    detect_format,
    text_block,
    text_entries,
)

GOLDEN = """\
2019/05/09 16:37:08
我是一个中文

2019/05/09 16:37:21
buy milk

and eggs:
  - six

"""
WRITTEN = datetime(2019, 5, 9, 16, 37, 8)
GOLDEN_BLOCKS = [
    TextBlock(1, WRITTEN, "我是一个中文"),
    TextBlock(4, WRITTEN + timedelta(seconds=13), "buy milk\n\nand eggs:\n  - six"),
]
STAMP = "2019/05/09 16:37:08\n"
SECOND, NEXT_SECOND = f"{STAMP}milk\n\n", "2019/05/09 16:37:09\nmilk\n\n"
BLANK_KIB = " " * 1023 + "\n"


def read(content: str) -> list[TextBlock]:
    return list(TextBlocks(content.splitlines(keepends=True), _raise))


def _raise(error: InvalidImport) -> None:
    raise error


def entries_of(content: str) -> list[Entry]:
    def localize(written: datetime) -> tuple[int, int]:
        return (written - datetime(1970, 1, 1)) // timedelta(microseconds=1) - 480 * 60_000_000, 480

    return list(text_entries(read(content), "小明", localize))


def test_golden_text_file() -> None:
    written = [(WRITTEN_AT, "我是一个中文"), (WRITTEN_AT + 13_999_999, "buy milk\n\nand eggs:\n  - six\n")]
    assert "".join(text_block(moment, 480, text) for moment, text in written) == GOLDEN
    assert read(GOLDEN) == GOLDEN_BLOCKS


@pytest.mark.parametrize(
    "content",
    [
        "\ufeff" + GOLDEN,
        GOLDEN.replace("\n", "\r\n"),
        GOLDEN.replace("08\n", "08 \t\n"),
        GOLDEN.rstrip(),
        GOLDEN + "\n \n\n\u3000\n",
    ],
    ids=["byte order mark", "CRLF", "spaces after a time", "no end", "blank end"],
)
def test_what_other_programs_do_to_a_text_file_changes_nothing(content: str) -> None:
    assert read(content) == GOLDEN_BLOCKS


@given(st.lists(st.tuples(moments, offsets, texts.filter(lambda text: "\r\n" not in text)), max_size=5))
def test_what_is_written_comes_back_without_parts_of_seconds_and_blank_ends(entries: list[tuple[int, int, str]]) -> None:
    content = "".join(text_block(*entry) for entry in entries)
    blocks = list(TextBlocks((f"{line}\n" for line in content.split("\n")), _raise))
    assert [block.written.isoformat() for block in blocks] == [iso_time(*entry[:2])[:19] for entry in entries]
    for block, (_, _, text) in zip(blocks, entries, strict=True):
        assert text.startswith(block.text)
        assert not text[len(block.text) :].strip()


@pytest.mark.parametrize(
    "text",
    [
        *(
            f"milk\n\n{line}"
            for line in ("2019/13/45 16:37:08", "2019/05/09 24:00:00", "0000/01/01 00:00:00", f" {STAMP[:-1]}")
        ),
        f"we met at\n{STAMP}or so",
    ],
)
def test_a_line_that_is_no_time_and_a_time_within_a_paragraph_are_text(text: str) -> None:
    assert read(f"{STAMP}{text}\n\n") == [TextBlock(1, WRITTEN, text)]


def test_a_block_without_text_is_passed_over_and_counted() -> None:
    blocks = TextBlocks([STAMP, "\n", " \n", "2019/05/09 16:37:09\n", "milk\n", "\n", "2019/05/09 16:37:10"], _raise)
    assert [block.text for block in blocks] == ["milk"]
    assert (blocks.blank, blocks.bad) == (2, 0)


@pytest.mark.parametrize(
    ("content", "line"), [("milk\n", 1), (f"\n \nmilk\n\n{STAMP}eggs\n", 3), ("\ufeff2019/5/9 16:37:08\nmilk\n", 1)]
)
def test_text_before_the_first_time_is_refused_and_its_line_named(content: str, line: int) -> None:
    with pytest.raises(InvalidImport) as error:
        read(content)
    assert (error.value.notice.kind, error.value.notice.values["line"]) == ("text_before_first_time", line)


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff", STAMP.rstrip()])
def test_a_file_without_text_has_no_entries(content: str) -> None:
    assert read(content) == []


def test_a_block_that_cannot_be_an_entry_is_reported_and_the_others_go_on() -> None:
    errors: list[InvalidImport] = []
    gb18030 = "中文\n".encode("gb18030").decode(errors="surrogateescape")
    lines = chain([STAMP], ["x" * 1023 + "\n"] * 1100, ["\n"], [STAMP], ["milk\n", "\n"], [STAMP, gb18030])
    blocks = TextBlocks(lines, errors.append)
    assert [block.text for block in blocks] == ["milk"]
    assert blocks.bad == 2
    assert [each.notice.values["line"] for each in errors] == [1, 1106]
    reasons = [each.notice.values["error"] for each in errors]
    assert [each.notice.kind for each in reasons if isinstance(each, InvalidEntry)] == ["text_longer_than", "text_not_unicode"]


def test_of_a_block_that_is_too_long_no_more_is_kept_than_an_entry_holds() -> None:
    endless = chain([STAMP], ("x" * 65_535 + "\n" for _ in range(1024)))
    tracemalloc.start()
    try:
        assert list(TextBlocks(endless, lambda _: None)) == []
        assert tracemalloc.get_traced_memory()[1] < 8 * TEXT_BYTES_MAX
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("text", "is_kept"),
    [
        ("x" * TEXT_BYTES_MAX, True),
        ("x" * (TEXT_BYTES_MAX + 1), False),
        ("中" * (TEXT_BYTES_MAX // 3) + "x", True),
        ("中" * (TEXT_BYTES_MAX // 3 + 1), False),
        ("x" * (TEXT_BYTES_MAX - 2) + "\ny", True),
        ("x" * (TEXT_BYTES_MAX - 1) + "\ny", False),
        ("x" * TEXT_BYTES_MAX + "\ny", False),
        (BLANK_KIB * 1023 + " " * 1023 + "y", True),
        (BLANK_KIB * 1024 + "y", False),
        (BLANK_KIB * 1025 + "milk", False),
    ],
)
def test_a_block_is_kept_to_the_last_byte_that_an_entry_holds(text: str, is_kept: bool, newline: str) -> None:
    errors: list[InvalidImport] = []
    content = f"{STAMP}{text}\n\n\n".replace("\n", newline)
    blocks = [block.text for block in TextBlocks(content.splitlines(keepends=True), errors.append)]
    assert (blocks == [text], len(errors)) == (is_kept, 1 - is_kept)


def test_blank_lines_after_a_text_do_not_count_however_many_there_are() -> None:
    assert [block.text for block in read(SECOND + BLANK_KIB * 2048 + NEXT_SECOND)] == ["milk", "milk"]


def test_a_line_may_come_in_pieces_as_readline_with_a_limit_gives_them() -> None:
    pieces = [STAMP, "mi", "lk \n", "  ", "eggs\n", " ", "\n", "2019/05/09 16:37:09\n", "x\n"]
    assert [(block.line, block.text) for block in TextBlocks(pieces, _raise)] == [(1, "milk \n  eggs"), (5, "x")]
    with pytest.raises(InvalidImport):
        list(TextBlocks([STAMP, "x" * LINE_CHARACTERS_MAX, "x\n"], _raise))


def test_a_text_file_becomes_notes_of_the_given_author_with_identities_that_never_change() -> None:
    first, second = entries_of(GOLDEN)
    assert first == Entry(TEXT_CLIENT_ID, 4299868729010892871, Kind.NOTE, WRITTEN_AT, 480, "小明", "我是一个中文")
    assert second[1:5] == (1445112079216709397, Kind.NOTE, WRITTEN_AT + 13_000_000, 480)
    assert TEXT_CLIENT_ID.hex() == "9b6b67e632ed8dea573640e609c9cade"


def test_a_second_import_or_a_file_that_holds_everything_twice_adds_nothing() -> None:
    once = entries_of(SECOND + NEXT_SECOND)
    assert set(entries_of(2 * (SECOND + NEXT_SECOND))) == set(once)
    assert entries_of(SECOND + NEXT_SECOND + GOLDEN)[:2] == once


def test_equal_texts_of_one_second_are_several_entries_whatever_is_between() -> None:
    entries = entries_of(SECOND + SECOND.replace("milk", "eggs") + SECOND + SECOND)
    assert len(entries) == len({entry.sequence for entry in entries}) == 4
    assert all(0 < entry.sequence <= SEQUENCE_MAX for entry in entries)


@pytest.mark.parametrize(
    ("line", "format_"),
    [
        ('{"number": 42}\n', Format.JSONL),
        (' {"a"\n', Format.JSONL),
        ('\ufeff{"number"', Format.JSONL),
        (STAMP, Format.TEXT),
        ("\ufeff2019/05/09 16:37:08 \r\n", Format.TEXT),
    ],
)
def test_the_first_line_tells_the_format(line: str, format_: Format) -> None:
    assert detect_format(line) is format_


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        *((line, "import_format_unknown") for line in (b"milk\n", b"", b"2019/13/45 16:37:08", b"x" * 1000, b"# Notes")),
        *(("今日记录".encode(encoding), "import_not_unicode") for encoding in ("gb18030", "utf-16")),
    ],
)
def test_a_first_line_of_no_format_is_refused_with_the_reason(line: bytes, kind: str) -> None:
    with pytest.raises(InvalidImport) as error:
        detect_format(line.decode(errors="surrogateescape"))
    assert error.value.notice.kind == kind
    assert len(str(error.value)) < 250
