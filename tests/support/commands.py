"""The commands as they are declared, for what is generated from them: the manual page, and the table for completion."""

from typing import NamedTuple

from udpnote.cli import declared_command
from udpnote.cli.app import COMMANDS, HELP, load
from udpnote.cli.declared_command import DeclaredCommand, DeclaredCommands, Option
from udpnote.cli.help_page import HELP_ROW, OPTION_ROWS, cleaned


class Parameter(NamedTuple):
    """An option, with its names, or an argument, without; a flag has no metavar. `values` are the only ones that it takes."""

    names: tuple[str, ...]
    metavar: str
    help: str
    is_repeated: bool
    values: tuple[str, ...]


class Declared(NamedTuple):
    """A command by its whole name, the heading under which the help lists it, and its help, in paragraphs."""

    name: str
    group: str
    help: list[str]
    arguments: list[Parameter]
    options: list[Parameter]


def declared_commands() -> list[Declared]:
    """The root, whose name is empty, and all commands; a command with subcommands comes before these."""
    rows = [Parameter(tuple(names.split(", ")), "", text, is_repeated=False, values=()) for names, text in OPTION_ROWS]
    found = [Declared("", "", [HELP], [], [*rows, _HELP])]
    for name, (_, group, _text) in COMMANDS.items():
        command = load(name)
        found.append(_declared(name, group, command))
        if isinstance(command, DeclaredCommands):
            found += [_declared(f"{name} {each}", group, part) for each, part in command.commands.items()]
    return found


def _declared(name: str, group: str, command: DeclaredCommand | DeclaredCommands) -> Declared:
    """The facts about a command or a group of commands."""
    parameters = command.parameters if isinstance(command, DeclaredCommand) else []
    options = [_parameter(each) for each in parameters if isinstance(each.declaration, Option)]
    arguments = [_parameter(each) for each in parameters if not isinstance(each.declaration, Option)]
    return Declared(name, group, cleaned(command.help).split("\n\n"), arguments, [*options, _HELP])


def _parameter(parameter: declared_command.Parameter) -> Parameter:
    """The facts about an option or an argument of a command."""
    declared = parameter.declaration
    names = (*declared.names.split(), *declared.opposite.split()) if isinstance(declared, Option) else ()
    return Parameter(names, declared.metavar, " ".join(declared.help.split()), parameter.is_list, parameter.choices)


_HELP = Parameter(tuple(HELP_ROW[0].split(", ")), "", HELP_ROW[1], is_repeated=False, values=())


def completion_table() -> str:
    """udpnote/cli/completion/commands.tsv."""
    rows = []
    for command in declared_commands():
        rows.append((command.name, "", "", command.help[0].replace("\n", " ")))
        for each in (*command.arguments, *command.options):
            metavar = f"={'|'.join(each.values)}" if each.values else each.metavar
            repeated = "..." if each.is_repeated and not metavar.endswith("...") else ""
            rows.append((command.name, " ".join(each.names), metavar + repeated, each.help))
    return "".join("\t".join(row) + "\n" for row in rows)
