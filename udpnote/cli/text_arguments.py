"""Finds where the text begins among the arguments of a command that stores a text: options stand before it, as with `ssh`."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from udpnote.errors import InvalidEntry

_OPTION = re.compile(r"(--?[A-Za-z][\w-]*)(=.*)?", re.ASCII | re.DOTALL)
"""What looks like an option: `-h`, `--json` or `--wait=3`, but neither `-5 degrees` nor `- milk`."""


class Arguments(NamedTuple):
    """The arguments of a command in two lists: those `before_text` (options and others), and the words of the `text`."""

    before_text: list[str]
    text: list[str]


def split_arguments(
    arguments: Sequence[str], options: Mapping[str, bool], *, command: str, words_before_text: int = 0
) -> Arguments:
    """Split the `arguments` of the `command` in two: those before its text, and the words of the text.

    The text begins after a `--` that stands before any word of the text and is not the value of an option. Without such a `--`,
    it begins with the first word that is neither like an option, nor the value of an option, nor one of the first
    `words_before_text` other words, such as the number of a note. `options` has the options of the command, and whether each
    takes a value. A word that is like an option, but is not in `options`, counts as before the text: the command line is wrong.

    Raises `InvalidEntry` if the text did not begin after `--`, and a word of the text is one of the `options`, or words follow
    the word `-`, which stands for standard input. In both cases it is not clear what the user wants.
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
        elif words_before_text:
            words_before_text -= 1
            position += 1
        else:
            break
    split = Arguments([*arguments[:position]], [*arguments[position:]])
    _check(split, options, command)
    return split


def _check(split: Arguments, options: Mapping[str, bool], command: str) -> None:
    """Raise the `InvalidEntry` that `split_arguments` describes, if there is a reason for it."""
    if split.text[:1] == ["-"] and len(split.text) > 1:
        raise InvalidEntry("text_after_input_sign", command=command)
    for word in split.text:
        option = _OPTION.fullmatch(word)
        if option is not None and option[1] in options:
            raise InvalidEntry("option_in_text", option=option[1], command=command)
