"""Permissions: only the owner can read the files that udpnote makes, and a file that others can read is named."""

import os
import stat
from pathlib import Path

import pytest

from tests.support.machine import Machine, note
from tests.support.notebook_files import change
from tests.support.requirements import needs_root

MADE = {
    "notebook.sqlite3", "notebook.sqlite3-wal", "notebook.sqlite3-shm", "notebook.sqlite3.index",
    "notebook.sqlite3.index-wal", "notebook.sqlite3.index-shm", "notes.txt", "outbox.sqlite3",
}  # fmt: skip


def modes(folder: Path) -> dict[str, int]:
    """The permissions of all that is in the folder, and of itself."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}


def advice(path: Path, mode: int = 600) -> str:
    """The command that a warning about `path` ends with."""
    return f"chmod {mode} {path}\n"


@pytest.mark.usefixtures("no_umask")
def test_all_that_udpnote_makes_is_its_owners_only_and_nobody_is_warned(machine: Machine, tmp_path: Path) -> None:
    server = machine.serve_process("--text-file", str(machine.home / "notes.txt"))
    terminal = machine.terminal()
    unset = dict.fromkeys(("UDPNOTE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"), "")
    environ = unset | {"HOME": str(tmp_path / "amy")}
    machine.start("write", environ=environ, stdin=terminal.descriptor, stdout=terminal.descriptor)
    terminal.expect("quit ends")
    terminal.type("milk\r")
    terminal.expect("#1")
    search = f"search --file {machine.notebook} milk"
    for command in ("send milk", "list", "use", "outbox --send", "find --timeout 0.1", search):
        assert "chmod" not in machine.run(command).err
    assert "chmod" not in server.errors
    assert modes(machine.home) == dict.fromkeys(MADE, 0o600) | {"home": 0o700}
    own = modes(tmp_path / "amy")
    assert own["history"] == 0o600
    assert all(mode == (0o600 if "." in name else 0o700) for name, mode in own.items() if name not in ("history", ".local"))


@needs_root
def test_a_file_that_root_makes_beside_another_users_notebook_is_that_users(machine: Machine) -> None:
    machine.keep(note(1, "milk"))
    Path(f"{machine.notebook}.index").unlink()
    (machine.home / "deep").mkdir(mode=0o700)
    for path in (machine.home, *machine.home.iterdir()):
        os.chown(path, 1234, 1235)
    machine.notebook.chmod(0o664)
    assert machine.run("seal").code == 0
    machine.serve(sealed=True, text_file=machine.home / "deep" / "notes.txt")
    for command in ("key rotate", f"search --file {machine.notebook} milk"):
        assert machine.run(command).code == 0
    imported = f"import - --file {machine.home}/new.sqlite3"
    assert machine.run(imported, typed="2019/05/09 16:37:08\nmilk\n").code == 0
    for path in machine.home.rglob("[!.]*"):
        status = path.stat()
        assert (status.st_uid, status.st_gid) == (1234, 1235), path
        if path.name.startswith("note"):
            assert stat.S_IMODE(status.st_mode) == (0o660 if path.suffix == ".key" else 0o664), path


def test_every_command_closes_an_outbox_that_others_can_read_and_says_so(machine: Machine) -> None:
    machine.keep(note(1, "milk"))
    machine.serve("kitchen")
    machine.send("the notebook is known")
    for command in (
        "send milk", "write", "outbox", "outbox --send", "use kitchen", "find --timeout 0.1", "list", "search milk", "stats",
        "export", "edit 1 oat",
    ):  # fmt: skip
        machine.send("queued", "--wait", "0")
        machine.outbox.chmod(0o644)
        result = machine.run(command, typed="quit\n")
        assert result.code in (0, 75)
        assert (result.err.count("only you have access"), str(machine.outbox) in result.err.partition("\n")[0]) == (1, True)
        assert {modes(machine.home)[path.name] for path in machine.home.glob("outbox*")} == {0o600}


def test_a_settings_file_and_a_backup_that_others_can_read_are_named_once(machine: Machine) -> None:
    machine.keep(note(1, "milk"))
    machine.serve()
    (machine.home / "config.toml").write_text("wait = 2")
    backup = machine.home / "backup.sqlite3"
    change(machine.notebook, f"VACUUM INTO '{backup}'")
    for path in (machine.home / "config.toml", backup):
        path.chmod(0o644)
    for count in (1, 0):
        assert machine.run("list").err.count(str(machine.home / "config.toml")) == count
        said = machine.run(f"list --file {backup}").err
        assert said == (f"udpnote: {backup} can be read by others on this machine: {advice(backup)}" if count else "")


@pytest.mark.parametrize("command", ["key show", "key rotate", "unseal", "seal", "list --file {}"])
def test_a_key_or_notebook_that_others_can_read_is_named_on_its_host(machine: Machine, command: str) -> None:
    machine.keep(note(1, "milk"))
    is_open = command in ("seal", "list --file {}")
    assert is_open or machine.run("seal").code == 0
    readable = machine.notebook if is_open else machine.key_file
    readable.chmod(0o644)
    machine.home.chmod(0o755)
    result = machine.run(command.format(machine.notebook))
    assert (result.code, advice(readable) in result.err) == (0, True)
    assert (result.err.count("chmod"), advice(machine.home, 700) in result.err) == (
        (1, False) if "list" in command else (2, True)
    )


def test_a_code_file_that_others_can_read_is_named_once_when_joining(machine: Machine) -> None:
    machine.serve(sealed=True)
    file = machine.home / "code"
    file.write_text(machine.run("key", "show").out)
    file.chmod(0o644)
    for environ in ({}, {"UDPNOTE_KEY_FILE": str(file)}):
        (machine.home / "told").unlink(missing_ok=True)
        result = machine.run("join", "--key-file", str(file), **environ)
        assert (result.code, advice(file) in result.err, result.err.count("chmod")) == (0, True, 1)
