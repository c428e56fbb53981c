"""Where the text begins among a command's arguments."""

import pytest

from udpnote.cli.command_line.command_table import find_command
from udpnote.cli.command_line.declared_command import DeclaredCommand
from udpnote.cli.command_line.parsing import option_names
from udpnote.cli.command_line.text_arguments import SEND_OPTIONS, Arguments, split_arguments
from udpnote.errors import InvalidEntry


@pytest.mark.parametrize(
    ("arguments", "before", "text"),
    [
        ("git push --force -f", "", "git push --force -f"), ("--json git push --force", "--json", "git push --force"),
        ("--wait 5 -5 degrees", "--wait 5", "-5 degrees"), ("--wait=5 a -- --b", "--wait=5", "a -- --b"),
        ("- ", "", "-"), ("--author lin -- use --author x", "--author lin", "use --author x"), ("-- - milk", "", "- milk"),
        ("--forse a", "--forse", "a"), ("-x a", "-x", "a"),
        ("--outbox a --wait 2 b", "--outbox", "a --wait 2 b"), ("--author", "--author", ""), ("-今天 -- a", "", "-今天 -- a"),
        ("---", "", "---"), ("--author -- -- a", "--author --", "a"), ("", "", ""),
    ],
)  # fmt: skip
def test_options_stand_before_the_text_and_from_its_first_word_on_everything_is_text(
    arguments: str, before: str, text: str
) -> None:
    assert split_arguments(arguments.split(), SEND_OPTIONS, command="send") == Arguments(before.split(), text.split())


def test_a_word_with_spaces_is_an_option_only_after_an_equals_sign() -> None:
    split = split_arguments(["--author=Li Lei", "- buy milk", "--x y"], SEND_OPTIONS, command="send")
    assert split == (["--author=Li Lei"], ["- buy milk", "--x y"])


@pytest.mark.parametrize(
    "arguments",
    [
        "add --author to docs",
        "a --author=b",
        "a ——whole",
        "－－author＝琳 a",
        "--json tell Bob --whole story",
        "ps -h",
        "- milk",
    ],
)
def test_a_word_that_may_be_an_option_or_text_is_refused(arguments: str) -> None:
    with pytest.raises(InvalidEntry, match="`udpnote send -- "):
        split_arguments(arguments.split(), SEND_OPTIONS, command="send")


def test_arguments_before_the_text_are_not_the_text() -> None:
    split = split_arguments(["3", "--json", "-5", "-f"], {"--json": False}, command="edit", words_before_text=1)
    assert split == (["3", "--json"], ["-5", "-f"])


def test_the_options_of_send_are_those_that_it_declares() -> None:
    _, send, _ = find_command(["send"])
    assert isinstance(send, DeclaredCommand) and option_names(send) == SEND_OPTIONS
