"""Finds where the text begins among the arguments of a command that stores a text: options stand before it, as with `ssh`.

Nothing here may import typer: `udpnote send` without options does without it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from udpnote.errors import InvalidEntry

SEND_OPTIONS: Mapping[str, bool] = {
    "--whole": False,
    "--server": True,
    "--port": True,
    "--notebook-id": True,
    "--author": True,
    "--wait": True,
    "--json": False,
    "--help": False,
    "-h": False,
}
"""The options of `udpnote send`, and whether each takes a value. They stand here because the typer app is often not loaded."""

_OPTION = re.compile(r"(--?[A-Za-z][\w-]*)(=.*)?", re.ASCII | re.DOTALL)
"""What looks like an option: neither `-5 degrees` nor `- milk`. A value may follow an equals sign."""


class Arguments(NamedTuple):
    """The arguments of a command: `before` the text (its options, and other arguments), and the words of the `text`."""

    before: list[str]
    text: list[str]


def split_arguments(
    arguments: Sequence[str], options: Mapping[str, bool], *, command: str, arguments_before: int = 0
) -> Arguments:
    """Split the `arguments` of the `command` where its text begins.

    The text begins after `--`, or with the first word that does not look like an option, not counting the values of options
    and as many `arguments_before` the text. `options` tells of each option whether it takes a value. An unknown option belongs
    to `before`, so that typer refuses it.

    Raises `InvalidEntry` if a word of the text, without `--` before it, is one of the command's own options, or if words
    follow a `-`, which stands for standard input: in both cases it is not known what the user wants.
    """
    position = 0
    while position < len(arguments):
        word = arguments[position]
        if word == "--":
            return Arguments([*arguments[:position]], [*arguments[position + 1 :]])
        option = _OPTION.fullmatch(word)
        if option is not None:
            takes_next = option[2] is None and options.get(option[1], False)
            position += 2 if takes_next else 1
        elif arguments_before:
            arguments_before -= 1
            position += 1
        else:
            break
    split = Arguments([*arguments[:position]], [*arguments[position:]])
    _check(split, options, command)
    return split


def _check(split: Arguments, options: Mapping[str, bool], command: str) -> None:
    if split.text[:1] == ["-"] and len(split.text) > 1:
        raise InvalidEntry("text_after_input_sign", command=command)
    for word in split.text:
        option = _OPTION.fullmatch(word)
        if option is not None and option[1] in options:
            raise InvalidEntry("option_in_text", option=option[1], command=command)
