"""Translates the English messages of the source into the language that is spoken.

`gettext` and `ngettext` are what GNU gettext calls so. The catalogues are in `udpnote/locale/`, a folder for each language, and
`python -m tests.catalogues` makes them. In English no catalogue is read, and the `gettext` of Python is not imported. If a
catalogue cannot be read, its language is English.

A command calls `speak_by` once, and all of its threads then speak the user's language. A program that serves several people at
once, such as the page, calls `speaking` for each request. Without either, everything is in English.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from udpnote.model.language import ENGLISH, LANGUAGES

TYPE_CHECKING = False  # type checkers take it for true; importing `typing` would slow down a one-shot send
if TYPE_CHECKING:
    from gettext import NullTranslations

_LOCALE_FOLDER = f"{__file__.rpartition('/text/')[0]}/locale"

_process_language: Callable[[], str] = lambda: ENGLISH  # noqa: E731 - replaced by `speak_by`
_language_here: ContextVar[str | None] = ContextVar("language", default=None)
_catalogues: dict[str, "NullTranslations"] = {}


def language() -> str:
    """The language, one of `model.language.LANGUAGES`, in which `gettext` and `ngettext` answer here."""
    return _language_here.get() or _process_language()


def speak_by(find_language: Callable[[], str]) -> None:
    """Let this process speak the language that `find_language` returns, one of `LANGUAGES`.

    The function is called once, when the first message is needed: a command that says nothing does not look for a language.
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
    """In the block, in this thread or task alone, speak the language `name`, one of `LANGUAGES`.

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
    """`message`, a text or template in English that stands in the source, in the language that is spoken here."""
    name = language()
    if name == ENGLISH or not message:  # a catalogue's text for "" is its header
        return message
    return _catalogue(name).gettext(message)


def marked(message: str) -> str:
    """`message` itself. In a table, which is made before the language is known, this marks a text that `gettext` gets later."""
    return message


def ngettext(singular: str, plural: str, count: int) -> str:
    """The template for `count` things: `singular` if `count` is 1, else `plural`, in the language that is spoken here.

    A language may have other rules, or, as Chinese, one form for all counts.
    """
    name = language()
    if name == ENGLISH:
        return singular if count == 1 else plural
    return _catalogue(name).ngettext(singular, plural, count)


def _catalogue(name: str) -> "NullTranslations":
    if name not in _catalogues:
        _catalogues[name] = read_catalogue(_LOCALE_FOLDER, name)
    return _catalogues[name]


def read_catalogue(folder: str, name: str) -> "NullTranslations":
    """The catalogue of the language `name` in `folder`; if it is missing, unreadable or damaged, an empty one: all is English.

    It raises no error, because the message about the error would need the catalogue.
    """
    import struct  # here, as the next one, because English needs no catalogue
    from gettext import NullTranslations, translation

    try:
        return translation("udpnote", folder, [name])
    except (OSError, ValueError, LookupError, struct.error):  # what `gettext` raises for a file that is no catalogue
        return NullTranslations()
