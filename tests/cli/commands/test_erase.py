"""`udpnote erase`: what it shows, asks and says, and what other commands say of an erased note."""

import json
import signal
from pathlib import Path

import pytest

from tests.support.machine import Machine, change, note
from udpnote.model.entry import Kind
from udpnote.text.jsonl import iso_time


@pytest.fixture
def kept(machine: Machine) -> Machine:
    """A notebook with the notes 1, 2 and 4; entry 3 revises note 2. No server runs."""
    machine.keep(
        note(1, "今天开会 #a"),
        note(2, "密码是鲸鱼 pa55word #secret"),
        change(Kind.REVISION, 3, "密码是海豚", 2),
        note(4, "later"),
    )
    return machine


def files_with(machine: Machine, text: str) -> list[Path]:
    """The files of the machine that have `text` in them."""
    return [each for each in machine.home.rglob("*") if each.is_file() and text.encode() in each.read_bytes()]


def test_a_note_is_erased_with_all_its_versions_and_other_commands_say_so(kept: Machine) -> None:
    result = kept.run("erase 3 --yes")
    assert (result.code, "#2" in result.out, "2 versions" in result.out, "backup" in result.err) == (0, True, True, True)
    assert [files_with(kept, text) for text in ("鲸鱼", "海豚", "pa55word", "#secret")] == [[]] * 4
    file = f"--file {kept.notebook}"
    for command in ("show 2", "show 3", "show 2 --history", "show 3 --json"):
        kept.refused(f"{command} {file}", facts=["#2 was erased"])
    assert [each["number"] for each in kept.json(f"list --json {file}")] == [1, 4]
    assert [each["tag"] for each in kept.json(f"tags --json {file}")] == ["a"]
    exported = kept.run(f"export {file}").out
    assert ("erased" in exported, len(exported.splitlines())) == (False, 2)
    assert kept.run("edit --wait 0 2 sent later").code == 75
    kept.serve()
    for command in ("edit 2 new", "delete 2", "edit 3 new"):
        kept.refused(command, facts=["#2 was erased"])
    assert kept.send("new").out.startswith("#5")
    outbox = kept.run("outbox").out
    assert ("refused: erased" in outbox, "sent later" in outbox) == (True, True)
    assert kept.run("outbox --send").code == 75, "the refused entry stays, and is not sent again"
    assert (kept.run("outbox --discard-refused").code, kept.waiting()) == (0, [])


def test_erase_says_how_to_stop_the_server_that_uses_the_notebook(served: Machine) -> None:
    served.send("secret")
    served.refused("erase 1 --yes", facts=[served.notebook, "erase #1"])
    unit = served.home.parent / "config" / "systemd" / "user" / "udpnote-lab.service"
    unit.parent.mkdir(parents=True)
    unit.write_text(
        f'# Made by `udpnote service install`. SHA-256 of the lines below: \n[X-udpnote]\nFile="{served.notebook}"\n'
    )
    command = f"udpnote erase 1 --file {served.notebook}"
    facts = ["systemctl --user stop udpnote-lab.service", command, "systemctl --user start udpnote-lab.service"]
    served.refused(f"{command} --yes".removeprefix("udpnote "), facts=facts, XDG_CONFIG_HOME=str(served.home.parent / "config"))


@pytest.mark.parametrize(
    ("answer", "code"), [("yes\n", 0), ("\n", 1), ("\x04", 1), (signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_at_a_terminal_erase_shows_the_note_and_only_a_yes_erases(
    kept: Machine, answer: str | signal.Signals, code: int
) -> None:
    kept.refused("erase 2", facts=["#2", "--yes"])
    terminal = kept.terminal()
    erasing = kept.start("erase", "2", at=terminal)
    terminal.expect(r"#2 .*lin@desk.*密码是海豚")
    terminal.expect(r"2 versions")
    terminal.expect(r"\[y/N\] ")
    terminal.type(answer) if isinstance(answer, str) else erasing.signal(answer)
    assert (erasing.wait().code, bool(files_with(kept, "鲸鱼"))) == (code, code != 0)


def test_json_has_the_erased_versions_and_the_users_files_that_may_still_have_the_text(kept: Machine) -> None:
    (kept.home / "history").write_text("\n# 2026-11-23\n+other\n+密码是海豚\n")
    aside = kept.home / "notebook.sqlite3.1.old"
    aside.write_text("x")
    [erased] = kept.json("erase 2 --yes --json")
    kept_in = {str(aside), str(kept.home / "history")}
    assert (set(erased.pop("kept")), erased) == (
        kept_in, {"number": 2, "versions": [2, 3], "erased_at": iso_time(kept.rows()[1].written_at, 0), "was_erased": False},
    )  # fmt: skip
    assert kept.run("erase 2").out.startswith("#2 was erased already, at ")
    kept.refused("erase 9 --yes", facts=["#9"])
    kept.refused("erase x", code=2, facts=["x"])


def test_erase_clears_the_text_file_and_the_users_outbox_and_keeps_the_entries_that_wait(served: Machine) -> None:
    served.stop()
    served.serve("kitchen", text_file=served.home / "notes.txt")
    served.send("pa55word " * 999)
    served.stop()
    assert served.home / "notes.txt" in files_with(served, "pa55word")
    assert served.send("waiting", wait="0").code == 75
    assert served.run("erase 1 --yes").code == 0
    assert (files_with(served, "pa55word"), served.waiting()) == ([], ["waiting"])
    log = served.home / "e.jsonl"
    log.write_text(served.run(f"export --file {served.notebook}").out)
    assert log.read_text() == ""


@pytest.mark.parametrize(
    ("name", "content"), [
        ("notes.txt", "2019/05/09 16:37:08\nsecret\n\n"), ("jrnl.txt", "[2019-05-09 16:37] secret\n"),
        ("2019-05-09.md", "secret\n"),
    ],
)  # fmt: skip
def test_an_identity_computed_from_the_text_stays_and_erase_says_so(machine: Machine, name: str, content: str) -> None:
    source, file = machine.home / name, f"--file {machine.notebook}"
    machine.home.mkdir(mode=0o700, exist_ok=True)
    source.write_text(content)
    assert "1 " in machine.run(f"import {source} {file}").err
    erased = machine.run("erase 1 --yes").err
    assert ("computed" in erased, "renamed" in erased) == (True, name.endswith(".md"))
    assert '"erased": 1' in machine.run(f"import --dry-run {source} {file} --json").out
    again = machine.run(f"import {source} {file} --json")
    assert ('"erased": 1' in again.out, machine.texts()) == (True, [""])


def test_a_restore_of_an_older_backup_says_that_it_brings_the_note_back(kept: Machine) -> None:
    backup = kept.home / "b"
    kept.run(f"backup {backup}")
    kept.run("erase 3 --yes")
    assert kept.json(f"restore --dry-run --json {backup}")[0]["erased"] == [2]
    assert "#2. To erase them again" in kept.run(f"restore --yes {backup}").err
    assert len(files_with(kept, "鲸鱼")) == 2, "the backup, and the notebook again"
    assert str(kept.home / "notebook.sqlite3.1.old") in kept.run("erase 2 --yes").err
    assert files_with(kept, "鲸鱼") == [backup]
    kept.run(f"backup --force {backup}")
    assert kept.json(f"restore --dry-run --json {backup}")[0]["erased"] == []


def test_an_import_and_its_rehearsal_count_erased_entries_and_go_on(kept: Machine) -> None:
    file = f"--file {kept.notebook}"
    exported = kept.run(f"export {file}").out
    revision = json.loads(exported.splitlines()[2])
    assert revision["revises"] == 2
    unknown = revision | {"number": 99, "client": "ab" * 16}  # in another copy of the notebook, made after the export
    (kept.home / "e.jsonl").write_text(f"{exported}{json.dumps(unknown)}\n")
    kept.run("erase 2 --yes")
    for option in ("--dry-run", "", "", "--dry-run"):
        result = kept.run(f"import {kept.home}/e.jsonl {file} --json {option}")
        assert (result.code, '"erased": 3' in result.out, "3 entries were not imported" in result.err) == (0, True, True)
        assert '"imported": 0' in result.out
