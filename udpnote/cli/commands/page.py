"""`udpnote page`: serves the notebook to browsers on the LAN."""

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from contextvars import Context
from typing import TYPE_CHECKING, Annotated

from udpnote.cli import exit_codes
from udpnote.cli.command_line.declared_command import DeclaredCommands, Option
from udpnote.cli.options.declared import NotebookName, Server
from udpnote.cli.terminal.streams import fitted_to, say
from udpnote.cli.terminal.styles import shows_styles
from udpnote.cli.terminal.text import padded
from udpnote.errors import InvalidSetting, Notice, ServerNotFound
from udpnote.lan.interfaces import own_addresses
from udpnote.page.addresses import certificate_port, is_for_this_machine, listened_addresses, page_addresses
from udpnote.page.extra import check_installed
from udpnote.settings import find_places
from udpnote.text.harmless import harmless
from udpnote.text.language import gettext as _

if TYPE_CHECKING:
    from udpnote.client.status import NotebookStatus
    from udpnote.page.https import Https

PAGE_PORT = 6680
"""The TCP port of the page. IANA has not assigned it, and it is next to the UDP ports of servers."""

LABEL_CELLS = 13
"""The width, in terminal cells, of the column with the labels of the lines that are printed first."""

app = DeclaredCommands()


@app.command()
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
    https: Annotated[
        bool,
        Option("--https", help="Serve the page over HTTPS, with a certificate that each device installs once."),
    ] = False,
    server: Server = None,
    notebook: NotebookName = None,
) -> int:
    """Serve the notebook to browsers on the LAN, such as those of phones.

    People on phones and other computers then read and write it at the printed address, without installing anything. Scan the
    QR code with a phone. The page may run on any machine of the LAN, also beside the server. A note that the notebook has not
    stored yet waits in the browser where it was written. Ctrl-C ends the page.

    Examples:

        udpnote page

        udpnote page --notebook kitchen --port 8080

        udpnote page --https
    """
    check_installed()
    return serve_page(bind=bind, port=port, allow_host=allow_host, https=https, server=server, notebook=notebook)


def serve_page(
    *,
    bind: str | None,
    port: int | None,
    allow_host: list[str] | None,
    https: bool,
    server: str | None,
    notebook: str | None,
    is_sealed: bool = False,
) -> int:
    """Serve the page until a signal ends it, and return the exit code. The arguments are the values of the command's options.

    `is_sealed` says that the notebook is known to be sealed. If it is False, the page finds out whether the notebook is sealed.
    At the start, this prints where the page is (see `_introduce`), and at the end, that it has ended. With `https`, it makes a
    certificate authority if there is none. Raises `InvalidSetting` for a wrong option, and the errors of `listen_tcp` and
    `_https`.
    """
    port, allowed = port or PAGE_PORT, allow_host or []
    check_hosts(allowed, "--allow-host")
    from udpnote.lan.tcp_listener import listen_tcp
    from udpnote.machine.names import host_name
    from udpnote.page.access import AllowedHosts
    from udpnote.page.app import Page, client_opener
    from udpnote.page.serving import Listener, run_page

    secure = _https(allowed, bind) if https else None
    hosts = AllowedHosts(host_name(), allowed, own_addresses)
    with ExitStack() as opened:
        shown = Page(client_opener(server, notebook), hosts, is_sealed=is_sealed, on_trouble=_report_trouble)
        served = [(shown.asgi, port, secure.tls.context if secure is not None else None)]
        if secure is not None:
            served.append((secure.certificate_page(port, hosts), certificate_port(port), None))
        listeners = [
            Listener(asgi, [opened.enter_context(each) for each in listen_tcp(bind, at_port)], tls)
            for asgi, at_port, tls in served
        ]
        run_page(shown, listeners, on_started=lambda status: _introduce(status, bind, port, secure, is_sealed=is_sealed))
    say(Notice("page_ended"))
    return exit_codes.DONE


def _report_trouble(reason: Notice) -> None:
    """Print `reason`: why browsers cannot use the notebook. The page tells browsers only to ask the person who runs it.

    This may be called while a request is answered in the browser's language. The sentence is made in an empty context, so that
    it is in the language of the person who runs the page.
    """
    Context().run(say, Notice("page_cannot_use_notebook", reason=reason))


def check_hosts(names: Sequence[str], option: str) -> None:
    """Raise `InvalidSetting` if one of `names`, the values of the `option`, is not the name or address of a host."""
    from udpnote.page.access import is_host

    for name in names:
        if not is_host(name):
            raise InvalidSetting("page_allowed_host_invalid", option=option, name=name)


def _https(allowed: Sequence[str], bind: str | None) -> "Https":
    """Return an `Https` that issues certificates for the page: for the name of this host, the names `allowed`, and the
    addresses of this host at which the page listens (see `listened_addresses`).

    The certificate authority is in the user's data folder. If there is none, it is made. Raises `StorageError` as `Https` does.
    """
    from udpnote.machine.clock import wall_microseconds
    from udpnote.machine.names import host_name
    from udpnote.page.https import Https

    folder = find_places(os.environ).data
    return Https(
        folder,
        host=host_name(),
        allowed=allowed,
        own_addresses=lambda: listened_addresses(bind, own_addresses()),
        now=wall_microseconds,
    )


def _introduce(status: "NotebookStatus", bind: str | None, port: int, secure: "Https | None", *, is_sealed: bool) -> None:
    """Print the first lines on standard error: the notebook, the addresses, how devices come to trust the page, and a QR code.

    `status` is that of the page's notebook. If no server of the notebook answers, print that, too. `bind` is None if the page
    listens on all addresses. `secure` is None without HTTPS. `is_sealed` says that the notebook is known to be sealed. Its
    server answers the page only after a browser has given the key, so its silence is then no failure, and is not printed.
    """
    own, known = own_addresses(), status.notebook
    is_local = is_for_this_machine(bind, own)
    lines, first = _address_lines(bind, port, own, secure)
    if known is not None:
        shown = Notice("serves_notebook", name=known.name, notebook_id=known.notebook_id.hex())
        lines.insert(0, (_("notebook"), str(shown)))
    for label, text in [*lines, (_("to end"), "Ctrl-C")]:
        row = f"{padded(label, LABEL_CELLS)}{harmless(text)}"
        print(fitted_to(sys.stderr, row, label_cells=LABEL_CELLS), file=sys.stderr)
    if is_local:
        say(Notice("page_on_machine"))
    elif secure is None and (is_sealed or (known is not None and known.key_id is not None)):
        say(Notice("page_of_sealed_needs_https"))
    if secure is not None:
        for each in (Notice("certificate_on_devices", address=first), *secure.notices()):
            say(each)
    if status.failure is not None and not (is_sealed and isinstance(status.failure, ServerNotFound)):
        say(Notice("page_waits_for_notebook", reason=status.failure.notice))
    if shows_styles(sys.stderr) and not is_local:
        from udpnote.cli.terminal.qr_code import qr_lines
        from udpnote.page.qr_code import qr_modules

        print("", *qr_lines(qr_modules(first), sys.stderr), sep="\n", file=sys.stderr)
    sys.stderr.flush()


def _address_lines(
    bind: str | None, port: int, own: Sequence[str], secure: "Https | None"
) -> tuple[list[tuple[str, str]], str]:
    """Return two values: the lines with addresses, as labels and texts, and the address that a device must open first.

    `own` are the addresses of this host. With HTTPS (`secure`), a device must first open the page with the certificate, and the
    lines also have the certificate's fingerprint. If the certificate covers some of `own`, the other addresses are left out.
    """
    if secure is None:
        addresses = page_addresses(bind, port, own)
        return [(_("page"), "  ".join(addresses))], addresses[0]
    covered = secure.covered(own) or own
    first = page_addresses(bind, certificate_port(port), covered)[0]
    lines = [(_("page"), "  ".join(page_addresses(bind, port, covered, is_https=True))), (_("certificate"), first)]
    return lines + list(zip(("SHA-256", ""), secure.fingerprint_lines(), strict=True)), first
