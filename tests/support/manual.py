"""The manual page udpnote(1), made from the declared commands and from the table of settings in docs/how-to.md."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain, groupby

from tests.support.commands import Declared, Parameter, declared_commands
from tests.support.source import ROOT
from udpnote.cli.command_line.help_page import EXIT_CODES
from udpnote.version import __version__

PATH = ROOT / "udpnote.1"
HOW_TO = ROOT.parent / "docs" / "how-to.md"

FILES = {
    "~/.config/udpnote/config.toml": "The settings file.",
    "~/.local/share/udpnote/outbox.sqlite3": "The entries that wait, and the known notebooks with their keys.",
    "~/.local/share/udpnote/notebook.sqlite3": "The notebook that this host serves.",
    "~/.local/state/udpnote/history": "The history of `udpnote write`.",
}


OTHER_VARIABLES = {
    "UDPNOTE_HOME": "The folder of all files, instead of those below.",
    "UDPNOTE_PAGER, PAGER": "The program that shows long output on a terminal; empty or `cat`: none. Default: `less`.",
    "VISUAL, EDITOR": "The editor for texts.",
    "NO_COLOR": "If it is not empty, output has no colours.",
}


def manual_page() -> str:
    """Return the manual page as text with the marks of man(7)."""
    root, *commands = declared_commands()
    lines = [
        "'\\\" -*- coding: UTF-8 -*-",
        ".\\\" Made by `python -m tests.reference`.",
        f'.TH UDPNOTE 1 "" "udpnote {__version__}" "User Commands"',
        ".nh",
        ".SH NAME", "udpnote \\- a notebook for the LAN",
        ".SH SYNOPSIS", ".B udpnote", ".I COMMAND", "[\\fIOPTIONS\\fP] [\\fIARGUMENTS\\fP]",
        ".SH DESCRIPTION", *_paragraphs(root.help),
        ".SH OPTIONS", *_parameters(root.options),
    ]  # fmt: skip
    for group, together in groupby(commands, key=lambda command: command.group):
        lines += [f".SH {group.upper()}", *chain.from_iterable(map(_command, together))]
    lines += [".SH EXIT STATUS", *_terms(EXIT_CODES)]
    lines += [
        ".SH ENVIRONMENT",
        *_paragraphs(["An option overrides its variable, and a variable overrides the settings file."]),
    ]
    lines += _terms([*_variables(), *OTHER_VARIABLES.items()])
    lines += [".SH FILES", *_terms(FILES.items())]
    return "\n".join(lines) + "\n"


def _command(command: Declared) -> Iterator[str]:
    usage = " ".join(["udpnote", command.name, "[OPTIONS]", *(each.metavar for each in command.arguments)])
    yield f".SS {_escaped(usage)}"
    yield from _paragraphs(command.help)
    yield from _parameters([*command.arguments, *(each for each in command.options if "--help" not in each.names)])


def _parameters(parameters: Iterable[Parameter]) -> Iterator[str]:
    for each in parameters:
        names = ", ".join(f"\\fB{_escaped(name)}\\fP" for name in each.names)
        metavar = f"\\fI{_escaped('|'.join(each.values) or each.metavar)}\\fP" if each.metavar else ""
        yield from (".TP", f"{names} {metavar}".strip(), _marked_up(each.help))


def _terms(terms: Iterable[tuple[str, str]]) -> Iterator[str]:
    for term, text in terms:
        yield from (".TP", f".B {_escaped(term)}", _marked_up(text))


def _paragraphs(paragraphs: Iterable[str]) -> Iterator[str]:
    """Yield the lines of man(7) for the paragraphs of a help. Indented paragraphs are commands, and become bold."""
    for paragraph in paragraphs:
        text = " ".join(paragraph.split())
        if paragraph.startswith("    "):
            yield from (".RS 4", f"\\fB{_escaped(text)}\\fP", ".RE")
        else:
            yield from (".PP", _marked_up(text))


def _variables() -> Iterator[tuple[str, str]]:
    """Yield each environment variable and what it sets, from the table of settings in docs/how-to.md."""
    for label, variable, default in re.findall(r"^\| (.*?) \| `(UDPNOTE_\w+)` \| .*? \| (.*?) \|$", HOW_TO.read_text(), re.M):
        yield variable, f"{label[0].upper()}{label[1:]}. Default: {default}."


def _marked_up(text: str) -> str:
    """Return a line of man(7) for `text`, in which Markdown's code is bold."""
    parts = re.split(r"`([^`]+)`", text)
    line = "".join(f"\\fB{_escaped(part)}\\fP" if place % 2 else _escaped(part) for place, part in enumerate(parts))
    return f"\\&{line}" if line.startswith((".", "'")) else line


def _escaped(text: str) -> str:
    """Escape `text`, so that groff neither takes its signs for commands nor prints typographic signs instead."""
    return text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga").replace("'", "\\(aq").replace("~", "\\(ti")
