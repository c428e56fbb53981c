"""The sentences: each kind of error and notice has one, can be said with its values, and says which notebook is meant."""

import re

import pytest

from tests.support.source import RIDDLES
from tests.support.told import VARIANTS, faults, samples
from udpnote.errors import Notice
from udpnote.text.messages.sentences import SENTENCES, sentence_of

ALL_IS_CONVERTED = False
"""Whether every error and notice has a kind and values: `python -m tests.support.told` lists the ones that have not."""


@pytest.mark.skipif(not ALL_IS_CONVERTED, reason="some errors and notices are still sentences")
def test_each_kind_that_is_told_has_one_sentence_and_its_values_and_each_sentence_is_told() -> None:
    assert list(faults()) == []


def test_every_sentence_can_be_made_and_is_no_riddle() -> None:
    for kind, sentence in SENTENCES.items():
        for variant in range(VARIANTS):
            told = sentence_of(Notice(kind, **samples(sentence, variant)))
            assert told and not RIDDLES.search(told), f"{kind}: {told}"
            assert not told.endswith(".") and not re.search(r"[{}]|None|<", told), f"{kind}: {told}"
