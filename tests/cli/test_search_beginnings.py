"""A search that finds nothing takes words that no note has as beginnings, through a server and in a file, and says so."""

import json
import re

import pytest

from tests.support.machine import Machine, note

NOTES = ["oat milk and tea #drinks", "milkshake", "今天会议", "tea or coffee"]


BEGINNINGS: list[tuple[str, list[int], str | None]] = [
    ("mil", [1, 2], "mil"), ("mil tea", [1], "mil"), ("mil cof OR te", [1], "mil, cof, te"), ("'oat mil'", [1], '"oat mil"'),
    ("#dri -shake", [1], "#dri"), ("mil -milkshake", [1], "mil"), ("会议 mil", [], "mil"), ("milk mil", [1], "mil"),
    ("nosuch 会", [], "nosuch"), ("tea -coffee -milk", [], ""), ("会 →", [], ""), ("C+ 'mil*' cof", [], "cof"),
    ("mi OR tea", [1, 4], None), ("a1 a2 a3 a4 a5* a6 a7 a8", [], "a1, a2, a3, a4, a6"),
]  # fmt: skip
"""Words, the notes that they find, and the words that are named as beginnings: empty if nothing is found, None if none is."""


@pytest.mark.parametrize("is_served", [True, False])
def test_words_that_find_nothing_are_tried_as_beginnings(machine: Machine, is_served: bool) -> None:
    machine.keep(*(note(number, text) for number, text in enumerate(NOTES, 1)))
    if is_served:
        machine.serve()
    for words, found, tried in BEGINNINGS:
        result = machine.run(f"search --json {'' if is_served else f'--file {machine.notebook}'} {words}")
        assert (words, result.code, [json.loads(line)["number"] for line in result.lines]) == (words, 0, found)
        if tried is None:
            assert result.err == ""
        elif tried:
            facts = (f"nothing is found for {tried}" in result.err, "these notes" in result.err)
            assert facts == (True, bool(found)), (words, result.err)
        else:
            assert "nothing found" in result.err, words


def test_signs_in_a_phrase_that_finds_nothing_are_named(machine: Machine) -> None:
    machine.keep(note(1, "milk or tea"))
    for words, is_named in (("'milk OR nosuch'", True), ("'milk -tea'", True), ("'milk OR'", False), ("'a-b' -c", False)):
        told = machine.run(f"search --file {machine.notebook} {words}").err
        assert ("write them outside the quotation marks" in told) == is_named, told


def test_what_was_tried_is_highlighted_and_options_stand_before_the_words(machine: Machine) -> None:
    machine.keep(note(1, "Oat MILK #a/b"), note(2, "-n C++"))
    for words, marked in (("mil '#a'", ["MILK", "#a/b"]), ("oa -sugar", ["Oat"]), ("c++ OR '#a'", ["#a/b", "C"])):
        raw = machine.show(f"search --file {machine.notebook} {words}").raw
        assert re.findall(r"\x1b\[1;(?:\d+;)?7m(.*?)\x1b\[0m", raw) == marked
    for words in ("milk --json", "milk -n 5", "-milk oat", "-- -milk", "OR", "milk OR -oat", "x " * 1000):
        machine.refused(f"search {words}", code=2)
    assert len(machine.json(f"search --json --file {machine.notebook} -- -milk -n '\"c++\"'")) == 0
    assert len(machine.json(f"search --json --file {machine.notebook} -- '\"-n\" c++' -milk")) == 1
