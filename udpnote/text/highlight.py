"""Where the words of a search occur in a text, for highlighting them.

Words are compared as in `search_terms`: in the folded text. But characters have other places in the folded text than in the
original. So this module folds the text in the smallest pieces that do not influence each other, and knows for each piece where
it is in both texts.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate
from typing import NamedTuple

from udpnote.text.search_terms import JOINING, fold, term_pattern, terms

_ONE_TO_ONE = "\x00-\x7f\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff"
"""Characters that folding leaves in their places: ASCII, kana and most of Han."""

_PIECES = re.compile(f"[{_ONE_TO_ONE}]+(?![{JOINING}])|.[{JOINING}]*", re.DOTALL)


def occurrences(text: str, words: Iterable[str]) -> list[tuple[int, int]]:
    """Where `words` are in `text`: (start, end) in characters, in order; spans that overlap or touch are merged."""
    folded_text = _fold_in_pieces(text)
    matches = list(term_pattern(folded_text.folded).finditer(folded_text.folded))
    found = [match[0] for match in matches]
    joined = _join(found)
    places = [0, *accumulate(len(term) + 1 for term in found)]
    spans = []
    for wanted in (terms(word) for word in words):
        row = _join(wanted)
        place = joined.find(row) if wanted else -1
        while place >= 0:
            first = bisect_right(places, place) - 1
            last = first + len(wanted) - 1
            spans.append((folded_text.start_of(matches[first].start()), folded_text.end_of(matches[last].end() - 1)))
            place = joined.find(row, place + 1)
    return _merge(spans)


def _join(found: Iterable[str]) -> str:
    """Terms in a row with a space around each, so that one row contains another only where terms begin and end."""
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
    """A text folded in pieces: where each begins, folded and in the original, and whether its characters kept their places."""

    folded: str
    folded_starts: list[int]
    starts: list[int]
    are_one_to_one: list[bool]

    def start_of(self, place: int) -> int:
        """Where in the original the folded character at `place` begins."""
        piece = bisect_right(self.folded_starts, place) - 1
        return self.starts[piece] + (place - self.folded_starts[piece] if self.are_one_to_one[piece] else 0)

    def end_of(self, place: int) -> int:
        """Where in the original the folded character at `place` ends."""
        piece = bisect_right(self.folded_starts, place) - 1
        return self.start_of(place) + 1 if self.are_one_to_one[piece] else self.starts[piece + 1]


def _fold_in_pieces(text: str) -> _FoldedText:
    """Fold `text` in the smallest pieces that do not influence each other."""
    pieces: list[str] = _PIECES.findall(text)
    folded = [fold(piece) for piece in pieces]
    starts, folded_starts = ([0, *accumulate(map(len, each))] for each in (pieces, folded))
    are_one_to_one = [piece.isascii() or piece == new for piece, new in zip(pieces, folded, strict=True)]
    return _FoldedText("".join(folded), folded_starts, starts, are_one_to_one)
