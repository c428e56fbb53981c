"""A catalogue of translations in one language, made from a file of GNU gettext (`.mo`).

A missing or damaged file raises no error, because the message about the error would need the catalogue. A message stays English
if the file does not translate it, or if the translation has a placeholder that the message lacks.
"""

import struct
from gettext import NullTranslations, translation
from string import Formatter


class Catalogue:
    """The translations in the file for the language `name` in `folder`."""

    def __init__(self, folder: str, name: str) -> None:
        self._translations: NullTranslations
        try:
            self._translations = translation("udpnote", folder, [name])
        except (OSError, ValueError, LookupError, struct.error):  # what `gettext` raises for a file that is no catalogue
            self._translations = NullTranslations()

    def gettext(self, message: str) -> str:
        """Translate `message`, an English text or template.

        Returns `message` itself if there is no translation, or if the translation has a placeholder that `message` lacks.
        """
        try:
            return _usable(self._translations.gettext(message), message, english=message)
        except ArithmeticError:  # the plural rule of a damaged file divides by zero, here and in `ngettext`
            return message

    def ngettext(self, singular: str, plural: str, count: int) -> str:
        """Return the translated template for `count` things.

        If there is none, returns the English one: `singular` if `count` is 1, `plural` for any other count.
        """
        english = singular if count == 1 else plural
        try:
            return _usable(self._translations.ngettext(singular, plural, count), plural, english=english)
        except ArithmeticError:
            return english


def _usable(translated: str, template: str, *, english: str) -> str:
    """Return `translated` if it has no placeholders other than those of `template`, else `english`."""
    if translated == english or not ("{" in translated or "}" in translated):
        return translated
    try:
        return translated if _placeholders(translated) <= _placeholders(template) else english
    except ValueError:  # a brace without its partner
        return english


def _placeholders(template: str) -> set[tuple[str, str | None]]:
    """The name of each placeholder in `template`, with its format. Raises `ValueError` if `str.format` cannot take it."""
    placeholders = set()
    for _, name, spec, conversion in Formatter().parse(template):
        if conversion not in (None, "r", "s", "a"):
            raise ValueError(f"unknown conversion {conversion!r}")
        if name is not None:
            placeholders.add((name, spec))
    return placeholders
