"""Entries as text for a terminal: without control characters, in the right time zone, and no wider than their cells."""

import json

import pytest
from wcwidth import wcswidth

from udpnote.cli.terminal.streams import say
from udpnote.cli.terminal.text import (
    MATCH_STYLE,
    count,
    fitted,
    in_json,
    line_for_reader,
    line_for_writer,
    padded,
    shortened,
    snippet,
)
from udpnote.model.entry import Entry, Kind
from udpnote.text.harmless import harmless

WRITTEN_AT = 1_557_419_828_000_123
TEXTS = ["milk", "今天开会下午三点" * 9, "a b " * 90, "👍" * 50, "e\u0301" * 200, "\x1b" * 50, "one\ntwo\n\n", "\n\n x"]


@pytest.mark.usefixtures("use_zone")
def test_lines_have_number_change_local_time_author_and_text() -> None:
    for kind, revises, text, head, shown in (
        (Kind.NOTE, 0, "今天\n开会", "#7", "  今天␊开会"), (Kind.REVISION, 3, "buy oats", "#7 revises #3", "  buy oats"),
        (Kind.DELETION, 3, "", "#7 deletes #3", ""),
    ):  # fmt: skip
        entry = Entry(b"c" * 16, 1, kind, WRITTEN_AT, 480, "amy\x07", text, revises)
        assert line_for_writer(7, entry) == f"{head}  2019-05-10 00:37:08{shown}"
        assert line_for_reader(7, entry, 0) == f"2019-05-10 00:37:08  {head}  amy␇{shown}"
        assert line_for_reader(7, entry, revises) == line_for_reader(7, entry, 0)
        assert line_for_reader(7, entry, 1)[21:].startswith(f"{head} of note #1  " if revises else f"{head}  ")


@pytest.mark.parametrize("width", [None, 200, 80, 45, 20])
def test_a_row_has_all_of_its_cells_on_lines_of_the_given_width(width: int | None) -> None:
    cells = [padded("厨房🎉", 10), "127.0.0.1:6683", f"{12:>9}", f"{'open':<8}", "0d0f7fb40878"]
    lines = fitted(cells, width)
    assert " ".join(lines).split() == " ".join(cells).split()
    assert all(wcswidth(line.rstrip()) <= (width or 200) for line in lines)
    assert len(lines) == {None: 1, 200: 1, 80: 1, 45: 2, 20: 4}[width]


def test_a_count_has_the_right_plural() -> None:
    assert [count(number, "entry", "entries") for number in (0, 1, 1234)] == ["0 entries", "1 entry", "1,234 entries"]


def test_a_message_is_harmless_even_with_a_name_from_the_network_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    say("the notebook there is \x1b[31mevil\u202e")
    assert capsys.readouterr().err == "udpnote: the notebook there is ␛[31mevil\\u202e\n"


def test_json_is_complete_and_harmless() -> None:
    for text in ("今天 Café", "\x00\x1b[31m\x7f\x9b31m", "\u202eabc\u2066", "\u2028\ud800", '"\\"'):
        line = in_json({"text": text})
        assert (json.loads(line), line.isprintable()) == ({"text": text}, True)


@pytest.mark.parametrize("cells", [1, 2, 3, 5, 10, 11, 34, 41])
def test_shortened_text_padded_text_and_a_snippet_fit_their_cells_and_are_harmless(cells: int) -> None:
    for text in TEXTS:
        short = shortened(text, cells)
        assert wcswidth(short) <= cells
        assert wcswidth(padded(short, cells)) == cells
        assert (short == harmless(text)) == (wcswidth(harmless(text)) <= cells)
        assert short.endswith("…") or short == harmless(text)
        for words in ([], ["三点"], ["b"], ["two"], ["x"]):
            line = snippet(text, words, cells).plain
            assert (wcswidth(line) <= cells, line.isprintable()) == (True, True)


def marked(text: str, words: list[str], cells: int = 40) -> tuple[str, list[str]]:
    """A snippet, and what is marked in it."""
    line = snippet(text, words, cells)
    return line.plain, [line.plain[span.start : span.end] for span in line.spans if span.style == MATCH_STYLE]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("milk", "milk"), ("milk\n", "milk"), ("\n  milk \nand more", "milk…"), ("x" * 41, "x" * 39 + "…"),
        ("x" * 40, "x" * 40),
        ("x" * 39 + "\nmore", "x" * 39 + "…"), ("x" * 40 + "\nmore", "x" * 39 + "…"), ("中" * 21, "中" * 19 + "…"),
        ("word " * 10, "word word word word word word word word…"), ("x" * 38 + " and more", "x" * 38 + "…"),
        ("tab\there\x07", "tab␉here␇"),
    ],
)  # fmt: skip
def test_the_first_line_is_shown_with_a_sign_for_what_is_left_out(text: str, shown: str) -> None:
    assert snippet(text, [], 40).plain == shown


def test_all_matches_are_marked_as_they_are_written() -> None:
    assert marked("MILK and oat milk, café", ["milk", "cafe"]) == ("MILK and oat milk, café", ["MILK", "milk", "café"])
    assert marked("今天开会", ["开会"]) == ("今天开会", ["开会"])
    for before in ("\u202e" * 30, "\u0301" * 1000):  # which take more cells, or fewer, than one each
        line, matches = marked(f"{before} milk", ["milk"])
        assert (matches, "milk" in line) == (["milk"], True)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("before " * 20 + "milk" + " after" * 20, "…fore before milk after after after aft…"),
        ("前" * 50 + "milk" + "后" * 50, "…" + "前" * 6 + "milk" + "后" * 11 + "…"),
        ("one\ntwo milk\nthree", "one two milk three"),
        ("first line\n" + "x" * 50 + "\nmilk", "…" + "x" * 11 + " milk"),
        ("x" * 100 + " milk", "…" + "x" * 11 + " milk"),
        ("x" * 30 + " milk and more and more", "x" * 30 + " milk and…"),
    ],
)
def test_a_match_is_shown_at_the_beginning_if_it_fits_there_or_else_with_the_text_around_it(text: str, shown: str) -> None:
    assert marked(text, ["milk"]) == (shown, ["milk"])
