"""Real processes of the installed command: each test has a home and a port of its own, and stays on loopback."""

import fcntl
import os
import pty
import re
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from udpnote.model.entry import TEXT_BYTES_MAX, Entry, Kind, Status, split
from udpnote.storage.notebook.notebook import Notebook

COMMAND = str(Path(sys.executable).with_name("udpnote"))
DEADLINE_SECONDS = 20.0
"""How long anything may take on a busy machine before the test fails; nothing waits that long when all is well."""

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][0-9A-B]|[=>78])")
_TABLE = "entries JOIN clients USING (client)"


class Result(NamedTuple):
    """What a command that has ended has left: its exit code and its two outputs."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


class Row(NamedTuple):
    """One entry as the notebook's file holds it."""

    number: int
    author: str
    written_at: int
    text: str


class Output:
    """What a process writes, read as it comes by a thread of its own; `expect` waits for a text and goes past it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._data = bytearray()
        self._position = 0
        self._is_ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def text(self) -> str:
        with self._changed:
            return self._readable()

    @property
    def raw(self) -> str:
        """With its escape sequences."""
        with self._changed:
            return self._data.decode(errors="replace")

    def expect(self, pattern: str) -> re.Match[str]:
        """Wait until `pattern` is written after what was expected before."""
        until = time.monotonic() + DEADLINE_SECONDS
        while True:
            with self._changed:
                text, is_ended = self._readable(), self._is_ended
                found = re.search(pattern, text[self._position :])
                if found is not None:
                    self._position += found.end()
                    return found
                assert not is_ended, f"ended without {pattern!r}: {text!r}"
                assert self._changed.wait(until - time.monotonic()), f"no {pattern!r} came: {text!r}"

    def _readable(self) -> str:
        return _ESCAPES.sub("", self._data.decode(errors="replace"))

    def finish(self) -> str:
        self._thread.join(DEADLINE_SECONDS)
        return self.text

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._descriptor, 1 << 16)
            except OSError:  # a pseudo-terminal whose other side has closed
                data = b""
            with self._changed:
                self._data += data
                self._is_ended = not data
                self._changed.notify_all()
            if not data:
                return


class Process:
    """A command under way, with pipes for its input and outputs, or with `descriptors` that the test has opened."""

    def __init__(self, arguments: tuple[str, ...], environ: dict[str, str], **descriptors: int) -> None:
        streams = {name: descriptors.get(name, subprocess.PIPE) for name in ("stdin", "stdout", "stderr")}
        self._popen: subprocess.Popen[bytes] = subprocess.Popen(
            [COMMAND, *arguments],
            stdin=streams["stdin"], stdout=streams["stdout"], stderr=streams["stderr"],
            env=environ, start_new_session=True,
        )  # fmt: skip
        self.out = Output(self._popen.stdout.fileno()) if self._popen.stdout is not None else None
        self.err = Output(self._popen.stderr.fileno()) if self._popen.stderr is not None else None

    @property
    def pid(self) -> int:
        return self._popen.pid

    def expect(self, pattern: str) -> re.Match[str]:
        """Wait for `pattern` on standard output."""
        assert self.out is not None
        return self.out.expect(pattern)

    def expect_error(self, pattern: str) -> re.Match[str]:
        """Wait for `pattern` on standard error."""
        assert self.err is not None
        return self.err.expect(pattern)

    def type(self, text: str | bytes) -> None:
        stdin = self._popen.stdin
        assert stdin is not None
        stdin.write(text if isinstance(text, bytes) else text.encode())
        stdin.flush()

    def signal(self, number: int) -> None:
        """Send it a signal, and do not wait for what it does."""
        self._popen.send_signal(number)

    def interrupt(self) -> None:
        """Ctrl-C, as a terminal has it: also for whatever the command has started."""
        os.killpg(self._popen.pid, signal.SIGINT)

    def end(self, number: int | None = None) -> Result:
        """End it, by a signal or by the end of its input; no ending is worth a traceback."""
        if number is not None:
            self._popen.send_signal(number)
        if self._popen.stdin is not None and not self._popen.stdin.closed and number is None:
            self._popen.stdin.close()
        code = self._popen.wait(DEADLINE_SECONDS)
        out, err = (output.finish() if output is not None else "" for output in (self.out, self.err))
        assert "Traceback" not in out + err, out + err
        return Result(code, out, err)

    def close(self) -> None:
        """Leave nothing behind, whatever has happened."""
        if self._popen.poll() is None:
            self._popen.kill()
            self._popen.wait()
        for output in (self.out, self.err):
            if output is not None:
                output.finish()
        for stream in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()


class Terminal:
    """A pseudo-terminal: `descriptor` is for the process, and the test types and reads at the other side."""

    def __init__(self, *, columns: int = 100) -> None:
        self._side, self.descriptor = pty.openpty()
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self._screen = Output(self._side)

    def expect(self, pattern: str) -> re.Match[str]:
        return self._screen.expect(pattern)

    def type(self, keys: str) -> None:
        os.write(self._side, keys.encode())

    @property
    def text(self) -> str:
        return self._screen.text

    @property
    def raw(self) -> str:
        """With its escape sequences."""
        return self._screen.raw

    def finish(self) -> None:
        """Wait for all that was written; no process may use it any more."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
            self._screen.finish()

    def close(self) -> None:
        self.finish()
        os.close(self._side)


class Machine:
    """A user's machine: a home, an environment without surprises, and the processes that were started on it."""

    def __init__(self, home: Path, port: int) -> None:
        self.home, self.port = home, port
        self.environ = {
            "PATH": os.environ["PATH"],
            "UDPNOTE_HOME": str(home),
            "UDPNOTE_SERVER": f"127.0.0.1:{port}",  # or a silent server would be looked for on the real LAN
            "UDPNOTE_AUTHOR": "amy@pi",
            "LANG": "C.UTF-8",
            "TZ": "CST-8",
            "TERM": "xterm",
            "COLUMNS": "120",
        }
        self._opened: list[Process | Terminal] = []

    def run(self, *arguments: str | bytes, typed: str | bytes = b"", **environ: str) -> Result:
        """Run a command to its end, with `typed` as its whole standard input."""
        done = subprocess.run(
            [COMMAND, *arguments],
            input=typed if isinstance(typed, bytes) else typed.encode(),
            capture_output=True, env=self.environ | environ, timeout=DEADLINE_SECONDS, check=False,
        )  # fmt: skip
        result = Result(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert "Traceback" not in result.out + result.err, result.err
        return result

    def start(self, *arguments: str, environ: dict[str, str] | None = None, **descriptors: int) -> Process:
        process = Process(arguments, self.environ | (environ or {}), **descriptors)
        self._opened.append(process)
        return process

    def terminal(self, *, columns: int = 100) -> Terminal:
        terminal = Terminal(columns=columns)
        self._opened.append(terminal)
        return terminal

    def show(self, *arguments: str, columns: int = 100, **environ: str) -> Terminal:
        """Run a command to its end at a terminal of its own, for its output."""
        terminal = self.terminal(columns=columns)
        process = self.start(*arguments, environ={"COLUMNS": ""} | environ, stdout=terminal.descriptor)
        assert process.end().code == 0
        terminal.finish()
        return terminal

    def keep(self, *entries: Entry, stored_after: int = 1) -> None:
        """Put entries into the notebook (nobody serves it now); each is stored so many seconds after it was written."""
        self.home.mkdir(mode=0o700, exist_ok=True)
        with closing(Notebook(self.home / "notebook.sqlite3")) as notebook:
            for entry in entries:
                [verdict] = notebook.store(split(entry, TEXT_BYTES_MAX), entry.written_at + stored_after * 1_000_000)
                assert verdict is not None and verdict.status is Status.STORED

    def serve(self, *options: str) -> Process:
        """A server on loopback that is ready."""
        server = self.start("serve", "--bind", "127.0.0.1", "--port", str(self.port), *options)
        server.expect_error("listening  .*\n(.*\n)*to end")
        return server

    def shell(self, line: str) -> Result:
        """Run a line of shell, with the installed command on the path."""
        environ = self.environ | {"PATH": f"{Path(COMMAND).parent}:{self.environ['PATH']}"}
        done = subprocess.run(["bash", "-c", line], capture_output=True, env=environ, timeout=DEADLINE_SECONDS, check=False)
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def send(self, *words: str | bytes, typed: str | bytes = b"", **environ: str) -> Result:
        return self.run("send", *words, typed=typed, **environ)

    def rows(self) -> list[Row]:
        """The notebook, read from its file."""
        return [Row(*row) for row in read(self.home / "notebook.sqlite3", f"number, author, written_at, text FROM {_TABLE}")]

    def texts(self) -> list[str]:
        return [row.text for row in self.rows()]

    def waiting(self) -> list[str]:
        """The texts in the outbox, read from its file."""
        path = self.home / "outbox.sqlite3"
        return [text for (text,) in read(path, "text FROM entries ORDER BY sequence")] if path.exists() else []

    def refuse(self, text: str) -> None:
        """Have the notebook (nobody serves it now) refuse entries of this text, as it does what its database will not take."""
        with closing(sqlite3.connect(self.home / "notebook.sqlite3")) as connection, connection:
            connection.execute(
                "CREATE TRIGGER refusing BEFORE INSERT ON entries WHEN NEW.text = "
                f"'{text}' BEGIN SELECT RAISE(ABORT, 'refused'); END"
            )

    def close(self) -> None:
        for opened in reversed(self._opened):
            opened.close()


def note(sequence: int, text: str, written: str = "2026-11-23T07:52:59+08:00", *, author: str = "lin@desk") -> Entry:
    """A note of another client, written at an ISO 8601 time with its offset."""
    moment = datetime.fromisoformat(written)
    offset = moment.utcoffset()
    assert offset is not None
    return Entry(
        b"c" * 16, sequence, Kind.NOTE, int(moment.timestamp()) * 1_000_000, int(offset.total_seconds()) // 60, author, text
    )


def change(kind: Kind, sequence: int, text: str, revises: int, written: str = "2026-11-23T09:00:00+08:00") -> Entry:
    """A revision or a deletion of what has the number `revises`, by somebody else."""
    return note(sequence, text, written, author="amy@pi")._replace(kind=kind, revises=revises)


def read(path: Path, columns: str) -> list[tuple[Any, ...]]:
    """The rows of `SELECT columns`, beside whoever writes the file."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=DEADLINE_SECONDS)) as connection:
        return connection.execute(f"SELECT {columns}").fetchall()


def free_port() -> int:
    """A UDP port that nobody uses on loopback, IPv4 and IPv6."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(condition: Callable[[], bool]) -> None:
    """Wait for something that nothing announces."""
    until = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.02)
