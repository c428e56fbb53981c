"""Decides without the search index whether a text contains the words of a search. Also makes texts in many scripts."""

from collections.abc import Iterable
from functools import lru_cache

from hypothesis import strategies as st

from udpnote.text.search_terms import terms

PIECES = "今 日 会 が か\u3099 ｶﾞ 한 \u1112\u1161\u11ab ㅎㅏ ไ a É e\u0301 ﬁ ß ① İ ½ हि न्दी ㍿ ， - _ # \u200d \ufe0f ab 7"
pieces = st.sampled_from([*PIECES.split(" "), " ", "\n"])
mixed = st.lists(pieces, max_size=12).map("".join) | st.text(st.characters(exclude_categories=["Cs"]))


def is_match(text: str, words: Iterable[str]) -> bool:
    """Whether `text` has each of `words`: all terms of the word, one after the other. The words must have no signs.

    Terms and signs are those of `udpnote.text.search_terms` and `udpnote.text.word_match`.
    """
    joined = _joined_terms(text)
    return all(_joined_terms(word) in joined for word in words)


@lru_cache(maxsize=4096)
def _joined_terms(text: str) -> str:
    """Return the terms of `text`, with spaces around each. The cache helps because tests ask about the same texts often."""
    return " ".join(["", *terms(text), ""])
