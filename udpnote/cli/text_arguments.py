"""Finds where the text begins among the arguments of a command that stores a text: options stand before it, as with `ssh`."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from udpnote.errors import InvalidEntry, InvalidQuery

SEND_OPTIONS: Mapping[str, bool] = {
    "--whole": False,
    "--edit": False,
    "--at": True,
    "--tag": True,
    "--server": True,
    "--port": True,
    "--notebook": True,
    "--author": True,
    "--wait": True,
    "--json": False,
    "--help": False,
    "-h": False,
}
"""The options of `udpnote send`, and whether each takes a value.

They stand here because `send` without options runs without its declaration, which has them too; a test compares them.
"""

DASHES = "-－‐‑‒–—―−"
"""The dash of options, and those that input methods and word processors put in its place."""


class Arguments(NamedTuple):
    """The arguments of a command in two lists: those `before_text` (options and others), and the words of the `text`."""

    before_text: list[str]
    text: list[str]


def split_arguments(
    arguments: Sequence[str], options: Mapping[str, bool], *, command: str, words_before_text: int = 0, is_query: bool = False
) -> Arguments:
    """Split the `arguments` of the `command` in two: those before its text, and the words of the text.

    If `is_query`, the text is what to search for; otherwise it is stored.

    The text begins after a `--` that stands before any word of the text and is not the value of an option. Without such a `--`,
    it begins with the first word that is neither like an option, nor the value of an option, nor one of the first
    `words_before_text` other words, such as the number of a note. `options` has the options of the command, and whether each
    takes a value. A word that is like an option, but is not in `options`, counts as before the text: the command line is wrong.

    Raises `InvalidEntry` if the text did not begin after `--`, and a word of the text is one of the `options`, also with other
    dashes (see `in_ascii_dashes`), or words follow the word `-`, which stands for standard input. In all of these cases it is
    not clear what the user wants. For a query, raises `InvalidQuery` for one of the `options`, and for a word before the query
    that is no option, but may be meant as a word to leave out, such as `-tea`.
    """
    position = 0
    while position < len(arguments):
        word = arguments[position]
        if word == "--":
            return Arguments([*arguments[:position]], [*arguments[position + 1 :]])
        name = _option_name(word)
        if name:
            if is_query and not name.startswith("--") and name not in options and name[:2] not in options:
                raise InvalidQuery("word_to_leave_out_first", word=word, command=command)
            position += 2 if name == word and options.get(name, False) else 1
        elif words_before_text:
            words_before_text -= 1
            position += 1
        else:
            break
    split = Arguments([*arguments[:position]], [*arguments[position:]])
    _check(split, options, command, is_query=is_query)
    return split


def _check(split: Arguments, options: Mapping[str, bool], command: str, *, is_query: bool) -> None:
    """Raise the error that `split_arguments` describes, if there is a reason for it."""
    if not is_query and split.text[:1] == ["-"] and len(split.text) > 1:
        raise InvalidEntry("text_after_input_sign", command=command)
    for word in split.text:
        name = _option_name(word)
        typed_otherwise = in_ascii_dashes(word, options)
        if is_query and (name in options or typed_otherwise):
            raise InvalidQuery("option_in_query", option=typed_otherwise or name, command=command)
        if name in options:
            raise InvalidEntry("option_in_text", option=name, command=command)
        if typed_otherwise:
            raise InvalidEntry("other_dashes_in_text", word=word, option=typed_otherwise, command=command)


def in_ascii_dashes(word: str, options: Collection[str]) -> str:
    """`word` as an option typed with `-`, if it is one of `options` typed with other dashes, as `——json` or `－－wait＝3` is.

    Otherwise an empty string. Input methods type such dashes, and full-width letters; documents have `—` in place of `--`.
    """
    if word.isascii() or word[:1] not in DASHES:
        return ""
    name, sign, value = word.replace("＝", "=", 1).partition("=")
    bare = "".join(chr(ord(each) - 0xFEE0) if "！" <= each <= "～" else each for each in name.lstrip(DASHES))
    option = f"{'-' if len(bare) == 1 else '--'}{bare}"
    meant = f"{option}{sign}{value}"
    return meant if option in options and meant != word else ""


def _option_name(word: str) -> str:
    """The name of the option that `word` looks like: `-h`, `--json` or `--wait=3` do, `-5 degrees` and `- milk` do not.

    Otherwise an empty string. A name has ASCII letters, digits, `_` and `-`, and begins with a letter after its dashes.
    """
    name = word.partition("=")[0]
    bare = name[2:] if name.startswith("--") else name[1:]
    is_name = name.startswith("-") and bare.isascii() and bare[:1].isalpha() and bare.replace("-", "_").isidentifier()
    return name if is_name else ""
