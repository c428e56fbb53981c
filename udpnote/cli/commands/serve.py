"""`udpnote serve`: runs a server in the foreground and prints the entries that it stores."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from shlex import quote
from types import FrameType
from typing import Annotated, NamedTuple

from udpnote.cli import exit_codes
from udpnote.cli.command_line.declared_command import DeclaredCommands, Option, OptionGroup
from udpnote.cli.options.declared import ListeningPort, Name, ServedFile
from udpnote.cli.page_process import page_beside
from udpnote.cli.terminal.background_writer import BackgroundWriter
from udpnote.cli.terminal.live_entries import LiveEntries
from udpnote.cli.terminal.streams import fitted_to, said
from udpnote.cli.terminal.text import padded
from udpnote.errors import InvalidSetting, Notice, UdpnoteError
from udpnote.lan.service_manager import report_ready
from udpnote.model.address import is_loopback, parse_server
from udpnote.model.entry import Kind, StoredEntry
from udpnote.server.server import Server
from udpnote.settings import PORT, PORTS, Settings, load_settings
from udpnote.text.harmless import harmless
from udpnote.text.language import gettext as _

LABEL_CELLS = 11
"""The width, in terminal cells, of the column with the labels of the lines that are printed first."""

Sealed = Annotated[
    bool | None,
    Option(
        "--sealed",
        opposite="--open",
        help="Answer only clients that have the notebook's key, or everybody. `--sealed` makes a key for a new notebook.  "
        "[default: as the notebook is; a new one is open]",
    ),
]
TextFile = Annotated[
    str | None, Option("--text-file", metavar="FILE", help="Also keep the notes in this text file, which any editor can open.")
]


class PageOptions(NamedTuple):
    """The options of `udpnote serve` for the page beside the server.

    `udpnote page` has the options for port, HTTPS and hosts, too, without `page-` in their names.
    """

    page: bool | None = None
    page_https: bool | None = None
    page_port: int | None = None
    page_allow_host: list[str] | None = None


Page = Annotated[
    PageOptions,
    OptionGroup(
        page=Annotated[bool, Option("--page", help="Also serve the notebook to browsers, as `udpnote page` does.")],
        page_https=Annotated[
            bool, Option("--page-https", help="Also serve the page over HTTPS, as `udpnote page --https` does.")
        ],
        page_port=Annotated[
            int | None,
            Option(
                "--page-port",
                metavar="PORT",
                smallest=1,
                largest=65535,
                help="Also serve the page, at this TCP port.  [default: 6680]",
            ),
        ],
        page_allow_host=Annotated[
            list[str] | None,
            Option(
                "--page-allow-host",
                metavar="NAME",
                help="Also serve the page, and let browsers reach this host under this name, too. May be repeated.",
            ),
        ],
    ),
]
"""The options of `udpnote serve` for the page. The server also serves the page if the user gives any of them."""

app = DeclaredCommands()


@app.command()
def serve(
    name: Name = None,
    bind: Annotated[
        str | None, Option("--bind", metavar="ADDRESS", help="Listen on this address only.  [default: all]")
    ] = None,
    port: ListeningPort = None,
    file: ServedFile = None,
    sealed: Sealed = None,
    text_file: TextFile = None,
    quiet: Annotated[bool, Option("--quiet -q", help="Do not print the entries.")] = False,
    page: Page = PageOptions(),  # noqa: B008 - an immutable value
) -> int:
    """Host a notebook: receive entries from the LAN.

    Each entry is printed when it is stored. Ctrl-C ends the server; no acknowledged entry is lost.

    Examples:

        udpnote serve

        udpnote serve --name kitchen --file ~/kitchen.sqlite3

        udpnote serve --sealed

        udpnote serve --page

        udpnote serve --sealed --page-https
    """
    settings = load_settings({"name": name, "bind": bind, "port": port, "file": file, "sealed": sealed, "text_file": text_file})
    if text_file == "-":
        raise InvalidSetting("text_file_is_output")
    if any(page):
        _check_page(page)
    with closing(Screen()) as screen:
        try:
            _run(settings, screen, page, shows_entries=not quiet)
        except UdpnoteError as error:  # `screen` prints it in a thread: this one never waits for a stopped terminal
            screen.say(error.notice)
            return exit_codes.exit_code_for(error)
        screen.say(Notice("serving_ended"))
    return exit_codes.DONE


def _check_page(page: PageOptions) -> None:
    """Raise `UdpnoteError` if the packages that the page needs are not installed, or `InvalidSetting` if an option is wrong."""
    from udpnote.page.extra import check_installed  # here, because most servers have no page

    check_installed()
    from udpnote.cli.commands.page import check_hosts

    check_hosts(page.page_allow_host or [], "--page-allow-host")


def _run(settings: Settings, screen: "Screen", page: PageOptions, *, shows_entries: bool) -> None:
    """Run a server until a signal ends it. Print on `screen` what it serves and where, and its messages. Tell systemd when it
    is ready.

    With `shows_entries`, also print each entry that is stored. If the user gave an option of `page`, also run the page beside
    the server. Raises the errors of `Server`.
    """

    def show(stored: StoredEntry) -> None:
        screen.show(stored, 0 if stored.entry.kind is Kind.NOTE else server.note_number(stored.number))

    server = Server(
        settings.file,
        name=settings.name,
        bind=settings.bind,
        port=settings.port,
        sealed=settings.sealed,
        text_file=settings.text_file,
        on_stored=show if shows_entries else None,
        on_notice=screen.say,
    )
    beside = _page_of(server, settings.bind, page) if any(page) else nullcontext()
    with _ended_by_signals(server) as received, beside:
        screen.print(_introduction(server, settings))
        place = Notice("notebook_at", name=server.name, address=tuple(server.addresses))
        report_ready(harmless(str(place)), os.environ)
        server.serve_forever()
    if signal.SIGINT in received and sys.stderr.isatty():
        screen.print("")  # the terminal shows `^C`: what comes next begins on a new line


@contextmanager
def _ended_by_signals(server: Server) -> Iterator[list[int]]:
    """In the block, let Ctrl-C, SIGTERM and SIGHUP stop the server. A signal that this process ignores stays ignored.

    The block gets a list, to which the number of each of these signals is added when it arrives. After the block, the signals
    act as before: they end the process, even while it waits for a terminal that the user has stopped (Ctrl-S).
    """

    def end(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        signal.set_wakeup_fd(-1)  # the server closes this descriptor now, and a file that it opens may get the same number
        server.stop()

    received: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # a signal that nohup(1) lets the process ignore stays ignored
            signal.signal(number, end)
    # Python runs a handler after the system call that the signal interrupts. If the signal comes just before the server waits
    # for datagrams, it interrupts no call: then this descriptor wakes the server.
    signal.set_wakeup_fd(server.wake_descriptor, warn_on_full_buffer=False)
    try:
        yield received
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)


def _page_of(server: Server, bind: str | None, options: PageOptions) -> AbstractContextManager[None]:
    """Return a context manager. In its block, a process of its own serves the page of the notebook of `server`.

    The page listens at the same address as the server: `bind`, or all addresses if `bind` is None.
    """
    host = parse_server(server.addresses[0], PORT)[0]
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # those two mean all addresses; nobody sends to them
    address = f"[{reached}]:{server.port}" if ":" in reached else f"{reached}:{server.port}"
    return page_beside(
        bind=bind,
        port=options.page_port,
        allow_host=options.page_allow_host,
        https=bool(options.page_https),
        server=address,
        notebook=server.notebook_id,
        is_sealed=server.join_code is not None,
    )


class Screen:
    """Prints the server's entries to standard output and its messages to standard error, in two threads.

    So if one output is stopped (Ctrl-S), the server and the other output do not wait for it. If too many lines wait for a
    stopped output, further lines are skipped, and a message says how many.
    """

    def __init__(self) -> None:
        self._live = LiveEntries()
        self._messages = BackgroundWriter(sys.stderr, self._report_skipped_messages)
        self._entries = BackgroundWriter(sys.stdout, self._report_skipped_entries)

    def show(self, stored: StoredEntry, note: int) -> None:
        """Print an entry to standard output, as `LiveEntries` makes it.

        `note` is the number of the note that `stored` revises or deletes, or 0 if `stored` is a note itself.
        """
        self._entries.write(lambda: self._live.lines(stored.number, stored.entry, note), len(stored.entry.text))

    def say(self, message: Notice) -> None:
        """Print `message` to standard error, as a line that begins with `udpnote: `."""
        self.print(fitted_to(sys.stderr, said(message)))

    def print(self, lines: str) -> None:
        """Print `lines` to standard error. They must not have characters that control a terminal."""
        self._messages.write(lambda: lines + "\n", len(lines))

    def close(self) -> None:
        """Wait until everything is printed. For an output that has stopped, wait only a short time."""
        self._entries.close()
        self._messages.close()

    def _report_skipped_entries(self, skipped: int) -> None:
        self.say(Notice("entries_not_shown", entries=skipped))

    def _report_skipped_messages(self, skipped: int) -> None:
        self.say(Notice("messages_not_shown", messages=skipped))


def _introduction(server: Server, settings: Settings) -> str:
    """Return the lines that are printed first: the notebook, its file, and how people join it and write to it."""
    shown = Notice("serves_notebook", name=server.name, notebook_id=server.notebook_id)
    lines = [(_("notebook"), str(shown)), (_("file"), settings.file)]
    if settings.text_file is not None:
        lines.append((_("text file"), settings.text_file))
    if server.join_code is None:
        lines.append((_("open"), str(Notice("open_on_machine") if _is_local(server) else Notice("open_on_lan"))))
    else:
        lines += [(_("sealed"), str(Notice("sealed_on_lan"))), (_("to join"), f"udpnote join {server.join_code}")]
    lines += [
        (_("listening"), str(Notice("listens_at", addresses=tuple(server.addresses)))),
        (_("to write"), str(_how_to_write(server, settings))),
        (_("to end"), "Ctrl-C"),
    ]
    rows = [f"{padded(label, LABEL_CELLS)}{harmless(text)}" for label, text in lines]
    return "\n".join(fitted_to(sys.stderr, row, label_cells=LABEL_CELLS) for row in rows)


def _example(server: Server, bind: str | None) -> str:
    """Return a `udpnote send` command that sends to this server.

    `bind` is the address on which the settings let the server listen, or None for all addresses.
    """
    if bind is None and server.port in PORTS:
        option = "" if server.port == PORT else f"--notebook {quote(harmless(server.name))} "
    else:
        address = server.addresses[0]
        is_everywhere = parse_server(address, PORT)[0] in ("0.0.0.0", "::")
        option = f"--server {f'THIS-HOST:{server.port}' if is_everywhere else address} "
    return f'udpnote send {option}"{_("some text")}"'


def _how_to_write(server: Server, settings: Settings) -> Notice:
    """Return the notice with a command that writes to the server. It says on which machines that command works.

    If the notebook is sealed, other machines must join it first. The user who runs the server need not join if other
    commands of this user find the notebook's file without an option, because they read its key.
    """
    example = _example(server, settings.bind)
    if server.join_code is None:
        return Notice("write_on_machine" if _is_local(server) else "write_on_lan", example=example)
    if os.path.realpath(load_settings({}).file) != os.path.realpath(settings.file):
        return Notice("write_joined", example=example)
    return Notice("write_as_user" if _is_local(server) else "write_as_user_or_joined", example=example)


def _is_local(server: Server) -> bool:
    """Whether only this machine can reach the server."""
    return is_loopback(parse_server(server.addresses[0], PORT))
