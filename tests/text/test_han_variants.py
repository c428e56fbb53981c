"""Simplified and traditional characters count as the same, by a table from OpenCC."""

import sys
import unicodedata

import pytest

from tests.han_table import TABLE, han_table
from udpnote.text.han_variants import HAN_VERSION, one_form
from udpnote.text.search_terms import RULES_VERSION, fold


def test_the_table_is_what_the_dictionaries_give() -> None:
    assert TABLE.read_text("utf-8") == han_table(), "run `python -m tests.han_table`"
    assert HAN_VERSION in RULES_VERSION, "an index of another table is built again"


@pytest.mark.parametrize(
    "same", ["干乾幹", "后後", "发發髮", "钟鐘鍾", "台臺颱檯", "面麵麪", "里裡裏", "着著", "会會", "线線綫", "𧩙䜥"]
)
def test_each_character_is_found_by_each_of_its_forms_and_by_no_other(same: str) -> None:
    assert len({one_form(each) for each in same}) == 1
    assert len({one_form(each) for each in "人大天干后发钟台面里着会线"}) == 13
    assert one_form("说漢語 Voilà 日本語") == "说汉语 Voilà 日本语"


def test_no_character_becomes_longer_and_folding_twice_changes_nothing_more() -> None:
    every = [chr(place) for place in range(sys.maxunicode + 1) if not 0xD800 <= place <= 0xDFFF]
    text = "".join(every)
    assert len(one_form(text)) == len(text)
    for character in (each for each in every if one_form(each) != each):
        form = one_form(character)
        assert fold(form) == form == one_form(form) == unicodedata.normalize("NFKD", form)
