"""Prepares texts for search: folds them (removes differences such as case and accents) and splits them into terms.

A search compares terms. In scripts that put spaces between words, a term is a word. In scripts that do not, such as Chinese,
each character is a term, so a search finds a text by any piece of it, even by a single character. Simplified and traditional
characters count as the same (see `one_form`). Each emoji and each symbol such as → is a term, too. The words and phrases of
a query are split in the same way. If a word or phrase has several terms, these must follow each other in the text. Punctuation
between them is ignored, unless the query has punctuation there, too: then `word_match` compares it.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import accumulate, islice, takewhile

from udpnote.text.han_table import SETS, SOURCE

TERM_CHARACTERS_MAX = 64
"""The longest term. Longer sequences of letters and digits are split into terms of this length: no language has such long
words, and base64 must not fill the index with long terms."""

MARKS_MAX = 30
"""The most combining marks in a row that count, as in Unicode's Stream-Safe Text Format (Annex 15, section 13). No language
needs more on one letter, and the time for normalizing them grows with the square of their number."""

TAG_CHARACTERS_MAX = 64
"""The longest tag. Of a longer one only the first 64 characters count: nobody types more to find a tag again."""

_TAG_READ_MAX = 2 * TAG_CHARACTERS_MAX
"""How many characters of a tag are folded, from its beginning: enough that at least `TAG_CHARACTERS_MAX` of them are left."""

TAGS_MAX = 32
"""The most tags of a text. Only the first ones count: nobody describes a note with more."""

TAG_SPELLINGS_MAX = 8 * TAGS_MAX
"""The most different spellings of tags in a text that are folded: the first ones. Thousands of spellings may fold to the same
tag."""

TAG_PLACES_MAX = 4096
"""The most `#` signs of a text that are checked for tags: the first ones. So a text that consists of `#` takes two
milliseconds."""

HAN_VERSION = SOURCE
"""The version of the table by which `one_form` replaces characters."""

_ONE_FORM = {ord(variant): each[0] for each in SETS.split() for variant in each[1:]}
"""Maps each Chinese character to the one that stands for its set of simplified, traditional and regional forms.

Simplified Chinese has one character for several traditional ones: 干 for 乾, 幹 and 干. A search for any of them finds all of
them, because one character stands for the whole set. Each character is compared by itself. A dictionary of words could tell
more characters apart, but only if text and query were always divided into the same words.
"""

_VARIANTS = frozenset(map(chr, _ONE_FORM))

RULES_VERSION = f"6 {unicodedata.unidata_version} {HAN_VERSION}"
"""The version of the rules in this module, of Unicode, and of the table of Chinese characters.

If an index was made with another version, it is built again.
"""

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
"""The characters of scripts without spaces between words, as the inside of a regular expression's character class (`[...]`)."""

_EMOJI = "\u231a\u231b\u23e9-\u23ff\u2600-\u27bf\u2b50\u2b55\U0001f000-\U0001faff"
"""The emoji that are not letters, as the inside of a character class. A tag may have them, and each is a search term."""

_SYMBOLS = f"{_EMOJI}\u20a0-\u20cf\u2190-\u23ff\u25a0-\u25ff\u2900-\u297f\u2b00-\u2bff"
"""The symbols that are search terms, as the inside of a character class: emoji, currencies, arrows, mathematical signs,
shapes."""

_REMOVED = (
    "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"  # accents
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u0652\u0670"  # vowel points, of Hebrew and of Arabic
    "\ufe00-\ufe0f\U000e0100-\U000e01ef"  # variation selectors
    "\u00ad\u200c\u200d\u2060\ufeff"  # soft hyphens and joiners
)
"""The characters that folding removes, as the inside of a character class. Voicing marks of kana and vowel signs of Indic
scripts are not removed, because they distinguish words."""


_MARK_BLOCKS = (
    (0x300, 0x2FFF), (0x302A, 0x30FF), (0xA66F, 0xABFF), (0xFB1E, 0xFB1E), (0xFE00, 0xFE2F), (0x101FD, 0x11FFF),
    (0x13440, 0x13455), (0x1611E, 0x1612F), (0x16AF0, 0x16FFF), (0x1BC9D, 0x1E94F),
)  # fmt: skip
"""Ranges of Unicode (first, last). Together they have all combining marks, and few Chinese characters and punctuation marks."""


def _marks() -> str:
    """All combining marks, as the inside of a character class.

    This examines only the `_MARK_BLOCKS`, which takes 2 ms. All of Unicode would take longer.
    """
    places = [place for first, last in _MARK_BLOCKS for place in range(first, last + 1)]
    marks = [place for place in places if unicodedata.category(chr(place))[0] == "M"]
    starts = [place for previous, place in zip([0, *marks], marks, strict=False) if place != previous + 1]
    ends = [place for place, following in zip(marks, [*marks[1:], 0], strict=True) if following != place + 1]
    return "".join(f"{chr(start)}-{chr(end)}" for start, end in zip(starts, ends, strict=True))


_MARKS = _marks()
_LETTER = rf"[^\W_{_SPACELESS}]"
"""A regular expression for a letter or digit of a script that puts spaces between words."""

JOINING = (
    f"{_MARKS}{_REMOVED}\uff9e\uff9f\u1160-\u11ff\u3133\u3135\u3136\u313a-\u313f\u314f-\u3163\u3187-\u318e"
    "\uffa0\uffa3\uffa5\uffa6\uffaa-\uffaf\uffc2-\uffdc"
)
"""The characters that folding may combine with the character before them, as the inside of a character class: combining marks,
and the vowels and final consonants of Hangul."""

_MAY_BE_MARK = re.compile(f"[{''.join(f'{chr(first)}-{chr(last)}' for first, last in _MARK_BLOCKS)}]")
_REMOVED_RUNS = re.compile(f"[{_REMOVED}]+")
_ASCII_TERMS = re.compile(f"[a-z0-9]{{1,{TERM_CHARACTERS_MAX}}}")
_TAG_SIGN = re.compile("[#＃]")
_HAS_LETTER = rf"(?=[\d_{_MARKS}-]{{0,{TAG_CHARACTERS_MAX}}}(?:[^\W\d_]|[{_EMOJI}]))"
_TAG_CHARACTERS = rf"\w{_MARKS}{_EMOJI}\u200c\u200d\-"
_TAG_BODY = (
    rf"{_HAS_LETTER}[\w{_EMOJI}][{_TAG_CHARACTERS}+＋]*"
    rf"(?:[./．／](?=[{_TAG_CHARACTERS}])[{_TAG_CHARACTERS}+＋]*){{0,{TAG_CHARACTERS_MAX}}}"
)
_VARIATION_SELECTORS = re.compile("[\ufe00-\ufe0f]")
JOINING_RUN = re.compile(f"[{JOINING}]{{0,{TERM_CHARACTERS_MAX}}}")
"""The `JOINING` characters at a place in a text, perhaps none. A text must not be divided before them, because folding may
combine them with the character before that place."""


# To compile these takes milliseconds. Most processes need none of them, so each is compiled when it is needed first.
@cache
def _long_runs_of_marks() -> re.Pattern[str]:
    return re.compile(f"([{_MARKS}]{{{MARKS_MAX}}})[{_MARKS}]+")


@cache
def _any_terms() -> re.Pattern[str]:
    # A term may contain combining marks, which folding does not all remove, but it does not begin with one.
    return re.compile(
        f"[{_SPACELESS}{_SYMBOLS}]"
        f"|{_LETTER}{{1,{TERM_CHARACTERS_MAX}}}(?:[{_MARKS}](?:{_LETTER}|[{_MARKS}]){{0,{TERM_CHARACTERS_MAX - 1}}})?"
    )


@cache
def _tag() -> re.Pattern[str]:
    return re.compile(_TAG_BODY)


@cache
def _tags_and_urls() -> re.Pattern[str]:
    return re.compile(
        r"[:#＃](?:"  # first, and by itself, so that `re` skips a megabyte without these in milliseconds
        r"(?<=:)//[^\s<>\"\u3000-\u303f\uff00-\uffef]*"  # the rest of a URL
        rf"|(?<!:)(?<!(?:[/&#＃]|[^\W{_SPACELESS}])[#＃])"  # not in the middle of a word
        rf"({_TAG_BODY}))"
    )


def fold(text: str) -> str:
    """`text` without the differences that a search ignores: case, accents, and variants such as full-width characters.

    The steps are: compatibility decomposition (NFKD), removal of accents, case folding, and composition (NFC). Chinese
    characters that are forms of each other become one of these forms (see `one_form`).
    """
    if text.isascii():
        return text.lower()
    if _MAY_BE_MARK.search(text) is not None:  # nearly all Chinese texts fail here, in a tenth of the time
        text = _long_runs_of_marks().sub(r"\1", text)
    bare = _REMOVED_RUNS.sub("", unicodedata.normalize("NFKD", text))
    return one_form(unicodedata.normalize("NFC", bare.casefold()))


def terms(text: str) -> list[str]:
    """Fold `text`, and return its terms in the order of the text. A term that occurs twice is returned twice."""
    folded = fold(text)
    return term_pattern(folded).findall(folded)


def terms_in_portions(text: str, characters: int) -> Iterator[list[str]]:
    """Yield the same terms as `terms`, in lists. Each list comes from about `characters` characters of `text`.

    So the caller can do other work between two lists if the text is long.
    """
    rest, start = "", 0
    while start < len(text):
        joining = JOINING_RUN.match(text, start + characters)
        end = joining.end() if joining is not None else len(text)
        folded = rest + fold(text[start:end])
        found = term_pattern(folded).findall(folded)
        is_open = end < len(text) and bool(found) and folded.endswith(found[-1])
        rest = found.pop() if is_open else ""  # the next characters may belong to the last term
        yield found
        start = end


def term_pattern(folded: str) -> re.Pattern[str]:
    """A regular expression that matches each term in the text `folded`, which comes from `fold`.

    For ASCII texts the expression is a faster one, but it finds the same terms.
    """
    return _ASCII_TERMS if folded.isascii() else _any_terms()


def tags(text: str) -> list[str]:
    """The tags in `text`, each once, in order. They have no `#`, and the form that `parse_tag` returns: `milk` for `#Milk`.

    A tag consists of letters, digits, emoji, combining marks, `_`, `-` and `+`; its first character is neither `-` nor `+`. A
    `.` or `/` belongs to the tag only between two of these characters: `#v1.9`, but `#done.` is `done`. The part before the
    first `.`, `/` or `+` has at least one letter or emoji, so `#12` is not a tag. A text with `#work/home` has the tag
    `work/home`, and also `work`. A `#` inside a word or a URL does not begin a tag. But a `#` after a character of a script
    without spaces, such as Chinese, does. If there are more than `TAGS_MAX` tags, only the first ones are returned.
    """
    found: dict[str, None] = {}
    spellings = dict.fromkeys(place[1] for place in _tag_places(text))  # None stands for a URL
    for tag in islice(spellings, TAG_SPELLINGS_MAX):
        found |= dict.fromkeys(_with_outer_tags(tag))
        if len(found) >= TAGS_MAX:
            break
    return [tag for tag in islice(found, TAGS_MAX) if tag]


def _tag_places(text: str) -> Iterator[re.Match[str]]:
    """Yield the tags and URLs of `text`, in order, as matches of `_tags_and_urls`.

    Group 1 is the tag without `#`, or None for a URL: a `#` in a URL does not begin a tag. This stops after `TAG_PLACES_MAX`
    matches or `#` signs. A text without `#` has no matches.
    """
    signs = text.count("#") + text.count("＃")
    if not signs:
        return iter(())
    if signs > TAG_PLACES_MAX:
        *_, end = islice(_TAG_SIGN.finditer(text), TAG_PLACES_MAX + 1)
        text = text[: end.start()]
    return islice(_tags_and_urls().finditer(text), TAG_PLACES_MAX)


def _with_outer_tags(tag: str | None) -> list[str]:
    """The tag `tag` and the tags in which it is nested, in the form of `tags`: `work` and `work/home` for `work/home`.

    Empty for None.
    """
    return [*accumulate(_fold_tag(tag).split("/"), "{}/{}".format)] if tag else []


def parse_tag(tag: str) -> str:
    """Return `tag`, typed with or without its `#`, in the form of `tags`: without `#`, in lower case, in normal width.

    Accents stay. Returns the empty string if `tag` is not exactly one tag.
    """
    body = tag[1:] if tag.startswith(("#", "＃")) else tag
    return _fold_tag(body) if _tag().fullmatch(body) else ""


def tag_terms(text: str) -> list[str]:
    """The tags in `text` that `tags` finds, each once, in order, in the form in which a search compares them."""
    return list(dict.fromkeys(map(one_form, tags(text))))


def tag_term(tag: str) -> str:
    """Return `tag`, which somebody searches for, in the form of `tag_terms`; the empty string if it is not exactly one tag."""
    return one_form(parse_tag(tag))


def tag_term_places(text: str) -> Iterator[tuple[list[str], int, int]]:
    """Yield each place of a tag in `text`: its terms, the index of its `#`, and the index of its end (exclusive).

    The terms have the form of `tag_terms`. A nested tag has several: `work` and `work/home`.
    """
    for place in _tag_places(text):
        if place[1]:
            yield [*map(one_form, _with_outer_tags(place[1]))], place.start(), place.end()


def _fold_tag(tag: str) -> str:
    """Convert a match of `_tag` to the form of `tags`. The result is empty if folding leaves no tag."""
    short = _VARIATION_SELECTORS.sub("", _long_runs_of_marks().sub(r"\1", tag[:_TAG_READ_MAX]))
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", short).casefold())
    match = _tag().match(folded[:TAG_CHARACTERS_MAX])
    pieces = [piece.rstrip("-_.\u200c\u200d") for piece in match[0].split("/")] if match else []
    return "/".join(takewhile(bool, pieces))


def one_form(text: str) -> str:
    """Return `text` with each Chinese character replaced by one that stands for all its simplified, traditional and regional
    forms. The number of characters stays the same.
    """
    return text if _VARIANTS.isdisjoint(text) else text.translate(_ONE_FORM)
