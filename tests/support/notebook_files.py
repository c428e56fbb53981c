"""Reads and changes the file of a notebook or of an outbox, beside the programs that use it."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from udpnote.model.join_code import join_code
from udpnote.storage.key_file import key_path, read_key_file, rotated, write_key_file
from udpnote.storage.notebook.erasure import prepared_erasure

BUSY_SECONDS = 20.0
"""How long reading waits for a program that locks the file."""


def read(path: Path | str, selection: str) -> list[tuple[Any, ...]]:
    """Return the rows of `SELECT {selection}` in the database `path`. A server may write to it meanwhile.

    `selection` is the rest of the statement, with its table, such as `text FROM entries ORDER BY number`.
    """
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=BUSY_SECONDS)) as connection:
        return connection.execute(f"SELECT {selection}").fetchall()


def texts(notebook: Path) -> list[str]:
    """Return the texts of all entries in the file `notebook`, in the order of their numbers. Its server may run."""
    return [text for (text,) in read(notebook, "text FROM entries ORDER BY number")]


def change(path: Path | str, statements: str) -> None:
    """Execute the SQL `statements` in the database `path`, which this makes if it is missing."""
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
        connection.executescript(statements)


def fail_before(path: Path | str, event: str) -> None:
    """Let the database `path` raise an error before each `event`, the clause of a trigger such as `DELETE ON entries`."""
    change(path, f"CREATE TRIGGER failing BEFORE {event} BEGIN SELECT RAISE(ABORT, 'it fails'); END")


@contextmanager
def no_indexing(notebook: Path) -> Iterator[None]:
    """Inside the `with` block, keep the server of `notebook` from indexing further notes."""
    with closing(sqlite3.connect(f"{notebook}.index", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def refuse(notebook: Path, text: str) -> None:
    """Let the database `notebook` raise an error for new entries with this `text`. No server may have the file open."""
    fail_before(notebook, f"INSERT ON entries WHEN NEW.text = '{text}'")


def erase(notebook: Path, number: int, now: int) -> None:
    """Erase a note in the file `notebook`, which no server has open, at the time `now`, in microseconds since 1970 UTC."""
    with prepared_erasure(str(notebook), number) as erasure:
        assert erasure.commit(now) == []


def give_new_key(notebook: Path) -> str:
    """Replace the key in the key file of `notebook`, and return the new join code. The old key is no longer accepted."""
    path, new = key_path(str(notebook)), os.urandom(16)
    keys = read_key_file(path)
    assert keys is not None
    write_key_file(path, rotated(keys, new, accepted_until=0), notebook_name="kitchen")
    return join_code(new)
