"""`udpnote serve`: what its owner sees, why it may not start, and how it ends."""

import json
import os
import re
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.machine import Machine, read
from tests.support.processes import eventually, free_port

OLD_FILE = "2019/05/09 16:37:08\n我是一个中文\n\n".encode()
"""What the notebook that came before udpnote wrote."""


def failing(machine: Machine, *options: str | bytes, code: int = 1) -> str:
    """What `serve` says in its one line when it cannot start."""
    result = machine.run("serve", "--bind", "127.0.0.1", "--port", str(machine.port), *options)
    assert (result.code, result.out, result.err.count("\n")) == (code, "", 1), result
    return result.err


def test_it_says_what_it_serves_where_and_how_to_write_to_it_and_prints_each_entry(machine: Machine) -> None:
    server = machine.serve_process("--name", "厨房\x1b[2J")
    for number, (author, text) in enumerate([("amy", "buy milk"), ("小明\x07", "今天\n开会")], 1):
        machine.send("--author", author, text)
        shown = f"{author}  {text}".replace("\n", "␊").replace("\x07", "␇")
        server.expect(f"\\d{{4}}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d  #{number}  {shown}\n")
    result = server.end(signal.SIGTERM)
    assert result.code == 0
    assert re.search("^notebook   厨房␛\\[2J  \\(id [0-9a-f]{32}\\)$", result.err, re.M)
    for fact in (f" {machine.notebook}\n", f" 127.0.0.1:{machine.port} (UDP)\n", f" --server 127.0.0.1:{machine.port} "):
        assert fact in result.err


def test_quiet_prints_no_entries_and_stores_them(machine: Machine) -> None:
    server = machine.serve_process("--quiet")
    assert machine.send("secret").code == 0
    assert server.end(signal.SIGINT).out == ""
    assert machine.texts() == ["secret"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_at_once_with_0_and_what_was_stored_is_printed(machine: Machine, number: signal.Signals) -> None:
    server = machine.serve_process()
    machine.send("kept")
    started = time.monotonic()
    result = server.end(number)
    assert time.monotonic() - started < 3
    assert (result.code, "kept" in result.out) == (0, True)


def test_a_reader_of_the_entries_that_leaves_does_not_end_the_server(machine: Machine) -> None:
    reading, writing = os.pipe()
    server = machine.serve_process(stdout=writing)
    os.close(writing)
    os.close(reading)
    assert [machine.send(text).code for text in ("one", "two", "three")] == [0, 0, 0]
    assert server.end(signal.SIGTERM).code == 0
    assert machine.texts() == ["one", "two", "three"]


def test_a_restarted_server_keeps_its_name_and_goes_on_numbering(machine: Machine) -> None:
    machine.serve("kitchen")
    machine.send("one")
    machine.stop()
    machine.serve()
    assert machine.send("two").out.startswith("#2 ")
    assert json.loads(machine.run("find", "--json", "--timeout", "0.2").out)[0]["name"] == "kitchen"


def test_the_text_file_is_named_and_kept_and_what_was_there_before_is_moved_away(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(OLD_FILE)
    server = machine.start("serve", "--bind", "127.0.0.1", "--port", str(machine.port), "--text-file", str(path))
    server.expect_error(f" {path}.1.old")  # before or after it says that it is ready
    assert Path(f"{path}.1.old").read_bytes() == OLD_FILE
    assert machine.run("import", f"{path}.1.old").code == 0
    eventually(lambda: path.exists() and path.read_bytes() == OLD_FILE)
    machine.send("今天开会")
    eventually(lambda: path.exists() and path.read_text().endswith("\n今天开会\n\n"))
    assert f" {path}\n" in server.errors


def test_a_text_file_that_cannot_be_written_ends_it_at_the_start(machine: Machine, tmp_path: Path) -> None:
    assert "--text-file" in failing(machine, "--text-file", str(tmp_path))


def test_a_taken_port_a_served_notebook_and_a_strange_address_are_named(machine: Machine) -> None:
    machine.serve()
    message = failing(machine, "--notebook", str(machine.home / "other.sqlite3"))
    assert f" {machine.port} " in message and "--port" in message
    assert str(machine.notebook) in failing(machine, "--port", str(free_port()))
    machine.stop()
    assert "198.51.100.1" in failing(machine, "--bind", "198.51.100.1")


def write_text(path: Path) -> None:
    path.write_text("Dear diary\n" * 100)


def write_strange_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (x)")


def write_damaged_database(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\x00" + b"\xff" * 5000)


@pytest.mark.parametrize(
    ("prepare", "name"),
    [
        (Path.mkdir, "taken"),
        (write_text, "taken"),
        (write_text, "taken/notebook.sqlite3"),
        (write_strange_database, "taken"),
        (write_damaged_database, "taken"),
    ],
)
def test_a_file_that_cannot_be_the_notebook_is_named_and_left_alone(
    machine: Machine, tmp_path: Path, prepare: Callable[[Path], None], name: str
) -> None:
    taken = tmp_path / "taken"
    prepare(taken)
    before = taken.read_bytes() if taken.is_file() else b""
    assert str(tmp_path / name) in failing(machine, "--notebook", str(tmp_path / name))
    assert (taken.read_bytes() if taken.is_file() else b"") == before


def test_a_notebook_of_a_newer_version_is_left_alone(machine: Machine) -> None:
    machine.keep()
    with closing(sqlite3.connect(machine.notebook)) as connection, connection:
        connection.execute("PRAGMA user_version = 99")
    assert str(machine.notebook) in failing(machine)
    assert read(machine.notebook, "1 FROM pragma_user_version WHERE user_version = 99")


@pytest.mark.parametrize("name", [" ", "x" * 500, b"\xff"])
def test_a_bad_name_is_a_usage_error(machine: Machine, name: str | bytes) -> None:
    assert "name" in failing(machine, "--name", name, code=2)
