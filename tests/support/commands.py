"""Reads the declarations of the commands. The manual page and the table for completion are made from them."""

from typing import NamedTuple

from udpnote.cli.command_line import declared_command
from udpnote.cli.command_line.command_table import COMMANDS, HELP, load
from udpnote.cli.command_line.declared_command import DeclaredCommand, DeclaredCommands, Option
from udpnote.cli.command_line.help_page import HELP_ROW, OPTION_ROWS, cleaned


class Parameter(NamedTuple):
    """An option or an argument of a command.

    `names` is empty for an argument, `metavar` for an option without a value. `values` are the only values that it takes; empty
    if it takes any.
    """

    names: tuple[str, ...]
    metavar: str
    help: str
    is_repeated: bool
    values: tuple[str, ...]


class Declared(NamedTuple):
    """A command. `name` is its whole name, such as `service install`, and `group` the heading under which the help lists it.

    `help` has the paragraphs of its help.
    """

    name: str
    group: str
    help: list[str]
    arguments: list[Parameter]
    options: list[Parameter]


def declared_commands() -> list[Declared]:
    """Return `udpnote` itself, whose name is empty, and all commands. A command comes before its subcommands."""
    rows = [Parameter(tuple(names.split(", ")), "", text, is_repeated=False, values=()) for names, text in OPTION_ROWS]
    found = [Declared("", "", cleaned(HELP).split("\n\n"), [], [*rows, _HELP])]
    for name, (_, group, _text) in COMMANDS.items():
        command = load(name)
        found.append(_declared(name, group, command))
        if isinstance(command, DeclaredCommands):
            found += [_declared(f"{name} {each}", group, part) for each, part in command.commands.items()]
    return found


def _declared(name: str, group: str, command: DeclaredCommand | DeclaredCommands) -> Declared:
    """Read the declaration of a command, or of a command with subcommands."""
    parameters = command.parameters if isinstance(command, DeclaredCommand) else []
    options = [_parameter(each) for each in parameters if isinstance(each.declaration, Option)]
    arguments = [_parameter(each) for each in parameters if not isinstance(each.declaration, Option)]
    return Declared(name, group, cleaned(command.help).split("\n\n"), arguments, [*options, _HELP])


def _parameter(parameter: declared_command.Parameter) -> Parameter:
    """Read the declaration of an option or an argument."""
    declared = parameter.declaration
    names = (*declared.names.split(), *declared.opposite.split()) if isinstance(declared, Option) else ()
    return Parameter(names, declared.metavar, " ".join(declared.help.split()), parameter.is_list, parameter.choices)


_HELP = Parameter(tuple(HELP_ROW[0].split(", ")), "", HELP_ROW[1], is_repeated=False, values=())


def completion_table() -> str:
    """Return the content of udpnote/cli/completion/commands.tsv, from which shells complete what is typed."""
    rows = []
    for command in declared_commands():
        rows.append((command.name, "", "", command.help[0].replace("\n", " ")))
        for each in (*command.arguments, *command.options):
            metavar = f"={'|'.join(each.values)}" if each.values else each.metavar
            repeated = "..." if each.is_repeated and not metavar.endswith("...") else ""
            rows.append((command.name, " ".join(each.names), metavar + repeated, each.help))
    return "".join("\t".join(row) + "\n" for row in rows)
