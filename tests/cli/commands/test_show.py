"""`udpnote show`: whole notes, and their history."""

import json

from tests.support.machine import Machine, change, note
from udpnote.model.entry import Kind


def test_a_note_is_shown_whole_with_line_breaks_and_without_control_characters(machine: Machine) -> None:
    machine.keep(note(1, "Dear Bob,\r\n\n\thello\x1b[2J\nbye\u202e\n", author="eve\x07"))
    machine.serve()
    result = machine.run("show 1")
    assert result.out == "#1  2026-11-23 07:52:59 +08:00  eve␇\nDear Bob,\n\n\thello␛[2J\nbye\\u202e\n"
    assert machine.show("show 1").text == result.out.replace("\t", " " * 8).replace("\n", "\r\n")


def test_show_finds_a_note_by_any_of_its_numbers_and_prints_its_latest_version_once(machine: Machine) -> None:
    machine.keep(
        note(1, "buy milk", "2026-11-22T18:00:00-05:00"), change(Kind.REVISION, 2, "buy oat milk", 1), note(3, "third"),
        change(Kind.REVISION, 4, "fourth", 3), change(Kind.REVISION, 5, "fifth", 4),
    )  # fmt: skip
    machine.serve()
    assert machine.run("show", "#5", "1*", "2", "3").lines == [
        "#3  2026-11-23 07:52:59 +08:00  lin@desk  revised by #5 (amy@pi, 2026-11-23 09:00:00 +08:00)",
        "fifth",
        "",
        "#1  2026-11-22 18:00:00 -05:00  lin@desk  revised by #2 (amy@pi, 2026-11-23 09:00:00 +08:00)",
        "buy oat milk",
    ]
    [shown] = machine.json("show 4 --json")
    assert (shown["number"], shown["text"], shown["revised"]) == (3, "fifth", 5)


def test_a_note_that_was_stored_late_says_when(machine: Machine) -> None:
    for number, seconds, remark in ((1, 60, ""), (2, 61, "  stored 2026-11-23 07:54:00 +08:00")):
        machine.keep(note(number, "from the outbox"), stored_after=seconds)
        shown = machine.run(f"show {number} --file {machine.notebook}").lines[0]
        assert shown == f"#{number}  2026-11-23 07:52:59 +08:00  lin@desk{remark}"


def test_the_history_has_each_version_and_those_its_writer_had_not_seen(machine: Machine) -> None:
    machine.keep(
        note(1, "one"), change(Kind.REVISION, 2, "two", 1), change(Kind.REVISION, 3, "three\nlines", 1),
        change(Kind.DELETION, 4, "", 3), change(Kind.REVISION, 5, "five", 1),
        note(6, "other"), change(Kind.DELETION, 7, "", 6),
        note(8, "again and again"), *(change(Kind.REVISION, number, "x", 8) for number in range(9, 1018)),
    )  # fmt: skip
    machine.serve()
    assert machine.run("show 1 --history").lines == [
        "#1  2026-11-23 07:52:59 +08:00  lin@desk  written", "one", "",
        "#2  2026-11-23 09:00:00 +08:00  amy@pi  revised #1", "two", "",
        "#3  2026-11-23 09:00:00 +08:00  amy@pi  revised #1, did not see #2", "three", "lines", "",
        "#4  2026-11-23 09:00:00 +08:00  amy@pi  deleted #3", "",
        "#5  2026-11-23 09:00:00 +08:00  amy@pi  revised #1, did not see #2, #3, #4", "five",
    ]  # fmt: skip
    versions = machine.json("show 1 --history --json")
    assert [(v["number"], v["kind"], v["revises"], v["text"]) for v in versions] == [
        (1, "note", None, "one"), (2, "revision", 1, "two"), (3, "revision", 1, "three\nlines"), (4, "deletion", 3, ""),
        (5, "revision", 1, "five"),
    ]  # fmt: skip
    result = machine.run("show 6 1 9999")
    assert (result.code, result.lines[1:], result.err.count("\n")) == (1, ["five"], 2)
    facts = ("#6", "#7 (amy@pi, 2026-11-23 09:00:00 +08:00)", "`udpnote show 6 --history`", "#9999")
    assert [fact for fact in facts if fact not in result.err] == []
    assert machine.run("show 6 --history").lines[1] == "other"
    assert machine.run("show 8 --history").lines[-2].endswith("did not see #9, #10, #11, #12, #13 and 1,003 more")


def test_a_range_shows_its_notes_in_order_once_and_counts_the_other_numbers(machine: Machine) -> None:
    machine.keep(
        note(1, "one"), note(2, "two"), change(Kind.REVISION, 3, "more", 1), note(4, "四"), change(Kind.DELETION, 5, "", 2),
        note(6, "six"),
    )  # fmt: skip
    machine.serve()
    for typed, shown, skipped in (
        ("1-3", [1], "2 numbers in 1-3"), ("#4-", [4, 6], "1 number in 4-"), ("6 4-9 1-6", [6, 4, 1], "1 number in 4-9"),
        ("4-4", [4], ""), ("1-3 --history", [1, 3, 2, 5], "1 number in 1-3"),
    ):  # fmt: skip
        result = machine.run(f"show {typed} --json")
        assert (result.code, [json.loads(line)["number"] for line in result.lines]) == (0, shown), typed
        assert result.err.startswith(f"udpnote: {skipped}") if skipped else not result.err
    machine.refused("show 7-", facts=["7-", "`udpnote list`"])
    machine.refused("show 6-4", code=2, facts=["4-6"])
