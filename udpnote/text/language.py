"""Translates the English messages of the source into the current language.

`gettext` and `ngettext` have the meaning that they have in GNU gettext. The catalogues are in `udpnote/locale/`, a folder for
each language, and `python -m tests.catalogues` makes them. In English no catalogue is read, and the `gettext` of Python is not
imported. What a catalogue does not translate stays English (`text.catalogue`).

A command calls `speak_by` once, and from then on all of its threads use the user's language. A program that serves several
people at once, such as the page, calls `speaking` for each request. Without either, everything is in English.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from udpnote.model.language import ENGLISH, LANGUAGES

TYPE_CHECKING = False  # type checkers take it for true; importing `typing` would slow down a one-shot send
if TYPE_CHECKING:
    from udpnote.text.catalogue import Catalogue

_LOCALE_FOLDER = f"{__file__.rpartition('/text/')[0]}/locale"

_process_language: Callable[[], str] = lambda: ENGLISH  # noqa: E731 - replaced by `speak_by`
_language_here: ContextVar[str | None] = ContextVar("language", default=None)
_catalogues: dict[str, "Catalogue"] = {}


def language() -> str:
    """Return the language of this thread or task (see `speaking`) or, if it has none, that of the process (see `speak_by`).

    It is one of `model.language.LANGUAGES`.
    """
    return _language_here.get() or _process_language()


def speak_by(find_language: Callable[[], str]) -> None:
    """Set the language of this process to the result of `find_language`, one of `LANGUAGES`.

    `find_language` is called once, when the first message is needed. So a command without messages does not look for a
    language.
    """
    found: list[str] = []

    def found_language() -> str:
        if not found:
            found.append(find_language())
        return found[0]

    global _process_language
    _process_language = found_language


@contextmanager
def speaking(name: str) -> Iterator[None]:
    """Inside the `with` block, and only in this thread or task, use the language `name`, one of `LANGUAGES`.

    Raises `ValueError` for any other name.
    """
    if name not in LANGUAGES:
        raise ValueError(f"udpnote speaks {', '.join(LANGUAGES)}, and not {name!r}")
    token = _language_here.set(name)
    try:
        yield
    finally:
        _language_here.reset(token)


def gettext(message: str) -> str:
    """Translate `message`, an English text or template from the source, into the current language."""
    name = language()
    if name == ENGLISH or not message:  # a catalogue's text for "" is its header
        return message
    return _catalogue(name).gettext(message)


def marked(message: str) -> str:
    """Return `message` unchanged.

    This marks a text in a table, so that the catalogues have it; `gettext` translates it later.
    """
    return message


def ngettext(singular: str, plural: str, count: int) -> str:
    """The template for `count` things in the current language. In English it is `singular` if `count` is 1, else `plural`.

    Other languages may have other rules. Chinese has one form for all counts.
    """
    name = language()
    if name == ENGLISH:
        return singular if count == 1 else plural
    return _catalogue(name).ngettext(singular, plural, count)


def system_text(value: object) -> object:
    """Return the translation of `value`, a text of the operating system or another program. In English, return it as it is. If
    the catalogues do not translate it, put it into quotation marks. A value that is not a text stays as it is.
    """
    if not isinstance(value, str) or not value or language() == ENGLISH:
        return value
    translation = gettext(value)
    return translation if translation != value else gettext("'{text}'").format(text=value)


def _catalogue(name: str) -> "Catalogue":
    if name not in _catalogues:
        from udpnote.text.catalogue import Catalogue  # imported here, because English needs no catalogue

        _catalogues[name] = Catalogue(_LOCALE_FOLDER, name)
    return _catalogues[name]
