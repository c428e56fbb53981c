"""Finds the words and phrases of a search in a text, exactly as a search compares them.

The search index has only terms, that is, words without punctuation (see `search_terms`). For `milk` or `oat milk`, the index
alone gives the right notes. But to the index, `C++` is `c`. So for a word with signs, a search also compares each note that the
index finds, by `contains`. Signs are characters that are neither white space nor part of a term. The signs of a word must be in
the text, at the same place between the terms. Signs that only the text has do not matter.

A `*` at the end of a word stands for anything that may follow, so it is no sign. Directly after the last term, it makes that
term a prefix: `mil*` finds every term that begins with `mil`. After a sign, it changes nothing: `C++*` finds what `C++` finds,
because the signs of a word may be followed by anything, as in `C++20`. But after white space or another `*`, it is a sign:
Markdown has `**bold**`.

A word that is exactly one tag with its `#` stands for that tag: `#c` finds the tag `c`, not the tag `c++`. With a `*` at its
end, it stands for all tags that begin so: `#mil*` for `milk`, and `#c++*` for `c++20`. For such a word, too, the index alone
gives the right notes.
"""

import re
from bisect import bisect_right
from collections.abc import Generator, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

from udpnote.model.query import Query, SearchRunning
from udpnote.text.search_terms import JOINING_RUN, fold, tag_term, tag_terms, term_pattern

PORTION_CHARACTERS = 4 << 10
"""How many characters of a long text are compared before a pause is possible. On a PC, comparing them with one word usually
takes less than a millisecond, but may take 8 ms."""

OVERLAP_CHARACTERS = 1 << 10
"""How many characters successive portions have in common. No word or phrase that anybody searches for is longer in a text."""

UNPAUSED_CHARACTERS = 256
"""A text of up to this many characters is compared with all words of a query without a pause. It takes a few milliseconds at
most."""

_SAME_SIGNS = {
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
}
"""For each typographic quotation mark and dash, the sign that people type instead."""

_TYPOGRAPHIC = re.compile(f"[{''.join(_SAME_SIGNS)}]")

_STAR_AT_END = re.compile(r"[^\s*]\*\Z")
"""Matches at the end of a word with a `*` that is no sign."""


class Word(NamedTuple):
    """A word or phrase to search for. It has `terms`, in order; the last one is a prefix if `is_prefix` is true.

    `signs` has one more element than `terms`: the text before each term, and the text after the last one. An element without
    signs is empty. If the word stands for a tag, `tag` is this tag in the form of `tag_term`, and a prefix if `is_prefix`.
    """

    terms: tuple[str, ...]
    signs: tuple[str, ...]
    is_prefix: bool
    tag: str = ""

    @property
    def has_signs(self) -> bool:
        """Whether the word has signs and is no tag. Then its terms alone do not decide whether a text contains it."""
        return not self.tag and any(self.signs)

    def is_among(self, tags: Iterable[str]) -> bool:
        """Whether this word stands for one of `tags`: `#work` for the tag `work`, and `#wo*` for each tag that begins with
        `wo`.

        `tags` have the form of `tag_terms`.
        """
        if not self.tag:
            return False
        return any(tag.startswith(self.tag) for tag in tags) if self.is_prefix else self.tag in tags


def parse_word(word: str) -> Word:
    """Split a word or phrase, as somebody typed it, into its terms and signs."""
    folded = fold(word)
    matches = list(term_pattern(folded).finditer(folded))
    is_starred = bool(matches) and _STAR_AT_END.search(folded) is not None
    tag = tag_term(word[:-1] if is_starred else word) if word.startswith(("#", "＃")) else ""
    is_prefix = is_starred and (bool(tag) or matches[-1].end() == len(folded) - 1)
    places = [0, *(place for match in matches for place in match.span()), len(folded) - is_starred]
    gaps = (_plain(folded[start:end]) for start, end in zip(places[::2], places[1::2], strict=True))
    return Word(tuple(match[0] for match in matches), tuple(gap if gap.strip() else "" for gap in gaps), is_prefix, tag)


def _plain(folded: str) -> str:
    """Replace typographic signs in `folded` by the signs that people type. The number of characters stays the same."""
    return folded if folded.isascii() else _TYPOGRAPHIC.sub(lambda sign: _SAME_SIGNS[sign[0]], folded)


class Comparison(NamedTuple):
    """The part of a query that the index cannot decide, because it has words with signs: a note's text is compared with it.

    The text must contain at least one word of each group in `wanted`, and no word of `left_out`. Each group in `wanted` has at
    least one word with signs, and perhaps others.
    """

    wanted: tuple[tuple[Word, ...], ...]
    left_out: tuple[Word, ...]

    @property
    def words(self) -> int:
        """How many words must be compared: those in `wanted` and `left_out`."""
        return sum(map(len, self.wanted)) + len(self.left_out)

    def accepts(self, text: str) -> Generator[SearchRunning, None, bool]:
        """Compare `text` with the words. Return whether it has a word of each group in `wanted`, and none of `left_out`.

        It yields a `SearchRunning` at each place in a long text where the caller may do other work (see `contains`).
        """
        has_wanted = not self.wanted or (yield from contains(text, self.wanted))
        return has_wanted and not (self.left_out and (yield from contains(text, [self.left_out])))


def comparison_of(query: Query) -> Comparison | None:
    """Return the part of `query` with which the texts of notes must be compared, because it has words with signs (`C++`).

    None if no word of `query` has signs: then the index alone decides.
    """
    groups = [tuple(map(parse_word, group)) for group in (*((word,) for word in query.words), *query.any_of)]
    wanted = tuple(group for group in groups if any(word.has_signs for word in group))
    left_out = tuple(word for word in map(parse_word, query.without) if word.has_signs)
    return Comparison(wanted, left_out) if wanted or left_out else None


def contains(text: str, groups: Sequence[Sequence[Word]]) -> Generator[SearchRunning, None, bool]:
    """Compare `text` with the words of `groups`, and return whether it contains at least one word of each group.

    A long text is compared in portions of `PORTION_CHARACTERS`. If the text has more than `UNPAUSED_CHARACTERS`, this yields a
    `SearchRunning` after each comparison of a portion with a word that it lacks, so that the caller can do other work. The
    caller need not wait before it goes on: `is_over` of the `SearchRunning` is always true.
    """
    missing = list(groups)
    if any(word.tag for group in groups for word in group):
        tags = tag_terms(text)
        missing = [group for group in groups if not any(word.is_among(tags) for word in group)]
    for start in range(0, len(text), PORTION_CHARACTERS - OVERLAP_CHARACTERS):
        end = start + PORTION_CHARACTERS
        # Joining characters at the start belong to the portion before.
        portion_text = JOINING_RUN.sub("", text[start:end], count=1) if start else text[:end]
        portion = FoldedTerms(fold(portion_text), is_cut_at_start=start > 0, is_cut_at_end=end < len(text))
        still_missing = []
        for group in missing:
            for word in group:
                if portion.has(word):
                    break
                if len(text) > UNPAUSED_CHARACTERS:
                    yield SearchRunning(lambda: True)
            else:
                still_missing.append(group)
        missing = still_missing
        if not missing or end >= len(text):
            break
    return not missing


class FoldedTerms:
    """The terms of a folded text, and where they are in it. The text comes from `search_terms.fold`.

    If the text is a portion of a longer one, its first or last term may be cut: `is_cut_at_start` and `is_cut_at_end` say so.
    No word is found in such a term.
    """

    def __init__(self, folded: str, *, is_cut_at_start: bool = False, is_cut_at_end: bool = False) -> None:
        self._folded = folded
        self._plain = _plain(folded)
        self._is_cut_at_start = is_cut_at_start
        self._is_cut_at_end = is_cut_at_end

    def has(self, word: Word) -> bool:
        """Whether the text contains `word`. Always False for a word that stands for a tag."""
        return not word.tag and next(self.places(word), None) is not None

    def places(self, word: Word) -> Iterator[tuple[int, int]]:
        """Yield the start and the end (exclusive) of each place in the folded text where `word` is, without its signs.

        If `word` has no terms, the place is the whole text.
        """
        if not all(piece in self._plain for signs in word.signs for piece in signs.split()):  # most texts fail here already
            return
        if not word.terms:
            if _has_signs(self._plain, word.signs[0], is_first=True, is_last=True):
                yield 0, len(self._folded)
            return
        row = _join(word.terms)[: -1 if word.is_prefix else None]
        place = self._joined.find(row)
        while place >= 0:
            first = bisect_right(self._joined_places, place) - 1
            last = first + len(word.terms) - 1
            start, end = self._matches[first].start(), self._matches[last].end()
            is_cut = (self._is_cut_at_start and not start) or (self._is_cut_at_end and end == len(self._folded))
            if not is_cut and (not word.has_signs or self._has_all_signs(word, first)):
                yield start, end
            place = self._joined.find(row, place + 1)

    @cached_property
    def _matches(self) -> list[re.Match[str]]:
        return list(term_pattern(self._folded).finditer(self._folded))

    @cached_property
    def _joined(self) -> str:
        return _join([match[0] for match in self._matches])

    @cached_property
    def _joined_places(self) -> list[int]:
        """For each term, the index in the string `_joined` of the space before it."""
        return list(accumulate((len(match[0]) + 1 for match in self._matches), initial=0))

    def _has_all_signs(self, word: Word, first: int) -> bool:
        """Whether the signs of `word` are around its terms in the text.

        `first` is the index of the word's first term among the terms of the text.
        """
        count = len(word.terms)
        # The spans of the word's terms, of the term before them, and of the term after them. If there is none before or after
        # them, the start or end of the text takes its place. A gap is between the end of a span and the start of the next one.
        spans = [match.span() for match in self._matches[max(first - 1, 0) : first + count + 1]]
        spans = [(0, 0)] * (first == 0) + spans + [(len(self._folded), 0)]
        return all(
            _has_signs(self._plain[spans[at][1] : spans[at + 1][0]], signs, is_first=at == 0, is_last=at == count)
            for at, signs in enumerate(word.signs)
            if signs
        )


def _has_signs(gap: str, signs: str, *, is_first: bool, is_last: bool) -> bool:
    """Whether `gap` has the `signs`, which are an element of `Word.signs`. `gap` is the text between two terms, or before or
    after all of them.

    White space in `signs` stands for any text. Signs that touch a term in the word must touch that term in the text, too.
    `is_first` says that no term of the word is before the signs, `is_last` that none is after them.
    """
    pieces = signs.split()
    touches_start, touches_end = not is_first and not signs[0].isspace(), not is_last and not signs[-1].isspace()
    place = 0
    for number, piece in enumerate(pieces, 1):
        # A piece may be anywhere after the one before it. But one that touches a term is at the start or end of the gap.
        start = max(place, len(gap) - len(piece)) if touches_end and number == len(pieces) else place
        is_fixed = touches_start and number == 1
        place = gap.find(piece, 0 if is_fixed else start)
        if place < start or (is_fixed and place):
            return False
        place += len(piece)
    return True


def _join(found: Sequence[str]) -> str:
    """The terms `found` as one string, with a space before, between and after them.

    So a search for one such string in another one finds only whole terms.
    """
    return " ".join(["", *found, ""])
