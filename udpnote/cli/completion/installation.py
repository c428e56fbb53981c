"""Lets typer install the script by which a shell asks udpnote for completion, or print it."""

from contextlib import redirect_stdout
from io import StringIO
from typing import NoReturn

import typer
import typer.completion

from udpnote.errors import Notice, UdpnoteError


class CompletionRefused(UdpnoteError):
    """Completion cannot be installed in this shell."""


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


def leave_to_typer() -> NoReturn:
    """Let typer print the script for a shell. Raises `SystemExit`.

    typer reads from `sys.argv` and from the environment what it has to do, and for which shell.
    """
    app = typer.Typer(pretty_exceptions_enable=False)
    app.callback()(lambda: None)  # typer needs a command to which it adds its options
    app(prog_name="udpnote")
    raise AssertionError("typer always raises `SystemExit`")
