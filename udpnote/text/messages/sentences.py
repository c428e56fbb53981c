"""Makes the sentence for a notice or an error, in the language that is spoken (`text.language`).

Each kind has a template for `str.format` in one of the modules in `TABLES`. If the sentence has a plural, a list or an optional
clause, the kind has a function instead, which takes the values as keyword arguments and returns the sentence; it translates its
templates itself, with `gettext` and `ngettext`.
"""

from collections.abc import Callable

from udpnote.errors import Notice
from udpnote.text.language import gettext
from udpnote.text.messages import client, command_line, diagnosis, entries, reading, server, service, settings, storage, writing

TABLES = (writing, entries, settings, storage, client, server, command_line, reading, service, diagnosis)

SENTENCES: dict[str, str | Callable[..., str]] = {
    kind: sentence for table in TABLES for kind, sentence in table.SENTENCES.items()
}

SYSTEM_TEXTS = {"problem", "reason"}
"""The names of values that may be an error's text from the operating system or SQLite, which is always in English."""


def sentence_of(notice: Notice) -> str:
    """The sentence for `notice`, made from its kind and values, without a full stop at its end.

    If the kind has no sentence, this returns the kind itself: an exception would hide the error that is being reported.
    """
    sentence = SENTENCES.get(notice.kind, notice.kind)
    values = {name: _system_text(value) if name in SYSTEM_TEXTS else value for name, value in notice.values.items()}
    if isinstance(sentence, str):
        return gettext(sentence).format(**values) if values else gettext(sentence)
    return sentence(**values)


def _system_text(value: object) -> object:
    """The translation of `value`, if it is an error's text from the operating system or SQLite that the catalogues have."""
    return gettext(value) if isinstance(value, str) and value else value
