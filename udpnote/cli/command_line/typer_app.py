"""What udpnote leaves to typer: to install completion in shells, and to complete in shells that the package `completion` does
not know.

The variable `app` has all commands and options, made from their declarations. Wrong command lines do not come to typer:
`command_line` finds what is wrong with them.
"""

import inspect
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import typer
import typer.completion
from typer.core import TyperCommand, TyperGroup

from udpnote.cli.command_line.command_table import COMMANDS, HELP, load
from udpnote.cli.command_line.declared_command import (
    HELP_NAMES,
    REQUIRED,
    DeclaredCommand,
    DeclaredCommands,
    Option,
    Parameter,
)
from udpnote.cli.command_line.parsing import split_words
from udpnote.errors import Notice, UdpnoteError


def install_completion() -> Notice:
    """Let typer install completion in the shell that has started udpnote. Return the message for the user.

    Raises `CompletionRefused` if typer does not know this shell.
    """
    try:
        with redirect_stdout(StringIO()):  # typer speaks English only
            shell, path = typer.completion.install(prog_name="udpnote")  # type: ignore[attr-defined]
    except typer.Exit:
        raise CompletionRefused("completion_not_installed") from None
    return Notice("completion_installed", shell=shell, path=str(path))


class CompletionRefused(UdpnoteError):
    """Completion cannot be installed in this shell."""


class _Subcommands(TyperGroup):
    """The group of all commands for typer. At first, a command has only its name and its line in `COMMANDS`. Its
    module is imported when the command is called (see `resolve_command`).
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for name, (_, _group, text) in COMMANDS.items():
            self.commands[name] = TyperCommand(name, help=text)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the name in `args[0]`, the command with this name, and the rest of `args`.

        The command's module is imported now. Raises typer's usage error if there is no such command.
        """
        name, found, rest = super().resolve_command(ctx, args)
        return name, found and typer_command(args[0], load(args[0])), rest


def typer_command(name: str, declared: DeclaredCommand | DeclaredCommands) -> Any:
    """Make a typer command named `name` from the command or group `declared`, with all its options and subcommands."""
    app = typer.Typer()
    _add(app, name, declared)
    return typer.main.get_group(app).commands[name]


def _add(app: typer.Typer, name: str, declared: DeclaredCommand | DeclaredCommands) -> None:
    if isinstance(declared, DeclaredCommand):
        app.command(name, cls=_command_class(declared))(_function(declared))
        return
    group = typer.Typer(help=declared.help, no_args_is_help=True)
    for each, command in declared.commands.items():
        _add(group, each, command)
    app.add_typer(group, name=name)


def _command_class(declared: DeclaredCommand) -> type[TyperCommand]:
    """Return the class of the typer command for `declared`. If the command takes a text or a query, the class puts a `--`
    before it, so that typer looks for no options in it.
    """

    class WordsCommand(TyperCommand):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            before, text = split_words(declared, args)
            return super().parse_args(ctx, [*before, "--", *text] if text else before)

    return WordsCommand if declared.takes_text or declared.takes_query else TyperCommand


def _function(declared: DeclaredCommand) -> Callable[..., None]:
    """Make a function that does the work of `declared`. It has a parameter for each option and argument, as typer requires."""

    def run(**values: Any) -> None:
        declared(**values)

    run.__doc__ = declared.help
    parameters = [
        inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=_typer_parameter(each), annotation=each.annotation)
        for each in declared.parameters
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # where typer looks for the options
    return run


def _typer_parameter(parameter: Parameter) -> Any:
    """Return the option or argument as typer declares it. In typer, the default `...` means that a value must be given."""
    declared, default = parameter.declaration, ... if parameter.default is REQUIRED else parameter.default
    if not isinstance(declared, Option):
        return typer.Argument(default, metavar=declared.metavar, help=declared.help)
    names = [f"{declared.names}/{declared.opposite}"] if declared.opposite else declared.names.split()
    metavar = declared.metavar or None
    return typer.Option(default, *names, metavar=metavar, help=declared.help, min=declared.smallest, max=declared.largest)


app = typer.Typer(
    name="udpnote",
    cls=_Subcommands,
    help=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": list(HELP_NAMES)},
)


@app.callback(help=HELP)
def _udpnote() -> None:
    """Do nothing. Because of this function, typer makes `app` a group of commands. The function declares no options, because
    typer need not know those of `udpnote` itself.
    """
