"""Joins words to a list, clauses to a sentence, and sentences to a text, as the language that is spoken does."""

from collections.abc import Iterable

from udpnote.text.language import gettext as _
from udpnote.text.language import ngettext


def listed(items: Iterable[str], more: int = 0) -> str:
    """The `items` with commas: `a, b, c`. If there are `more` things that are not in `items`: `a, b, c, 2 more`."""
    rest = [ngettext("1 more", "{count:,} more", more).format(count=more)] if more else []
    return _joined([*items, *rest], _("{items}, {item}"))


def all_of(items: Iterable[str]) -> str:
    """The `items` as things that go together: `a, b and c`."""
    return _closed(items, _("{items} and {item}"))


def any_of(items: Iterable[str]) -> str:
    """The `items` as things to choose from: `a, b or c`."""
    return _closed(items, _("{items} or {item}"))


def in_clauses(clauses: Iterable[str]) -> str:
    """A sentence of several `clauses`; some languages separate clauses by another sign than the items of a list."""
    return _joined(clauses, _("{items}, {clause}"))


def in_sentences(first: str, *others: str) -> str:
    """A text of several sentences, which have no full stop at their ends; the text has none at its end either."""
    text = first
    for each in others:
        text = _("{sentence}. {next}").format(sentence=text, next=each)
    return text


def in_brackets(text: str) -> str:
    """The `text` in the round brackets of the language: `(text)`."""
    return _("({text})").format(text=text)


def _closed(items: Iterable[str], ending: str) -> str:
    """The `items` with commas, except for the last one, which the template `ending` adds."""
    firsts = list(items)
    last = firsts.pop() if firsts else ""
    return ending.format(items=_joined(firsts, _("{items}, {item}")), item=last) if firsts else last


def _joined(items: Iterable[str], template: str) -> str:
    """The `items`, of which `template` adds each, as `item` or `clause`, to those before it; empty if there are none."""
    text = ""
    for item in items:
        text = template.format(items=text, item=item, clause=item) if text else item
    return text
