"""The JSON that a browser gets: which outcome its entry has, and which part of a long note is sent.

The outcome is `stored` only if the notebook has exactly this entry.
"""

import tracemalloc

import pytest

from udpnote.model.entry import Entry, Kind, Status, StoredEntry, Verdict
from udpnote.page.json_objects import PART_CHARACTERS, TEXT_CHARACTERS_MAX, note_object, outcome_object

NOTE = Entry(b"a" * 16, 7, Kind.NOTE, 0, 0, "ada", "买牛奶")


@pytest.mark.parametrize(
    ("verdict", "state"),
    [
        (None, "later"),
        *((Verdict(status, 3), "stored") for status in (Status.STORED, Status.STORED_ALREADY)),
        *((Verdict(status, 0), "later") for status in (Status.NO_SPACE, Status.NOT_WRITABLE)),
        *((Verdict(status, 0), "refused") for status in (Status.REFUSED, Status.TOO_LARGE, Status.OLDER_COPY)),
        (Verdict(Status.CONFLICT, 0), "conflict"),
        (Verdict(Status.ERASED, 0), "erased"),
    ],
)
def test_only_a_verdict_of_the_notebook_makes_an_entry_stored(verdict: Verdict | None, state: str) -> None:
    outcome = outcome_object(NOTE, verdict)
    assert (outcome["sequence"], outcome["state"]) == (7, state)
    assert (outcome["number"] == 3) == (state == "stored") and (outcome["reason"] is None) == (state == "stored")


def found(text: str, words: list[str]) -> dict[str, object]:
    """The object of a note with this text that a search for `words` has found."""
    return note_object(StoredEntry(1, 0, NOTE._replace(text=text), 1), words)


@pytest.mark.parametrize(
    "place", [0, *(edge + each for edge in (4000, PART_CHARACTERS, 3 * PART_CHARACTERS) for each in (-9, -4, 0, 9))]
)
def test_the_part_of_a_long_text_begins_before_the_first_word_and_has_each_further_one(place: int) -> None:
    filler = "......" + "pineapple " * 10_000  # each part but the first begins in the middle of a word, before `apple`
    text = filler[:place] + " apple tart, apples; apple " + filler
    shown = found(text, ["apple"])
    start = 0 if place + 6 <= TEXT_CHARACTERS_MAX else place + 1 - 200
    beginning = "…" if start else ""
    assert shown["text"] == f"{beginning}{text[start : start + TEXT_CHARACTERS_MAX]}…"
    first = place + 1 - start + len(beginning)
    expected = [[first, first + 5], [first + 20, first + 25]]
    assert shown["highlights"] == [[at, min(end, TEXT_CHARACTERS_MAX)] for at, end in expected if at < TEXT_CHARACTERS_MAX]


def test_a_word_that_is_everywhere_in_a_long_text_takes_little_memory() -> None:
    text = "今天 a " * 200_000
    tracemalloc.start()
    try:
        assert found(text, ["a"])["is_cut"]
        assert tracemalloc.get_traced_memory()[1] < 10 * 2**20
    finally:
        tracemalloc.stop()
