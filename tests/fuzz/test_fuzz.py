"""What fuzzing has found once is tried with every run of the tests; and the fuzzer of our own finds what there is to find."""

from itertools import islice
from random import Random

import pytest

from tests.fuzz import corpus
from tests.fuzz.mutation import Broken, fuzz
from tests.fuzz.targets import INPUT_BYTES_MAX, TARGETS, check_message
from tests.support.golden import GOLDEN
from udpnote.protocol.codec import encode

SEED = 6683


@pytest.mark.parametrize("name", TARGETS)
def test_no_saved_input_breaks_its_target(name: str) -> None:
    for data in corpus.inputs(name):
        TARGETS[name].check(data)


@pytest.mark.parametrize("name", TARGETS)
def test_a_saved_corpus_is_small_and_holds_nothing_twice(name: str) -> None:
    inputs = corpus.inputs(name)
    assert len(set(inputs)) == len(inputs)
    assert len(corpus.saved(name)) <= corpus.INPUTS_MAX
    assert max(map(len, inputs)) <= INPUT_BYTES_MAX


def test_there_is_no_corpus_of_an_unknown_target() -> None:
    assert {path.name for path in corpus.FOLDER.iterdir()} <= {corpus.path_of(name).name for name in TARGETS}


def test_the_fuzzer_finds_what_a_few_changes_break_and_names_the_input() -> None:
    def check(data: bytes) -> None:
        assert data.count(b"\xff") < 3

    with pytest.raises(Broken) as caught:
        for _ in islice(fuzz(check, [b"seed"], Random(SEED)), 10_000):
            pass
    assert caught.value.data.count(b"\xff") >= 3


def test_an_input_that_takes_a_new_way_through_the_protocol_is_built_upon() -> None:
    found = [data for data in islice(fuzz(check_message, [b"UN"], Random(SEED)), 5_000) if data is not None]
    headers = {encode(message)[:4] for message, _ in GOLDEN.values()}
    assert {data[:4] for data in found} & headers, "two more bytes that chance alone hits too seldom"
