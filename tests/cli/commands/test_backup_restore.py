"""`udpnote backup` and `restore`: what they say, ask and print, and with which codes they end."""

import json
import os
import shutil
import signal

import pytest

from tests.support.killed_database import NOTES, Killed, flip
from tests.support.machine import Machine, note
from tests.support.notebook_files import read


@pytest.fixture
def kept(machine: Machine) -> Machine:
    """A machine with a notebook of two entries, and the file `b`, a backup of its first entry. No server runs."""
    machine.keep(note(1, "今天开会"))
    machine.serve("厨房")
    machine.stop()
    assert machine.run(f"backup {machine.home}/b").code == 0
    machine.keep(note(2, "明天"))
    return machine


def test_a_backup_of_a_served_notebook_is_reported_and_replaces_an_older_file_only_with_force(served: Machine) -> None:
    served.send("今天开会")
    backup = served.home / "b"
    result = served.run(f"backup {backup}")
    assert (result.code, "kitchen" in result.out, "1 entry" in result.out, str(backup) in result.out) == (0, True, True, True)
    assert read(backup, "text FROM entries") == [("今天开会",)]
    served.send("明天")
    served.refused(f"backup {backup}", facts=[backup, "--force"])
    [made] = served.json(f"backup --force --json {backup}")
    [(notebook_id,)] = read(backup, "hex(value) FROM properties WHERE name = 'notebook_id'")
    assert made == {
        "notebook": notebook_id.lower(), "name": "kitchen", "sealed": False, "entries": 2, "backup": str(backup),
        "key_file": None, "bytes": backup.stat().st_size, "complete": True,
    }  # fmt: skip


def test_a_backup_of_a_sealed_notebook_needs_with_key_or_without_key(kept: Machine) -> None:
    kept.run("seal")
    backup = kept.home / "c"
    kept.refused(f"backup {backup}", code=2, facts=["--with-key", "--without-key"])
    assert f"{backup}.key" in kept.run(f"backup --with-key {backup}").err
    assert backup.with_name("c.key").stat().st_mode & 0o777 == 0o600
    assert kept.run(f"key show --file {backup}").out == f"{kept.code}\n"
    assert "udpnote key rotate" in kept.run(f"backup --force --without-key {backup}").err
    assert not backup.with_name("c.key").exists()
    kept.refused("backup --without-key -", code=2)


def test_an_unreadable_file_is_named_and_not_called_unwritable(kept: Machine) -> None:
    backup = kept.home / "b"
    backup.chmod(0)
    for command in (["restore", "--yes", str(backup)], ["list", "--file", str(backup)]):
        result = kept.start(*command, is_powerless=os.geteuid() == 0).wait()
        facts = (str(backup) in result.err, "Permission denied" in result.err)
        assert (result.code, facts, "cannot write" in result.err) == (1, (True, True), False), result


def test_a_restore_names_lost_entries_the_replaced_file_and_the_way_to_bring_entries_back(kept: Machine) -> None:
    backup, aside = kept.home / "b", f"{kept.notebook}.1.old"
    kept.refused(f"restore --dry-run {backup}", code=0, facts=["2 entries", "1 of them is not in the backup", "#2"])
    assert kept.json(f"restore --dry-run --json {backup}")[0] | {"notebook": ""} == {
        "notebook": "", "name": "厨房", "sealed": False, "entries": 1, "file": str(kept.notebook), "restored": False,
        "vanished": 1, "erased": [], "kept": [], "key": "open",
    }  # fmt: skip
    kept.refused(f"restore {backup}", facts=[kept.notebook, "--yes", "--dry-run"])
    for wrong in ("missing", "editor", ""):
        (kept.home / "editor").write_text("no notebook\n")
        assert str(kept.notebook) not in kept.refused(f"restore {kept.home / wrong}", facts=[kept.home / wrong])
    assert kept.texts() == ["今天开会", "明天"]
    restored = kept.run(f"restore --yes {backup}")
    assert (restored.code, "1 entry" in restored.out, kept.texts()) == (0, True, ["今天开会"])
    assert f"udpnote export --file {aside} -o FILE.jsonl" in restored.err
    kept.serve()
    kept.send("übermorgen")
    kept.refused(f"restore --yes {backup}", facts=[kept.notebook, "server"])
    assert kept.run(f"export --file {aside} -o {kept.home}/e.jsonl").code == 0
    assert "1 entry imported, 1 there already" in kept.run(f"import {kept.home}/e.jsonl").err
    assert kept.texts() == ["今天开会", "übermorgen", "明天"]


def test_on_a_new_host_a_restore_makes_the_folder_and_asks_nothing(kept: Machine) -> None:
    new = Machine(kept.home.parent / "new")
    [restored] = new.json(f"restore --json {kept.home}/b")
    assert (restored["restored"], restored["vanished"], restored["kept"], new.texts()) == (True, 0, [], ["今天开会"])


def test_a_restore_that_replaces_nothing_says_how_to_serve_what_it_has_restored(kept: Machine) -> None:
    new, json_reader = Machine(kept.home.parent / "new"), Machine(kept.home.parent / "json")
    for other in (new.run(f"restore --dry-run {kept.home}/b"), json_reader.run(f"restore --json {kept.home}/b")):
        assert (other.code, "udpnote serve" in other.err) == (0, False)
    assert "`udpnote serve`" in new.run(f"restore {kept.home}/b").err
    elsewhere = str(kept.home.parent / "else where")
    assert f"`udpnote serve --file '{elsewhere}'`" in new.run("restore", f"{kept.home}/b", "--file", elsewhere).err
    assert "udpnote serve" not in new.run(f"restore --yes {kept.home}/b").err
    sealing = new.run("restore", f"{kept.home}/b", "--file", f"{kept.home}/c", UDPNOTE_SEALED="true")
    assert f"`udpnote serve --file {kept.home}/c --open`" in sealing.err, "a setting asks for a sealed notebook"


@pytest.mark.parametrize(("options", "code"), [("--dry-run {backup}", 0), ("{backup}.gone", 1), ("--with-key {backup}", 1)])
def test_on_a_new_host_a_restore_that_restores_nothing_leaves_no_folder(kept: Machine, options: str, code: int) -> None:
    new = Machine(kept.home.parent / "new")
    assert new.run(f"restore {options.format(backup=kept.home / 'b')}").code == code
    assert not new.home.exists()


@pytest.mark.parametrize(
    ("answer", "code", "entries_after"),
    [
        ("y\n", 0, 1), ("\n", 1, 2), ("\x04", 1, 2), (signal.SIGINT, 130, 2), (signal.SIGTERM, 143, 2),
        (signal.SIGHUP, 129, 2),  # the terminal is closed
    ],
)  # fmt: skip
def test_at_a_terminal_a_restore_asks_and_only_a_yes_restores(
    kept: Machine, answer: str | signal.Signals, code: int, entries_after: int
) -> None:
    terminal = kept.terminal()
    restoring = kept.start("restore", str(kept.home / "b"), at=terminal)
    terminal.expect(r"\[y/N\] ")
    assert len(kept.texts()) == 2
    terminal.type(answer) if isinstance(answer, str) else restoring.signal(answer)
    assert (restoring.wait().code, len(kept.texts())) == (code, entries_after)
    assert [each for each in os.listdir(kept.home) if each.endswith(".udpnote")] == []


def test_a_restore_tells_of_another_notebook_a_damaged_one_and_the_key_in_use(kept: Machine) -> None:
    backup, other = kept.home / "b", kept.home / "other.sqlite3"
    kept.run(f"import --file {other} -", typed=kept.run(f"export --file {kept.notebook} --format jsonl").out)
    kept.refused(f"restore --dry-run --file {other} {backup}", code=0, facts=["ANOTHER", "2 entries", "1 of them"])
    replaced = kept.run(f"restore --yes --file {other} {backup}").err
    assert (f"udpnote restore --file FILE {other}.1.old" in replaced, "import" in replaced) == (True, False)
    assert kept.run(f"restore --yes --file {other} {other}.1.old").code == 0
    kept.run(f"seal --file {backup}")
    assert "gets the key of the backup" in kept.run(f"restore --yes {backup}").err
    assert "keeps the key that it has now" in kept.run(f"restore --yes {backup}").err
    assert kept.run("key rotate").code == 0
    assert "--with-key" in kept.run(f"restore --yes {backup}").err
    key_file = backup.with_name("b.key")
    content = key_file.read_text()
    key_file.write_text("")
    kept.refused(f"restore --dry-run {backup}", code=0, facts=["keeps the key that it has now", key_file])
    key_file.write_text(content)
    kept.refused(f"restore --dry-run --without-key --file {other} {backup}", code=0, facts=["udpnote key rotate"])
    kept.notebook.write_bytes(kept.notebook.read_bytes()[:4096])
    damaged = kept.refused(f"restore --dry-run {backup}", code=0, facts=["cannot be read"])
    assert str(kept.notebook) in damaged


def test_each_command_names_a_damaged_log_and_the_two_commands_that_save_the_notebook(machine: Machine) -> None:
    machine.home.mkdir()
    killed = Killed(machine.home)
    killed.damage(flip, killed.frames[-1])
    before = killed.files()
    way_out = (f"backup {killed.path}.copy --file {killed.path}", f"restore {killed.path}.copy --file {killed.path}")
    facts = [str(killed.log), *(f"`udpnote {each}`" for each in way_out)]
    for command in ("list", "search", "show", "stats", "export", "tags", "follow", "key show", "seal", "erase --yes", "serve"):
        number = "1" if command in ("search", "show", "erase --yes") else ""
        machine.refused(f"{command} --file {killed.path} {number}", facts=facts)
    assert str(killed.log) in machine.run("status").out
    first = machine.run(way_out[0])
    facts_now = (f"{NOTES - 1} entries" in first.out, "undamaged" in first.err, facts[2] in first.err)
    assert (first.code, facts_now) == (1, (True, True, True))
    assert killed.files() == before
    machine.refused(f"restore --dry-run {killed.path}.copy", code=0, facts=[killed.log])
    assert killed.files() == before
    assert machine.run(f"{way_out[1]} --yes").code == 0
    assert len(machine.texts()) == NOTES - 1
    [made] = map(json.loads, machine.run(f"backup {killed.path}.2 --json --file {killed.path}.1.old").lines)
    assert made["complete"] is False


@pytest.mark.skipif(shutil.which("strace") is None, reason="there is no strace here")
@pytest.mark.parametrize(
    ("call", "command", "code", "said", "exists"),
    [
        ("fsync", "backup {home}/c", 130, "no backup was made", False),
        ("/^link", "backup {home}/c", 0, "is whole", True),
        ("/^rename", "backup --force {home}/b", 0, "is whole", True),
        ("fsync", "restore --yes {home}/b", 130, "nothing was ch", True),
        ("/^rename", "restore --yes {home}/b", 0, "there before", True),
        ("/^rename", "export -o {home}/e.jsonl", 0, "written", True),
        ("/sync$", "erase --yes 1", 0, "still have the text", False),
    ],
)  # fmt: skip
def test_after_ctrl_c_a_command_says_whether_it_did_its_last_step(
    kept: Machine, call: str, command: str, code: int, said: str, exists: bool
) -> None:
    """strace sends SIGINT at the first such `call`. `exists` says whether the last word of `command` is a file afterwards."""
    kept.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # to write it, Python itself would make such calls
    line = command.format(home=kept.home)
    option = f"--file {kept.notebook}"
    inject = f"-e trace={call} -e inject={call}:signal=SIGINT:when=1"
    result = kept.shell(f"strace -f -qq -o /dev/null {inject} udpnote {line} {option}")
    assert (result.code, said in result.err, os.path.exists(line.split()[-1])) == (code, True, exists)
