"""The commands of sealed notebooks: their options; the work is done in a room of its own."""

from typing import Annotated

import typer

from udpnote.cli.exit_codes import reporting
from udpnote.cli.options import Json, Port, Server

sealing_app = typer.Typer(rich_markup_mode="markdown")
"""Part of `udpnote.cli.app.app`."""

key_app = typer.Typer(
    help="Show or change the key of a sealed notebook, on its host.", no_args_is_help=True, rich_markup_mode="markdown"
)
sealing_app.add_typer(key_app, name="key")

_Notebook = Annotated[
    str | None,
    typer.Option("--notebook", metavar="FILE", help="The notebook's file.  [default: in the user's data directory]"),
]


@sealing_app.command()
@reporting
def join(
    code: Annotated[
        str | None,
        typer.Argument(metavar="[CODE]", help="The notebook's join code; without it, it is asked for, and not shown."),
    ] = None,
    key_file: Annotated[
        str | None,
        typer.Option("--key-file", metavar="FILE", help="A file with the join code, or a notebook's key file."),
    ] = None,
    server: Server = None,
    port: Port = None,
    as_json: Json = False,
) -> int:
    """Join a sealed notebook: its key is kept, and from then on every command reads and writes there.

    The code is printed by `udpnote key show` on the notebook's host. What is typed as an argument can be seen by other
    users of this machine, and stays in the shell's history. Scripts set UDPNOTE_KEY or UDPNOTE_KEY_FILE, for `join` or for
    any other command, or write the code to standard input.

    Examples:

        udpnote join

        udpnote join --key-file ~/home.key

        ssh pi udpnote key show | udpnote join
    """
    from udpnote.cli.commands.seal_keys import join

    return join(code, {"server": server, "port": port}, key_file=key_file, as_json=as_json)


@sealing_app.command()
@reporting
def leave(
    notebook: Annotated[str, typer.Argument(metavar="NAME|ID", help="The notebook.")],
    send_open: Annotated[
        bool, typer.Option("--send-open", help="Even if entries wait for it, which may then go out unsealed.")
    ] = False,
) -> int:
    """Leave a sealed notebook: its key is forgotten here, and an open notebook of its name is no impostor any more.

    Examples:

        udpnote leave home
    """
    from udpnote.cli.commands.seal_keys import leave

    return leave(notebook, sends_open=send_open)


@sealing_app.command()
@reporting
def seal(notebook: _Notebook = None) -> int:
    """Seal an open notebook, on its host: from then on nobody reads or writes it without its key. Every entry stays.

    A new notebook is sealed by `udpnote serve --sealed`.

    Examples:

        udpnote seal

        udpnote seal --notebook ~/kitchen.sqlite3
    """
    from udpnote.cli.commands.seal_keys import seal

    return seal({"notebook": notebook})


@sealing_app.command()
@reporting
def unseal(notebook: _Notebook = None) -> int:
    """Open a sealed notebook, on its host, for everybody on the LAN. Every entry stays; the key is gone.

    Examples:

        udpnote unseal
    """
    from udpnote.cli.commands.seal_keys import unseal

    return unseal({"notebook": notebook})


@key_app.command("show")
@reporting
def show_key(notebook: _Notebook = None, as_json: Json = False) -> int:
    """Print the join code, with which others join the notebook.

    Examples:

        udpnote key show
    """
    from udpnote.cli.commands.seal_keys import show_key

    return show_key({"notebook": notebook}, as_json=as_json)


@key_app.command("rotate")
@reporting
def rotate_key(
    accept_old: Annotated[
        str, typer.Option("--accept-old", metavar="TIME", help="How long the old key is still accepted: 30m, 12h, 3d.")
    ] = "0",
    notebook: _Notebook = None,
    as_json: Json = False,
) -> int:
    """Give the notebook a new key, and print its join code; the server may run.

    Who has the old key is told to join again, and their entries wait unharmed. Their outboxes keep what they have read: a
    new key does not take back what was known.

    Examples:

        udpnote key rotate

        udpnote key rotate --accept-old 3d
    """
    from udpnote.cli.commands.seal_keys import rotate

    return rotate({"notebook": notebook}, accept_old=accept_old, as_json=as_json)
