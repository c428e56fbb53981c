"""How texts are taken apart for search: folded, cut into terms, and put side by side with what somebody looks for.

A term is what is compared. Where a script puts spaces between words, a term is a word; where it does not, each character
is one, and a text is found by any piece of it, also by a single character. What is looked for goes the same way: one
word may be several terms, which must then follow each other, whatever punctuation is between them.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, islice
from typing import NamedTuple

from udpnote.errors import InvalidQuery
from udpnote.model.query import Query, View

TERM_CHARACTERS_MAX = 64
"""A longer run of letters and digits is cut here: no language has such words, and base64 does not fill an index."""

MARKS_MAX = 30
"""A longer run of combining marks is cut here, as in Unicode's Stream-Safe Text Format (Annex 15, section 13): no language
needs so many on one letter, and putting them in order takes time that grows with the square of their number."""

TAG_CHARACTERS_MAX = 64
"""A longer tag is cut here: nobody types more to find one again."""

_TAG_READ_MAX = 2 * TAG_CHARACTERS_MAX
"""Of a tag that is longer than this, no more is looked at: what is left of it when it is folded is long enough."""

TAGS_MAX = 32
"""How many tags of one text count: a list longer than that describes nothing."""

TAG_SPELLINGS_MAX = 8 * TAGS_MAX
"""How many different spellings of tags are folded: there may be thousands of the same one."""

TAG_PLACES_MAX = 4096
"""How many `#` of one text are looked at for its tags: so that a text made of nothing else takes two milliseconds."""

TERMS_MAX = 24
"""How many terms one question may have: a Chinese sentence, and each term is a list to go through in every shard."""

QUERY_NUMBERS_MAX = 100
"""How many numbers one query names: as many as a READ has room for."""

QUERY_TAGS_MAX = 8
"""How many tags one query names: each is looked up in every shard of the index."""

RULES = f"3 {unicodedata.unidata_version}"
"""Of what `terms` and `tags` give for a text: an index made by other rules, or another Unicode, cannot be kept up."""

_SPACELESS = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e50-\u0e59"  # Thai
    "\u0e81-\u0edf"  # Lao
    "\u1000-\u1049\u1050-\u109f\ua9e0-\ua9fe\uaa60-\uaa7f"  # Myanmar
    "\u1780-\u17d3\u17d7\u17dc\u17dd\u17e0-\u17e9"  # Khmer
    "\u1100-\u11ff\u3131-\u318e\ua960-\ua97c\uac00-\ud7fb"  # Hangul: jamo and syllables
    "\u2e80-\u2fd5\u3005-\u3007\u3021-\u3029\u3038-\u303b"  # radicals, 々 〆 〇, numerals of Suzhou
    "\u3041-\u3096\u3099\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\U0001aff0-\U0001b16f"  # kana, ー
    "\u3105-\u312f\u31a0-\u31bf"  # bopomofo
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han with its extensions and compatibility
)
"""The scripts that are written without spaces, as the inside of a character class."""

_LOOSE = (
    "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"  # accents
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u0652\u0670"  # vowel points, of Hebrew and of Arabic
    "\ufe00-\ufe0f\U000e0100-\U000e01ef"  # variation selectors
    "\u00ad\u200c\u200d\u2060\ufeff"  # soft hyphens and joiners
)
"""What folding takes off, as the inside of a character class. Voicing marks of kana and Indic vowels are not among it."""


def _marks() -> str:
    """All combining marks, as the inside of a character class; looked for where Unicode has any, which takes 2 ms."""
    blocks = ((0x300, 0x3100), (0xA66F, 0xAC00), (0xFB1E, 0xFB1F), (0xFE00, 0xFE30), (0x101FD, 0x12000), (0x16AF0, 0x17000))
    places = [place for first, end in (*blocks, (0x1BC9D, 0x1E950)) for place in range(first, end)]
    marks = [place for place in places if unicodedata.category(chr(place))[0] == "M"]
    starts = [place for previous, place in zip([0, *marks], marks, strict=False) if place != previous + 1]
    ends = [place for place, following in zip(marks, [*marks[1:], 0], strict=True) if following != place + 1]
    return "".join(f"{chr(start)}-{chr(end)}" for start, end in zip(starts, ends, strict=True))


_MARKS = _marks()
_LETTER = rf"[^\W_{_SPACELESS}]"
_FOLLOWING = (
    f"{_MARKS}{_LOOSE}\uff9e\uff9f\u1160-\u11ff\u3133\u3135\u3136\u313a-\u313f\u314f-\u3163\u3187-\u318e"
    "\uffa0\uffa3\uffa5\uffa6\uffaa-\uffaf\uffc2-\uffdc"
)
"""What may melt into the character before it when a text is folded: marks, and the vowels and finals of Hangul."""

_STEADY = "\x00-\x7f\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff"
"""What folding keeps in its place: ASCII, kana and most of Han."""

_LONG_RUNS = re.compile(f"([{_MARKS}]{{{MARKS_MAX}}})[{_MARKS}]+")
_LOOSE_ONES = re.compile(f"[{_LOOSE}]+")
_ASCII_TERMS = re.compile(f"[a-z0-9]{{1,{TERM_CHARACTERS_MAX}}}")
_TERMS = re.compile(
    f"[{_SPACELESS}]|{_LETTER}{{1,{TERM_CHARACTERS_MAX}}}(?:[{_MARKS}](?:{_LETTER}|[{_MARKS}]){{0,{TERM_CHARACTERS_MAX - 1}}})?"
)
_TAG_SIGN = re.compile("[#＃]")
_TAGS = re.compile(
    r"[:#＃](?:"  # first, and by itself: so the rest of a megabyte is passed over in milliseconds
    r"(?<=:)//[^\s<>\"\u3000-\u303f\uff00-\uffef]*"  # the rest of a URL
    rf"|(?<!:)(?<!(?:[/&#＃]|[^\W{_SPACELESS}])[#＃])"  # not in the middle of a word
    rf"(?=[\d_{_MARKS}-]{{0,{TAG_CHARACTERS_MAX}}}[^\W\d_])(\w[\w{_MARKS}-]*))"
)
_TAG = re.compile(rf"\w[\w{_MARKS}-]*")
_FOLLOWERS = re.compile(f"[{_FOLLOWING}]{{0,{TERM_CHARACTERS_MAX}}}")
_PIECES = re.compile(f"[{_STEADY}]+(?![{_FOLLOWING}])|.[{_FOLLOWING}]*", re.DOTALL)


def fold(text: str) -> str:
    """`text` without what does not matter to a search: case, accents, and the width and shape of characters.

    Unicode's compatibility decomposition, composed again once the accents are off and the case is folded.
    """
    if text.isascii():
        return text.lower()
    bare = _LOOSE_ONES.sub("", unicodedata.normalize("NFKD", _LONG_RUNS.sub(r"\1", text)))
    return unicodedata.normalize("NFC", bare.casefold())


def terms(text: str) -> list[str]:
    """The terms of `text`, in order."""
    folded = fold(text)
    return _pattern_for(folded).findall(folded)


def terms_in_portions(text: str, characters: int) -> Iterator[list[str]]:
    """The same, in portions: those of about so many `characters` at a time, taken apart no sooner than they are asked for."""
    rest, start = "", 0
    while start < len(text):
        followers = _FOLLOWERS.match(text, start + characters)
        end = followers.end() if followers is not None else len(text)
        folded = rest + fold(text[start:end])
        found = _pattern_for(folded).findall(folded)
        is_open = end < len(text) and bool(found) and folded.endswith(found[-1])
        rest = found.pop() if is_open else ""  # what follows may belong to the last term
        yield found
        start = end


def _pattern_for(folded: str) -> re.Pattern[str]:
    """The quicker of the patterns that find the terms of this text: where both apply they find the same."""
    return _ASCII_TERMS if folded.isascii() else _TERMS


def tags(text: str) -> list[str]:
    """The tags in `text` without their `#`, folded as by `fold_tag`, each once and in order, at most `TAGS_MAX`.

    A tag is made of letters, marks, digits, `_` and `-`, with a letter among them. It begins where no word and no URL is
    in the middle, but may follow a character of a script without spaces.
    """
    signs = text.count("#") + text.count("＃")
    if not signs:
        return []
    if signs > TAG_PLACES_MAX:
        *_, end = islice(_TAG_SIGN.finditer(text), TAG_PLACES_MAX + 1)
        text = text[: end.start()]
    found: dict[str, None] = {}
    places = islice(_TAGS.finditer(text), TAG_PLACES_MAX)
    spellings = dict.fromkeys(place[1] for place in places)  # of a URL there is None
    for tag in islice(spellings, TAG_SPELLINGS_MAX):
        if tag and (folded := fold_tag(tag)):
            found[folded] = None
        if len(found) == TAGS_MAX:
            break
    return list(found)


def fold_tag(tag: str) -> str:
    """`tag`, with or without its `#`, as `tags` gives it: without case or width, but with accents; empty if it is none."""
    short = _LONG_RUNS.sub(r"\1", tag[:_TAG_READ_MAX])
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", short).casefold()).removeprefix("#")
    match = _TAG.match(folded[:TAG_CHARACTERS_MAX])
    return match[0].rstrip("-_") if match else ""


def parse_words(arguments: Sequence[str]) -> tuple[str, ...]:
    """The words and phrases that the `arguments` of a command ask for; none, if there are no arguments.

    An argument with white space in it is a phrase, and so is what stands between double quotes inside of one. Raises
    `InvalidQuery` like `check_words`.
    """
    pieces = [piece for argument in arguments for piece in _split(argument)]
    words = tuple(piece for piece in pieces if terms(piece))
    check_words(words or arguments)
    return words


def _split(argument: str) -> Iterator[str]:
    """The words and phrases in one argument."""
    if '"' not in argument:
        yield argument.strip()
        return
    for place, piece in enumerate(argument.split('"')):
        if place % 2:
            yield piece.strip()
        else:
            yield from piece.split()


def check_words(words: Sequence[str]) -> None:
    """Raise `InvalidQuery` if there are `words` but no letter or digit in them, or more than `TERMS_MAX` terms."""
    count = sum(len(terms(word)) for word in words)
    if words and not count:
        raise InvalidQuery(f"there is nothing to look for in {' '.join(words)!r}: name a word, a letter or a digit")
    if count > TERMS_MAX:
        raise InvalidQuery(
            f"{count} words are too many to look for, and {TERMS_MAX} the most (where a script has no spaces, each character "
            "is one): a shorter piece finds it too"
        )


def check_query(query: Query) -> None:
    """Raise `InvalidQuery` if the query asks for more than can be answered in a moment."""
    if query.words:
        check_words(query.words)
        if query.view is not View.NOTES or query.numbers:  # the index knows the texts that show, and no others
            raise InvalidQuery("words are searched for in all notes as they are now, not in the log or in some numbers")
    if len(query.tags) > QUERY_TAGS_MAX:
        raise InvalidQuery(f"one query names at most {QUERY_TAGS_MAX} tags, and this one {len(query.tags)}")
    if len(query.numbers) > QUERY_NUMBERS_MAX:
        raise InvalidQuery(f"one query names at most {QUERY_NUMBERS_MAX} entries, and this one {len(query.numbers)}")


def is_match(text: str, words: Iterable[str]) -> bool:
    """Whether all of `words` are in `text`, as the index would say."""
    joined = _join(terms(text))
    return all(_join(terms(word)) in joined for word in words)


def _join(found: Iterable[str]) -> str:
    """Terms in a row, with a space around each: so a row is part of another one only where terms begin and end."""
    return " ".join(["", *found, ""])


def occurrences(text: str, words: Iterable[str]) -> list[tuple[int, int]]:
    """Where `words` are in `text`: (start, end) in characters, in order; what overlaps or touches is one."""
    folding = _fold_in_pieces(text)
    matches = list(_pattern_for(folding.folded).finditer(folding.folded))
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
            spans.append((folding.start_of(matches[first].start()), folding.end_of(matches[last].end() - 1)))
            place = joined.find(row, place + 1)
    return _merge(spans)


def _merge(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


class _Folding(NamedTuple):
    """A folded text in pieces: where each begins, folded and in the original, and whether it kept its characters' places."""

    folded: str
    folded_starts: list[int]
    starts: list[int]
    are_steady: list[bool]

    def start_of(self, place: int) -> int:
        """Where in the original the folded character at `place` begins."""
        piece = bisect_right(self.folded_starts, place) - 1
        return self.starts[piece] + (place - self.folded_starts[piece] if self.are_steady[piece] else 0)

    def end_of(self, place: int) -> int:
        """Where in the original the folded character at `place` ends."""
        piece = bisect_right(self.folded_starts, place) - 1
        return self.start_of(place) + 1 if self.are_steady[piece] else self.starts[piece + 1]


def _fold_in_pieces(text: str) -> _Folding:
    """Fold `text` in the smallest pieces that do not depend on each other."""
    pieces: list[str] = _PIECES.findall(text)
    folded = [fold(piece) for piece in pieces]
    starts, folded_starts = ([0, *accumulate(map(len, each))] for each in (pieces, folded))
    are_steady = [piece.isascii() or piece == new for piece, new in zip(pieces, folded, strict=True)]
    return _Folding("".join(folded), folded_starts, starts, are_steady)
