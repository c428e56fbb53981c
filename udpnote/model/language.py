"""The languages in which udpnote writes its messages, and how locales and language tags name them."""

from collections.abc import Mapping

ENGLISH, SIMPLIFIED, TRADITIONAL = "en", "zh_CN", "zh_TW"
LANGUAGES = (ENGLISH, SIMPLIFIED, TRADITIONAL)
"""The languages of udpnote, named as in locales: English, and Chinese in simplified and in traditional characters."""

_TRADITIONAL_PARTS = {"tw", "hk", "mo", "hant"}
"""Places and a script. A Chinese locale that names one of them has traditional characters, unless it also names `hans`."""


def language_named(tag: str) -> str | None:
    """The language in `LANGUAGES` that `tag` names: a locale such as `zh_CN.UTF-8`, or a BCP 47 tag such as `zh-Hant`.

    Returns None for any other language. The locales `C` and `POSIX` name English.
    """
    parts = tag.partition(".")[0].partition("@")[0].replace("-", "_").lower().split("_")
    if parts[0] in ("en", "c", "posix"):
        return ENGLISH
    if parts[0] != "zh":
        return None
    return TRADITIONAL if _TRADITIONAL_PARTS.intersection(parts) and "hans" not in parts else SIMPLIFIED


def language_of_locale(environ: Mapping[str, str]) -> str:
    """The language in `LANGUAGES` in which a user with the environment `environ` wants to read messages.

    The user may want several languages, in this order: those in the variable `LANGUAGE`, which are separated by colons, then
    the language of the locale. The result is the first of them that udpnote has; English if it has none of them.

    The first variable of `LC_ALL`, `LC_MESSAGES` and `LANG` that is not empty names the locale; if all are empty, it is `C`. If
    the locale is `C`, `C.UTF-8` or `POSIX`, `LANGUAGE` does not count (GNU gettext manual, section 2.3).
    """
    locale = next(filter(None, map(environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "C")
    asked = [] if locale.partition(".")[0] in ("C", "POSIX") else _asked_for(environ)
    return next(filter(None, map(language_named, [*asked, locale])), ENGLISH)


def _asked_for(environ: Mapping[str, str]) -> list[str]:
    """The names of languages in the `LANGUAGE` of `environ`, such as `zh_TW` or `fr`, in the user's order of preference."""
    return [each for each in environ.get("LANGUAGE", "").split(":") if each]
