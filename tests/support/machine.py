"""A user's machine for the tests of the command line: commands run in this process, or as processes where that matters.

`Machine.run` calls the command's `main` in this process, with streams, an environment and a time zone of its own. That takes
a few milliseconds, where a process takes a third of a second. `start` and `shell` are for what only a process shows:
signals, broken pipes, terminals, several commands at once. Everything stays on loopback.
"""

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, TextIO
from unittest import mock

import pytest

from tests.support import notebook_files
from tests.support.notebook_files import read
from tests.support.processes import COMMAND, COMMAND_WITHOUT_SITE, DEADLINE_SECONDS, Process, Result, Terminal, free_port
from udpnote.cli.main import main
from udpnote.model.entry import TEXT_BYTES_MAX, Entry, Kind, Status, split
from udpnote.model.join_code import join_code
from udpnote.model.language import ENGLISH
from udpnote.server.server import Server
from udpnote.storage.key_file import read_key_file
from udpnote.storage.notebook.notebook import Notebook
from udpnote.text.language import speak_by

NOW = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
"""A pattern for the present time, as commands print it."""


class Row(NamedTuple):
    """One entry as the notebook's file holds it."""

    number: int
    author: str
    written_at: int
    text: str


class Machine:
    """A home folder, a UDP port and an environment of its own, and the servers and processes that a test starts there."""

    def __init__(self, home: Path) -> None:
        self.home, self.port = home, free_port()
        self.notebook, self.outbox, self.key_file = (
            home / name for name in ("notebook.sqlite3", "outbox.sqlite3", "notebook.sqlite3.key")
        )
        self.environ = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ} | {
            "UDPNOTE_HOME": str(home),
            "UDPNOTE_SERVER": f"127.0.0.1:{self.port}",  # so that a process looks for a server nowhere else
            "UDPNOTE_AUTHOR": "amy@pi",
            "LANG": "C.UTF-8",
            "TZ": "CST-8",
            "TERM": "xterm-256color",  # one for all tests: rich keeps how the first terminal of its process shows a style
            "COLUMNS": "120",
            "UDPNOTE_PAGER": "",
        }
        self.discovering = {"UDPNOTE_SERVER": "", "UDPNOTE_PORT": str(self.port)}
        """Variables with which `run` lets a command look for servers by discovery. It finds those on this machine alone."""
        self._servers: list[Server] = []
        self._opened: list[Process | Terminal] = []

    def run(self, *arguments: str | bytes, typed: str | bytes = b"", encoding: str = "utf-8", **environ: str) -> Result:
        """Run a command in this process, with `typed` as its whole standard input. Its streams have this `encoding`.

        One argument alone is a command line, which is split into words as by a shell: `run("edit 1 'oat milk'")`.
        """
        with _capturing(encoding) as stdout, _capturing(encoding) as stderr:
            code = self._call(arguments, environ, typed, stdout, stderr)
            return Result(code, _content(stdout), _content(stderr))

    def send(self, *words: str | bytes, typed: str | bytes = b"", **environ: str) -> Result:
        return self.run("send", *words, typed=typed, **environ)

    def json(self, *arguments: str, **environ: str) -> list[Any]:
        """Run a command in this process, which must succeed. Return the JSON objects that it prints, one per line."""
        result = self.run(*arguments, **environ)
        assert result.code == 0, result
        return [json.loads(line) for line in result.lines]

    def refused(
        self, *arguments: str | bytes, code: int = 1, facts: Sequence[object] = (), typed: str | bytes = b"", **environ: str
    ) -> str:
        """Run a command, which must end with the exit code `code`. Return its standard error.

        It must print nothing on standard output, and each of `facts` on standard error.
        """
        result = self.run(*arguments, typed=typed, **environ)
        assert (result.code, result.out) == (code, ""), result
        assert result.err.startswith("udpnote: ") or code == 2, result
        assert [fact for fact in facts if str(fact) not in result.err] == [], result
        return result.err

    def show(self, *arguments: str, columns: int = 100, **environ: str) -> Terminal:
        """Run a command in this process, with a terminal as its standard output. Return the terminal."""
        terminal = self.terminal(columns=columns)
        with _capturing() as stderr, open(os.dup(terminal.descriptor), "w", encoding="utf-8") as screen:
            assert self._call(arguments, {"COLUMNS": str(columns)} | environ, b"", screen, stderr) == 0
        terminal.finish()
        return terminal

    def shell(self, line: str) -> Result:
        """Run a line of bash, with the installed command on the path. Bash stays the parent of the line's last command, so that
        the command finds out from which shell it was started.
        """
        environ = self.environ | {"PATH": f"{Path(COMMAND).parent}:{self.environ['PATH']}"}
        script = f"{line}\nexit $?"  # without `exit`, bash would replace itself by the last command
        done = subprocess.run(["bash", "-c", script], capture_output=True, env=environ, timeout=DEADLINE_SECONDS, check=False)
        assert b"Traceback" not in done.stderr, done.stderr
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(
        self,
        *arguments: str,
        environ: dict[str, str] | None = None,
        command: Sequence[str] = COMMAND_WITHOUT_SITE,
        **files: Any,
    ) -> Process:
        """Start a command as a process. `files` may give it a `stdin`, `stdout` or `stderr` that is no pipe."""
        process = Process([*command, *arguments], self.environ | (environ or {}), **files)
        self._opened.append(process)
        return process

    def terminal(self, *, columns: int = 100) -> Terminal:
        terminal = Terminal(columns=columns)
        self._opened.append(terminal)
        return terminal

    def serve(self, name: str | None = None, *, notebook: Path | None = None, port: int = 0, **options: Any) -> Server:
        """Serve the notebook in a thread of this process. The defaults are the notebook and the port of this machine."""
        with self._here({}):
            server = Server(notebook or self.notebook, name=name, bind="127.0.0.1", port=port or self.port, **options)
        self._servers.append(server)
        return server.start()

    def stop(self) -> None:
        """End the servers that serve in this process."""
        while self._servers:
            self._servers.pop().stop()

    def serve_process(self, *options: str) -> Process:
        """Start a server as a process, and wait until it serves."""
        server = self.start("serve", "--bind", "127.0.0.1", "--port", str(self.port), *options)
        server.expect_error(r"Ctrl-C\n")
        return server

    def keep(self, *entries: Entry, stored_after: int = 1) -> None:
        """Store entries in the notebook's file, each as if `stored_after` seconds after it was written.

        No server may have the file open.
        """
        self.home.mkdir(mode=0o700, exist_ok=True)
        with closing(Notebook(self.notebook)) as notebook:
            for written_at, together in groupby(entries, key=lambda entry: entry.written_at):
                parts = [part for entry in together for part in split(entry, TEXT_BYTES_MAX)]
                verdicts = notebook.store(parts, written_at + stored_after * 1_000_000)
                assert all(verdict is not None and verdict.status is Status.STORED for verdict in verdicts)

    def rows(self) -> list[Row]:
        """Read all entries from the notebook's file."""
        return [Row(*row) for row in read(self.notebook, "number, author, written_at, text FROM entries")]

    def texts(self) -> list[str]:
        return [row.text for row in self.rows()]

    def waiting(self) -> list[str]:
        """Read the texts of all entries from the outbox's file."""
        return [text for (text,) in read(self.outbox, "text FROM entries ORDER BY sequence")] if self.outbox.exists() else []

    @property
    def code(self) -> str:
        """The join code that is in the key file."""
        keys = read_key_file(str(self.key_file))
        assert keys is not None
        return join_code(keys.current)

    def refuse(self, text: str) -> None:
        """Let the notebook's database raise an error for entries with this `text`. No server may have the file open."""
        self.keep()
        notebook_files.refuse(self.notebook, text)

    def close(self) -> None:
        """End all servers and processes that were started here."""
        for opened in reversed(self._opened):
            opened.kill()
        self.stop()

    def _call(
        self, arguments: tuple[str | bytes, ...], environ: dict[str, str], typed: str | bytes, stdout: TextIO, stderr: TextIO
    ) -> int:
        """Call `main` with these arguments and streams, and return the exit code."""
        data, encoding = typed if isinstance(typed, bytes) else typed.encode(), stderr.encoding
        with _feeding(data, encoding) as stdin, self._here(environ), _alarmed():
            words = shlex.split(os.fsdecode(arguments[0])) if len(arguments) == 1 else arguments
            argv = ["udpnote", *map(os.fsdecode, words)]
            streams: dict[str, Any] = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
            with mock.patch.multiple(sys, argv=argv, **streams), pytest.raises(SystemExit) as ended:
                main()
        speak_by(lambda: ENGLISH)  # as before: the language of a command is that of its process
        assert isinstance(ended.value.code, int)
        return ended.value.code

    @contextmanager
    def _here(self, environ: dict[str, str]) -> Iterator[None]:
        """Let this process have, during the block, the environment and time zone of this machine, and no network interface."""
        with mock.patch("netifaces.interfaces", list):
            try:
                temporary = mock.patch.object(tempfile, "tempdir", None)  # so that TMPDIR is looked at again
                with mock.patch.dict(os.environ, self.environ | environ, clear=True), temporary:
                    time.tzset()
                    yield
            finally:
                time.tzset()


def note(sequence: int, text: str, written: str = "2026-11-23T07:52:59+08:00", *, author: str = "lin@desk") -> Entry:
    """Make a note of another client. `written` is an ISO 8601 time with an offset."""
    moment = datetime.fromisoformat(written)
    offset = moment.utcoffset()
    assert offset is not None
    return Entry(
        b"c" * 16, sequence, Kind.NOTE, int(moment.timestamp()) * 1_000_000, int(offset.total_seconds()) // 60, author, text
    )


def change(kind: Kind, sequence: int, text: str, revises: int) -> Entry:
    """Make a revision or a deletion, written by amy, of the entry with the number `revises`."""
    return note(sequence, text, "2026-11-23T09:00:00+08:00", author="amy@pi")._replace(kind=kind, revises=revises)


def _capturing(encoding: str = "utf-8") -> TextIO:
    """Open a temporary file for an output: a real file, because commands may ask for its descriptor or replace it."""
    return tempfile.TemporaryFile("w+", encoding=encoding, newline="")


def _content(output: TextIO) -> str:
    output.flush()
    with open(os.dup(output.fileno()), encoding=output.encoding, newline="") as written:
        written.seek(0)
        return written.read()


@contextmanager
def _feeding(data: bytes, encoding: str) -> Iterator[TextIO]:
    """Give the block a pipe from which `data` can be read, and then the end of the file."""
    reading, writing = os.pipe()

    def feed() -> None:
        with suppress(BrokenPipeError), open(writing, "wb") as pipe:
            pipe.write(data)

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    with open(reading, encoding=encoding) as stdin:
        yield stdin
    feeder.join()


@contextmanager
def _alarmed() -> Iterator[None]:
    """Fail if the block takes too long, wherever it waits; afterwards restore the signal handlers that it has set."""

    def fail(*_: object) -> None:
        raise AssertionError(f"the command still runs after {DEADLINE_SECONDS:g} seconds")

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)}
    signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, DEADLINE_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
