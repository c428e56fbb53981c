"""The sentences: each kind of error and notice has one, can be said with its values, and says which notebook is meant."""

import re

from tests.support.source import RIDDLES
from tests.support.told import VARIANTS, faults, samples
from udpnote.errors import Notice
from udpnote.text.messages.sentences import SENTENCES, sentence_of


def test_each_kind_that_is_told_has_one_sentence_and_its_values_and_each_sentence_is_told() -> None:
    assert list(faults()) == []


def test_every_sentence_can_be_made_and_is_no_riddle() -> None:
    for kind, sentence in SENTENCES.items():
        for variant in range(VARIANTS):
            told = sentence_of(Notice(kind, **samples(sentence, variant)))
            assert told and not RIDDLES.search(told), f"{kind}: {told}"
            assert not told.endswith(".") and not re.search(r"[{}]|None|<", told), f"{kind}: {told}"


def test_a_sentence_has_the_values_and_a_kind_without_a_sentence_stands_for_itself() -> None:
    dropped = Notice("datagrams_dropped", counts={"corrupted": 1, "foreign": 1200})
    assert str(dropped) == "1,201 datagrams dropped in the last minute: 1,200 foreign, 1 corrupted"
    assert str(Notice("entries_wait", entries=1, name="家里")).startswith("1 entry waits for 家里: ")
    assert str(Notice("entries_wait", entries=2, name="家里")).startswith("2 entries wait for 家里: ")
    assert str(Notice("no_such_kind", number=1)) == "no_such_kind"
