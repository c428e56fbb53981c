"""The command of `follow --exec`: its input and variables, and the message if it fails."""

from pathlib import Path

import pytest

from tests.support.machine import change, note
from tests.support.processes import script
from udpnote.cli.entry_command import EntryCommand
from udpnote.errors import InvalidSetting
from udpnote.model.entry import Entry, Kind, StoredEntry

SHOW_ALL = r'''printf '%s\n' "$NOTE_NUMBER" "$NOTE_AUTHOR" "$NOTE_TIME" "$NOTE_KIND" "$NOTE_REVISES" "$1" "$(cat)"'''


def stored(entry: Entry, number: int = 7) -> StoredEntry:
    return StoredEntry(number, entry.written_at, entry, number)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (
            note(1, "今天\n$(id)`id`\x1b[2J", author='$(id);"\x00'),
            ["7", '$(id);"␀', "2026-11-23T07:52:59.000000+08:00", "note", "", "a b", "今天", "$(id)`id`\x1b[2J"],
        ),
        (change(Kind.DELETION, 2, "", 5), ["7", "amy@pi", "2026-11-23T09:00:00.000000+08:00", "deletion", "5", "a b", ""]),
    ],
)
def test_a_command_gets_the_text_as_input_and_the_facts_as_variables(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], entry: Entry, expected: list[str]
) -> None:
    EntryCommand(f"'{script(tmp_path / 'the script', SHOW_ALL)}' 'a b'").run(stored(entry))
    assert capfd.readouterr() == ("\n".join(expected) + "\n", "")


def test_a_command_that_fails_or_takes_long_is_named_and_one_that_reads_nothing_is_fine(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    gone = script(tmp_path / "gone", "")
    removed = EntryCommand(str(gone))
    gone.unlink()
    slow = EntryCommand("sh -c 'head -c 1; sleep 0.2'", patience_seconds=0.01)
    for command, facts in (
        (EntryCommand("false"), ["false", "exit code 1", "#7"]), (removed, ["gone", "No such file"]), (slow, ["sh", "0 s"]),
        (EntryCommand("true"), []),
    ):  # fmt: skip
        command.run(stored(note(1, "x" * 1_000_000)))
        said = capfd.readouterr().err
        assert (said.count("\n"), [fact for fact in facts if fact not in said]) == (bool(facts), [])


@pytest.mark.parametrize(
    ("line", "kind"), [("no'quote", "exec_not_understood"), (" ", "exec_empty"), ("nosuch a", "exec_not_found")]
)
def test_a_command_line_that_cannot_work_is_refused_at_once(line: str, kind: str) -> None:
    with pytest.raises(InvalidSetting) as error:
        EntryCommand(line)
    assert error.value.notice.kind == kind


def test_a_script_that_is_not_executable_is_refused_with_the_command_that_mends_it(tmp_path: Path) -> None:
    path = tmp_path / "notify note"
    path.touch(mode=0o600)
    with pytest.raises(InvalidSetting) as error:
        EntryCommand(f"'{path}'")
    assert f"chmod +x '{path}'" in str(error.value)


def test_a_command_that_a_signal_has_ended_has_the_exit_code_of_a_shell(capfd: pytest.CaptureFixture[str]) -> None:
    EntryCommand("sh -c 'kill -9 $$'").run(stored(note(1, "milk")))
    assert "exit code 137" in capfd.readouterr().err
