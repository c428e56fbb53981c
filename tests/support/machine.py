"""Real processes of the installed command: each test has a home and a port of its own, and stays on loopback."""

import os
import sqlite3
import subprocess
from contextlib import closing
from datetime import datetime
from pathlib import Path
from subprocess import PIPE
from typing import Any, NamedTuple

from tests.support.processes import COMMAND, DEADLINE_SECONDS, Process, Result, Terminal
from udpnote.model.entry import TEXT_BYTES_MAX, Entry, Kind, Status, split
from udpnote.storage.notebook.notebook import Notebook

_TABLE = "entries JOIN clients USING (client)"


class Row(NamedTuple):
    """One entry as the notebook's file holds it."""

    number: int
    author: str
    written_at: int
    text: str


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

    def start(
        self, *arguments: str, environ: dict[str, str] | None = None, stdin: int = PIPE, stdout: int = PIPE, stderr: int = PIPE
    ) -> Process:
        whole = self.environ | (environ or {})
        process = Process([COMMAND, *arguments], whole, stdin=stdin, stdout=stdout, stderr=stderr)
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
            opened.kill()


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
