"""The targets of fuzzing accept their saved inputs and some random ones."""

import pytest
from hypothesis import given, settings

from tests.fuzz.targets import INPUT_BYTES_MAX, INPUTS_MAX, TARGETS, check_envelope, check_message, corpus_file, inputs
from tests.support.golden import NOISE


@pytest.mark.parametrize("name", TARGETS)
def test_the_saved_inputs_break_no_target_and_are_few_and_different(name: str) -> None:
    for data in inputs(name):
        TARGETS[name].check(data)
    found = inputs(name)
    assert len(set(found)) == len(found) <= INPUTS_MAX + len(TARGETS[name].seeds)
    assert max(map(len, found)) <= INPUT_BYTES_MAX
    assert {path.stem for path in corpus_file(name).parent.iterdir()} <= set(TARGETS)


@given(NOISE)
@settings(max_examples=500)
def test_no_random_datagram_breaks_a_target(data: bytes) -> None:
    check_envelope(data)
    check_message(data[:-4])  # without its checksum
