"""Completion as bash, zsh and fish ask for it."""

import re
import sys
from pathlib import Path

import pytest

from tests.support.machine import Machine
from tests.support.processes import eventually
from udpnote.cli.completion.shells import TypedLine, read_line
from udpnote.cli.completion.word_at_cursor import Suggestion
from udpnote.errors import Notice
from udpnote.version import __version__

REPORTING = """
import gc, sys
from udpnote.__main__ import main
try:
    main()
finally:
    print("FROZEN", gc.get_freeze_count() > 1000, *sys.modules)
"""
FOUND = [Suggestion("my notes", '`rm` "x": a;b 工作'), Suggestion("#tag", "")]


@pytest.mark.parametrize(
    ("shell", "text", "cursor", "line"),
    [
        ("bash", "udpnote list --tag ", 3, (["list", "--tag"], "", False)),
        ("bash", 'udpnote use "my no', 2, (["use"], "my no", True)),
        ("bash", "udpnote use my\\ no", 2, (["use"], "my no", False)),
        ("bash", "udpnote list --all", 1, ([], "list", False)),
        ("zsh", "udpnote ", 0, ([], "", False)),
        ("fish", "udpnote list --tag 'a", 0, (["list", "--tag"], "a", True)),
        ("zsh", "udpnote send a\\", 0, (["send"], "a", False)),
    ],
)
def test_the_command_line_is_read_up_to_the_cursor(
    shell: str, text: str, cursor: int, line: tuple[list[str], str, bool]
) -> None:
    environ = {"COMP_WORDS": text, "COMP_CWORD": str(cursor), "_TYPER_COMPLETE_ARGS": text}
    assert read_line(f"complete_{shell}", environ) == TypedLine(*line)


def test_bash_inserts_a_name_with_a_space_and_gets_only_plain_words(machine: Machine) -> None:
    machine.serve("my notes")
    machine.send("milk #home")
    ask = 'COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _udpnote_completion udpnote; printf "%s\\n" "${COMPREPLY[@]}"'
    lines = ("udpnote use m", "udpnote use '\"m'", "udpnote list --tag = h", "udpnote show ''", "udpnote ex")
    script = "; ".join(['eval "$(udpnote --show-completion)"', *(f"COMP_WORDS=({line}); {ask}" for line in lines)])
    expected = ["my\\ notes", "my notes", "home", "1", "export"]
    eventually(lambda: (result := machine.shell(script)).lines == expected and not result.err, "bash inserts these words")


def test_install_completion_says_in_udpnotes_own_words_what_it_did(machine: Machine, tmp_path: Path) -> None:
    script = tmp_path / ".bash_completions" / "udpnote.sh"
    refused = machine.run("--install-completion", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert (refused.code, refused.out, refused.err) == (1, "", f"udpnote: {Notice('completion_not_installed')}\n")
    installed = machine.shell(f"HOME={tmp_path} udpnote --install-completion")
    assert installed.err == f"udpnote: {Notice('completion_installed', shell='bash', path=script)}\n"
    assert "_udpnote_completion" in script.read_text()


def test_zsh_and_fish_get_explanations_without_signs_that_they_would_evaluate(machine: Machine) -> None:
    asked = {"_UDPNOTE_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "udpnote lea"}
    assert machine.run("", **asked).out == """_arguments '*: :(("leave":"Leave a sealed notebook forget its key."))'\n"""
    assert re.search('"leave":"[^a-z]*"', machine.run("", **asked, UDPNOTE_LANGUAGE="zh_CN").out)
    assert machine.run("", **asked | {"_TYPER_COMPLETE_ARGS": "udpnote nosuch "}).out == "_files\n"
    for text, code in (("udpnote lea", 0), ("udpnote send milk ", 1)):
        asked |= {"_UDPNOTE_COMPLETE": "complete_fish", "_TYPER_COMPLETE_FISH_ACTION": "is-args", "_TYPER_COMPLETE_ARGS": text}
        result = machine.run("", **asked)
        assert (result.code, result.out, result.err) == (code, "", "")


def test_completion_imports_no_option_parser_and_is_silent_if_it_fails(machine: Machine) -> None:
    machine.serve("kitchen")
    machine.send("milk #home")
    environ = {"_UDPNOTE_COMPLETE": "complete_bash", "COMP_WORDS": "udpnote list --tag ", "COMP_CWORD": "3"}
    imported = machine.start("-c", REPORTING, command=[sys.executable], environ=environ).end().lines[-1].split()
    assert imported[:2] == ["FROZEN", "True"], "frozen objects, which Python does not search for garbage at its end"
    assert "udpnote.client.client" in imported
    assert not {"typer", "rich", "prompt_toolkit", "cryptography", "udpnote.text.search_terms"} & set(imported)
    broken = machine.start(environ=environ | {"COMP_CWORD": "x"}).end()
    assert (broken.out, broken.err) == ("", "")


def test_powershell_gets_each_word_with_its_explanation_and_quotes_where_it_needs_them(machine: Machine) -> None:
    machine.serve("my notes")
    machine.send("milk #home")
    for text, word, expected in (
        ("udpnote key", "", ["show:::Print the join code with it, other machines join the notebook.", "rotate:::"]),
        ("udpnote lea", "lea", ["leave:::Leave a sealed notebook forget its key."]),
        ("udpnote export --format", "", ["jsonl::: ", "markdown::: ", "text::: ", "csv::: ", "html::: "]),
        ("udpnote use m", "m", ["'my notes':::my notes at 127.0.0.1"]),
        ("udpnote use 'm", "'m", ["'my notes':::my notes at 127.0.0.1"]),
        ("udpnote list --tag '#", "'#", ["'#home':::1 note"]),
        ("udpnote send milk --json", "--json", [""]),
        ("udpnote edit 1 - milk", "", [""]),
    ):
        asked = {"_TYPER_COMPLETE_ARGS": text, "_TYPER_COMPLETE_WORD_TO_COMPLETE": word}
        result = machine.run("", _UDPNOTE_COMPLETE="complete_pwsh", **asked)
        assert (result.code, result.err) == (0, "")
        assert len(result.lines) == len(expected)
        assert all(map(str.startswith, result.lines, expected)), (text, result.lines)


def test_typer_answers_what_is_no_question_for_suggestions(machine: Machine) -> None:
    printed = machine.run("", _UDPNOTE_COMPLETE="source_fish")
    assert (printed.code, "complete --command udpnote" in printed.out) == (0, True)
    refused = machine.run("", _UDPNOTE_COMPLETE="complete_nosuch")
    assert (refused.code, "nosuch" in refused.err) == (1, True)
    assert machine.run("--version", _UDPNOTE_COMPLETE="").out == f"udpnote {__version__}\n"
