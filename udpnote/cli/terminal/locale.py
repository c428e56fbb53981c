"""Which language somebody reads."""

from collections.abc import Mapping


def is_chinese(environ: Mapping[str, str]) -> bool:
    """Whether the locale is Chinese: LC_ALL over LC_MESSAGES over LANG, as in locale(7)."""
    locale = environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG") or ""
    return locale.startswith("zh")
