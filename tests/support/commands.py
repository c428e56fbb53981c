"""The commands as they are declared, for what is generated from them: the manual page, and the table for completion."""

from typing import Any, NamedTuple

import typer
from typer.core import TyperArgument, TyperOption

from udpnote.cli.app import COMMANDS, HELP, app, load

GENERAL_HELP = "Show this message and exit."


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
    root = _declared("", "", typer.main.get_command(app))
    found = [root._replace(help=[HELP])]
    for name, (_, group, _text) in COMMANDS.items():
        command = load(name)
        found.append(_declared(name, group, command))
        found += [_declared(f"{name} {each.name}", group, each) for each in getattr(command, "commands", {}).values()]
    return found


def _declared(name: str, group: str, command: Any) -> Declared:
    """The facts about a typer command."""
    parameters = [each for each in command.params if not getattr(each, "hidden", False)]
    options = [_parameter(each) for each in parameters if isinstance(each, TyperOption)]
    options.append(Parameter(("--help", "-h"), "", GENERAL_HELP, is_repeated=False, values=()))
    arguments = [_parameter(each) for each in parameters if isinstance(each, TyperArgument)]
    return Declared(name, group, (command.help or "").replace("\b", "").strip().split("\n\n"), arguments, options)


def _parameter(declared: TyperOption | TyperArgument) -> Parameter:
    """The facts about an option or an argument of a typer command."""
    is_flag = isinstance(declared, TyperOption) and declared.is_flag
    names = (*declared.opts, *declared.secondary_opts) if isinstance(declared, TyperOption) else ()
    metavar = "" if is_flag else (declared.metavar or (declared.name or "").upper())
    is_repeated = declared.nargs == -1 or bool(getattr(declared, "multiple", False))
    values = tuple(map(str, getattr(declared.type, "choices", ())))
    return Parameter(tuple(names), metavar, " ".join((declared.help or "").split()), is_repeated, values)


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
