"""Formats: what is exported comes back, to the byte; what is no entry is refused, and said to be what it is."""

import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import chain

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.golden import CLIENT_ID, WRITTEN_AT
from udpnote.errors import InvalidEntry, InvalidImport
from udpnote.model.entry import (
    SEQUENCE_MAX,
    TEXT_BYTES_MAX,
    UTC_OFFSET_MINUTES_MAX,
    WRITTEN_AT_MAX,
    WRITTEN_AT_MIN,
    Entry,
    Kind,
    StoredEntry,
    check_author,
    check_text,
)
from udpnote.text.jsonl import (
    LINE_CHARACTERS_MAX,
    TEXT_CLIENT_ID,
    Format,
    TextBlock,
    TextBlocks,
    detect,
    iso_time,
    jsonl_line,
    parse_jsonl,
    text_block,
    text_entries,
)


def stored(number: int, kind: Kind, text: str, revises: int = 0) -> StoredEntry:
    return StoredEntry(number, WRITTEN_AT + 123, Entry(CLIENT_ID, 7, kind, WRITTEN_AT, 480, "小明", text, revises), number)


GOLDEN_LINES = [
    (
        stored(42, Kind.NOTE, "我是一个中文"),
        '{"number": 42, "kind": "note", "text": "我是一个中文", "written_at": "2019-05-09T16:37:08.000000+08:00", '
        '"stored_at": "2019-05-09T08:37:08.000123+00:00", "author": "小明", "client": "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf", '
        '"sequence": 7}\n',
    ),
    (
        stored(43, Kind.REVISION, '"a\\\n\t\x00\x1b\x7f\u2028', 42),
        '{"number": 43, "kind": "revision", "revises": 42, "text": "\\"a\\\\\\n\\t\\u0000\\u001b\x7f\u2028", '
        '"written_at": "2019-05-09T16:37:08.000000+08:00", "stored_at": "2019-05-09T08:37:08.000123+00:00", '
        '"author": "小明", "client": "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf", "sequence": 7}\n',
    ),
    (
        stored(44, Kind.DELETION, "", 43),
        '{"number": 44, "kind": "deletion", "revises": 43, "text": "", "written_at": "2019-05-09T16:37:08.000000+08:00", '
        '"stored_at": "2019-05-09T08:37:08.000123+00:00", "author": "小明", "client": "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf", '
        '"sequence": 7}\n',
    ),
]


def is_allowed(text: str, author: str) -> bool:
    try:
        check_text(text)
        check_author(author)
    except InvalidEntry:
        return False
    return True


moments = st.integers(WRITTEN_AT_MIN, WRITTEN_AT_MAX)
offsets = st.integers(-UTC_OFFSET_MINUTES_MAX, UTC_OFFSET_MINUTES_MAX)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200).filter(lambda text: is_allowed(text, "a"))
authors = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(
    lambda author: is_allowed("a", author)
)


@st.composite
def stored_entries(draw: st.DrawFn) -> StoredEntry:
    number = draw(st.integers(2, SEQUENCE_MAX))
    kind = draw(st.sampled_from(Kind))
    entry = Entry(
        draw(st.binary(min_size=16, max_size=16)),
        draw(st.integers(1, SEQUENCE_MAX)),
        kind,
        draw(moments),
        draw(offsets),
        draw(authors),
        "" if kind is Kind.DELETION else draw(texts),
        0 if kind is Kind.NOTE else draw(st.integers(1, number - 1)),
    )
    return StoredEntry(number, draw(moments), entry, number)


# Times


@pytest.mark.parametrize(
    ("utc_offset", "written"),
    [
        (480, "2019-05-09T16:37:08.000123+08:00"),
        (0, "2019-05-09T08:37:08.000123+00:00"),
        (-210, "2019-05-09T05:07:08.000123-03:30"),
        (-1, "2019-05-09T08:36:08.000123-00:01"),
    ],
)
def test_iso_time_is_the_writers(utc_offset: int, written: str) -> None:
    assert iso_time(WRITTEN_AT + 123, utc_offset) == written


@given(moments, offsets)
@example(-1, 0)
@example(WRITTEN_AT_MIN, -UTC_OFFSET_MINUTES_MAX)
@example(WRITTEN_AT_MAX, UTC_OFFSET_MINUTES_MAX)
def test_iso_time_is_what_the_calendar_says_for_every_time_and_offset(written_at: int, utc_offset: int) -> None:
    zone = timezone(timedelta(minutes=utc_offset))
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=written_at)
    assert iso_time(written_at, utc_offset) == moment.astimezone(zone).isoformat(timespec="microseconds")


# JSON lines


@pytest.mark.parametrize(("entry", "line"), GOLDEN_LINES, ids=["note", "revision", "deletion"])
def test_golden_json_lines(entry: StoredEntry, line: str) -> None:
    assert jsonl_line(entry) == line
    assert parse_jsonl(line) == entry


@given(stored_entries())
def test_every_entry_comes_back_from_its_json_line_and_the_line_from_the_entry(entry: StoredEntry) -> None:
    line = jsonl_line(entry)
    assert line.index("\n") == len(line) - 1
    assert parse_jsonl(line) == entry
    assert jsonl_line(parse_jsonl(line)) == line


def changed(**fields: object) -> str:
    """The line of a note with other `fields`; None takes one away."""
    note = json.loads(jsonl_line(stored(42, Kind.NOTE, "milk"))) | fields
    return json.dumps({key: value for key, value in note.items() if value is not None})


def test_keys_of_later_versions_are_passed_over_and_their_order_does_not_matter() -> None:
    note = stored(42, Kind.NOTE, "milk")
    backwards = dict(reversed(json.loads(changed(mood=["good"], tags={})).items()))
    assert parse_jsonl(json.dumps(backwards)) == note
    assert parse_jsonl("\ufeff" + changed() + "\r\n") == note


@pytest.mark.parametrize(
    "time", ["2019-05-09T08:37:08Z", "2019-05-09 16:37:08+08:00", "2019-05-09T16:37:08.0+0800", "20190509T083708+00"]
)
def test_a_time_may_be_written_in_another_way_of_iso_8601(time: str) -> None:
    assert parse_jsonl(changed(written_at=time)).entry.written_at == WRITTEN_AT


BAD_LINES = [
    ("", "^not JSON"),
    ("milk", "^not JSON"),
    ('{"number": 42', "^not JSON .* at character"),
    ("[" * 100_000, "^not JSON that an export would hold"),
    ('{"number": ' + "9" * 5000 + "}", "^not JSON that an export would hold"),
    ("[]", "^not a JSON object but a list"),
    ("null", "^not a JSON object but None"),
    (changed(number=None), "^number is missing"),
    (changed(number=0), "^number must be from 1 to"),
    (changed(number=SEQUENCE_MAX + 1), "^number must be from 1 to"),
    (changed(number=True), "^number must be a whole number, not True"),
    (changed(number=42.0), r"^number must be a whole number, not 42\.0"),
    (changed(number="42"), "^number must be a whole number, not '42'"),
    (changed(kind=None), "^kind is missing"),
    (changed(kind="reply"), "^kind must be note, revision or deletion, not 'reply'"),
    (changed(kind=1), "^kind must be a text, not 1"),
    (changed(kind="revision"), "^revises is missing"),
    (changed(kind="revision", revises=42), "^revises must be less than number"),
    (changed(kind="revision", revises=0), "^revises must be from 1"),
    (changed(kind="deletion", revises=41), "^a deletion has no text, and here is 'milk'"),
    (changed(revises=41), "^a note revises nothing"),
    (changed(text=None), "^text is missing"),
    (changed(text=["milk"]), "^text must be a text, not a list"),
    (changed(text=" \n"), "^text: the text is empty"),
    (changed(text="\ud800"), "^text: the text is not valid UTF-8"),
    (changed(text="x" * (TEXT_BYTES_MAX + 1)), "^text: the text has 1,048,577 bytes"),
    (changed(author=None), "^author is missing"),
    (changed(author=""), "^author: the author is empty"),
    (changed(author="x" * 129), "^author: the author has 129 bytes"),
    (changed(author="\udcff"), "^author: the author is not valid UTF-8"),
    (changed(client=None), "^client is missing"),
    (changed(client="c0" * 15), "^client must be 32 hexadecimal digits"),
    (changed(client="c0" * 17), "^client must be 32 hexadecimal digits"),
    (changed(client="c0 " * 16), "^client must be 32 hexadecimal digits"),
    (changed(client="x" * 32), "^client must be 32 hexadecimal digits"),
    (changed(sequence=None), "^sequence is missing"),
    (changed(sequence=0), "^sequence must be from 1"),
    (changed(sequence=-1), "^sequence must be from 1"),
    (changed(written_at=None), "^written_at is missing"),
    (changed(written_at=1557391028), "^written_at must be a text"),
    (changed(written_at="yesterday"), "^written_at must be a time such as"),
    (changed(written_at="2019-02-29T16:37:08+08:00"), "^written_at must be a time such as"),
    (changed(written_at="2019-05-09T16:37:08"), "^written_at must have its UTC offset"),
    (changed(written_at="2019-05-09T16:37:08+18:01"), "^written_at must have a UTC offset in minutes"),
    (changed(written_at="2019-05-09T16:37:08-18:01"), "^written_at must have a UTC offset in minutes"),
    (changed(written_at="2019-05-09T16:37:08+08:00:30"), "^written_at must have a UTC offset in minutes"),
    (changed(written_at="0001-01-01T23:59:59.999999+00:00"), "^written_at must be from 0001-01-02"),
    (changed(written_at="0001-01-01T00:00:00+18:00"), "^written_at must be from 0001-01-02"),
    (changed(written_at="9999-12-31T23:59:59-18:00"), "^written_at must be from 0001-01-02"),
    (changed(stored_at=None), "^stored_at is missing"),
    (changed(stored_at="2019-05-09"), "^stored_at must have its UTC offset"),
]


@pytest.mark.parametrize(("line", "complaint"), BAD_LINES)
def test_a_line_that_is_no_entry_is_refused_with_the_reason(line: str, complaint: str) -> None:
    with pytest.raises(InvalidImport, match=complaint) as error:
        parse_jsonl(line)
    assert len(str(error.value)) < 300


@given(stored_entries(), st.data())
def test_a_line_that_lost_its_end_is_never_an_entry(entry: StoredEntry, data: st.DataObject) -> None:
    line = jsonl_line(entry)
    with pytest.raises(InvalidImport):
        parse_jsonl(line[: data.draw(st.integers(0, len(line) - 2))])


# The text file


def read(content: str) -> list[TextBlock]:
    return list(TextBlocks(content.splitlines(keepends=True), _raise))


def _raise(error: InvalidImport) -> None:
    raise error


GOLDEN_TEXT = """\
2019/05/09 16:37:08
我是一个中文

2019/05/09 16:37:21
buy milk

and eggs:
  - six

"""
GOLDEN_BLOCKS = [
    TextBlock(1, datetime(2019, 5, 9, 16, 37, 8), "我是一个中文"),
    TextBlock(4, datetime(2019, 5, 9, 16, 37, 21), "buy milk\n\nand eggs:\n  - six"),
]


def test_golden_text_file() -> None:
    written = [(WRITTEN_AT, "我是一个中文"), (WRITTEN_AT + 13_999_999, "buy milk\n\nand eggs:\n  - six\n")]
    assert "".join(text_block(moment, 480, text) for moment, text in written) == GOLDEN_TEXT
    assert read(GOLDEN_TEXT) == GOLDEN_BLOCKS


@pytest.mark.parametrize(
    "content",
    [
        "\ufeff" + GOLDEN_TEXT,
        GOLDEN_TEXT.replace("\n", "\r\n"),
        GOLDEN_TEXT.replace("08\n", "08 \t\n"),
        GOLDEN_TEXT.rstrip(),
        GOLDEN_TEXT + "\n \n\n\u3000\n",
    ],
    ids=["byte order mark", "CRLF", "spaces after a time", "no end", "blank end"],
)
def test_what_other_programs_do_to_a_text_file_changes_nothing(content: str) -> None:
    assert read(content) == GOLDEN_BLOCKS


@given(st.lists(st.tuples(moments, offsets, texts.filter(lambda text: "\r\n" not in text)), max_size=5))
def test_what_is_written_as_text_comes_back_without_parts_of_seconds_and_blank_ends(
    entries: list[tuple[int, int, str]],
) -> None:
    content = "".join(text_block(*entry) for entry in entries)
    blocks = list(TextBlocks((f"{line}\n" for line in content.split("\n")), _raise))
    assert [block.written.isoformat() for block in blocks] == [iso_time(*entry[:2])[:19] for entry in entries]
    for block, (_, _, text) in zip(blocks, entries, strict=True):
        assert text.startswith(block.text)
        assert not text[len(block.text) :].strip()


@pytest.mark.parametrize("line", ["2019/13/45 16:37:08", "2019/05/09 24:00:00", "0000/01/01 00:00:00", " 2019/05/09 16:37:08"])
def test_a_line_that_is_no_time_is_text(line: str) -> None:
    assert read(f"2019/05/09 16:37:08\nmilk\n\n{line}\n\n") == [
        TextBlock(1, datetime(2019, 5, 9, 16, 37, 8), f"milk\n\n{line}")
    ]


def test_a_time_within_a_paragraph_is_text() -> None:
    (block,) = read("2019/05/09 16:37:08\nwe met at\n2019/05/09 16:37:21\nor so\n")
    assert block.text == "we met at\n2019/05/09 16:37:21\nor so"


def test_a_block_without_text_is_passed_over_and_counted() -> None:
    blocks = TextBlocks(
        ["2019/05/09 16:37:08\n", "\n", " \n", "2019/05/09 16:37:09\n", "milk\n", "\n", "2019/05/09 16:37:10"], _raise
    )
    assert [block.text for block in blocks] == ["milk"]
    assert (blocks.blank, blocks.bad) == (2, 0)


@pytest.mark.parametrize(
    ("content", "line"),
    [("milk\n", 1), ("\n \nmilk\n\n2019/05/09 16:37:08\neggs\n", 3), ("\ufeff2019/5/9 16:37:08\nmilk\n", 1)],
)
def test_text_before_the_first_time_is_refused_and_its_line_named(content: str, line: int) -> None:
    with pytest.raises(InvalidImport, match=f"^line {line}, .* is this a udpnote text file"):
        read(content)


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff", "2019/05/09 16:37:08"])
def test_a_file_without_text_has_no_entries(content: str) -> None:
    assert read(content) == []


def endless_block(told: list[int]) -> Iterator[str]:
    yield "2019/05/09 16:37:08\n"
    for _ in range(1100):
        yield "x" * 1023 + "\n"
        told[0] += 1024
    yield "\n"
    yield "2019/05/09 16:37:09\n"
    yield "milk\n"


def test_a_block_that_is_too_long_is_reported_and_the_others_go_on() -> None:
    errors: list[InvalidImport] = []
    told = [0]
    blocks = TextBlocks(endless_block(told), errors.append)
    assert [block.text for block in blocks] == ["milk"]
    assert (blocks.bad, told[0]) == (1, 1024 * 1100)
    assert str(errors[0]).startswith("the entry at line 1: the text has more than 1,048,576 bytes of UTF-8")


def test_of_a_block_that_is_too_long_no_more_is_kept_than_an_entry_holds() -> None:
    endless = chain(["2019/05/09 16:37:08\n"], ("x" * 65_535 + "\n" for _ in range(1024)))
    tracemalloc.start()
    try:
        assert list(TextBlocks(endless, lambda _: None)) == []
        assert tracemalloc.get_traced_memory()[1] < 8 * TEXT_BYTES_MAX
    finally:
        tracemalloc.stop()


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
        ("x\n" * (TEXT_BYTES_MAX // 2 - 1) + "y", True),
        ("milk" + "\n" * (TEXT_BYTES_MAX - 5) + "y", True),
        ("milk" + "\n" * TEXT_BYTES_MAX + "y", False),
        ("\n" * (TEXT_BYTES_MAX + 1) + "milk", False),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_block_is_kept_to_the_last_byte_that_an_entry_holds(text: str, is_kept: bool, newline: str) -> None:
    errors: list[InvalidImport] = []
    content = f"2019/05/09 16:37:08\n{text}\n\n\n".replace("\n", newline)
    blocks = [block.text for block in TextBlocks(content.splitlines(keepends=True), errors.append)]
    assert (blocks == [text], len(errors)) == (is_kept, 1 - is_kept)


def test_blank_lines_after_a_text_do_not_count_however_many_there_are() -> None:
    content = "2019/05/09 16:37:08\nmilk\n" + "\n" * 2 * TEXT_BYTES_MAX + "2019/05/09 16:37:09\neggs\n"
    assert [block.text for block in read(content)] == ["milk", "eggs"]


def test_a_line_may_come_in_pieces_as_readline_with_a_limit_gives_them() -> None:
    blocks = TextBlocks(
        ["2019/05/09 16:37:08\n", "mi", "lk \n", "  ", "eggs\n", " ", "\n", "2019/05/09 16:37:09\n", "x\n"], _raise
    )
    assert list(blocks) == [
        TextBlock(1, datetime(2019, 5, 9, 16, 37, 8), "milk \n  eggs"),
        TextBlock(5, datetime(2019, 5, 9, 16, 37, 9), "x"),
    ]
    cut = ["2019/05/09 16:37:08\n", "x" * LINE_CHARACTERS_MAX, "x\n"]
    with pytest.raises(InvalidImport, match="line 1: the text has"):
        list(TextBlocks(cut, _raise))


def test_a_block_that_is_not_utf8_is_reported_with_the_remedy() -> None:
    content = b"2019/05/09 16:37:08\n" + "中文\n".encode("gb18030")
    with pytest.raises(InvalidImport, match=r"^the entry at line 1: .*not valid UTF-8.*iconv"):
        read(content.decode(errors="surrogateescape"))


# Entries of a text file


def localize(written: datetime) -> tuple[int, int]:
    return (written - datetime(1970, 1, 1)) // timedelta(microseconds=1) - 480 * 60_000_000, 480


def entries_of(content: str) -> list[Entry]:
    return list(text_entries(read(content), "小明", localize))


def test_a_text_file_becomes_notes_of_the_given_author_with_identities_that_never_change() -> None:
    first, second = entries_of(GOLDEN_TEXT)
    assert first == Entry(TEXT_CLIENT_ID, 4299868729010892871, Kind.NOTE, WRITTEN_AT, 480, "小明", "我是一个中文")
    assert second == Entry(
        TEXT_CLIENT_ID, 1445112079216709397, Kind.NOTE, WRITTEN_AT + 13_000_000, 480, "小明", GOLDEN_BLOCKS[1].text
    )
    assert TEXT_CLIENT_ID.hex() == "9b6b67e632ed8dea573640e609c9cade"


SECOND = "2019/05/09 16:37:08\nmilk\n\n"
NEXT_SECOND = "2019/05/09 16:37:09\nmilk\n\n"


def test_a_second_import_or_a_file_that_holds_everything_twice_adds_nothing() -> None:
    assert entries_of(GOLDEN_TEXT) == entries_of(GOLDEN_TEXT)
    assert set(entries_of(2 * (SECOND + NEXT_SECOND))) == set(entries_of(SECOND + NEXT_SECOND))
    more = entries_of(SECOND + NEXT_SECOND + GOLDEN_TEXT)
    assert more[:2] == entries_of(SECOND + NEXT_SECOND)


def test_equal_texts_of_one_second_are_several_entries_whatever_is_between() -> None:
    entries = entries_of(SECOND + SECOND.replace("milk", "eggs") + SECOND + SECOND)
    assert len(entries) == len({entry.sequence for entry in entries}) == 4


@given(st.lists(st.tuples(st.datetimes(), texts), unique=True, max_size=20))
def test_every_sequence_is_one_that_a_notebook_stores(written: list[tuple[datetime, str]]) -> None:
    blocks = [TextBlock(1, moment.replace(microsecond=0), text) for moment, text in written]
    for entry in text_entries(blocks, "小明", lambda _: (0, 0)):
        assert 0 < entry.sequence <= SEQUENCE_MAX


# Which format it is


@pytest.mark.parametrize(
    ("line", "format_"),
    [
        (GOLDEN_LINES[0][1], Format.JSONL),
        (' {"a"\n', Format.JSONL),
        ('\ufeff{"number"', Format.JSONL),
        ("2019/05/09 16:37:08\n", Format.TEXT),
        ("\ufeff2019/05/09 16:37:08 \r\n", Format.TEXT),
    ],
)
def test_the_first_line_tells_the_format(line: str, format_: Format) -> None:
    assert detect(line) is format_


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"milk\n", "^'milk' begins neither JSON lines"),
        (b"", "^'' begins neither"),
        (b"2019/13/45 16:37:08", "begins neither"),
        (b"x" * 1000, "^'x{50}' begins neither"),
        (b"# Notes", "begins neither"),
        ("今日记录".encode("gb18030"), r"not valid UTF-8.*iconv -f GB18030 -t UTF-8"),
        ("今日记录".encode("utf-16"), "not valid UTF-8"),
    ],
)
def test_a_first_line_of_no_format_is_refused_with_what_can_be_done(line: bytes, complaint: str) -> None:
    with pytest.raises(InvalidImport, match=complaint):
        detect(line.decode(errors="surrogateescape"))
