"""What a command line says, read without typer, but in the same way."""

import inspect
from typing import Any

import pytest
import typer
from hypothesis import example, given
from hypothesis import strategies as st
from typer._click.exceptions import UsageError
from typer.core import TyperCommand

from udpnote.cli.command_line.command_table import COMMANDS, find_command, load
from udpnote.cli.command_line.declared_command import REQUIRED, DeclaredCommand, Option, Parameter
from udpnote.cli.command_line.parsing import WrongCommandLine, option_names, parse, split_words
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
    return "help" if parsed is None else parsed


def read_by_typer(name: str, words: list[str]) -> Any:
    try:
        values = typer_command(command(name)).make_context(name, words, help_option_names=["-h", "--help"]).params
        return {each: (list(value) or None) if isinstance(value, tuple) else value for each, value in values.items()}
    except UsageError:
        return "wrong"
    except (InvalidEntry, InvalidQuery):
        return "not clear where the text begins"
    except typer.Exit:
        return "help"


def typer_command(declared: DeclaredCommand) -> Any:
    """The command of typer with the options and arguments of `declared`."""

    class WordsCommand(TyperCommand):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            before, text = split_words(declared, args)
            return super().parse_args(ctx, [*before, "--", *text] if text else before)  # typer finds no options after `--`

    def work() -> None: ...

    work.__signature__ = inspect.Signature([*map(typer_parameter, declared.parameters)])  # type: ignore[attr-defined]
    app = typer.Typer(add_completion=False)
    app.command(cls=WordsCommand)(work)
    return typer.main.get_command(app)


def typer_parameter(parameter: Parameter) -> inspect.Parameter:
    """The parameter of a function from which typer makes the option or argument `parameter`."""
    declared, default = parameter.declaration, ... if parameter.default is REQUIRED else parameter.default
    if isinstance(declared, Option):
        names = [f"{declared.names}/{declared.opposite}"] if declared.opposite else declared.names.split()
        default = typer.Option(default, *names, min=declared.smallest, max=declared.largest)
    else:
        default = typer.Argument(default)
    kind: Any = list[parameter.kind] if parameter.is_list else parameter.kind  # type: ignore[name-defined]
    annotation = kind | None if parameter.default is None else kind
    return inspect.Parameter(parameter.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


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
    assert (parse(found, rest, line) or {}).items() >= values.items()


def test_the_group_and_each_of_its_commands_are_found() -> None:
    assert find_command(["key", "rotate", "--json"])[::2] == (["key", "rotate"], ["--json"])
    assert find_command(["key", "x"]) == (["key"], load("key"), ["x"])
    assert find_command(["--", "key", "--", "show", "--"])[::2] == (["key", "show"], ["--"])
    assert find_command(["nosuch"]) == ([], None, ["nosuch"])
    assert find_command(["--", "--", "key"]) == ([], None, ["--", "--", "key"])
