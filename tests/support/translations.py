"""Checks translations into Chinese: their placeholders, words that were left in English, half-width punctuation."""

import re
from collections.abc import Iterator
from string import Formatter

from babel.messages.catalog import Catalog

NAMES = frozenset(
    """
    udpnote UDP IP IPv4 IPv6 LAN MTU VPN NUL UTC JSON CSV HTML TOML KiB MiB SQLite OK Ctrl Tab Enter Wi Fi Unicode
    systemd ufw firewalld nft Docker Linux Python Markdown fsync shell bash zsh fish PowerShell jrnl Logseq Day One memos
    journald root sudo ssh ZIP Android Windows macOS Safari Firefox
    """.split()  # noqa: SIM905 - shorter than a list
)
"""Names that Chinese sentences keep."""

WORDS_OF_PROGRAMS = frozenset(
    """
    author client id key kind number on port revises Server since text until wait true false en cd follow tail
    install uninstall status csv html jsonl milk work home pi local yesterday monday fe80 eth0
    """.split()  # noqa: SIM905 - shorter than a list
)
"""Words that people type, such as names of arguments and examples. Chinese sentences keep them if the English one has them."""

OTHER_WORDS = re.compile("您|[笔筆][记記]本|[报報]文|服[务務]端|缺省")
"""Words that the catalogues do not use. They use 你, 记事本, 数据报, 服务器 and 默认 instead."""

_HAN = "\u4e00-\u9fff"
_QUOTED = re.compile(
    r"`[^`]*`|'[^']*'|\"[^\"]*\"|{[^}]*}|(?<![A-Za-z0-9])(--?|[#.])[a-z][a-z0-9.-]*"
    r"|(?<=[输輸]入)quit(?=退出)"  # the prompt of udpnote's predecessor, which stays as it was
    r"|[A-Za-z0-9.*~]*[/@_=][A-Za-z0-9./@_=*~+-]*|(?<![A-Za-z0-9])[0-9]+[A-Za-z:-][A-Za-z0-9:-]*"
)
"""Commands, values, placeholders, options, tags, endings of files, paths, times and durations."""

_HALF_WIDTH = re.compile(rf"[{_HAN}}}] ?[,;:?!(]|[,;:?!)] ?[{_HAN}{{]|[{_HAN}] ?\.|\. ?[{_HAN}]|[：；，（] | [：；，。（）%]")
_NO_SPACE = re.compile(rf"[{_HAN}](?<![年月日])[A-Za-z0-9`]|[A-Za-z`][{_HAN}]|[0-9](?![年月日])[{_HAN}]")
_WORD = re.compile(r"[A-Za-zµ]+[A-Za-z0-9]*")


def faults(catalogue: Catalog) -> Iterator[str]:
    """Yield what is wrong with the translations in `catalogue`. Messages without a translation are left out."""
    for message in catalogue:
        for source in _forms(message.id)[-1:] if message.id else ():
            for text in filter(None, _forms(message.string)):
                yield from (f"{fault}: {text!r} for {source!r}" for fault in faults_of(source, text))


def faults_of(source: str, text: str) -> Iterator[str]:
    """Yield what is wrong with `text` as the translation of `source`, an English message or its plural form."""
    if _placeholders(text) != _placeholders(source):
        yield "other placeholders"
    if _ends(text) != _ends(source) and not (_ends_wide(text) and _ends(text + " ") == _ends(source)):
        yield "other spaces, full stop or colon at its ends"
    outside = _outside(text)
    left = [word for word in _WORD.findall(outside) if not _may_stay(word, source)]
    if left:
        yield f"left in English: {', '.join(left)}"
    if re.search(f"[{_HAN}]", text) and _HALF_WIDTH.search(outside):
        yield "half-width punctuation, or a space beside full-width punctuation"
    if OTHER_WORDS.search(outside):
        yield "not one word for one thing"
    if _NO_SPACE.search(outside):
        yield "no space between Chinese and other characters"


def _outside(text: str) -> str:
    """Return `text` with `{}` or a backquote in place of each part that `_QUOTED` matches."""
    return _QUOTED.sub(lambda match: "{}" if match[0].startswith(("{", "quit")) else "`", text)


def _may_stay(word: str, source: str) -> bool:
    """Whether the translation of `source` may have the Latin `word`.

    A word in capital letters, such as NUMBER, is a placeholder of the help.
    """
    is_of_program = word in WORDS_OF_PROGRAMS or word.isupper()
    return word in NAMES or (is_of_program and re.search(rf"\b{word}\b", source) is not None)


def _placeholders(template: str) -> set[tuple[str, str]]:
    """Return the names of the placeholders and their formats. Their order and conversions may differ in a translation."""
    return {(name, spec or "") for _, name, spec, _ in Formatter().parse(template) if name is not None}


def _ends(text: str) -> tuple[str, str, str]:
    """Return the spaces before and after `text`, and the full stop or colon at its end ("" if it has none).

    Spaces after a colon are left out, because the full-width colon has room of its own.
    """
    bare = text.strip()
    sign = bare[-1:].translate({ord("。"): ".", ord("："): ":"})
    after = "" if sign == ":" else text[len(text.rstrip()) :]
    return text[: len(text) - len(text.lstrip())], after, sign if sign in ".:" else ""


def _ends_wide(text: str) -> bool:
    """Whether `text` ends with a full-width sign, after which no space is written."""
    return text[-1:] in "，、；："


def _forms(either: object) -> list[str]:
    """Return the forms of a message or of a translation: one, or several if there is a plural."""
    return [str(each) for each in either] if isinstance(either, (tuple, list)) else [str(either or "")]
