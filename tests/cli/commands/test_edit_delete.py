"""`udpnote edit` and `udpnote delete`: exactly once, offline too, and nobody's text is lost when two write at once."""

import json
import re
import signal
import stat
from pathlib import Path

import pytest

from tests.household import House
from tests.support.machine import Machine, note
from tests.support.processes import COMMAND
from udpnote.cli.main import main
from udpnote.model.entry import Kind

NOW = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


@pytest.fixture
def served(machine: Machine) -> Machine:
    """A notebook with two notes of lin's."""
    machine.keep(note(1, "buy milk"), note(2, "two\nlines\n"))
    machine.serve()
    return machine


def history(machine: Machine, number: int = 1) -> list[tuple[int, str, str]]:
    """Number, kind and text of each version."""
    file = str(machine.home / "notebook.sqlite3")
    lines = machine.run("show", str(number), "--history", "--json", "--notebook", file).lines
    return [(each["number"], each["kind"], each["text"]) for each in map(json.loads, lines)]


def editor(machine: Machine, script: str) -> dict[str, str]:
    """An environment whose editor is a shell script; the file is $1."""
    path = machine.home / "editor with space"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    folder = machine.home / "tmp"
    folder.mkdir(exist_ok=True)
    return {"EDITOR": f"'{path}'", "TMPDIR": str(folder)}


def left_behind(machine: Machine) -> list[Path]:
    return [path for path in (machine.home / "tmp").rglob("*") if path.is_file()]


def test_a_revision_is_answered_by_its_number_and_the_note_shows_it(served: Machine) -> None:
    result = served.run("edit", "1", "buy", "oat milk")
    assert (result.code, result.err) == (0, "")
    assert re.fullmatch(rf"#3 revises #1  {NOW}  buy oat milk\n", result.out)
    assert history(served) == [(1, "note", "buy milk"), (3, "revision", "buy oat milk")]
    assert served.run("show", "1").lines[1:] == ["buy oat milk"]


def test_a_revision_of_a_revision_names_what_it_has_seen(served: Machine) -> None:
    served.run("edit", "1", "two")
    assert served.run("edit", "#3", "three").out.startswith("#4 revises #1  ")
    assert "did not see" not in served.run("show", "1", "--history").out


def test_a_revision_may_come_from_standard_input(served: Machine) -> None:
    assert served.run("edit", "1", "-", typed="今天\n明天\n").code == 0
    assert history(served)[-1] == (3, "revision", "今天\n明天")


def test_json_says_what_became_of_it(served: Machine) -> None:
    (revised,) = map(json.loads, served.run("edit", "1", "x", "--json").lines)
    (deleted,) = map(json.loads, served.run("delete", "2", "--json").lines)
    assert list(revised) == ["number", "client", "sequence", "written_at", "status", "kind", "revises"]
    assert (revised["number"], revised["status"], revised["kind"], revised["revises"]) == (3, "stored", "revision", 1)
    assert (deleted["number"], deleted["status"], deleted["kind"], deleted["revises"]) == (4, "stored", "deletion", 2)


@pytest.mark.parametrize(
    ("arguments", "code", "notice"),
    [
        (["edit", "1", "buy milk"], 0, "nothing is new: #1 stays as it is"),
        (["edit", "1", ""], 1, "to delete it: `udpnote delete 1`"),
        (["edit", "1", " \n"], 1, "to delete it: `udpnote delete 1`"),
        (["edit", "99", "text"], 1, "there is no entry #99"),
        (["delete", "99"], 1, "there is no entry #99"),
        (["edit", "milk", "text"], 2, "is not the number of an entry"),
        (["delete", "-0"], 2, "-0"),
        (["edit", "1", "-"], 2, "the text is empty"),
        (["edit", "1", "x" * 1_100], 0, ""),
    ],
)
def test_what_changes_nothing_is_said_and_nothing_is_stored(
    served: Machine, arguments: list[str], code: int, notice: str
) -> None:
    result = served.run(*arguments)
    assert (result.code, notice in result.err, served.waiting()) == (code, True, [])
    assert len(served.rows()) == (2 if notice else 3)


def test_the_editor_gets_the_text_in_a_file_that_nobody_else_reads_and_that_is_removed(served: Machine) -> None:
    copy = served.home / "copy"
    environ = editor(served, f'stat -c "%a %n" "$1" > {copy}; cat "$1" >> {copy}; echo "oat milk" > "$1"')
    result = served.run("edit", "1", **environ)
    assert (result.code, result.err) == (0, "")
    assert re.fullmatch(r"600 .*/udpnote-1\.txt\nbuy milk\n", copy.read_text())
    assert history(served)[-1] == (3, "revision", "oat milk")
    assert list((served.home / "tmp").iterdir()) == []


def test_visual_comes_before_editor_and_options_are_passed_on(served: Machine) -> None:
    environ = editor(served, 'test "$1" = -w && echo "$1" > "$2"')
    assert served.run("edit", "1", EDITOR="false", VISUAL=f"{environ['EDITOR']} -w").code == 0
    assert history(served)[-1] == (3, "revision", "-w")


def test_a_text_that_ends_with_a_line_end_keeps_it(served: Machine) -> None:
    environ = editor(served, 'sed -i s/two/2/ "$1"')
    assert served.run("edit", "2", **environ).code == 0
    assert history(served, 2)[-1] == (3, "revision", "2\nlines\n")


@pytest.mark.parametrize(
    ("script", "code", "notice"),
    [
        ("true", 0, "nothing is new: #1 stays as it is"),
        ('echo changed > "$1"; false', 1, "the editor has failed: #1 stays as it is"),
        ('true > "$1"', 1, "to delete it: `udpnote delete 1`"),
        ('rm "$1"', 1, "to delete it: `udpnote delete 1`"),
    ],
)
def test_an_editor_that_leaves_nothing_new_changes_nothing(served: Machine, script: str, code: int, notice: str) -> None:
    result = served.run("edit", "1", **editor(served, script))
    assert (result.code, result.out, notice in result.err) == (code, "", True)
    assert (len(served.rows()), left_behind(served)) == (2, [])


@pytest.mark.parametrize(("command", "reason"), [("nonesuch", "'nonesuch'"), ("'half", "cannot be understood")])
def test_an_editor_that_is_none_is_a_usage_error(served: Machine, command: str, reason: str) -> None:
    result = served.run("edit", "1", EDITOR=command)
    assert (result.code, result.out, reason in result.err) == (2, "", True)
    assert "give the text" in result.err


def test_a_text_that_cannot_be_sent_stays_in_its_file(served: Machine) -> None:
    result = served.run("edit", "1", **editor(served, r'printf "caf\351" > "$1"'))
    assert (result.code, "not valid UTF-8" in result.err) == (2, True)
    (kept,) = left_behind(served)
    assert kept.read_bytes() == b"caf\xe9"
    assert f"your text is kept in {kept}" in result.err
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_text_that_is_in_the_outbox_is_not_kept_in_a_file(machine: Machine) -> None:
    machine.keep(note(1, "buy milk"))
    server = machine.serve()
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


def test_a_deleted_note_is_gone_from_lists_and_its_history_keeps_the_text(served: Machine) -> None:
    result = served.run("delete", "1")
    assert result.code == 0
    assert re.fullmatch(rf"#3 deletes #1  {NOW}  buy milk\n", result.out)
    assert "`udpnote edit 1` brings it back" in result.err
    assert history(served) == [(1, "note", "buy milk"), (3, "deletion", "")]
    assert "buy milk" not in served.run("list").out


def test_several_notes_are_deleted_each_once_and_what_is_not_there_is_told(served: Machine) -> None:
    served.run("edit", "1", "revised")
    result = served.run("delete", "3", "99", "1", "2")
    assert result.code == 1
    assert [line.split("  ")[0] for line in result.lines] == ["#4 deletes #1", "#5 deletes #2"]
    assert "there is no entry #99" in result.err
    assert served.run("show", "1", "--history").lines[-1].endswith("  deleted #3"), "the deletion has seen the revision"
    again = served.run("delete", "1")
    assert (again.code, again.out, len(served.rows())) == (0, "", 5)
    assert "#1 is deleted already, by amy@pi at" in again.err


def test_a_deleted_note_comes_back_by_an_edit_and_that_is_said(served: Machine) -> None:
    served.run("delete", "1")
    result = served.run("edit", "1", **editor(served, "true"))
    assert (result.code, result.out.startswith("#4 revises #1  ")) == (0, True)
    assert re.search(r"#1 was deleted by amy@pi at .* \(#3\): this brings it back", result.err)
    assert served.run("show", "1").lines[1:] == ["buy milk"]
    served.run("delete", "1")
    assert served.run("edit", "1", "new text").code == 0
    assert served.run("show", "1").lines[1:] == ["new text"]


def test_a_revision_without_a_server_is_queued_and_delivered_once(machine: Machine) -> None:
    machine.keep(note(1, "buy milk"))
    server = machine.serve()
    machine.run("list")
    server.end(signal.SIGTERM)
    result = machine.run("edit", "1", "later", "--wait", "0.3")
    assert (result.code, result.out, machine.waiting()) == (75, "", ["later"])
    assert "1 entry queued: " in result.err
    machine.serve()
    assert "1 queued entry delivered as well" in machine.run("list").err
    assert history(machine) == [(1, "note", "buy milk"), (2, "revision", "later")]


def test_deletions_without_a_server_are_queued_and_delivered_once(machine: Machine) -> None:
    machine.keep(note(1, "one"), note(2, "two"), note(3, "three"))
    result = machine.run("delete", "1", "3", "--wait", "0.3", "--json")
    assert (result.code, result.err.count("1 entry queued: ")) == (75, 2)
    queued = [json.loads(line) for line in result.lines]
    assert [(each["number"], each["status"], each["kind"], each["revises"]) for each in queued] == [
        (None, "queued", "deletion", 1), (None, "queued", "deletion", 3),
    ]  # fmt: skip
    machine.serve()
    assert machine.run("outbox", "--send").code == 0
    assert [line.split("  ")[1] for line in machine.run("list").lines] == ["#2"]


def test_without_a_server_the_editor_is_not_opened_and_the_way_out_is_said(machine: Machine) -> None:
    machine.home.mkdir(mode=0o700)
    opened = machine.home / "opened"
    result = machine.run("edit", "42", "--wait", "0.3", **editor(machine, f"touch {opened}"))
    assert (result.code, result.out, opened.exists(), machine.waiting()) == (69, "", False, [])
    assert "`udpnote edit 42 TEXT`" in result.err


def test_two_who_edit_at_once_lose_nothing_and_the_later_one_is_told(served: Machine) -> None:
    other = f"UDPNOTE_HOME={served.home}/other UDPNOTE_AUTHOR=lin@desk"
    result = served.run("edit", "1", **editor(served, f'{other} {COMMAND} edit 1 theirs >&2; echo mine > "$1"'))
    assert (result.code, result.out[:14]) == (0, "#4 revises #1 ")
    assert "meanwhile lin@desk had revised it as #3; yours shows now, both are in `udpnote show 1 --history`" in result.err
    assert history(served) == [(1, "note", "buy milk"), (3, "revision", "theirs"), (4, "revision", "mine")]
    assert served.run("show", "1").lines[1:] == ["mine"]


class CommandLine:
    """The command line of `author` in this process, which looks for servers at the port of `house`."""

    def __init__(self, house: House, folder: Path, author: str, *, wait: float = 5.0) -> None:
        self._environ = {
            "UDPNOTE_PORT": str(house.port), "UDPNOTE_HOME": str(folder / author), "UDPNOTE_AUTHOR": author,
            "UDPNOTE_WAIT": str(wait),
        }  # fmt: skip

    def run(self, *arguments: str) -> int:
        """Run a command, and return its exit code."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.argv", ["udpnote", *arguments])
            for name, value in self._environ.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                main()
        assert isinstance(ended.value.code, int)
        return ended.value.code


@pytest.mark.parametrize(
    ("kind", "notice"),
    [
        (Kind.REVISION, "your revision #2 of #1 was replaced by lin@desk's #3, who had not seen it: "),
        (Kind.DELETION, "your revision #2 of #1 was deleted by lin@desk (#3), who had not seen it: "),
    ],
)
def test_whoever_was_overtaken_unseen_is_told_once_by_the_next_command(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: Kind, notice: str
) -> None:
    house.serve()
    lin, amy = house.client(author="lin@desk"), CommandLine(house, tmp_path, "amy@pi")
    lin.send("buy milk")
    assert amy.run("edit", "1", "mine") == amy.run("list") == 0
    assert capsys.readouterr().err == ""
    lin.revise(1, "theirs", seen=1) if kind is Kind.REVISION else lin.delete(1, seen=1)
    assert amy.run("list") == 0
    assert f"{notice}`udpnote show 1 --history` has both\n" in capsys.readouterr().err
    assert amy.run("list") == 0
    assert "your revision" not in capsys.readouterr().err


def test_whoever_was_revised_by_somebody_who_had_seen_it_is_told_nothing(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    house.serve()
    lin, amy = house.client(author="lin@desk"), CommandLine(house, tmp_path, "amy@pi")
    lin.send("buy milk")
    amy.run("edit", "1", "mine")
    lin.revise(1, "theirs", seen=2)
    assert amy.run("list") == amy.run("edit", "1", "mine again") == 0
    assert capsys.readouterr().err == ""


def test_without_a_known_notebook_and_without_an_answer_nothing_is_queued_and_no_editor_opened(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    house.reserve_port()
    amy = CommandLine(house, tmp_path, "amy@pi", wait=0.3)
    for arguments in (["edit", "42", "oat milk"], ["delete", "42", "43"], ["edit", "42"]):
        assert amy.run(*arguments) == 69
        error = capsys.readouterr().err
        assert "edit 42 TEXT" not in error
        assert arguments == ["edit", "42"] or re.search(r"each notebook has its own #42.*`udpnote find`.*--server", error)
    assert amy.run("outbox") == 0
    assert capsys.readouterr() == ("", "udpnote: nothing waits\n")
