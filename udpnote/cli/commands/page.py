"""`udpnote page`: serves the notebook to browsers on the LAN."""

import sys
from contextlib import ExitStack
from shlex import quote
from typing import TYPE_CHECKING, Annotated

from udpnote.cli import exit_codes
from udpnote.cli.declared_command import DeclaredCommands, Option, as_command
from udpnote.cli.options import NotebookName, Server
from udpnote.cli.terminal.streams import say
from udpnote.cli.terminal.styles import shows_styles, styled
from udpnote.cli.terminal.text import padded
from udpnote.errors import Notice, UdpnoteError
from udpnote.lan.interfaces import own_addresses
from udpnote.page.addresses import is_for_this_machine, page_addresses
from udpnote.page.extra import is_installed
from udpnote.text.harmless import harmless
from udpnote.text.language import gettext as _

if TYPE_CHECKING:
    from udpnote.client.status import NotebookStatus

PAGE_PORT = 6680
"""The TCP port of the page. IANA has assigned it to nothing; it is beside the UDP ports of servers."""

LABEL_CELLS = 11
"""The width of the column with the labels of the lines that are printed first: that of `serve`."""

_DARK_ON_LIGHT = "30;47"
"""The style of the QR code, by its numbers in SGR (ECMA-48 §8.3.117): cameras need dark modules on a light ground."""

app = DeclaredCommands()


@app.command()
@as_command
def page(
    bind: Annotated[
        str | None, Option("--bind", metavar="ADDRESS", help="Listen on this address only.  [default: all]")
    ] = None,
    port: Annotated[
        int | None,
        Option("--port", metavar="PORT", smallest=1, largest=65535, help=f"The TCP port.  [default: {PAGE_PORT}]"),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        Option(
            "--allow-host",
            metavar="NAME",
            help="A further name under which browsers reach this machine. May be repeated.",
        ),
    ] = None,
    server: Server = None,
    notebook: NotebookName = None,
) -> int:
    """Serve the notebook to browsers on the LAN, such as those of phones.

    People on phones and other computers then read and write it at the printed address, without installing anything. Scan the
    QR code with a phone. The page may run on any machine of the LAN, also beside the server. A note that the notebook has not
    stored yet waits in its browser. Ctrl-C ends the page.

    Examples:

        udpnote page

        udpnote page --notebook kitchen --port 8080
    """
    if not is_installed():
        raise UdpnoteError("page_extra_missing", command=f"{quote(sys.executable)} -m pip install 'udpnote[page]'")
    port = port or PAGE_PORT
    from udpnote.lan.tcp_listener import listen_tcp
    from udpnote.machine.names import host_name
    from udpnote.page.access import AllowedHosts
    from udpnote.page.app import Page
    from udpnote.page.clients import NotebookClients
    from udpnote.page.serving import Listener, run_page

    with ExitStack() as opened:
        sockets = [opened.enter_context(each) for each in listen_tcp(bind, port)]
        shown = Page(NotebookClients(server, notebook), AllowedHosts(host_name(), allow_host or [], own_addresses))
        run_page(shown, [Listener(shown.asgi, sockets)], on_started=lambda status: _introduce(status, bind, port))
    say(Notice("page_ended"))
    return exit_codes.DONE


def _introduce(status: "NotebookStatus", bind: str | None, port: int) -> None:
    """Print what the page prints first, to standard error: the notebook, the page's addresses, and a QR code."""
    own, known = own_addresses(), status.notebook
    addresses, is_local = page_addresses(bind, port, own), is_for_this_machine(bind, own)
    lines = [(_("page"), "  ".join(addresses)), (_("to end"), "Ctrl-C")]
    if known is not None:
        shown = Notice("serves_notebook", name=known.name, notebook_id=known.notebook_id.hex())
        lines.insert(0, (_("notebook"), str(shown)))
    for label, text in lines:
        print(f"{padded(label, LABEL_CELLS)}{harmless(text)}", file=sys.stderr)
    if is_local:
        say(Notice("page_on_machine"))
    if status.failure is not None:
        say(Notice("page_waits_for_notebook", reason=status.failure.notice))
    if shows_styles(sys.stderr) and not is_local:
        from udpnote.page.qr_code import qr_lines

        print("\n" + "\n".join(styled(line, _DARK_ON_LIGHT) for line in qr_lines(addresses[0])), file=sys.stderr)
    sys.stderr.flush()
