"""The `udpnote` command: its commands and options; each command's work is done in a room of its own."""

import functools
import sys
from collections.abc import Callable
from typing import Annotated, ParamSpec

import typer

from udpnote import __version__
from udpnote.cli import exits, streams
from udpnote.entry import SEQUENCE_MAX
from udpnote.errors import InvalidEntry, InvalidSetting, Queued, ServerNotFound, UdpnoteError

_EXIT_CODES: dict[type[UdpnoteError], int] = {
    InvalidEntry: exits.USAGE,
    InvalidSetting: exits.USAGE,
    ServerNotFound: exits.NO_SERVER,
    Queued: exits.QUEUED,
}

app = typer.Typer(
    name="udpnote",
    help="A notebook for the LAN: type a line on any machine, and it is kept, exactly once, on the notebook's host.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

_Params = ParamSpec("_Params")

_Server = Annotated[
    str | None, typer.Option("--server", metavar="HOST[:PORT]", help="Go to this server instead of searching the LAN.")
]
_Port = Annotated[int | None, typer.Option("--port", metavar="PORT", help="The UDP port to search at.  [default: 6683]")]
_NotebookId = Annotated[
    str | None, typer.Option("--notebook-id", metavar="NAME|ID", help="Which notebook, where there are several.")
]
_Author = Annotated[str | None, typer.Option("--author", metavar="NAME", help="Who writes.  [default: user@host]")]
_Wait = Annotated[
    float | None,
    typer.Option("--wait", metavar="SECONDS", help="How long to wait for an answer before it is queued.  [default: 5]"),
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def _reporting(command: Callable[_Params, int]) -> Callable[_Params, None]:
    """Run a command that gives its exit code; what goes wrong becomes a message and an exit code, never a traceback."""

    @functools.wraps(command)
    def run(*args: _Params.args, **kwargs: _Params.kwargs) -> None:
        try:
            code = command(*args, **kwargs)
            sys.stdout.flush()
        except UdpnoteError as error:
            streams.say(str(error))
            code = next((code for kind, code in _EXIT_CODES.items() if isinstance(error, kind)), exits.REFUSED)
        except KeyboardInterrupt:
            code = exits.INTERRUPTED
        except BrokenPipeError:  # whoever read our output has gone; there is nobody left to tell
            streams.mute_output()
            code = exits.REFUSED
        except OSError as error:  # of the standard streams: those of files and sockets have become ours in their rooms
            streams.mute_output()
            streams.say(f"cannot write the output ({error.strerror}): what was done is done")
            code = exits.REFUSED
        raise typer.Exit(code)

    return run


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
@_reporting
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
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not print the entries.")] = False,
) -> int:
    """Keep a notebook: receive entries from the LAN and print them as they are stored.

    Ctrl-C ends it; nothing that was acknowledged is ever lost.

    Examples:

        udpnote serve

        udpnote serve --name kitchen --notebook ~/kitchen.sqlite3
    """
    from udpnote.cli.serving import serve

    return serve({"name": name, "bind": bind, "port": port, "notebook": notebook}, is_quiet=quiet)


@app.command()
@_reporting
def find(
    timeout: Annotated[float, typer.Option("--timeout", metavar="SECONDS", help="How long to listen.")] = 2.5,
    server: _Server = None,
    port: _Port = None,
    as_json: _Json = False,
) -> int:
    """List the notebooks that answer on this LAN, as they answer.

    Examples:

        udpnote find

        udpnote find --json --timeout 1
    """
    from udpnote.cli.finding import find

    return find({"server": server, "port": port}, timeout=timeout, as_json=as_json)


@app.command()
@_reporting
def send(
    text: Annotated[
        list[str] | None, typer.Argument(metavar="[TEXT]...", help="One entry; without it, or for -, standard input.")
    ] = None,
    whole: Annotated[bool, typer.Option("--whole", help="All of standard input is one entry, not one per line.")] = False,
    server: _Server = None,
    port: _Port = None,
    notebook_id: _NotebookId = None,
    author: _Author = None,
    wait: _Wait = None,
    as_json: _Json = False,
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
    from udpnote.cli.writing import send

    flags = {"server": server, "port": port, "notebook_id": notebook_id, "author": author, "wait": wait}
    return send(text or [], flags, is_whole=whole, as_json=as_json)


@app.command()
@_reporting
def write(
    server: _Server = None,
    port: _Port = None,
    notebook_id: _NotebookId = None,
    author: _Author = None,
    wait: _Wait = None,
) -> int:
    """Write at a prompt: each line is an entry; `quit` ends it.

    Examples:

        udpnote write
    """
    from udpnote.cli.prompting import write

    return write({"server": server, "port": port, "notebook_id": notebook_id, "author": author, "wait": wait})


@app.command()
@_reporting
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
    wait: _Wait = None,
    as_json: _Json = False,
) -> int:
    """Show what still waits to be delivered, since when, and for which notebook.

    Examples:

        udpnote outbox

        udpnote outbox --send

        udpnote outbox --discard 17
    """
    from udpnote.cli.waiting import outbox

    return outbox({"wait": wait}, is_sending=send, discarded=discard or [], discards_refused=discard_refused, as_json=as_json)


@app.command()
@_reporting
def use(
    notebook: Annotated[
        str | None, typer.Argument(metavar="[NAME|ID]", help="The notebook; without it, the choice is shown.")
    ] = None,
    port: _Port = None,
    as_json: _Json = False,
) -> int:
    """Choose the notebook that entries go to, where there are several; or show the choice.

    Examples:

        udpnote use kitchen

        udpnote use
    """
    from udpnote.cli.finding import use

    return use(notebook, {"port": port}, as_json=as_json)


@app.command()
@_reporting
def demo() -> int:
    """Show what udpnote does, on this machine alone: a server, a client, and a network that loses datagrams.

    Examples:

        udpnote demo
    """
    from udpnote.cli.demonstrating import demo

    return demo()


def main() -> None:
    """The entry point of the `udpnote` command."""
    streams.prepare()
    try:
        app(prog_name="udpnote")
    except KeyboardInterrupt:
        sys.exit(exits.INTERRUPTED)
