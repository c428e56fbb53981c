"""Finds the texts for people in the source that are not marked for translation."""

import ast
import re
from collections.abc import Iterator, Sequence

from tests.support.marked_messages import MARKS
from tests.support.notice_calls import notice_calls
from tests.support.source import Module, modules

CHECKED_MODULES = ("udpnote.cli.", "udpnote.text.messages.", "udpnote.text.joining")
"""In these modules, each literal with a word must be marked or be for programs; elsewhere, each value of a notice must."""

TABLES = {
    *("SENTENCES", "TROUBLES", "COMMANDS", "OPTION_ROWS", "HELP_ROW", "HELP", "_CONVERT", "_COMPARE", "_TRUSTED_PLACE"),
    *("COMMANDS_OF_OTHER_PROGRAMS", "_PART_OF_DAY", "_AFTER_NUMBER"),
}
"""Names of tables whose literals are not checked. Those in the first line have templates, which `marked_messages` reads.

Those in the second line have words and parts of dates that users type, in several languages.
"""

CALLS_FOR_PROGRAMS = frozenset(
    """
    AssertionError Argument Literal Notice Option Parameter TemporaryDirectory Thread TypeVar cast command compile decode
    encode endswith files frozenset fullmatch get getattr group import_module len lstrip maketrans mkdtemp open partition
    pop reconfigure removeprefix removesuffix rpartition rstrip search set setdefault signal split startswith strftime strip
    sub translate which
    """.split()  # noqa: SIM905 - shorter than a list
)
"""Functions and classes whose literal arguments are not checked: nobody reads them. `Option` and `Argument` have messages."""

WORDS_FOR_PROGRAMS = frozenset(
    """
    bench bind cat choice client crop csv daemon-reload demo discarded disable enable file firewall fsync help history html
    initializing is-system-running install journalctl jrnl jsonl key less maintenance markdown memos day-one name nano
    notebook nothing number ours outbox changed foreign port problem reason replace restart running degraded starting
    stopping auto-restart search send sequence serve service setting show start stop strict sudo surrogateescape
    backslashreplace systemctl systemd text uninstall use user vi yes bold dim green yellow cyan File Name LoadState
    UnitFileState ActiveState SubState Result ExecMainStatus StatusText Ctrl-C THIS-HOST:{} FILE ID NAME PATH WORDS PAGER
    FRX COLUMNS VISUAL EDITOR tag edit undo quit delete LINES IPv6 <br> *.txt _files _UDPNOTE_COMPLETE ~/.config SHA-256
    """.split()  # noqa: SIM905 - shorter than a list
) | {
    "bold red",
    "bold cyan",
    "bold reverse",
    "Day One",
    "(not shown)",
    "udpnote: {}",
    "是",
    "今天开会，下午三点",
    "{} [OPTIONS] COMMAND [ARGS]...",
}
"""Literals that are commands and their words, settings, styles, kinds, keys and values, as a whole."""

NO_TEXTS = [
    re.compile(pattern)
    for pattern in (
        r"(sudo|mv) .*|udpnote([ -].*)?|\[.*\]\n?|_arguments .*|# Made by .*|udpnote, a notebook for the LAN",
        "(2026-|today, |yesterday |15:00, |3 hours ago, |this week, |last 3 days, )[^;。]*",
        r"[a-z]+(_[a-z0-9]+)+|[A-Z]+(_[A-Z]+)+|[\w{}-]*([/.][\w{}-]+)+/?|--?[a-z-]+|[\w-]*=.*\n?|\^.*|utf-8|color\(.*\)",
        "[{} ]*(ms|µs|s) ?|[0-9][\\w.]*",
    )
]
"""Commands and files for programs; examples of times; identifiers, paths, options and patterns; measures."""

_QUOTED = re.compile(r"`[^`]*`|{}|(?<![A-Za-z])--?[a-z][a-z-]*")
_WORD = re.compile("[A-Za-z]{2,}|[\u4e00-\u9fff]")


def unmarked() -> Iterator[str]:
    """Yield each place in the source that has a text for people without a mark, and the text."""
    for module in modules().values():
        found = _literals(module.tree) if module.name.startswith(CHECKED_MODULES) else _values_of_notices(module)
        yield from (f"{module.place(node)}: {text[:100]!r}" for node, text in found)


def unmarked_in(source: str) -> list[str]:
    """Return the texts for people without a mark in the `source` of a module."""
    return [text for _, text in _literals(ast.parse(source))]


NodesWithTexts = Iterator[tuple[ast.expr, str]]
"""Pairs: the node of a literal in a syntax tree, and its text, with `{}` for each value in an f-string."""


def _values_of_notices(module: Module) -> NodesWithTexts:
    """Yield the values of notices and errors that are literals with several words: they would stay in English."""
    for call, _ in notice_calls(module):
        for value in call.keywords:
            yield from ((node, text) for node, text in _literals(value.value) if " " in text)


def _literals(node: ast.AST) -> NodesWithTexts:
    """Yield the literals below `node` that a person may see."""
    match node:
        case ast.JoinedStr() | ast.Constant(value=str()):
            text = _text(node)
            if _WORD.search(_QUOTED.sub("", text)) and not _is_for_programs(text):
                yield node, text
                return
            children: Sequence[ast.AST | None] = [each.value for each in ast.walk(node) if isinstance(each, ast.FormattedValue)]
        case ast.Expr(value=ast.Constant()) | ast.Assert() | ast.Raise() | ast.Compare() | ast.MatchValue() | ast.arg():
            return
        case ast.Assign() | ast.AnnAssign():
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            children = [] if any(ast.unparse(each) in TABLES for each in targets) else [node.value]
        case ast.Call():
            name = ast.unparse(node.func).rpartition(".")[2]
            is_read = name not in MARKS | CALLS_FOR_PROGRAMS
            children = [node.func, *(node.args if is_read else []), *(each.value for each in node.keywords if is_read)]
        case ast.Subscript(slice=ast.Constant()):
            children = [node.value]
        case ast.Dict():
            children = node.values
        case ast.FunctionDef():
            children = [*node.args.defaults, *node.args.kw_defaults, *node.body]
        case _:
            children = list(ast.iter_child_nodes(node))
    for child in children:
        if child is not None:
            yield from _literals(child)


def _text(node: ast.JoinedStr | ast.Constant) -> str:
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return "".join(str(each.value) if isinstance(each, ast.Constant) else "{}" for each in parts)


def _is_for_programs(text: str) -> bool:
    return text in WORDS_FOR_PROGRAMS or any(each.fullmatch(text) for each in NO_TEXTS)
