"""JSON lines: an exported entry comes back, to the byte, and a line that is no entry is refused with the reason."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.errors import raises
from tests.support.golden import CLIENT_ID, WRITTEN_AT
from tests.support.texts import authors, moments, offsets, texts
from udpnote.errors import InvalidImport
from udpnote.model.entry import SEQUENCE_MAX, TEXT_BYTES_MAX, WRITTEN_AT_MAX, WRITTEN_AT_MIN, Entry, Kind, StoredEntry
from udpnote.text.jsonl import iso_time, jsonl_line, parse_jsonl

TIMES = '"written_at": "2019-05-09T16:37:08.000000+08:00", "stored_at": "2019-05-09T08:37:08.000123+00:00"'
WRITER = '"author": "小明", "client": "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf", "sequence": 7'


def stored(number: int, kind: Kind, text: str, revises: int = 0) -> StoredEntry:
    return StoredEntry(number, WRITTEN_AT + 123, Entry(CLIENT_ID, 7, kind, WRITTEN_AT, 480, "小明", text, revises), number)


def changed(**fields: object) -> str:
    """The line of a note with other `fields`; None removes one."""
    note = json.loads(jsonl_line(stored(42, Kind.NOTE, "milk"))) | fields
    return json.dumps({key: value for key, value in note.items() if value is not None})


@st.composite
def stored_entries(draw: st.DrawFn) -> StoredEntry:
    number, kind = draw(st.integers(2, SEQUENCE_MAX)), draw(st.sampled_from((Kind.NOTE, Kind.REVISION, Kind.DELETION)))
    text = "" if kind is Kind.DELETION else draw(texts)
    revises = 0 if kind is Kind.NOTE else draw(st.integers(1, number - 1))
    client_id, sequence = draw(st.binary(min_size=16, max_size=16)), draw(st.integers(1, SEQUENCE_MAX))
    entry = Entry(client_id, sequence, kind, draw(moments), draw(offsets), draw(authors), text, revises)
    return StoredEntry(number, draw(moments), entry, number)


@given(moments, offsets)
@example(-1, 0)
@example(WRITTEN_AT_MIN, -18 * 60)
@example(WRITTEN_AT_MAX, 18 * 60)
def test_iso_time_agrees_with_the_calendar_for_every_time_and_offset(written_at: int, utc_offset: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=written_at)
    local = moment.astimezone(timezone(timedelta(minutes=utc_offset)))
    assert iso_time(written_at, utc_offset) == local.isoformat(timespec="microseconds")


def test_golden_json_lines_come_back_also_if_another_program_wrote_them() -> None:
    nasty = '"a\\\n\t\x00\x1b\x7f\u2028'
    written = r"\"a\\\n\t\u0000\u001b\u007f\u2028"
    for entry, beginning in (
        (stored(42, Kind.NOTE, "我是一个中文"), '{"number": 42, "kind": "note", "text": "我是一个中文"'),
        (stored(43, Kind.REVISION, nasty, 42), f'{{"number": 43, "kind": "revision", "revises": 42, "text": "{written}"'),
        (stored(43, Kind.NOTE, 'a "b" \\c'), r'{"number": 43, "kind": "note", "text": "a \"b\" \\c"'),
        (stored(43, Kind.NOTE, "a\x7fb"), r'{"number": 43, "kind": "note", "text": "a\u007fb"'),
        (stored(44, Kind.DELETION, "", 43), '{"number": 44, "kind": "deletion", "revises": 43, "text": ""'),
    ):
        line = f"{beginning}, {TIMES}, {WRITER}}}\n"
        assert (jsonl_line(entry), parse_jsonl(line)) == (line, entry)
    backwards = dict(reversed(json.loads(changed(mood=["good"], tags={})).items()))
    for line in (json.dumps(backwards), "\ufeff" + changed() + "\r\n"):
        assert parse_jsonl(line) == stored(42, Kind.NOTE, "milk")
    for time in ("2019-05-09T08:37:08Z", "2019-05-09 16:37:08+08:00", "2019-05-09T16:37:08.0+0800", "20190509T083708+00"):
        assert parse_jsonl(changed(written_at=time)).entry.written_at == WRITTEN_AT


@given(stored_entries(), st.data())
def test_every_entry_comes_back_from_its_line_and_from_no_shorter_one(entry: StoredEntry, data: st.DataObject) -> None:
    line = jsonl_line(entry)
    assert line.index("\n") == len(line) - 1
    assert parse_jsonl(line) == entry
    with pytest.raises(InvalidImport):
        parse_jsonl(line[: data.draw(st.integers(0, len(line) - 2))])


REQUIRED = ("number", "kind", "text", "author", "client", "sequence", "written_at", "stored_at")
OTHER_YEARS = "0001-01-01T23:59:59.999999+00:00", "0001-01-01T00:00:00+18:00", "9999-12-31T23:59:59-18:00"
OFFSETS = "+18:01", "-18:01", "+08:00:30"
BAD_LINES: list[tuple[str, list[str]]] = [
    ("not_json", ["", "milk", '{"number": 42']), ("json_not_of_an_export", ["[" * 100_000, '{"number": ' + "9" * 5000 + "}"]),
    ("json_not_an_object", ["[]", "null"]),
    ("field_missing", [*(changed(**{key: None}) for key in REQUIRED), changed(kind="revision")]),
    ("field_out_of_range", [changed(number=number) for number in (0, SEQUENCE_MAX + 1)]),
    ("field_out_of_range", [changed(sequence=0), changed(sequence=-1), changed(kind="revision", revises=0)]),
    ("field_not_whole_number", [changed(number=number) for number in (True, 42.0, "42")]),
    ("field_not_text", [changed(kind=1), changed(text=["milk"]), changed(written_at=1557391028)]),
    ("kind_invalid", [changed(kind="reply")]), ("revises_not_before", [changed(kind="revision", revises=42)]),
    ("deletion_with_text", [changed(kind="deletion", revises=41)]), ("note_with_revises", [changed(revises=41)]),
    ("text_invalid", [changed(text=text) for text in (" \n", "\ud800", "x" * (TEXT_BYTES_MAX + 1))]),
    ("author_invalid", [changed(author=author) for author in ("", "x" * 129, "\udcff")]),
    ("client_invalid", [changed(client=client) for client in ("c0" * 15, "c0" * 17, "c0 " * 16, "x" * 32)]),
    ("field_not_time", [changed(written_at=time) for time in ("yesterday", "2019-02-29T16:37:08+08:00")]),
    ("time_without_utc_offset", [changed(written_at="2019-05-09T16:37:08"), changed(stored_at="2019-05-09")]),
    ("utc_offset_invalid", [changed(written_at=f"2019-05-09T16:37:08{offset}") for offset in OFFSETS]),
    ("time_out_of_range", [changed(written_at=time) for time in OTHER_YEARS]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "lines"), BAD_LINES)
def test_a_line_that_is_no_entry_is_refused_with_the_reason(kind: str, lines: list[str]) -> None:
    for line in lines:
        with raises(InvalidImport, kind) as error:
            parse_jsonl(line)
        assert len(str(error.value)) < 300
