"""`udpnote serve`: runs a server in the foreground and prints its entries."""

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
from udpnote.cli.terminal.text import count, harmless, line_for_reader
from udpnote.model.entry import StoredEntry
from udpnote.server.server import Server
from udpnote.settings import PORT, Settings, load_settings

SHOWN_ENTRIES_MAX = 10_000
"""How many entries may wait for a slow terminal; further entries are stored, but not shown."""


app = typer.Typer(rich_markup_mode="markdown")


@app.command()
@as_command
def serve(
    name: Annotated[str | None, typer.Option("--name", help="The notebook's name.  [default: this host's name]")] = None,
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
            help="Answer only clients with the notebook's key (made for a new notebook), or everybody.  [default: open]",
        ),
    ] = None,
    text_file: Annotated[
        str | None, typer.Option("--text-file", metavar="FILE", help="Also keep the notes in this text file, for any editor.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not print the entries.")] = False,
) -> int:
    """Host a notebook: receive entries from the LAN.

    Each entry is printed when it is stored. Ctrl-C ends the server; no acknowledged entry is lost.

    Examples:

        udpnote serve

        udpnote serve --name kitchen --notebook ~/kitchen.sqlite3

        udpnote serve --sealed
    """
    settings = load_settings(
        {"name": name, "bind": bind, "port": port, "notebook": notebook, "sealed": sealed, "text_file": text_file}
    )
    _run(settings, None if quiet else EntryScreen())
    say("ended; every acknowledged entry is safe")
    return exit_codes.DONE


def _run(settings: Settings, screen: "EntryScreen | None") -> None:
    """Run a server until a signal ends it; print its entries on `screen`."""
    server = Server(
        settings.notebook,
        name=settings.name,
        bind=settings.bind,
        port=settings.port,
        sealed=settings.sealed,
        text_file=settings.text_file,
        on_stored=screen.show if screen is not None else None,
        on_notice=say,
    )

    def end(_number: int, _frame: FrameType | None) -> None:
        server.stop()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # a signal that nohup(1) lets the process ignore stays ignored
            signal.signal(number, end)
    _introduce(server, settings)
    server.run()
    if screen is not None:
        screen.close()


class EntryScreen:
    """Prints entries in a thread of its own, so that a terminal that has stopped (Ctrl-S) does not stop the server."""

    def __init__(self) -> None:
        self._queue: Queue[StoredEntry | None] = Queue(SHOWN_ENTRIES_MAX)
        self._skipped = 0
        self._thread = threading.Thread(target=self._print, name="udpnote screen", daemon=True)
        self._thread.start()

    def show(self, stored: StoredEntry) -> None:
        """Let the thread print an entry. If `SHOWN_ENTRIES_MAX` entries wait already, it is not printed, only counted."""
        try:
            self._queue.put_nowait(stored)
        except Full:
            self._skipped += 1

    def close(self) -> None:
        """End the thread after the entries that still wait; give up after 0.4 seconds if the terminal has stopped."""
        try:
            self._queue.put(None, timeout=0.1)
        except Full:
            return
        self._thread.join(timeout=0.3)

    def _print(self) -> None:
        try:
            while (stored := self._queue.get()) is not None:
                sys.stdout.write(line_for_reader(stored.number, stored.entry) + "\n")
                if self._queue.empty():
                    sys.stdout.flush()
                    self._report_skipped()
        except OSError:  # the output was closed: the server runs on without it
            mute_output()

    def _report_skipped(self) -> None:
        if self._skipped:
            say(f"{count(self._skipped, 'entry was', 'entries were')} stored but not shown: the output is too slow")
            self._skipped = 0


def _introduce(server: Server, settings: Settings) -> None:
    """Print where the notebook is, and how people join it and write to it."""
    lines = [("notebook", f"{harmless(server.name)}  (id {server.notebook_id})"), ("file", harmless(settings.notebook))]
    if settings.text_file is not None:
        lines.append(("text file", harmless(settings.text_file)))
    if server.join_code is None:
        lines.append(("open", "everybody on this LAN can read it and write in it"))
    else:
        lines += [("sealed", "only machines that have its key can use it"), ("to join", f"udpnote join {server.join_code}")]
    lines += [
        ("listening", f"{', '.join(server.addresses)} (UDP)"),
        ("to write", _example(server, settings.bind)),
        ("to end", "Ctrl-C"),
    ]
    print("\n".join(f"{label:<11}{text}" for label, text in lines), file=sys.stderr, flush=True)


def _example(server: Server, bind: str | None) -> str:
    """A command that sends an entry to this server, and on which machines it works, as a line for the user."""
    is_local = bind is not None and (bind in ("localhost", "::1") or bind.startswith("127."))
    host = "THIS-HOST" if bind in (None, "0.0.0.0", "::") else f"[{bind}]" if ":" in bind else bind
    option = "" if bind is None and server.port == PORT else f"--server {host}:{server.port} "
    return f'udpnote send {option}"some text"     on {"this machine" if is_local else "any machine of this LAN"}'
