"""What a command line says, read without typer."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from typer import Exit
from typer._click.exceptions import UsageError

from udpnote.cli.command_line.command_table import COMMANDS, find_command, load
from udpnote.cli.command_line.declared_command import DeclaredCommand
from udpnote.cli.command_line.parsing import WrongCommandLine, option_names, parse
from udpnote.cli.command_line.typer_app import typer_command
from udpnote.errors import InvalidEntry, InvalidQuery

NAMES = [*(COMMANDS.keys() - {"key", "service"}), "key show", "key rotate", "service install", "service status"]
WORDS = ["milk", "2", "1.5", "-1", "-", "--", "", "jsonl", "-n5", "-qh", "-q-open", "-o=a", "-x", "--nosuch", "---", "今天"]


@st.composite
def command_lines(draw: st.DrawFn) -> tuple[str, list[str]]:
    """The name of a command, and words with and without a meaning for it."""
    name = draw(st.sampled_from(NAMES))
    options = st.sampled_from([*option_names(command(name))])
    words = st.sampled_from(WORDS)
    pieces = st.one_of(options, words, st.builds("{}={}".format, options, words), st.tuples(options, words))
    drawn = draw(st.lists(pieces, max_size=5))
    return name, [word for piece in drawn for word in (piece if isinstance(piece, tuple) else (piece,))]


def command(name: str) -> DeclaredCommand:
    _, found, rest = find_command(name.split())
    assert isinstance(found, DeclaredCommand) and not rest
    return found


@example(("serve", ["--port=milk", "--port=2"]))
@given(command_lines())
def test_a_command_line_is_read_as_by_typer(line: tuple[str, list[str]]) -> None:
    name, words = line
    assert read(name, words) == read_by_typer(name, words)


def read(name: str, words: list[str]) -> Any:
    """The values that `parse` reads, or a word for the reason why there are none."""
    try:
        parsed = parse(command(name), words, name)
    except WrongCommandLine:
        return "wrong"
    except (InvalidEntry, InvalidQuery):
        return "not clear where the text begins"
    return "help" if parsed.asks_for_help else parsed.values


def read_by_typer(name: str, words: list[str]) -> Any:
    try:
        made = typer_command(name.split()[-1], command(name))
        values = made.make_context(name, words, help_option_names=["-h", "--help"]).params
        return {each: (list(value) or None) if isinstance(value, tuple) else value for each, value in values.items()}
    except UsageError:
        return "wrong"
    except (InvalidEntry, InvalidQuery):
        return "not clear where the text begins"
    except Exit:
        return "help"


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("list -n 5 --tag=a --tag b", {"limit": 5, "tags": ["a", "b"], "is_all": False}),
        ("search -n5 oat milk", {"limit": 5, "words": ["oat", "milk"]}),
        ("serve --open -q", {"sealed": False, "quiet": True, "bind": None}), ("find", {"timeout": 2.5}),
        ("edit 3 --json -5 -f", {"number": "3", "as_json": True, "text": ["-5", "-f"]}),
        ("key rotate --accept-old 3d", {"accept_old": "3d"}), ("import -", {"source_path": "-", "file": None}),
    ],
)  # fmt: skip
def test_values_have_the_types_of_their_parameters(line: str, values: dict[str, object]) -> None:
    _, found, rest = find_command(line.split())
    assert isinstance(found, DeclaredCommand)
    assert parse(found, rest, line).values.items() >= values.items()


def test_the_group_and_each_of_its_commands_are_found() -> None:
    assert find_command(["key", "rotate", "--json"])[::2] == (["key", "rotate"], ["--json"])
    assert find_command(["key", "x"]) == (["key"], load("key"), ["x"])
    assert find_command(["--", "key", "--", "show", "--"])[::2] == (["key", "show"], ["--"])
    assert find_command(["nosuch"]) == ([], None, ["nosuch"])
    assert find_command(["--", "--", "key"]) == ([], None, ["--", "--", "key"])
