"""Finds where the words of a search occur in a text, so that they can be highlighted.

Words are compared as in `word_match`: after folding, which removes differences such as case and accents. Folding may change the
length of a text, so an index into the folded text is not an index into the original. Therefore this module folds the text in
pieces that can be folded separately, and records where each piece begins in both texts.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from udpnote.text.search_terms import JOINING, fold, tag_term_places
from udpnote.text.word_match import FoldedTerms, Word, parse_word

_ONE_TO_ONE = "\x00-\x7f\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff"
"""The characters that folding turns into exactly one character each: ASCII, kana and most Chinese characters.

They have the form of the inside of a regular expression's character class.
"""

_PIECES = re.compile(f"([{_ONE_TO_ONE}]+(?![{JOINING}]))|.[{JOINING}]*", re.DOTALL)
"""A pattern for a piece of a text. It has a group 1 if folding turns each character of the piece into exactly one character."""


def occurrences(text: str, words: Iterable[str]) -> list[tuple[int, int]]:
    """Return the places in `text` where `words` occur: (start, end) of each, in order, in characters; `end` is exclusive.

    Each element of `words` is a word, a phrase or a tag, compared as `word_match` describes. An element without a letter, digit
    or symbol is ignored. For the tag `#work`, the whole of a nested tag such as `#work/home` is a place. Places that overlap or
    touch are merged.
    """
    parsed = [word for word in map(parse_word, words) if word.terms]
    spans = list(_tag_occurrences(text, [word for word in parsed if word.tag]))
    if in_text := [word for word in parsed if not word.tag]:
        folded_text = _fold_in_pieces(text)
        found = FoldedTerms(folded_text.folded)
        places = (place for word in in_text for place in found.places(word))
        spans += [(folded_text.start_of(start), folded_text.end_of(end - 1)) for start, end in places]
    return _merge(spans)


def _tag_occurrences(text: str, words: Sequence[Word]) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of each tag in `text` that one of `words` stands for: from its `#` to its end, which is exclusive."""
    for tags, start, end in tag_term_places(text) if words else ():
        if any(word.is_among(tags) for word in words):
            yield start, end


def _merge(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sort `spans`, each (start, end), and merge spans that overlap or touch."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


class _FoldedText(NamedTuple):
    """A text that was folded in pieces. `folded` is the folded text. Each of the three lists has an item for each piece, in
    order.

    `folded_starts` has the index in `folded` at which the piece begins, `starts` the index in the original text. These two
    lists end with one more item, the length of their text. `are_one_to_one` says whether each character of the piece became
    exactly one character of `folded`.
    """

    folded: str
    folded_starts: list[int]
    starts: list[int]
    are_one_to_one: list[bool]

    def start_of(self, place: int) -> int:
        """The index in the original text of the character from which the character `folded[place]` was made.

        If the piece is not one-to-one (see `are_one_to_one`), that is unknown, and the result is where the piece begins.
        """
        piece = bisect_right(self.folded_starts, place) - 1
        return self.starts[piece] + (place - self.folded_starts[piece] if self.are_one_to_one[piece] else 0)

    def end_of(self, place: int) -> int:
        """The index in the original text just after the character from which the character `folded[place]` was made.

        If the piece is not one-to-one (see `are_one_to_one`), that is unknown, and the result is where the piece ends.
        """
        piece = bisect_right(self.folded_starts, place) - 1
        return self.start_of(place) + 1 if self.are_one_to_one[piece] else self.starts[piece + 1]


def _fold_in_pieces(text: str) -> _FoldedText:
    """Fold `text` in pieces.

    A piece is one character with the characters that join it (`JOINING`), such as accents. But a sequence of characters that
    each fold to exactly one character (`_ONE_TO_ONE`), such as ASCII, is a single piece.
    """
    pieces = list(_PIECES.finditer(text))
    folded = [fold(piece[0]) for piece in pieces]
    folded_starts = [0, *accumulate(map(len, folded))]
    starts = [0, *(piece.end() for piece in pieces)]
    return _FoldedText("".join(folded), folded_starts, starts, [piece[1] is not None for piece in pieces])
