"""`udpnote edit` and `udpnote delete`: exactly once, offline too, and no text is lost when two people write at once."""

import json
import os
import re
import signal
import stat
from pathlib import Path

import pytest

from tests.support.machine import NOW, Machine, note
from tests.support.processes import COMMAND, script
from udpnote.client.client import Client


@pytest.fixture
def noted(machine: Machine) -> Machine:
    """A notebook with two notes of lin's."""
    machine.keep(note(1, "buy milk"), note(2, "two\nlines\n"))
    machine.serve()
    return machine


def history(machine: Machine, number: int = 1) -> list[tuple[int, str, str]]:
    """The number, kind and text of each version of a note."""
    versions = machine.json(f"show {number} --history --json --file {machine.notebook}")
    return [(each["number"], each["kind"], each["text"]) for each in versions]


def editor(machine: Machine, text: str) -> dict[str, str]:
    """Variables that make a script of the shell with this `text` the editor. It gets the name of the file to edit as $1."""
    folder = machine.home / "tmp"
    for each in (machine.home, folder):
        each.mkdir(mode=0o700, exist_ok=True)
    return {"EDITOR": f"'{script(machine.home / 'editor with space', text)}'", "TMPDIR": str(folder)}


def left_behind(machine: Machine) -> list[Path]:
    """The files of the editor (see `editor`) that have not been removed."""
    return [path for path in (machine.home / "tmp").rglob("*") if path.is_file()]


def changes(machine: Machine, *arguments: str) -> list[tuple[int | None, str, str, int]]:
    """The number, status, kind and revised entry of each change that a command prints as JSON."""
    printed = [json.loads(line) for line in machine.run(*arguments).lines]
    assert list(printed[0]) == ["number", "client", "sequence", "written_at", "status", "kind", "revises"]
    return [(each["number"], each["status"], each["kind"], each["revises"]) for each in printed]


@pytest.mark.parametrize("change", ["delete 1", "edit 1 'oat milk'", "edit 1"])
def test_a_change_is_refused_once_if_the_named_server_has_another_notebook_than_before(noted: Machine, change: str) -> None:
    assert noted.run("list").code == 0
    noted.stop()
    noted.serve("cellar", notebook=noted.home / "cellar.sqlite3")
    noted.send("in the cellar", UDPNOTE_HOME=str(noted.home / "other"))
    noted.environ |= editor(noted, 'echo "oat milk" > "$1"')
    noted.refused(change, facts=["cellar", "`udpnote show 1`"])
    assert noted.run("list").out.endswith("  in the cellar\n")
    assert noted.run(change).code == 0


def test_edit_prints_the_number_of_the_revision_and_the_note_has_it(noted: Machine) -> None:
    result = noted.run("edit 1 buy 'oat milk'")
    assert re.fullmatch(rf"#3 revises #1  {NOW}  buy oat milk\n", result.out)
    assert noted.run("edit", "#3", "-", typed="今天\n明天\n").out.startswith("#4 revises #3 of note #1  ")
    assert history(noted) == [(1, "note", "buy milk"), (3, "revision", "buy oat milk"), (4, "revision", "今天\n明天")]
    assert "did not see" not in noted.run("show 1 --history").out
    assert changes(noted, "edit", "1", "--json", "x" * 1100) == [(5, "stored", "revision", 4)]
    assert changes(noted, "delete 2 --json") == [(6, "stored", "deletion", 2)]


@pytest.mark.parametrize(
    ("command", "script", "code", "fact"),
    [
        ("edit 1 'buy milk'", "", 0, "#1"), ("edit 1 ' \n'", "", 2, "`udpnote delete 1`"), ("edit 99 text", "", 1, "#99"),
        ("delete 99", "", 1, "#99"), ("edit 1 -", "", 2, ""), ("edit 1", "true", 2, "without a change"),
        ("edit 1", 'rm "$1"; mkfifo "$1"', 2, "a pipe"), ("edit 1", 'rm "$1"; mkdir "$1"', 2, "a pipe"),
        ("edit 1", "false", 1, "#1"), ("edit 1", 'true > "$1"', 1, "`udpnote delete 1`"),
        ("edit 1", 'rm "$1"', 1, "`udpnote delete 1`"),
    ],
)  # fmt: skip
def test_a_change_without_effect_is_reported_and_not_stored(
    noted: Machine, command: str, script: str, code: int, fact: str
) -> None:
    noted.refused(command, code=code, facts=[fact], **editor(noted, script))
    assert (len(noted.rows()), noted.waiting(), left_behind(noted)) == (2, [], [])


def test_an_editor_that_is_missing_does_not_wait_or_needs_a_terminal_is_a_usage_error(noted: Machine) -> None:
    (noted.home / "bin").mkdir(parents=True)
    for name in ("code", "vi"):
        (noted.home / "bin" / name).symlink_to("/bin/true")
    path = f"{noted.home}/bin:{os.environ['PATH']}"
    for command, fact in (
        ("nonesuch", "nonesuch"), ("'half", "'half"), ("/etc/hostname", "/etc/hostname"), ("code", "EDITOR='code --wait'"),
        ("vi", "terminal"), ("", "terminal"),
    ):  # fmt: skip
        noted.refused("edit 1", code=2, facts=[fact], EDITOR=command, PATH=path)
    assert noted.run("edit 1", EDITOR="code -w", PATH=path).code == 0
    for command in ("nonesuch", "'half", "/etc/hostname", "code", " "):
        refusal = noted.refused("edit 1", code=2, facts=["et VISUAL"], VISUAL=command, EDITOR="code -w", PATH=path)
        assert "EDITOR" not in refusal


def test_a_byte_order_mark_and_crlf_of_an_editor_are_not_stored(noted: Machine) -> None:
    assert noted.run("edit 1", **editor(noted, r'printf "\357\273\277今天\r\n明天\r\n" > "$1"')).code == 0
    assert history(noted)[-1] == (3, "revision", "今天\n明天")


def test_a_text_is_kept_if_the_editor_fails_or_dies_after_saving_it(noted: Machine) -> None:
    for end in ("exit 1", "kill -9 $$"):
        said = noted.refused("edit 1", code=1, facts=["#1"], **editor(noted, f'echo "an hour of work" > "$1"; {end}'))
        [kept] = left_behind(noted)
        assert (str(kept) in said, kept.read_text()) == (True, "an hour of work\n")
        kept.unlink()


@pytest.mark.usefixtures("no_umask")
def test_the_editor_gets_the_text_in_a_private_file_that_is_removed(noted: Machine) -> None:
    copy = noted.home / "copy"
    stat_both = f'stat -c "%a %n" "$1" > {copy}; stat -c %a "$(dirname "$1")" >> {copy}'
    environ = editor(noted, f'{stat_both}; cat "$1" >> {copy}; echo "oat milk" > "$1"')
    assert noted.run("edit 1", **environ).code == 0
    assert re.fullmatch(r"600 .*/udpnote-1\.txt\n700\nbuy milk\n", copy.read_text())
    assert (history(noted)[-1], list((noted.home / "tmp").iterdir())) == ((3, "revision", "oat milk"), [])
    environ = editor(noted, 'test "$1" = -w && sed -i s/two/2/ "$2"')
    assert noted.run("edit 2", EDITOR="false", VISUAL=f"{environ['EDITOR']} -w").code == 0
    assert history(noted, 2)[-1] == (4, "revision", "2\nlines\n"), "VISUAL with its option, and the last line end is kept"


def test_the_editors_file_is_removed_if_the_text_is_in_the_outbox_and_kept_if_it_is_no_utf_8(machine: Machine) -> None:
    machine.keep(note(1, "buy milk"))
    server = machine.serve_process()
    result = machine.run("edit 1 --wait 0.2", **editor(machine, f'echo later > "$1"; kill -STOP {server.pid}'))
    server.signal(signal.SIGCONT)
    assert (result.code, machine.waiting(), left_behind(machine)) == (75, ["later"], [])
    said = machine.refused("edit 1", code=2, **editor(machine, r'printf "caf\351" > "$1"'))
    [kept] = left_behind(machine)
    assert (str(kept) in said, kept.read_bytes(), stat.S_IMODE(kept.stat().st_mode)) == (True, b"caf\xe9", 0o600)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    ("script", "kept"),
    [
        ('echo mine > "$1"; echo ready; exec sleep 60', "mine\n"),
        ('trap "echo saved > $1; exit 1" TERM HUP; echo ready; while :; do sleep 0.05; done', "saved\n"),
        ("echo ready; exec sleep 60", None),
    ],
    ids=["changed", "saved by the editor at its end", "unchanged"],
)
def test_a_signal_ends_edit_and_its_editor_and_a_changed_text_is_kept_and_named_until_it_is_removed(
    noted: Machine, number: int, script: str, kept: str | None
) -> None:
    environ = editor(noted, script)
    process = noted.start("edit", "1", environ=environ)
    process.expect("ready")
    result = process.end(number)
    assert (result.code, len(noted.rows())) == (-number, 2)
    files = left_behind(noted)
    assert [path.read_text() for path in files] == [kept] * (kept is not None)
    again = noted.run("edit 1", **editor(noted, "true"))
    for path in files:
        assert (str(path) in result.err, f" {path}:" in again.err) == (True, True)
        path.unlink()
    assert str(noted.home / "tmp") not in noted.run("edit 1", **editor(noted, "true")).err


def test_control_c_interrupts_the_editor_and_not_edit(noted: Machine) -> None:
    environ = editor(noted, 'trap "echo interrupted > $1; exit 0" INT; echo ready; while :; do sleep 0.05; done')
    process = noted.start("edit", "1", environ=environ)
    process.expect("ready")
    process.interrupt()
    process.expect("#3 revises #1")
    assert process.end().code == 0
    assert history(noted)[-1] == (3, "revision", "interrupted")


def test_delete_says_that_an_undo_brings_the_note_back_if_it_has_deleted_only_one(noted: Machine) -> None:
    assert "`udpnote undo`" in noted.run("delete 1").err
    noted.run("undo")
    assert noted.run("list").lines[0].endswith("buy milk")
    assert "`udpnote undo`" not in noted.run("delete 1 2").err


def test_several_notes_are_deleted_each_once_and_one_comes_back_by_an_edit(noted: Machine) -> None:
    noted.run("edit 1 revised")
    noted.refused("delete 3", facts=["#3", "note #1", "`udpnote delete 1`"])
    result = noted.run("delete 3 99 1 2")
    assert (result.code, noted.run("list").out) == (1, "")
    assert re.fullmatch(rf"#4 deletes #3 of note #1  {NOW}  revised\n#5 deletes #2  {NOW}  two␊lines␊\n", result.out)
    assert [fact for fact in ("#99", "`udpnote edit 1`", "`udpnote edit 2`") if fact not in result.err] == []
    assert history(noted) == [(1, "note", "buy milk"), (3, "revision", "revised"), (4, "deletion", "")]
    assert noted.run("show 1 --history").lines[-1].endswith("  deleted #3"), "the deletion has seen the revision"
    noted.refused("delete 1", code=0, facts=["#1", "amy@pi"])
    assert len(noted.rows()) == 5
    result = noted.run("edit 1", **editor(noted, 'printf revised > "$1"'))
    assert (result.out[:24], "amy@pi" in result.err, "(#4)" in result.err) == ("#6 revises #4 of note #1", True, True)
    assert history(noted)[-1] == (6, "revision", "revised")


def test_a_range_is_deleted_after_a_question_on_a_terminal_and_at_once_elsewhere(machine: Machine) -> None:
    machine.keep(*(note(number, f"note {number}") for number in range(1, 13)))
    machine.serve()
    for answer, code, left in (("n\r", 1, 12), ("y\r", 0, 8)):
        terminal = machine.terminal()
        process = machine.start("delete", "2-4", "#3-#5", at=terminal)
        terminal.expect("Delete 4 notes, from #2 to #5?")
        terminal.type(answer)
        assert process.end().code == code
        assert len(machine.json("list --json")) == left
    result = machine.run("delete 4- 7")
    assert (result.code, len(result.lines), len(machine.json("list --json"))) == (0, 7, 1)
    assert [fact for fact in ("6 numbers in 4-", "7 notes are deleted") if fact not in result.err] == []
    machine.refused("delete 4-99", facts=["4-99"])
    machine.stop()
    machine.refused("delete 1- --wait 0.2", code=69)
    assert machine.waiting() == []


def test_deleting_a_range_ends_at_the_first_deletion_without_an_answer(machine: Machine) -> None:
    machine.keep(*(note(number, f"note {number}") for number in range(1, 700)))
    server = machine.serve_process()
    process = machine.start("delete", "--wait", "0.5", "1-500", "600-699")
    process.expect("deletes #3 ")
    server.signal(signal.SIGSTOP)
    result = process.end()
    server.signal(signal.SIGCONT)
    [queued] = [each["revises"] for each in machine.json("outbox --json")]
    assert (result.code, f"`udpnote delete {queued + 1}-500`" in result.err, "`udpnote delete 600-699`" in result.err) == (
        75, True, True,
    ), result.err  # fmt: skip


def test_changes_without_a_server_are_queued_and_delivered_once(machine: Machine) -> None:
    machine.keep(note(1, "one"), note(2, "two"), note(3, "three"))
    machine.refused("edit 2 --wait 0.2 later", code=75, facts=["1 entry queued"])
    assert changes(machine, "delete 1 --wait 0.2 --json") == [(None, "queued", "deletion", 1)]
    result = machine.run("delete 3 1 --wait 0.2")
    assert (result.code, result.out, result.err.count("1 entry queued")) == (75, "", 2)
    assert result.err.count("the whole note will be deleted") == 2
    machine.serve()
    assert machine.run("outbox --send").code == 0
    assert [(each["number"], each["text"]) for each in machine.json("list --json")] == [(2, "later")]


def test_without_a_server_no_editor_is_opened_and_no_change_to_an_unknown_notebook_is_queued(machine: Machine) -> None:
    environ = editor(machine, f"touch {machine.home}/opened")
    for command, more in (("edit", {}), ("edit", machine.discovering), ("delete", machine.discovering)):
        said = machine.refused(f"{command} --wait 0.2 42", code=69, **environ, **more)
        assert ("`udpnote edit 42 TEXT`" in said) is (not more), "otherwise it would not help"
    assert (machine.waiting(), (machine.home / "opened").exists()) == ([], False)


def test_two_simultaneous_edits_are_both_kept_and_the_later_author_is_told(noted: Machine) -> None:
    other = f"UDPNOTE_HOME={noted.home}/other UDPNOTE_AUTHOR=lin@desk"
    result = noted.run("edit 1", **editor(noted, f'{other} {COMMAND} edit 1 theirs > /dev/null; echo mine > "$1"'))
    assert (result.code, result.out[:14]) == (0, "#4 revises #1 ")
    assert [fact for fact in ("lin@desk", "#3", "`udpnote show 1 --history`") if fact not in result.err] == []
    assert history(noted) == [(1, "note", "buy milk"), (3, "revision", "theirs"), (4, "revision", "mine")]


@pytest.mark.parametrize(("deed", "seen"), [("revises", 1), ("deletes", 1), ("revises", 3)])
def test_the_author_of_an_overtaken_revision_is_told_once_unless_the_other_saw_it(noted: Machine, deed: str, seen: int) -> None:
    assert noted.run("edit --wait 60 1 mine").code == 0
    lin = Client(server=f"127.0.0.1:{noted.port}", outbox=str(noted.home / "lin.sqlite3"), author="lin@desk", wait=60.0)
    with lin:
        [version] = [each for each in lin.log() if each.number == seen]
        lin.revise(1, "theirs", seen=version) if deed == "revises" else lin.delete(1, seen=version)
    # On a busy machine, a message may also say that the server is silent.
    results = [noted.run("list --wait 60", **noted.discovering) for _ in range(2)]
    facts = ("#3", "lin@desk", "#4", "`udpnote show 1 --history`")
    assert [[fact in each.err for fact in facts] for each in results] == [[seen == 1] * 4, [False] * 4]
    assert [result.code for result in results] == [0, 0]
