"""`udpnote serve`: what its owner sees, why it may not start, and how it ends."""

import re
import signal
from contextlib import suppress
from pathlib import Path

from tests.support.machine import NOW, Machine
from tests.support.processes import eventually, free_port

CTRL_S = "\x13"
"""The key that stops a terminal's output."""


def test_serve_names_its_notebook_and_address_and_prints_each_entry(machine: Machine) -> None:
    server = machine.serve_process("--name", "厨房\x1b[2J")
    for number, author, text, shown in ((1, "amy", "buy milk", "amy  buy milk"), (2, "小明\x07", "今\n天", "小明␇  今␊天")):
        machine.send("--author", author, text)
        server.expect(f"{NOW}  #{number}  {shown}\n")
    machine.run("edit 1 'oat milk'")
    machine.run("edit 1 tea")
    server.expect(f"{NOW}  #3 revises #1  amy@pi  oat milk\n{NOW}  #4 revises #3 of note #1  amy@pi  tea\n")
    result = server.end(signal.SIGINT)
    assert result.code == 0
    assert re.search("^notebook   厨房␛\\[2J  \\(id [0-9a-f]{32}\\)$", result.err, re.M)
    assert "everybody on this machine" in result.err and "LAN" not in result.err
    facts = (f" {machine.notebook}\n", f" 127.0.0.1:{machine.port} (UDP)\n", f" --server 127.0.0.1:{machine.port} ")
    assert [fact for fact in facts if fact not in result.err] == []
    quiet = machine.serve_process("--quiet")
    assert machine.send("three").out.startswith("#5 ")
    result = quiet.end(signal.SIGHUP)
    assert (result.code, result.out, "厨房" in result.err, len(machine.texts())) == (0, "", True, 5)


def test_a_loopback_address_is_said_to_be_one_however_it_is_written(machine: Machine) -> None:
    server = machine.start("serve", "--bind", "127.1", "--port", str(machine.port))
    server.expect_error(r"127\.1 is 127\.0\.0\.1 .*--bind")
    server.expect_error(rf"(?s)this machine.*--server 127\.0\.0\.1:{machine.port} .* on this machine\n.*Ctrl-C\n")


def test_a_sealed_server_says_who_can_write_and_its_owner_can_without_joining(machine: Machine, tmp_path: Path) -> None:
    server = machine.serve_process("--sealed", "--name", "厨房")
    sent = machine.send("今天开会")
    assert (sent.code, machine.run("list").lines[0].split()[-1]) == (0, "今天开会")
    machine.refused("send --wait 0.3 stranger", code=75, UDPNOTE_HOME=str(tmp_path / "another user"))
    assert "on this machine, as this user\n" in server.end(signal.SIGINT).err
    other = machine.serve_process("--sealed", "--file", str(tmp_path / "other.sqlite3"))
    assert "on machines that have joined\n" in other.end(signal.SIGINT).err


def test_a_stopped_terminal_delays_neither_entries_nor_the_end(machine: Machine) -> None:
    terminal = machine.terminal()
    options = ("--sealed", "--bind", "127.0.0.1", "--port", str(machine.port))
    server = machine.start("serve", *options, at=terminal)
    terminal.expect("Ctrl-C")
    terminal.type(CTRL_S)
    machine.run("key", "rotate", "--file", str(machine.notebook))
    eventually(lambda: machine.run("join", machine.code).code == 0, "the server accepts the new key")
    assert [machine.send(text).code for text in ("one", "two", "three")] == [0, 0, 0]
    assert server.end(signal.SIGTERM).code == 0
    assert machine.texts() == ["one", "two", "three"]


def test_an_error_ends_the_server_though_its_terminal_is_stopped(machine: Machine) -> None:
    terminal = machine.terminal()
    terminal.type(CTRL_S)
    machine.serve()
    server = machine.start("serve", "--bind", "127.0.0.1", "--port", str(machine.port), stderr=terminal.descriptor)
    assert server.wait().code == 1


def test_signals_while_the_server_ends_do_no_harm(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    server = machine.start("serve", "--bind", "127.0.0.1", "--port", str(machine.port), "--text-file", str(path))
    server.expect_error("Ctrl-C")
    with suppress(ProcessLookupError):  # it has ended just before a signal
        for _ in range(200):
            if server.is_running:
                server.signal(signal.SIGTERM)
    assert server.wait().code in (0, -signal.SIGTERM), "a signal that comes when all is closed ends it at once"
    signal_byte = bytes([signal.SIGTERM])  # Python writes it to a descriptor, which must not be the text file's meanwhile
    assert signal_byte not in (path.read_bytes() if path.exists() else b"")


def test_the_text_file_is_named_and_written_and_an_earlier_file_is_moved_aside(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Dear diary\n")
    server = machine.start("serve", "--bind", "127.0.0.1", "--port", str(machine.port), "--text-file", str(path))
    server.expect_error(f" {path}.1.old")  # before or after it says that it is ready
    assert Path(f"{path}.1.old").read_text() == "Dear diary\n" and "was not from this notebook, or" in server.errors
    machine.send("今天开会")
    eventually(lambda: path.exists() and path.read_text().endswith("\n今天开会\n\n"))
    assert f" {path}\n" in server.errors


def test_a_taken_port_a_served_notebook_and_a_strange_address_are_named(machine: Machine) -> None:
    machine.serve()
    serve = f"serve --bind 127.0.0.1 --port {machine.port}"
    machine.refused(f"{serve} --file {machine.home}/other.sqlite3", facts=[machine.port, "--port"])
    machine.refused(f"serve --bind 127.0.0.1 --port {free_port()}", facts=[machine.notebook])
    machine.stop()
    machine.refused("serve --bind 198.51.100.1", facts=["198.51.100.1"])
    machine.refused(f"{serve} --text-file {machine.home}", facts=["--text-file"])
    machine.refused(f"{serve} --file {machine.notebook}/below", facts=[f"{machine.notebook}/below"])
