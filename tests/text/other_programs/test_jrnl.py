"""Journals of jrnl: text and JSON give the same notes, and dates that are not understood are told."""

import pytest

from tests.support.errors import raises
from tests.support.other_programs import SAMPLES, Read, reader_of
from udpnote.errors import InvalidSetting
from udpnote.model.entry import TEXT_BYTES_MAX
from udpnote.text.other_programs.jrnl import SOURCE, check_date_format, is_jrnl_line, jrnl_text_notes
from udpnote.text.other_programs.json_records import record_notes

TEXT = (SAMPLES / "jrnl.txt").read_text()
JSON = (SAMPLES / "jrnl.json").read_text()


def read(text: str, date_format: str = "") -> Read:
    return Read(jrnl_text_notes, text.splitlines(keepends=True), date_format=date_format)


def test_text_and_json_of_a_journal_give_the_same_notes_with_times_tags_and_stars() -> None:
    text, json = read(TEXT), Read(record_notes, reader_of(JSON), SOURCE)
    assert text.times == json.times
    assert text.times == ["2026-03-07T22:41", *["2026-03-08T09:00"] * 3, "2026-10-25T02:30"]
    assert text.identities == json.identities and len(set(text.identities)) == 5
    assert text.texts[0].splitlines()[0] == "First frost is over." and text.texts[0].endswith("@garden\n\n#mei #garden")
    assert text.texts[1] == "今天去了图书馆。借了三本书 @读书\n\n#读书 #starred"
    assert json.texts[1] == "今天去了图书馆。\n借了三本书 @读书\n\n#读书 #starred"
    assert not text.bad and not json.bad and not text.amounts


def test_an_identity_depends_on_minute_and_text_and_a_repeated_journal_has_the_same_ones() -> None:
    assert read(TEXT + TEXT).identities[5:] == read(TEXT).identities
    one, changed, later = (
        read(text).identities[0] for text in ("[2026-01-02 3:04] a", "[2026-01-02 3:04] b", "[2026-01-02 3:05] a")
    )
    assert len({one, changed, later}) == 3
    assert read("[2026/01/02 03:04:59 AM] a\r\n").identities == [one]


def test_an_entry_at_a_time_that_no_note_can_have_is_bad_and_not_moved_to_another_time() -> None:
    text = "".join(f"[{date} 12:00] a\n" for date in ("0001-01-01", "0001-01-02", "9999-12-30", "9999-12-31"))
    found = read(text)
    assert found.times == ["0001-01-02T12:00", "9999-12-30T12:00"]
    assert found.places == [("bad_import_line", {"line": 1}), ("bad_import_line", {"line": 4})]
    assert all("0001-01-02" in str(error) for error in found.bad)


def test_other_orders_of_dates_need_their_format_and_lines_that_seem_dated_are_counted() -> None:
    german = "[09.06.2013 15:39] Eins\n[10.06.2013 15:40] Zwei\n"
    assert read(german, "%d.%m.%Y %H:%M").times == ["2013-06-09T15:39", "2013-06-10T15:40"]
    assert read(german).places == [("bad_import_line", {"line": 1}), ("bad_import_line", {"line": 2})]
    assert read(german, "%Y %Y").places == read(german).places  # a format that no date can have
    mixed = read("[2013-06-09 15:39] one\n[2019-07 14:23] two\n[a note] three\n[2013-02-30 10:00] four")
    assert (len(mixed.notes), mixed.amounts) == (1, {"dates_not_read": 2})
    assert (
        is_jrnl_line("\ufeff[2013-06-09 15:39] one") and not is_jrnl_line("[2013-06-09 15:39]") and not is_jrnl_line("- [x] a")
    )


@pytest.mark.parametrize(
    "date_format",
    ["", "%Y-%m-%d %H:%M", "%d.%m.%y", "%m/%d/%Y %I:%M %p", "%d %B %Y", "%c", "%Y %j", "%G-W%V-%u", "%d.%m.%Y%z %Z"],
)
def test_a_date_format_with_year_month_and_day_is_accepted(date_format: str) -> None:
    check_date_format(date_format)


@pytest.mark.parametrize(
    ("date_format", "missing"),
    [("%H:%M", ["%Y", "%m", "%d"]), ("%d.%m. %H:%M", ["%Y"]), ("%B %Y", ["%d"]), ("a date", ["%Y", "%m", "%d"])],
)
def test_a_date_format_without_a_whole_date_is_refused_with_what_is_missing(date_format: str, missing: list[str]) -> None:
    with raises(InvalidSetting, "date_format_incomplete", date_format=date_format, missing=missing):
        check_date_format(date_format)


@pytest.mark.parametrize("date_format", ["%Y %Y", "%Y-%m-%d %", "%Y-%m-%d %Q"])
def test_a_date_format_with_which_no_date_can_be_read_is_refused(date_format: str) -> None:
    with raises(InvalidSetting, "date_format_unknown", date_format=date_format):
        check_date_format(date_format)


def test_an_entry_that_is_too_long_is_named_and_the_others_are_read() -> None:
    found = read(f"[2026-01-02 03:04] a\n{'x' * TEXT_BYTES_MAX}\nrest\n[2026-01-02 03:05] b\n[2026-01-02 03:06] \n")
    assert (found.texts, found.places, found.amounts) == (["b"], [("bad_import_line", {"line": 1})], {"empty": 1})


def test_a_json_record_with_half_an_emoji_is_named_and_the_others_are_read() -> None:
    times = '"date": "2026-01-02", "time": "03:04"'
    found = Read(
        record_notes,
        reader_of(f'[{{"title": "a\\ud83d", "body": "", {times}}}, {{"title": "b", "body": "", {times}}}]'),
        SOURCE,
    )
    assert (found.texts, found.places) == (["b"], [("bad_import_record", {"position": 1})])


def test_json_records_without_a_time_are_named_by_their_position() -> None:
    records = '[{"title": "a", "body": "", "date": "2026-01-02", "time": "03:04"}, {"title": "b", "date": "soon"}, 7]'
    found = Read(record_notes, reader_of(records), SOURCE)
    assert (found.texts, found.places) == (
        ["a"],
        [("bad_import_record", {"position": 2}), ("bad_import_record", {"position": 3})],
    )
