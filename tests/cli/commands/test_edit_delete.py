"""`udpnote edit` and `udpnote delete`: exactly once, offline too, and no text is lost when two people write at once."""

import json
import re
import signal
import stat
from pathlib import Path

import pytest

from tests.support.machine import Machine, note
from tests.support.processes import COMMAND
from udpnote.client.client import Client

NOW = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


@pytest.fixture
def served(machine: Machine) -> Machine:
    """A notebook with two notes of lin's."""
    machine.keep(note(1, "buy milk"), note(2, "two\nlines\n"))
    machine.serve()
    return machine


def history(machine: Machine, number: int = 1) -> list[tuple[int, str, str]]:
    """Number, kind and text of each version."""
    lines = machine.run("show", str(number), "--history", "--json", "--notebook", str(machine.notebook)).lines
    return [(each["number"], each["kind"], each["text"]) for each in map(json.loads, lines)]


def editor(machine: Machine, script: str) -> dict[str, str]:
    """An environment whose editor is a shell script; the file is $1."""
    path, folder = machine.home / "editor with space", machine.home / "tmp"
    machine.home.mkdir(mode=0o700, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    folder.mkdir(exist_ok=True)
    return {"EDITOR": f"'{path}'", "TMPDIR": str(folder)}


def left_behind(machine: Machine) -> list[Path]:
    return [path for path in (machine.home / "tmp").rglob("*") if path.is_file()]


def test_a_revision_is_answered_by_its_number_and_the_note_shows_it(served: Machine) -> None:
    result = served.run("edit", "1", "buy", "oat milk")
    assert (result.code, result.err) == (0, "")
    assert re.fullmatch(rf"#3 revises #1  {NOW}  buy oat milk\n", result.out)
    assert served.run("edit", "#3", "-", typed="今天\n明天\n").out.startswith("#4 revises #1  ")
    assert history(served) == [(1, "note", "buy milk"), (3, "revision", "buy oat milk"), (4, "revision", "今天\n明天")]
    assert "did not see" not in served.run("show", "1", "--history").out


def test_json_says_what_became_of_it(served: Machine) -> None:
    [revised] = map(json.loads, served.run("edit", "1", "x" * 1100, "--json").lines)
    [deleted] = map(json.loads, served.run("delete", "2", "--json").lines)
    assert list(revised) == ["number", "client", "sequence", "written_at", "status", "kind", "revises"]
    assert (revised["number"], revised["status"], revised["kind"], revised["revises"]) == (3, "stored", "revision", 1)
    assert (deleted["number"], deleted["status"], deleted["kind"], deleted["revises"]) == (4, "stored", "deletion", 2)


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["edit", "1", "buy milk"], 0, "#1"),
        (["edit", "1", " \n"], 1, "`udpnote delete 1`"),
        (["edit", "99", "text"], 1, "#99"),
        (["delete", "99"], 1, "#99"),
        (["edit", "milk", "text"], 2, "milk"),
        (["delete", "-0"], 2, "-0"),
        (["edit", "1", "-"], 2, ""),
    ],
)
def test_what_changes_nothing_is_said_and_nothing_is_stored(
    served: Machine, arguments: list[str], code: int, named: str
) -> None:
    result = served.run(*arguments)
    assert (result.code, result.out, named in result.err, served.waiting()) == (code, "", True, [])
    assert len(served.rows()) == 2


# The editor


def test_the_editor_gets_the_text_in_a_file_that_nobody_else_reads_and_that_is_removed(served: Machine) -> None:
    copy = served.home / "copy"
    environ = editor(served, f'stat -c "%a %n" "$1" > {copy}; cat "$1" >> {copy}; echo "oat milk" > "$1"')
    result = served.run("edit", "1", **environ)
    assert (result.code, result.err) == (0, "")
    assert re.fullmatch(r"600 .*/udpnote-1\.txt\nbuy milk\n", copy.read_text())
    assert history(served)[-1] == (3, "revision", "oat milk")
    assert list((served.home / "tmp").iterdir()) == []


def test_visual_comes_before_editor_options_are_passed_on_and_a_last_line_end_is_kept(served: Machine) -> None:
    environ = editor(served, 'test "$1" = -w && sed -i s/two/2/ "$2"')
    assert served.run("edit", "2", EDITOR="false", VISUAL=f"{environ['EDITOR']} -w").code == 0
    assert history(served, 2)[-1] == (3, "revision", "2\nlines\n")


@pytest.mark.parametrize(
    ("script", "code", "named"),
    [
        ("true", 0, "#1"),
        ('echo changed > "$1"; false', 1, "#1"),
        ('true > "$1"', 1, "`udpnote delete 1`"),
        ('rm "$1"', 1, "`udpnote delete 1`"),
    ],
)
def test_an_editor_that_leaves_nothing_new_changes_nothing(served: Machine, script: str, code: int, named: str) -> None:
    result = served.run("edit", "1", **editor(served, script))
    assert (result.code, result.out, named in result.err) == (code, "", True)
    assert (len(served.rows()), left_behind(served)) == (2, [])


@pytest.mark.parametrize("command", ["nonesuch", "'half", "/etc/hostname"])
def test_an_editor_that_is_none_is_a_usage_error(served: Machine, command: str) -> None:
    result = served.run("edit", "1", EDITOR=command)
    assert (result.code, result.out, command in result.err) == (2, "", True)


def test_a_text_that_cannot_be_sent_stays_in_its_file(served: Machine) -> None:
    result = served.run("edit", "1", **editor(served, r'printf "caf\351" > "$1"'))
    [kept] = left_behind(served)
    assert (result.code, str(kept) in result.err) == (2, True)
    assert kept.read_bytes() == b"caf\xe9"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_text_that_is_in_the_outbox_is_not_kept_in_a_file(machine: Machine) -> None:
    machine.keep(note(1, "buy milk"))
    server = machine.serve_process()
    environ = editor(machine, f'echo later > "$1"; kill -STOP {server.pid}')  # once the note was read
    result = machine.run("edit", "1", "--wait", "0.2", **environ)
    server.signal(signal.SIGCONT)
    assert (result.code, machine.waiting(), left_behind(machine)) == (75, ["later"], [])


def test_control_c_in_the_editor_is_the_editors(served: Machine) -> None:
    environ = editor(served, 'trap "echo interrupted > $1; exit 0" INT; echo ready; while :; do sleep 0.05; done')
    terminal = served.terminal()
    process = served.start("edit", "1", environ=environ, stdout=terminal.descriptor)
    terminal.expect("ready")
    process.interrupt()
    terminal.expect("#3 revises #1")
    assert process.end().code == 0
    assert history(served)[-1] == (3, "revision", "interrupted")


# Deleting


def test_several_notes_are_deleted_each_once_and_what_is_not_there_is_told(served: Machine) -> None:
    served.run("edit", "1", "revised")
    result = served.run("delete", "3", "99", "1", "2")
    assert result.code == 1
    assert re.fullmatch(rf"#4 deletes #1  {NOW}  revised\n#5 deletes #2  {NOW}  two␊lines␊\n", result.out)
    for fact in ("#99", "`udpnote edit 1`", "`udpnote edit 2`"):
        assert fact in result.err
    assert history(served) == [(1, "note", "buy milk"), (3, "revision", "revised"), (4, "deletion", "")]
    assert served.run("show", "1", "--history").lines[-1].endswith("  deleted #3"), "the deletion has seen the revision"
    assert served.run("list").out == ""
    again = served.run("delete", "1")
    assert (again.code, again.out, len(served.rows())) == (0, "", 5)
    assert "#1" in again.err and "amy@pi" in again.err


def test_a_deleted_note_comes_back_by_an_edit_and_that_is_said(served: Machine) -> None:
    served.run("delete", "1")
    result = served.run("edit", "1", **editor(served, "true"))
    assert (result.code, result.out.startswith("#4 revises #1  ")) == (0, True)
    assert "amy@pi" in result.err and "(#3)" in result.err
    assert served.run("show", "1").lines[1:] == ["buy milk"]
    served.run("delete", "1")
    assert served.run("edit", "1", "new text").code == 0
    assert served.run("show", "1").lines[1:] == ["new text"]


# Without a server


def test_a_revision_without_a_server_is_queued_and_delivered_once(machine: Machine) -> None:
    machine.keep(note(1, "buy milk"))
    result = machine.run("edit", "1", "later", "--wait", "0.2")
    assert (result.code, result.out, machine.waiting()) == (75, "", ["later"])
    assert "1 entry queued" in result.err
    machine.serve()
    assert machine.run("list").lines[0].endswith("  buy milk"), "what was read was printed before"
    assert history(machine) == [(1, "note", "buy milk"), (2, "revision", "later")]


def test_deletions_without_a_server_are_queued_and_delivered_once(machine: Machine) -> None:
    machine.keep(note(1, "one"), note(2, "two"), note(3, "three"))
    result = machine.run("delete", "1", "3", "--wait", "0.2", "--json")
    assert (result.code, result.err.count("\n")) == (75, 2)
    queued = [json.loads(line) for line in result.lines]
    assert [(each["number"], each["status"], each["kind"], each["revises"]) for each in queued] == [
        (None, "queued", "deletion", 1), (None, "queued", "deletion", 3),
    ]  # fmt: skip
    machine.serve()
    assert machine.run("outbox", "--send").code == 0
    assert [line.split("  ")[1] for line in machine.run("list").lines] == ["#2"]


def test_without_a_server_the_editor_is_not_opened_and_the_way_out_is_said(machine: Machine) -> None:
    opened = machine.home / "opened"
    result = machine.run("edit", "42", "--wait", "0.2", **editor(machine, f"touch {opened}"))
    assert (result.code, result.out, opened.exists(), machine.waiting()) == (69, "", False, [])
    assert "`udpnote edit 42 TEXT`" in result.err


@pytest.mark.parametrize("command", ["edit 42 oat", "edit 42", "delete 42 43"])
def test_without_a_known_notebook_a_number_means_nothing_and_nothing_is_queued(machine: Machine, command: str) -> None:
    result = machine.run(*command.split(), "--wait", "0.2", **machine.discovering, **editor(machine, 'echo x > "$1"'))
    assert (result.code, result.out, machine.waiting()) == (69, "", [])
    assert ("--notebook-id" in result.err) is (command != "edit 42")
    assert "edit 42 TEXT" not in result.err, "that would not mend it"


# Two people at once


def test_two_who_edit_at_once_lose_nothing_and_the_later_one_is_told(served: Machine) -> None:
    other = f"UDPNOTE_HOME={served.home}/other UDPNOTE_AUTHOR=lin@desk"
    result = served.run("edit", "1", **editor(served, f'{other} {COMMAND} edit 1 theirs > /dev/null; echo mine > "$1"'))
    assert (result.code, result.out[:14]) == (0, "#4 revises #1 ")
    for fact in ("lin@desk", "#3", "`udpnote show 1 --history`"):
        assert fact in result.err
    assert history(served) == [(1, "note", "buy milk"), (3, "revision", "theirs"), (4, "revision", "mine")]


@pytest.mark.parametrize("command", ["edit 1 theirs", "delete 1", "edit 1 seen"])
def test_the_author_of_an_overtaken_revision_is_told_once_unless_it_was_seen(served: Machine, command: str) -> None:
    is_seen = command == "edit 1 seen"
    seen = 3 if is_seen else 1
    assert served.run("edit", "1", "mine", **served.discovering).err == ""
    with Client(server=f"127.0.0.1:{served.port}", outbox=str(served.home / "lin.sqlite3"), author="lin@desk") as lin:
        if command.startswith("edit"):
            lin.revise(1, "theirs", seen=seen)
        else:
            lin.delete(1, seen=seen)
    told = served.run("list", **served.discovering).err
    assert [fact in told for fact in ("#3", "lin@desk", "#4", "`udpnote show 1 --history`")] == [not is_seen] * 4
    assert served.run("list", **served.discovering).err == ""
