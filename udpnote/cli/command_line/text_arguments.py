"""Finds where the text that is stored or searched for begins on a command line. Options stand before it, as with `ssh`."""

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
"""The options of `udpnote send`, and whether a value follows each.

The declaration of `send` has these options, too, but it is not imported for `send` without options. A test compares the two.
"""

DASHES = "-－‐‑‒–—―−"
"""The hyphen of options, and the characters that input methods and word processors put in its place."""


class Arguments(NamedTuple):
    """The words of a command line in two lists: those `before_text` (options and others), and the words of the `text`."""

    before_text: list[str]
    text: list[str]


def split_arguments(
    arguments: Sequence[str], options: Mapping[str, bool], *, command: str, words_before_text: int = 0, is_query: bool = False
) -> Arguments:
    """Split `arguments`, the words after the name of `command`, into the words before the text and the words of the text.

    The text is what the command stores or, with `is_query`, searches for. `options` are the options of the command, and whether
    a value follows each. `words_before_text` is the number of other words before the text, such as the number of a note.

    The text begins with the first word that does not look like an option, is not the value of an option, and is not one of the
    `words_before_text`. A `--` that is not the value of an option ends the options earlier: the text begins after it, and every
    word there is text. An unknown option, a word that looks like an option but is not in `options`, is returned with the words
    before the text; the caller must report it.

    Raises `InvalidEntry`, or `InvalidQuery` for a query, if a word of the text is one of the `options`, even if typed with
    other dashes (see `in_ascii_dashes`). Raises `InvalidEntry`, too, if words of a text to store follow a `-`, which stands for
    standard input. After a `--` or an unknown option, the text is not checked, and neither is raised.

    Raises `InvalidQuery` if a word before the query has one hyphen and is not an option, such as `-tea`: the user may want to
    leave out notes with that word.
    """
    position, has_unknown_option = 0, False
    while position < len(arguments):
        word = arguments[position]
        if word == "--":
            return Arguments([*arguments[:position]], [*arguments[position + 1 :]])
        name = _option_name(word)
        if name:
            is_unknown = name not in options and (name.startswith("--") or name[:2] not in options)  # `-n5` is the option -n
            if is_query and is_unknown and not name.startswith("--"):
                raise InvalidQuery("word_to_leave_out_first", word=word, command=command)
            has_unknown_option = has_unknown_option or is_unknown
            position += 2 if name == word and options.get(name, False) else 1
        elif words_before_text:
            words_before_text -= 1
            position += 1
        else:
            break
    split = Arguments([*arguments[:position]], [*arguments[position:]])
    if not has_unknown_option:  # else the value of that option may be taken for the beginning of the text
        _check(split, options, command, is_query=is_query)
    return split


def _check(split: Arguments, options: Mapping[str, bool], command: str, *, is_query: bool) -> None:
    """Raise the error that `split_arguments` describes, if there is a reason for one."""
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
    """If `word` is one of `options`, typed with other dashes, return the option with ASCII dashes; else an empty string.

    The result has the value of the option, too: `--wait=3` for `－－wait＝3`. Input methods type such dashes and full-width
    letters, and word processors put `—` in place of `--`.
    """
    if word.isascii() or word[:1] not in DASHES:
        return ""
    name, sign, value = word.replace("＝", "=", 1).partition("=")
    # From full-width forms to ASCII, which stands 0xFEE0 before them in Unicode.
    bare = "".join(chr(ord(each) - 0xFEE0) if "！" <= each <= "～" else each for each in name.lstrip(DASHES))
    option = f"{'-' if len(bare) == 1 else '--'}{bare}"
    meant = f"{option}{sign}{value}"
    return meant if option in options and meant != word else ""


def _option_name(word: str) -> str:
    """Return the name of the option that `word` looks like; empty if it looks like none. `-h`, `--json` and `--wait=3` look
    like an option, `-5 degrees` does not.

    After its dashes, a name begins with an ASCII letter, and has only ASCII letters, digits, `_` and `-`.
    """
    name = word.partition("=")[0]
    bare = name[2:] if name.startswith("--") else name[1:]
    is_name = name.startswith("-") and bare.isascii() and bare[:1].isalpha() and bare.replace("-", "_").isidentifier()
    return name if is_name else ""
