"""The numbers of notes as people type them."""

import pytest

from tests.support.errors import raises
from udpnote.cli.options.number_ranges import is_one_number, parse_ranges, range_name, without_overlaps
from udpnote.errors import InvalidQuery
from udpnote.model.entry import SEQUENCE_MAX


def test_numbers_and_ranges_are_read_in_the_order_of_the_words_and_named_as_they_are_typed() -> None:
    parsed = parse_ranges(["＃７＊", "１－３", "#4 - #6*", "5-5", "10-"])
    assert parsed == [range(7, 8), range(1, 4), range(4, 7), range(5, 6), range(10, SEQUENCE_MAX + 1)]
    assert [range_name(each) for each in parsed if not is_one_number(each)] == ["1-3", "4-6", "10-"]


@pytest.mark.parametrize("word", ["1-x", "１－三", "-3", "1-2-3", "0-3", "1--3", "-"])
def test_a_word_that_is_no_range_is_refused(word: str) -> None:
    with raises(InvalidQuery, "not_a_range", text=word):
        parse_ranges([word])


@pytest.mark.parametrize(("word", "meant"), [("1,2", "1 2"), ("１，2-4；", "１ 2-4"), ("1、2", "1 2"), ("1,234", "1 234")])
def test_numbers_without_spaces_between_them_are_refused_with_what_was_meant(word: str, meant: str) -> None:
    with raises(InvalidQuery, "numbers_without_spaces", text=word, meant=meant):
        parse_ranges([word])


def test_a_range_that_goes_backwards_is_refused_with_the_one_that_was_meant() -> None:
    with raises(InvalidQuery, "range_reversed", text="#9-#3", meant="3-9"):
        parse_ranges(["#9-#3"])


def test_ranges_that_overlap_become_one() -> None:
    ranges = [range(8, 10), range(1, 6), range(3, 4), range(5, 7)]
    assert without_overlaps(ranges) == [range(1, 7), range(8, 10)]
