"""Finds where the words of a search occur in a text, so that they can be highlighted.

Words are compared as in `search_terms`: after folding, which removes differences such as case and accents. Folding may change
the length of a text, so an index into the folded text is not an index into the original. Therefore this module folds the text
in the smallest pieces that can be folded separately, and records where each piece begins in both texts.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate
from typing import NamedTuple

from udpnote.text.search_terms import JOINING, fold, term_pattern, terms

_ONE_TO_ONE = "\x00-\x7f\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff"
"""Characters that folding replaces by exactly one character each: ASCII, kana and most Chinese characters."""

_PIECES = re.compile(f"[{_ONE_TO_ONE}]+(?![{JOINING}])|.[{JOINING}]*", re.DOTALL)


def occurrences(text: str, words: Iterable[str]) -> list[tuple[int, int]]:
    """The spans of `text` in which one of `words` occurs, as (start, end) in characters, in order.

    Spans that overlap or touch are merged.
    """
    folded_text = _fold_in_pieces(text)
    matches = list(term_pattern(folded_text.folded).finditer(folded_text.folded))
    found = [match[0] for match in matches]
    joined = _join(found)
    places = [0, *accumulate(len(term) + 1 for term in found)]
    spans = []
    for word_terms in (terms(word) for word in words):
        row = _join(word_terms)
        place = joined.find(row) if word_terms else -1
        while place >= 0:
            first = bisect_right(places, place) - 1
            last = first + len(word_terms) - 1
            spans.append((folded_text.start_of(matches[first].start()), folded_text.end_of(matches[last].end() - 1)))
            place = joined.find(row, place + 1)
    return _merge(spans)


def _join(found: Iterable[str]) -> str:
    """The terms as one string, with a space before, between and after them.

    So a search for one such string in another finds whole terms only.
    """
    return " ".join(["", *found, ""])


def _merge(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


class _FoldedText(NamedTuple):
    """A text that was folded in pieces.

    For each piece: its start in the folded text, its start in the original, and whether each of its characters became exactly
    one character of the folded text.
    """

    folded: str
    folded_starts: list[int]
    starts: list[int]
    are_one_to_one: list[bool]

    def start_of(self, place: int) -> int:
        """The index in the original at which the character at `place` in the folded text begins."""
        piece = bisect_right(self.folded_starts, place) - 1
        return self.starts[piece] + (place - self.folded_starts[piece] if self.are_one_to_one[piece] else 0)

    def end_of(self, place: int) -> int:
        """The index in the original at which the character at `place` in the folded text ends (exclusive)."""
        piece = bisect_right(self.folded_starts, place) - 1
        return self.start_of(place) + 1 if self.are_one_to_one[piece] else self.starts[piece + 1]


def _fold_in_pieces(text: str) -> _FoldedText:
    """Fold `text` in the smallest pieces that can be folded separately."""
    pieces: list[str] = _PIECES.findall(text)
    folded = [fold(piece) for piece in pieces]
    starts, folded_starts = ([0, *accumulate(map(len, each))] for each in (pieces, folded))
    are_one_to_one = [piece.isascii() or piece == new for piece, new in zip(pieces, folded, strict=True)]
    return _FoldedText("".join(folded), folded_starts, starts, are_one_to_one)
