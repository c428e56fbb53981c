"""`udpnote serve`: what its owner sees, why it may not start, and how it ends."""

import os
import re
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.machine import Machine
from tests.support.processes import free_port
from udpnote.version import __version__

COMMANDS = (
    "serve", "find", "send", "write", "outbox", "use", "demo",
    "list", "show", "search", "follow", "tail", "edit", "delete", "tags", "stats",
)  # fmt: skip


def failing(machine: Machine, *options: str, **environ: str) -> str:
    """What `serve` says in its one line when it cannot start."""
    result = machine.run("serve", "--bind", "127.0.0.1", "--port", str(machine.port), *options, **environ)
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1), result
    return result.err


def test_the_banner_says_what_is_served_where_and_how_to_write_to_it(machine: Machine) -> None:
    server = machine.serve("--name", "厨房")
    result = server.end(signal.SIGTERM)
    assert re.search("^notebook   厨房  \\(id [0-9a-f]{32}\\)$", result.err, re.M)
    assert f"file       {machine.home}/notebook.sqlite3\n" in result.err
    assert f"listening  127.0.0.1:{machine.port} (UDP)\n" in result.err
    assert f"udpnote send --server 127.0.0.1:{machine.port} " in result.err
    assert "Ctrl-C" in result.err


def test_entries_are_printed_with_time_number_author_and_text_as_they_are_stored(machine: Machine) -> None:
    server = machine.serve()
    for number, (author, text) in enumerate([("amy", "buy milk"), ("小明", "今天开会")], 1):
        machine.send("--author", author, text)
        server.expect(f"\\d{{4}}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d  #{number}  {author}  {text}\n")


def test_quiet_prints_no_entries_and_stores_them(machine: Machine) -> None:
    server = machine.serve("--quiet")
    assert machine.send("secret").code == 0
    assert server.end(signal.SIGTERM).out == ""
    assert machine.texts() == ["secret"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_at_once_with_0(machine: Machine, number: signal.Signals) -> None:
    server = machine.serve()
    machine.send("kept")
    started = time.monotonic()
    result = server.end(number)
    assert time.monotonic() - started < 3
    assert result.code == 0
    assert "kept" in result.out
    assert "every acknowledged entry is safe" in result.err


def test_a_reader_of_the_entries_that_leaves_does_not_end_the_server(machine: Machine) -> None:
    reading, writing = os.pipe()
    server = machine.start("serve", "--bind", "127.0.0.1", "--port", str(machine.port), stdout=writing)
    os.close(writing)
    server.expect_error("Ctrl-C")
    os.close(reading)
    assert [machine.send(text).code for text in ("one", "two", "three")] == [0, 0, 0]
    assert server.end(signal.SIGTERM).code == 0
    assert machine.texts() == ["one", "two", "three"]


def test_a_restarted_server_keeps_its_name_and_goes_on_numbering(machine: Machine) -> None:
    machine.serve("--name", "kitchen").end(signal.SIGTERM)
    machine.serve().expect_error("")
    assert machine.send("one").out.startswith("#1 ")
    assert '"name": "kitchen"' in machine.run("find", "--json", "--timeout", "0.2").out


def test_a_killed_server_loses_nothing_that_it_acknowledged(machine: Machine) -> None:
    server = machine.serve()
    assert machine.send("before").code == 0
    server.end(signal.SIGKILL)
    machine.serve()
    assert machine.send("after").out.startswith("#2 ")
    assert machine.texts() == ["before", "after"]


def test_a_taken_port_is_named_with_the_way_out(machine: Machine) -> None:
    machine.serve()
    message = failing(machine, "--notebook", str(machine.home / "other.sqlite3"))
    assert f"port {machine.port} is taken" in message
    assert "--port" in message


def test_a_notebook_is_served_by_one_server_only(machine: Machine) -> None:
    machine.serve()
    assert "in use by another server" in failing(machine, "--port", str(free_port()))


def test_an_address_that_is_not_this_machines_is_named(machine: Machine) -> None:
    message = failing(machine, "--bind", "198.51.100.1")
    assert f"cannot listen at 198.51.100.1:{machine.port}" in message


def write_folder(path: Path) -> None:
    path.mkdir()


def write_text(path: Path) -> None:
    path.write_text("Dear diary\n" * 100)


def write_strange_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (x)")


def write_damaged_database(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\x00" + b"\xff" * 5000)


@pytest.mark.parametrize(
    ("prepare", "name", "reason"),
    [
        (write_folder, "taken", "is no udpnote notebook, it is a folder"),
        (write_text, "taken", "is not a udpnote notebook"),
        (write_text, "taken/notebook.sqlite3", "cannot use"),
        (write_strange_database, "taken", "is not a udpnote notebook"),
        (write_damaged_database, "taken", "taken"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_the_notebook_is_named_with_the_reason(
    machine: Machine, tmp_path: Path, prepare: object, name: str, reason: str
) -> None:
    assert callable(prepare)
    prepare(tmp_path / "taken")
    message = failing(machine, "--notebook", str(tmp_path / name))
    assert str(tmp_path / name) in message
    assert reason in message


def test_a_notebook_of_a_newer_version_is_left_alone(machine: Machine) -> None:
    machine.serve().end(signal.SIGTERM)
    with closing(sqlite3.connect(machine.home / "notebook.sqlite3")) as connection, connection:
        connection.execute("PRAGMA user_version = 99")
    message = failing(machine)
    assert "was written by a newer udpnote" in message


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ("colour = 'red'", "unknown setting 'colour'"),
        ("port = 'many'", "port must be a UDP port"),
        ("port = 0", "port must be a UDP port"),
        ("port = true", "port must be a UDP port"),
        ("name = ''", "name must be a text"),
        ("wait = nan", "wait must be a number of seconds"),
        ("port = ", "is damaged"),
        ("author = '\xff'", "is damaged"),
    ],
)
def test_a_bad_settings_file_is_a_usage_error_that_names_the_file(machine: Machine, settings: str, reason: str) -> None:
    machine.home.mkdir(mode=0o700)
    path = machine.home / "config.toml"
    path.write_bytes(settings.encode("latin-1"))
    for command in (["serve", "--bind", "127.0.0.1"], ["send", "a"], ["outbox"]):
        result = machine.run(*command)
        assert (result.code, result.out, result.err.count("\n")) == (2, "", 1), result
        assert str(path) in result.err
        assert reason in result.err


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("UDPNOTE_PORT", "many"),
        ("UDPNOTE_PORT", "70000"),
        ("UDPNOTE_WAIT", "-1"),
        ("UDPNOTE_AUTHOR", "x" * 129),
        ("UDPNOTE_NAME", " "),
    ],
)
def test_a_bad_environment_variable_is_a_usage_error_that_names_it(machine: Machine, variable: str, value: str) -> None:
    result = machine.run("serve", "--bind", "127.0.0.1", **{variable: value})
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1), result
    assert variable in result.err


@pytest.mark.parametrize("name", [" ", "x" * 500, b"\xff"])
def test_a_bad_name_is_a_usage_error(machine: Machine, name: str | bytes) -> None:
    result = machine.run("serve", "--bind", "127.0.0.1", "--port", str(machine.port), "--name", name)
    assert (result.code, result.err.count("\n")) == (2, 1), result
    assert "name" in result.err


def test_a_flag_comes_before_the_environment_and_that_before_the_settings_file(machine: Machine) -> None:
    machine.home.mkdir(mode=0o700)
    (machine.home / "config.toml").write_text(f"author = 'file'\nport = {free_port()}\nname = 'from the file'\n")
    server = machine.serve()
    server.end(signal.SIGTERM)
    assert server.err is not None
    assert "notebook   from the file" in server.err.text
    machine.serve("--name", "from the flag")
    for author, arguments, environ in (
        ("file", ["a"], {"UDPNOTE_AUTHOR": ""}),
        ("environment", ["b"], {"UDPNOTE_AUTHOR": "environment"}),
        ("flag", ["--author", "flag", "c"], {"UDPNOTE_AUTHOR": "environment"}),
    ):
        assert machine.send(*arguments, **environ).code == 0
        assert machine.rows()[-1].author == author


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_the_help_of_each_command_has_examples_of_itself(machine: Machine, command: str, flag: str) -> None:
    result = machine.run(command, flag)
    assert (result.code, result.err) == (0, "")
    assert re.search(f"Examples:.*udpnote {command}", result.out, re.S), result.out


def test_the_help_lists_every_command_and_comes_without_arguments_too(machine: Machine) -> None:
    helped, bare = machine.run("--help"), machine.run()
    assert helped.code == 0
    assert all(re.search(f"^. {command} ", helped.out, re.M) for command in COMMANDS), helped.out
    assert "Usage: udpnote" in bare.out + bare.err


def test_an_unknown_command_is_a_usage_error(machine: Machine) -> None:
    result = machine.run("sned", "a")
    assert (result.code, "sned" in result.err) == (2, True)


def test_the_version_is_the_packages(machine: Machine) -> None:
    assert machine.run("--version").out == f"udpnote {__version__}\n"


def test_the_module_runs_as_the_command(machine: Machine) -> None:
    machine.serve()
    result = machine.shell("python -m udpnote send 你好")
    assert (result.code, machine.texts()) == (0, ["你好"])
