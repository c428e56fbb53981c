"""Snippets: what is shown of a text where there is room for one line."""

import pytest
from wcwidth import wcswidth

from udpnote.cli.terminal.snippets import MATCH_STYLE, snippet

TEXTS = ["milk", "今天开会下午三点" * 9, "a b " * 90, "👍" * 50, "e\u0301" * 200, "\x1b" * 50, "one\ntwo\n\n", "\n\n x"]


def marked(text: str, words: list[str], cells: int = 40) -> tuple[str, list[str]]:
    """A snippet, and what is marked in it."""
    line = snippet(text, words, cells)
    return line.plain, [line.plain[span.start : span.end] for span in line.spans if span.style == MATCH_STYLE]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("cells", [1, 2, 3, 10, 41])
@pytest.mark.parametrize("words", [[], ["三点"], ["b"], ["two"], ["x"]])
def test_a_snippet_fits_its_cells_and_does_no_harm(text: str, cells: int, words: list[str]) -> None:
    line = snippet(text, words, cells).plain
    assert wcswidth(line) <= cells
    assert line.isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("milk", "milk"),
        ("milk\n", "milk"),
        ("\n  milk \nand more", "milk…"),
        ("x" * 41, "x" * 39 + "…"),
        ("x" * 40, "x" * 40),
        ("x" * 39 + "\nmore", "x" * 39 + "…"),
        ("x" * 40 + "\nmore", "x" * 39 + "…"),
        ("word " * 10, "word word word word word word word word…"),
        ("中" * 21, "中" * 19 + "…"),
        ("x" * 38 + " and more", "x" * 38 + "…"),
        ("tab\there\x07", "tab␉here␇"),
    ],
)
def test_the_beginning_is_shown_and_what_is_left_out_is_told(text: str, shown: str) -> None:
    assert snippet(text, [], 40).plain == shown


def test_all_matches_are_marked_in_their_own_writing() -> None:
    assert marked("MILK and oat milk, café", ["milk", "cafe"]) == ("MILK and oat milk, café", ["MILK", "milk", "café"])
    assert marked("今天开会", ["开会"]) == ("今天开会", ["开会"])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("before " * 20 + "milk" + " after" * 20, "…fore before milk after after after aft…"),
        ("前" * 50 + "milk" + "后" * 50, "…" + "前" * 6 + "milk" + "后" * 11 + "…"),
        ("one\ntwo milk\nthree", "one two milk three"),
        ("first line\n" + "x" * 50 + "\nmilk", "…" + "x" * 11 + " milk"),
        ("x" * 100 + " milk", "…" + "x" * 11 + " milk"),
    ],
)
def test_a_match_that_is_not_at_the_beginning_is_shown_with_what_is_around_it(text: str, shown: str) -> None:
    assert marked(text, ["milk"]) == (shown, ["milk"])


def test_a_match_that_just_fits_at_the_beginning_is_shown_there() -> None:
    assert marked("x" * 30 + " milk and more and more", ["milk"]) == ("x" * 30 + " milk and…", ["milk"])


@pytest.mark.parametrize("before", ["\u202e" * 30, "\u0301" * 1000])
def test_a_match_behind_characters_that_are_wider_or_narrower_than_they_look_is_shown_all_the_same(before: str) -> None:
    line, matches = marked(f"{before} milk", ["milk"])
    assert matches == ["milk"]
    assert "milk" in line
