"""Reads what somebody searches for: words, phrases, `OR` between them, and `-word` for notes to leave out.

`milk OR cream butter -tea` finds the notes that have `milk` or `cream` or both, that have `butter`, and that do not have `tea`.
`OR` joins only the word before it and the word after it, so no brackets are needed.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from udpnote.errors import InvalidQuery
from udpnote.model.query import Query
from udpnote.text.search_terms import terms
from udpnote.text.word_match import parse_word

TERMS_MAX = 24
"""The most terms in one query: enough for a Chinese sentence. The limit is low, because for each term a search reads a list of
notes in every shard of the index."""

BEGINNINGS_MAX = 6
"""The most words with `*` at the end in one query. For each of them, FTS5 merges the lists of all terms with this beginning. In
a shard with very many terms, that takes a tenth of a second, and it cannot be paused."""

_CONTROLS = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
"""The control characters that are not white space. They are removed, because nobody types them on purpose."""

_OTHER_QUOTES = str.maketrans(dict.fromkeys("“”„‟＂", '"'))
"""Converts the double quotes of other languages' input methods to `"`. Shells do not treat them as quotes, so they arrive
here."""

_WIDE_SPACE = "\u3000"
"""The space that Chinese and Japanese input methods type. Shells do not divide words there, so this module does."""

_MINUS = "-－"
_QUOTED_OR_NOT = re.compile(rf'([{_MINUS}]?)"([^"]*)"?|([^\s"]+)')

_SIGN_IN_PHRASE = re.compile(rf"\s(OR\s|[{_MINUS}]\w)")


class QueryWords(NamedTuple):
    """What the text of a note must have and must not have.

    The note must have all of `words`, at least one element of each group in `any_of`, and none of `without`. Each element is a
    word, or a phrase if it has white space in it.
    """

    words: tuple[str, ...] = ()
    any_of: tuple[tuple[str, ...], ...] = ()
    without: tuple[str, ...] = ()

    @property
    def wanted(self) -> tuple[str, ...]:
        """All words and phrases to search for: `words`, and the elements of all groups in `any_of`."""
        return self.words + tuple(word for group in self.any_of for word in group)

    @property
    def possible_beginnings(self) -> list[str]:
        """The words to search for with which a search may find more notes if they get a `*` at their end, each word once.

        These are the words that end with a letter or digit. A word that ends with a Chinese character is not among them: a
        search finds such a character within words, too.
        """
        found = [word for word in dict.fromkeys(self.wanted) if word[-1].isalnum()]
        return [word for word in found if word[-1].isascii() or len(terms(word)[-1]) > 1]

    @property
    def beginnings_left(self) -> int:
        """How many more words may get a `*`: `BEGINNINGS_MAX`, without the words that have one."""
        return max(BEGINNINGS_MAX - sum(word.endswith("*") for word in self.wanted + self.without), 0)

    def with_beginnings(self, words: Collection[str]) -> "QueryWords":
        """Return this value with a `*` after each word to search for that is in `words`."""

        def widened(each: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(f"{word}*" if word in words else word for word in each)

        return self._replace(words=widened(self.words), any_of=tuple(map(widened, self.any_of)))

    @property
    def has_sign_in_phrase(self) -> bool:
        """Whether a phrase to search for contains `OR`, or a `-` before a word. In a phrase, these have no special meaning."""
        return any(_SIGN_IN_PHRASE.search(phrase) for phrase in self.wanted)

    @property
    def as_typed(self) -> list[str]:
        """Return arguments from which `parse_words` makes this value again."""
        wanted = [" OR ".join(map(_quoted, group)) for group in self.any_of]
        return [*map(_quoted, self.words), *wanted, *(f"-{_quoted(word)}" for word in self.without)]


class _Piece(NamedTuple):
    """A word or phrase of an argument. `is_quoted` says whether it was in quotation marks, where `OR` is an ordinary word, and
    `is_left_out` whether notes with it are left out.
    """

    text: str
    is_quoted: bool = False
    is_left_out: bool = False

    @property
    def is_or(self) -> bool:
        return self == _Piece("OR")


def parse_words(arguments: Sequence[str]) -> QueryWords:
    """Read the words to search for from the `arguments` of a command.

    An argument without double quotes (`"` or `“”`) is a word, or a phrase if it has white space in it. But a wide space
    (U+3000) divides it into two arguments. In an argument with quotes, the text between two quotes is a phrase, and the rest is
    split into words at white space. The word `OR` joins the words or phrases on both sides of it. A `-` before a word or phrase
    means that notes with it are left out. Inside of quotes, `OR` and `-` have no special meaning.

    Raises `InvalidQuery` if the arguments are only white space or empty quotes, if an `OR` is not between two words or phrases
    without `-`, and if `check_words` raises it for the result.
    """
    groups: list[list[str]] = []
    without: list[str] = []
    is_joined = False  # the piece before is `OR`
    may_be_joined = False  # the piece before is a word or phrase to find, so `OR` may follow it
    for piece in (piece for argument in arguments for piece in _pieces(argument)):
        if (is_joined and piece.is_left_out) or (piece.is_or and not may_be_joined):
            raise InvalidQuery("or_not_between_words")
        if piece.is_left_out:
            without.append(piece.text)
        elif is_joined:
            groups[-1].append(piece.text)
        elif not piece.is_or:
            groups.append([piece.text])
        is_joined, may_be_joined = piece.is_or, not (piece.is_or or piece.is_left_out)
    if is_joined:
        raise InvalidQuery("or_not_between_words")
    words = tuple(group[0] for group in groups if len(group) == 1)
    found = QueryWords(words, tuple(tuple(group) for group in groups if len(group) > 1), tuple(without))
    check_words(found if any(found) else QueryWords(tuple(arguments)))  # without words, the error shows what was typed
    return found


def words_of(query: Query) -> QueryWords:
    """Return the words of `query`: those to find, the groups of alternatives, and those to leave out."""
    return QueryWords(query.words, query.any_of, query.without)


def check_words(query: QueryWords) -> None:
    """Raise `InvalidQuery` if the words have too many terms, too many of them end with `*`, or the index can find none of them.

    The limits are `TERMS_MAX` and `BEGINNINGS_MAX`, and the words to leave out count, too. A word without a letter, digit or
    symbol has no term: it counts as one, but the index can find neither it nor a group of alternatives that has it. A query
    without words to find is valid.
    """
    parsed = {word: parse_word(word) for word in (*query.wanted, *query.without)}
    count = sum(max(len(parsed[word].terms), 1) for word in (*query.wanted, *query.without))
    if count > TERMS_MAX:
        raise InvalidQuery("too_many_search_terms", terms=count, terms_max=TERMS_MAX)
    beginnings = sum(word.is_prefix for word in parsed.values())
    if beginnings > BEGINNINGS_MAX:
        raise InvalidQuery("too_many_beginnings", beginnings=beginnings, beginnings_max=BEGINNINGS_MAX)
    groups = [(word,) for word in query.words] + [*query.any_of]
    if groups and not any(all(parsed[word].terms for word in group) for group in groups):
        raise InvalidQuery("no_search_term", words=" ".join(query.wanted))


def _pieces(argument: str) -> Iterator[_Piece]:
    """Yield the words and phrases in one argument, as `parse_words` describes. Pieces without text are left out."""
    argument = _CONTROLS.sub("", argument).translate(_OTHER_QUOTES)
    if '"' in argument:
        for match in _QUOTED_OR_NOT.finditer(argument):
            minus, phrase, word = match.groups()
            piece = _unquoted(word) if word else _Piece(phrase.strip(), is_quoted=True, is_left_out=bool(minus))
            if piece.text:
                yield piece
    else:
        yield from map(_unquoted, filter(None, map(str.strip, argument.split(_WIDE_SPACE))))


def _unquoted(text: str) -> _Piece:
    rest = text[1:].lstrip()
    return _Piece(rest, is_left_out=True) if text[0] in _MINUS and rest else _Piece(text)


def _quoted(text: str) -> str:
    return f'"{text}"'
