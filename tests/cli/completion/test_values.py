"""The values that completion suggests: from the outbox and the notebook, and none that a shell could evaluate."""

import pytest

from tests.support.machine import Machine
from tests.support.processes import eventually
from udpnote.cli.completion.values import NOTES_MAX, fitting
from udpnote.cli.completion.word_at_cursor import Suggestion


def complete(machine: Machine, line: str, **environ: str) -> list[str]:
    """The words that fish gets as suggestions for the end of `line`."""
    result = machine.run(
        "", _UDPNOTE_COMPLETE="complete_fish", _TYPER_COMPLETE_ARGS=f"udpnote {line}",
        _TYPER_COMPLETE_FISH_ACTION="get-args", **environ,
    )  # fmt: skip
    assert (result.code, result.err) == (0, "")
    return [each.partition("\t")[0] for each in result.lines if each]


def assert_suggested(words: list[str], machine: Machine, line: str, **environ: str) -> None:
    """Assert that `words` are suggested. On a busy machine the server may answer too late for a completion: then ask again."""
    eventually(lambda: complete(machine, line, **environ) == words, f"{words} are suggested for {line!r}")


def test_without_an_outbox_or_a_chosen_notebook_nothing_is_suggested_and_no_file_is_made(machine: Machine) -> None:
    for line in ("use ", "leave ", "outbox --discard ", "list --tag ", "show ", "show --port 70000 ", "show --server a..b "):
        assert complete(machine, line, **machine.discovering) == []
    assert not machine.home.exists()
    machine.serve("kitchen")
    machine.send("milk #home")
    machine.outbox.unlink()
    assert complete(machine, "list --tag ", **machine.discovering) == []
    assert not machine.outbox.exists()


def test_notebooks_tags_numbers_and_sequences_are_those_of_the_outbox_and_the_notebook(machine: Machine) -> None:
    server = machine.serve("家里 notes")
    for text in ("buy milk #home", "今天开会 #工作/周会 #home"):
        machine.send(text)
    for line in ("use ", "list --notebook 家"):
        assert_suggested(["家里 notes"], machine, line)
    assert complete(machine, "leave ") == []
    assert_suggested(["home", "工作", "工作/周会"], machine, "list --tag ")
    assert_suggested(["#工作", "#工作/周会"], machine, "list --tag '#工")
    assert_suggested(["2", "1"], machine, "show ")
    assert_suggested(["2"], machine, f"edit --notebook {server.notebook_id} 2")
    machine.stop()
    machine.send("--wait", "0", "eggs")
    assert complete(machine, "show ") == []
    assert_suggested(["2", "1"], machine, f"show --file {machine.notebook} ")
    assert_suggested(["3"], machine, "outbox --discard ")
    machine.outbox.write_text("garbage")
    assert complete(machine, "use ") == []


def test_of_many_notes_and_waiting_entries_only_the_latest_are_suggested(machine: Machine) -> None:
    lines = "".join(f"line {number}\n" for number in range(1, NOTES_MAX + 3))
    machine.serve()
    machine.send(typed=lines)
    latest = [str(number) for number in range(NOTES_MAX + 2, 2, -1)]
    assert_suggested(latest, machine, "show ")
    machine.stop()
    machine.send("--wait", "0", typed=lines)
    assert_suggested([str(NOTES_MAX + 2 + int(each)) for each in reversed(latest)], machine, "outbox --discard ")


def test_a_notebook_whose_name_a_shell_could_evaluate_is_suggested_by_its_id(machine: Machine) -> None:
    server = machine.serve('x\\";touch pwned;"')
    machine.send("milk #a`b")
    assert_suggested([server.notebook_id[:8]], machine, "use ")


@pytest.mark.parametrize("text", ["", "-x", "a$b", "a`b", "a;b", "a'b", 'a"b', "a\\b", "a*b", "a:b", "a\u202eb", "a\x1bb", "~"])
def test_a_word_that_a_shell_could_evaluate_is_not_suggested(text: str) -> None:
    plain = Suggestion("Lin at home_2 工作/周会", "")
    assert fitting([Suggestion(text, ""), plain], "") == fitting([plain], "Lin") == [plain]


def test_a_tag_is_suggested_only_where_the_terminal_has_its_characters(machine: Machine) -> None:
    machine.serve()
    machine.send("#家里 #节日🎉")
    assert_suggested(["家里"], machine, "list --tag ", encoding="gbk")
    assert_suggested(["家里", "节日🎉"], machine, "list --tag ")
