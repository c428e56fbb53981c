"""The help texts: what `--help` prints, in boxes, and on a terminal in colours.

udpnote draws them itself, because typer imports rich and a Markdown parser for that. These imports take longer than all other
work of a short command.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from udpnote.cli.command_line.command_table import COMMANDS, HELP
from udpnote.cli.command_line.declared_command import (
    HELP_NAMES,
    REQUIRED,
    Argument,
    DeclaredCommand,
    DeclaredCommands,
    Option,
    Parameter,
)
from udpnote.cli.command_line.parsing import VERSION_NAMES
from udpnote.cli.terminal.pager import paged
from udpnote.cli.terminal.streams import drawn, terminal_columns
from udpnote.cli.terminal.styles import shows_styles, styled
from udpnote.cli.terminal.text import cell_count
from udpnote.cli.terminal.wrapping import wrapped
from udpnote.text.language import gettext as _
from udpnote.text.language import marked

BOXED_CELLS_MIN = 80
"""On a narrower terminal, the help has no boxes: borders and wide first columns would leave too little room for sentences."""

BOXED_CELLS_MAX = 120
"""The help is never wider than this, because longer lines are hard to read."""

LABEL_CELLS_MAX = 32
"""A label (see `Box`) wider than this gets a line of its own. Beside it, too little room would be left for the sentence."""

NARROW_LABEL_CELLS_MAX = 22
"""In help without boxes, a label wider than this gets a line of its own."""

EXAMPLE_INDENT = "    "
"""A paragraph of a docstring that begins with these spaces is an example. It is printed as it is. Examples that follow each
other are printed without blank lines between them.
"""

HELP_ROW = (", ".join(HELP_NAMES), "Show this message and exit.")
OPTION_ROWS = [
    (", ".join(VERSION_NAMES), "Print the version and exit."),
    ("--install-completion", "Install completion for the current shell."),
    ("--show-completion", "Show completion for the current shell, to copy it or customize the installation."),
]
"""The options of `udpnote` itself."""

_BOLD, _NAME, _WORD, _DIM = "1", "1;36", "33", "2"
"""Styles, as parameters of SGR (ECMA-48 §8.3.117): of headings, of names as they are typed, of other words, of borders."""


class Box(NamedTuple):
    """A part of a help text: a `title`, and rows. Each row has a label, which says what to type, and a sentence about it."""

    title: str
    rows: Sequence[tuple[str, str]]


class Topic(NamedTuple):
    """A help page that is not about a command: paragraphs of `text`, and a table under `heading`.

    A row of the table names a thing and says how it is written or what it means. All texts are marked for translation, except
    numbers and examples of what a person may type.
    """

    text: str
    heading: str
    rows: list[tuple[str, str]]


EXIT_CODES = [
    ("0", marked("The command has done its work.")),
    ("1", marked("The command could not do all of its work.")),
    ("2", marked("An option, an argument or a setting is wrong.")),
    ("69", marked("No server was found.")),
    ("75", marked("An entry is queued, and is sent again later.")),
    ("130", marked("Ctrl-C has ended the command.")),
]
"""The exit codes in the module `exit_codes`, each with its meaning."""

TOPICS = {
    "times": Topic(
        marked(
            "The options --since, --until, --on and --at take times as people write them. A time such as `yesterday` "
            "is a whole day: --since begins with its start, --until ends with its end, and --on is all of it. Quote a "
            "time that has spaces."
        )
        + "\n\n"
        + marked(
            "A weekday, or a day or month without a year, is the latest that has begun. Weeks begin on Monday. A time "
            "with several meanings, such as 05/06/2026, is refused, and the message shows how to write each of them."
        ),
        marked("Times"),
        [
            (marked("a day"), "2026-11-23, 27.11.2026, May 3, 3 May 2026, 2026年5月3日, 5月3日, 3号"),
            (
                marked("a day in words"),
                "today, yesterday, monday, last friday, 2 days ago, 今天, 昨天, 周一, 上周三, 三天前",
            ),
            (marked("a part of a day"), "yesterday morning, last night, 昨天上午, 5月3日下午, 昨晚, 今天早上"),
            (marked("a time of day"), "15:00, 2026-11-23 07:52, yesterday 3 pm, 昨天下午3点半"),
            (marked("its time zone"), "2026-11-23 07:52 +08:00, 2026-11-23 07:52 UTC"),
            (marked("how long ago"), "3 hours ago, 1h30m, 半小时前"),
            (
                marked("a week, month or year"),
                "this week, last month, 2026-W48, 2026-05, May 2026, 本周, 去年, 2026年5月",
            ),
            (marked("the last days or hours"), "last 3 days, last 24 hours, 最近三天, 过去两周"),
        ],
    ),
    "exit-codes": Topic(
        marked("A command ends with an exit code, which a script finds in $?."),
        marked("Exit codes"),
        EXIT_CODES,
    ),
}
"""The help pages by their names, as they are typed after `udpnote help`."""


def print_help(names: Sequence[str], command: DeclaredCommand | DeclaredCommands | None) -> None:
    """Print the help of `command` or, if `command` is None, of `udpnote` itself. Long help is shown in the pager.

    `names` are the words of the command's name, without `udpnote`.
    """
    with paged():
        print(help_of(" ".join(["udpnote", *names]), command))


def help_of(name: str, command: DeclaredCommand | DeclaredCommands | None) -> str:
    """Return the help of `command`, or of `udpnote` itself if `command` is None. `name` is what a user types for it, such as
    `udpnote key`.
    """
    if command is None:
        return _whole_help()
    return _command_help(name, command) if isinstance(command, DeclaredCommand) else _group_help(name, command)


def help_about(topic: Topic) -> str:
    """Return the help page about `topic`."""
    rows = [(_(label), _(text)) for label, text in topic.rows]
    return _Page().text(None, topic.text, [Box(_(topic.heading), rows)])


def _command_help(name: str, command: DeclaredCommand) -> str:
    metavars = [declaration.metavar for _, declaration in command.arguments]
    arguments = Box(_("Arguments"), [_argument_row(*each) for each in command.arguments])
    options = Box(_("Options"), [*(_option_row(*each) for each in command.options), _help_row()])
    usage = " ".join([name, "[OPTIONS]", *metavars])
    return _Page().text(usage, command.help, [arguments, options] if metavars else [options])


def _group_help(name: str, group: DeclaredCommands) -> str:
    commands = [(each, _(command.help.split("\n\n")[0])) for each, command in group.commands.items()]
    return _help_with_commands(name, group.help, [Box(_("Options"), [_help_row()]), Box(_("Commands"), commands)])


def _whole_help() -> str:
    boxes = {_("Options"): [*((label, _(sentence)) for label, sentence in OPTION_ROWS), _help_row()]}
    for name, command in COMMANDS.items():
        boxes.setdefault(_(command.group), []).append((name, _(command.help)))
    return _help_with_commands("udpnote", HELP, [Box(*each) for each in boxes.items()])


def _help_with_commands(name: str, text: str, boxes: Sequence[Box]) -> str:
    return _Page().text(f"{name} [OPTIONS] COMMAND [ARGS]...", text, boxes)


def _help_row() -> tuple[str, str]:
    return HELP_ROW[0], _(HELP_ROW[1])


def _argument_row(parameter: Parameter, argument: Argument) -> tuple[str, str]:
    return argument.metavar, _(argument.help) + ("  " + _("[required]") if parameter.default is REQUIRED else "")


def _option_row(parameter: Parameter, option: Option) -> tuple[str, str]:
    names = f"{', '.join(option.names.split())}{option.opposite and f' / {option.opposite}'}"
    metavar = f"[{'|'.join(parameter.choices)}]" if parameter.choices else option.metavar
    default = "" if parameter.default in (None, False) else "  " + _("[default: {value}]").format(value=parameter.default)
    return f"{names} {metavar}".rstrip(), _(option.help) + default


class _Page:
    """Draws a help text for standard output. It is as wide as the terminal, up to a limit, and styled if the terminal shows
    styles.
    """

    def __init__(self) -> None:
        self._columns = min(terminal_columns(), BOXED_CELLS_MAX)
        self._is_boxed = self._columns >= BOXED_CELLS_MIN
        self._is_styled = shows_styles(sys.stdout)

    def text(self, usage: str | None, text: str, boxes: Sequence[Box]) -> str:
        """Return the whole help text: the line `usage` if it is not None, the paragraphs of `text`, and `boxes`."""
        margin = " " if self._is_boxed else ""
        lines = [] if usage is None else [f"{margin}{self._styled(_('Usage:'), _BOLD)} {usage}", ""]
        for paragraph in cleaned(text).split("\n\n"):
            if paragraph.startswith(EXAMPLE_INDENT):
                lines += [margin + self._styled(f"{EXAMPLE_INDENT}{paragraph.strip()}", _NAME)]
            else:
                sentences = _(" ".join(paragraph.split()))
                lines += [margin + line for line in wrapped(sentences, self._columns - 2)] + [""]
        if lines[-1]:  # an example, which has no blank line after it yet
            lines.append("")
        for box in boxes:
            lines += self._boxed(box) if self._is_boxed else self._unboxed(box)
        return "\n".join(lines).rstrip("\n")

    def _boxed(self, box: Box) -> Iterator[str]:
        inner = self._columns - 4  # without the two borders, and the space inside of each
        across, down, *corners = [*drawn("─│╭╮╰╯", "-|++++")]
        title = f"{across} {box.title} "
        yield self._styled(f"{corners[0]}{title}{across * (inner - 1 - cell_count(box.title))}{corners[1]}", _DIM)
        side = self._styled(down, _DIM)
        for line, line_cells in self._rows(box, inner, LABEL_CELLS_MAX):
            yield f"{side} {line}{' ' * (inner - line_cells)} {side}"
        yield self._styled(f"{corners[2]}{across * (inner + 2)}{corners[3]}", _DIM)

    def _unboxed(self, box: Box) -> Iterator[str]:
        yield self._styled(f"{box.title}:", _BOLD)
        for line, _cells in self._rows(box, self._columns - 2, NARROW_LABEL_CELLS_MAX):
            yield f"  {line}"
        yield ""

    def _rows(self, box: Box, columns: int, label_cells_max: int) -> Iterator[tuple[str, int]]:
        """Yield each line of the rows of `box`, and the line's width in terminal cells.

        No line is wider than `columns`, unless a single word is wider. A label wider than `label_cells_max` gets a line of its
        own.
        """
        widths_beside = [cells for label, _ in box.rows if (cells := cell_count(label)) <= label_cells_max]
        indent = 2 + max(widths_beside, default=2)  # sentences begin two cells after the longest label beside a sentence
        for label, sentence in box.rows:
            lines = wrapped(sentence, columns - indent)
            shown = " ".join(
                self._styled(word, _NAME if word[0] in "-/" or word.islower() else _WORD) for word in label.split()
            )
            label_cells = cell_count(label)
            if label_cells + 2 > indent:
                yield shown, label_cells
            else:
                first = lines.pop(0)
                yield f"{shown}{' ' * (indent - label_cells)}{first}", indent + cell_count(first)
            for line in lines:
                yield f"{' ' * indent}{line}", indent + cell_count(line)

    def _styled(self, text: str, style: str) -> str:
        return styled(text, style) if self._is_styled else text


def cleaned(docstring: str) -> str:
    """Return `docstring` without the indentation that its lines after the first share. The first line must have none."""
    first, *rest = docstring.strip().splitlines()
    indent = min((len(line) - len(line.lstrip()) for line in rest if line.strip()), default=0)
    return "\n".join([first, *(line[indent:].rstrip() for line in rest)])
