"""The `udpnote` command: its commands and options; each command's work is done in a room of its own."""

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from udpnote.cli import exit_codes
from udpnote.cli.exit_codes import reporting
from udpnote.cli.options import Author, Json, NotebookId, Port, Server, Wait
from udpnote.cli.terminal import streams
from udpnote.model.entry import SEQUENCE_MAX
from udpnote.version import __version__


class _Commands(TyperGroup):
    """All commands. Those of other apps join when one of them, or the help, is asked for: making them takes 5 ms."""

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]
        """The command of this name, or None."""
        if cmd_name not in self.commands:
            self._join()
        return super().get_command(ctx, cmd_name)

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """The names of all commands."""
        self._join()
        return super().list_commands(ctx)

    def _join(self) -> None:
        from udpnote.cli.notebook_app import notebook_app
        from udpnote.cli.sealing_app import sealing_app
        from udpnote.cli.transfer_app import transfer_app

        for part in (notebook_app, transfer_app, sealing_app):
            self.commands.update(typer.main.get_group(part).commands)


app = typer.Typer(
    name="udpnote",
    cls=_Commands,
    help="A notebook for the LAN: type a line on any machine, and it is kept, exactly once, on the notebook's host.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        print(f"udpnote {__version__}")
        raise typer.Exit()


@app.callback()
def _udpnote(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """A notebook for the LAN: type a line on any machine, and it is kept, exactly once, on the notebook's host."""


@app.command()
@reporting
def serve(
    name: Annotated[
        str | None, typer.Option("--name", help="What people call the notebook.  [default: this host's name]")
    ] = None,
    bind: Annotated[
        str | None, typer.Option("--bind", metavar="ADDRESS", help="Listen on this address only.  [default: all]")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", metavar="PORT", help="The UDP port to listen at.  [default: 6683]")
    ] = None,
    notebook: Annotated[
        str | None,
        typer.Option("--notebook", metavar="FILE", help="The notebook's file.  [default: in the user's data directory]"),
    ] = None,
    sealed: Annotated[
        bool | None,
        typer.Option(
            "--sealed/--open",
            help="Answer only who has the notebook's key, which is made with a new notebook; or everybody.  [default: open]",
        ),
    ] = None,
    text_file: Annotated[
        str | None, typer.Option("--text-file", metavar="FILE", help="Keep the notes in this text file, too, for any editor.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not print the entries.")] = False,
) -> int:
    """Keep a notebook: receive entries from the LAN and print them as they are stored.

    Ctrl-C ends it; nothing that was acknowledged is ever lost.

    Examples:

        udpnote serve

        udpnote serve --name kitchen --notebook ~/kitchen.sqlite3

        udpnote serve --sealed
    """
    from udpnote.cli.commands.serve import serve

    flags = {"name": name, "bind": bind, "port": port, "notebook": notebook, "sealed": sealed, "text_file": text_file}
    return serve(flags, is_quiet=quiet)


@app.command()
@reporting
def find(
    timeout: Annotated[float, typer.Option("--timeout", metavar="SECONDS", help="How long to listen.")] = 2.5,
    server: Server = None,
    port: Port = None,
    as_json: Json = False,
) -> int:
    """List the notebooks that answer on this LAN, as they answer.

    Examples:

        udpnote find

        udpnote find --json --timeout 1
    """
    from udpnote.cli.commands.find_use import find

    return find({"server": server, "port": port}, timeout=timeout, as_json=as_json)


@app.command()
@reporting
def send(
    text: Annotated[
        list[str] | None, typer.Argument(metavar="[TEXT]...", help="One entry; without it, or for -, standard input.")
    ] = None,
    whole: Annotated[bool, typer.Option("--whole", help="All of standard input is one entry, not one per line.")] = False,
    server: Server = None,
    port: Port = None,
    notebook_id: NotebookId = None,
    author: Author = None,
    wait: Wait = None,
    as_json: Json = False,
) -> int:
    """Send one entry, or each line of standard input.

    It is safe in the outbox before it leaves. Exit code 0: stored, 75: queued; it goes out with the
    next entry, or by `udpnote outbox --send`.

    Examples:

        udpnote send "buy milk"

        udpnote send 今天开会

        make 2>&1 | udpnote send

        udpnote send --whole < letter.txt

        udpnote send -- -5 degrees outside
    """
    from udpnote.cli.commands.send import send

    flags = {"server": server, "port": port, "notebook_id": notebook_id, "author": author, "wait": wait}
    return send(text or [], flags, is_whole=whole, as_json=as_json)


@app.command()
@reporting
def write(
    server: Server = None,
    port: Port = None,
    notebook_id: NotebookId = None,
    author: Author = None,
    wait: Wait = None,
) -> int:
    """Write at a prompt: each line is an entry; `quit` ends it.

    Examples:

        udpnote write
    """
    from udpnote.cli.commands.write import write

    return write({"server": server, "port": port, "notebook_id": notebook_id, "author": author, "wait": wait})


@app.command()
@reporting
def outbox(
    send: Annotated[bool, typer.Option("--send", help="Deliver now what waits.")] = False,
    discard: Annotated[
        list[int] | None,
        typer.Option(
            "--discard",
            metavar="SEQUENCE",
            min=1,
            max=SEQUENCE_MAX,
            help="Remove this entry: it is not delivered. May be repeated.",
        ),
    ] = None,
    discard_refused: Annotated[
        bool, typer.Option("--discard-refused", help="Remove what its notebook has refused for good.")
    ] = False,
    wait: Wait = None,
    as_json: Json = False,
) -> int:
    """Show what still waits to be delivered, since when, and for which notebook.

    Examples:

        udpnote outbox

        udpnote outbox --send

        udpnote outbox --discard 17
    """
    from udpnote.cli.commands.outbox import outbox

    return outbox({"wait": wait}, is_sending=send, discarded=discard or [], discards_refused=discard_refused, as_json=as_json)


@app.command()
@reporting
def use(
    notebook: Annotated[
        str | None, typer.Argument(metavar="[NAME|ID]", help="The notebook; without it, the choice is shown.")
    ] = None,
    port: Port = None,
    as_json: Json = False,
) -> int:
    """Choose the notebook that entries go to, where there are several; or show the choice.

    Examples:

        udpnote use kitchen

        udpnote use
    """
    from udpnote.cli.commands.find_use import use

    return use(notebook, {"port": port}, as_json=as_json)


@app.command()
@reporting
def demo() -> int:
    """Show what udpnote does, on this machine alone: a server, a client, and a network that loses datagrams.

    Examples:

        udpnote demo
    """
    from udpnote.cli.commands.demo import demo

    return demo()


def main() -> None:
    """Run what the command line says; `udpnote.__main__` is where it starts."""
    streams.prepare()
    try:
        app(prog_name="udpnote")
    except KeyboardInterrupt:
        sys.exit(exit_codes.INTERRUPTED)
