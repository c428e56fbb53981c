"""The languages that udpnote speaks, and which of them a locale or a tag names."""

from collections.abc import Mapping

ENGLISH, SIMPLIFIED, TRADITIONAL = "en", "zh_CN", "zh_TW"
LANGUAGES = (ENGLISH, SIMPLIFIED, TRADITIONAL)
"""The languages that udpnote speaks, as a locale names them: English, and Chinese in simplified and traditional characters."""

_TRADITIONAL_PARTS = {"tw", "hk", "mo", "hant"}
"""The places and the script, in the name of a locale for Chinese, where people write in traditional characters."""


def language_named(tag: str) -> str | None:
    """The language of `LANGUAGES` that `tag` names: a locale such as `zh_CN.UTF-8`, or a BCP 47 tag such as `zh-Hant`.

    None for another language. `C` and `POSIX`, the locales of programs that speak to programs, name English.
    """
    parts = tag.partition(".")[0].partition("@")[0].replace("-", "_").lower().split("_")
    if parts[0] in ("en", "c", "posix"):
        return ENGLISH
    if parts[0] != "zh":
        return None
    return TRADITIONAL if _TRADITIONAL_PARTS.intersection(parts) and "hans" not in parts else SIMPLIFIED


def language_of_locale(environ: Mapping[str, str]) -> str:
    """The language, one of `LANGUAGES`, that the locale in the environment `environ` asks for; English for an unknown one.

    The first of `LC_ALL`, `LC_MESSAGES` and `LANG` that is not empty names the locale. If that is not `C`, the languages in
    `LANGUAGE`, separated by colons, precede it, and the first one counts that udpnote speaks. (GNU gettext manual, section 2.3)
    """
    locale = next(filter(None, map(environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), None)
    asked = [] if locale is not None and language_named(locale) == ENGLISH and locale[:2] != "en" else _asked_for(environ)
    return next(filter(None, map(language_named, [*asked, locale or "C"])), ENGLISH)


def _asked_for(environ: Mapping[str, str]) -> list[str]:
    """The languages in the variable `LANGUAGE`, the most wanted one first."""
    return [each for each in environ.get("LANGUAGE", "").split(":") if each]
