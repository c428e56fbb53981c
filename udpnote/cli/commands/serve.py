"""`udpnote serve`: the server in the foreground, with its entries on the screen."""

import signal
import sys
import threading
from queue import Full, Queue
from types import FrameType
from typing import Annotated

import typer

from udpnote.cli import exit_codes
from udpnote.cli.options import ServedFile, as_command
from udpnote.cli.terminal.streams import mute_output, say
from udpnote.cli.terminal.text import count, harmless, noted_line
from udpnote.model.entry import StoredEntry
from udpnote.server.server import Server
from udpnote.settings import PORT, Settings, load_settings

SHOWN_ENTRIES_MAX = 10_000
"""How many entries may wait for a slow terminal: the ones past it are stored, but not shown."""


app = typer.Typer(rich_markup_mode="markdown")


@app.command()
@as_command
def serve(
    name: Annotated[
        str | None, typer.Option("--name", help="What people call the notebook.  [default: this host's name]")
    ] = None,
    bind: Annotated[
        str | None, typer.Option("--bind", metavar="ADDRESS", help="Listen on this address only.  [default: all]")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", metavar="PORT", help="The UDP port to listen on.  [default: 6683]")
    ] = None,
    notebook: ServedFile = None,
    sealed: Annotated[
        bool | None,
        typer.Option(
            "--sealed/--open",
            help="Answer only clients that have the notebook's key (a new notebook gets one), or everybody.  [default: open]",
        ),
    ] = None,
    text_file: Annotated[
        str | None, typer.Option("--text-file", metavar="FILE", help="Also keep the notes in this text file, for any editor.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not print the entries.")] = False,
) -> int:
    """Host a notebook: receive entries from the LAN.

    The entries are printed as they are stored. Ctrl-C ends the server; no acknowledged entry is ever lost.

    Examples:

        udpnote serve

        udpnote serve --name kitchen --notebook ~/kitchen.sqlite3

        udpnote serve --sealed
    """
    settings = load_settings(
        {"name": name, "bind": bind, "port": port, "notebook": notebook, "sealed": sealed, "text_file": text_file}
    )
    screen = None if quiet else EntryScreen()
    server = Server(
        settings.notebook,
        name=settings.name,
        bind=settings.bind,
        port=settings.port,
        sealed=settings.sealed,
        text_file=settings.text_file,
        on_stored=screen.show if screen is not None else None,
        on_notice=lambda notice: say(str(notice)),
    )

    def end(_number: int, _frame: FrameType | None) -> None:
        server.stop()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup(1) has it for SIGHUP
            signal.signal(number, end)
    _introduce(server, settings)
    server.run()
    if screen is not None:
        screen.close()
    say("ended; every acknowledged entry is safe")
    return exit_codes.DONE


class EntryScreen:
    """Prints entries in a thread of its own, so that a terminal that stands still does not hold up the server."""

    def __init__(self) -> None:
        self._queue: Queue[StoredEntry | None] = Queue(SHOWN_ENTRIES_MAX)
        self._passed_over = 0
        self._thread = threading.Thread(target=self._print, name="udpnote screen", daemon=True)
        self._thread.start()

    def show(self, stored: StoredEntry) -> None:
        """Have an entry printed, soon."""
        try:
            self._queue.put_nowait(stored)
        except Full:
            self._passed_over += 1

    def close(self) -> None:
        """Print what waits, unless the terminal stands still."""
        try:
            self._queue.put(None, timeout=0.1)
        except Full:
            return
        self._thread.join(timeout=0.3)

    def _print(self) -> None:
        try:
            while (stored := self._queue.get()) is not None:
                sys.stdout.write(noted_line(stored.number, stored.entry) + "\n")
                if self._queue.empty():
                    sys.stdout.flush()
                    self._confess()
        except OSError:  # nobody reads the output any more: the notebook does not need a reader
            mute_output()

    def _confess(self) -> None:
        if self._passed_over:
            say(f"{count(self._passed_over, 'entry was', 'entries were')} stored but not shown: the output is too slow")
            self._passed_over = 0


def _introduce(server: Server, settings: Settings) -> None:
    bind = settings.bind
    is_local = bind in ("localhost", "::1") or (bind or "").startswith("127.")
    named = bind if bind not in (None, "0.0.0.0", "::") else "THIS-HOST"
    host = f"[{named}]" if ":" in named else named
    reach = "" if bind is None and server.port == PORT else f"--server {host}:{server.port} "
    code = server.join_code
    seal = "open       whoever is on this LAN can read it and write in it\n"
    if code is not None:
        seal = f"sealed     only for who has its key\nto join    udpnote join {code}\n"
    text_file = f"text file  {harmless(settings.text_file)}\n" if settings.text_file is not None else ""
    print(
        f"notebook   {harmless(server.name)}  (id {server.notebook_id})\n"
        f"file       {harmless(settings.notebook)}\n"
        f"{text_file}"
        f"{seal}"
        f"listening  {', '.join(server.addresses)} (UDP)\n"
        f'to write   udpnote send {reach}"some text"     on {"this machine" if is_local else "any machine of this LAN"}\n'
        "to end     Ctrl-C",
        file=sys.stderr,
        flush=True,
    )
