"""Joins words to a list, clauses to a sentence, and sentences to a text, by the rules of the language of messages."""

from collections.abc import Iterable

from udpnote.text.language import gettext as _
from udpnote.text.language import ngettext


def listed(items: Iterable[str], more: int = 0) -> str:
    """The `items` with commas: `a, b, c`. If there are `more` items that are not named: `a, b, c, 2 more`."""
    rest = [ngettext("1 more", "{count:,} more", more).format(count=more)] if more else []
    return _joined([*items, *rest], _("{items}, {item}"))


def all_of(items: Iterable[str]) -> str:
    """The `items` as things that go together: `a, b and c`."""
    return _closed(items, _("{items} and {item}"))


def any_of(items: Iterable[str]) -> str:
    """The `items` as things to choose from: `a, b or c`."""
    return _closed(items, _("{items} or {item}"))


def in_clauses(clauses: Iterable[str]) -> str:
    """The `clauses` as one sentence. Some languages separate clauses with another sign than the items of a list."""
    return _joined(clauses, _("{items}, {clause}"))


def in_sentences(first: str, *others: str) -> str:
    """The sentences `first` and `others` as one text. Neither they nor the text have a full stop at the end."""
    text = first
    for each in others:
        text = _("{sentence}. {next}").format(sentence=text, next=each)
    return text


def in_brackets(text: str) -> str:
    """The `text` in round brackets, as the language writes them: `(text)`."""
    return _("({text})").format(text=text)


def _closed(items: Iterable[str], ending: str) -> str:
    """Join `items`, all but the last with commas. The template `ending` adds the last one."""
    firsts = list(items)
    last = firsts.pop() if firsts else ""
    return ending.format(items=_joined(firsts, _("{items}, {item}")), item=last) if firsts else last


def _joined(items: Iterable[str], template: str) -> str:
    """Join `items`. In `template`, `{items}` is the text so far, `{item}` or `{clause}` the next item. Empty without items."""
    text = ""
    for item in items:
        text = template.format(items=text, item=item, clause=item) if text else item
    return text
