"""Finds what the word at the cursor of a command line may be: a command or option from a table, or a value such as a tag.

The table has the commands as `udpnote --help` lists them. `python -m tests.reference` makes it from the declarations of the
commands. So completion imports neither typer nor the modules of the commands, which would take longer than all the rest.
"""

import os
from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple

TABLE_PATH = os.path.join(os.path.dirname(__file__), "commands.tsv")
"""The file with the table. A line has four fields: the name of a command, the names of an option, its metavar and its help. The
metavar is the word that the help shows for a value.

A line without names of an option describes an argument of the command or, if it has no metavar either, the command itself. A
flag has no metavar. If the option or argument may be repeated, its metavar ends with `REPEATED`. If its metavar begins with
`=`, the allowed values follow, with `|` between them.
"""

REPEATED = "..."
"""The end of the metavar of an option or argument that may be repeated."""


class Kind(Enum):
    """What a value on the command line stands for. A value that must be one of a fixed list of words has no kind."""

    NOTEBOOK = auto()
    JOINED_NOTEBOOK = auto()
    """A sealed notebook that was joined."""

    TAG = auto()
    NUMBER = auto()
    """The number of a note."""

    SEQUENCE = auto()
    """The sequence number of an entry in the outbox."""


_ARGUMENT_KINDS = {"NAME|ID": Kind.NOTEBOOK, "NUMBER": Kind.NUMBER}
_OPTION_KINDS = {"NAME|ID": Kind.NOTEBOOK, "NAME|ID|HOST": Kind.NOTEBOOK, "TAG": Kind.TAG, "SEQUENCE": Kind.SEQUENCE}
"""The kinds of values by their metavars: of arguments, and of options. The NUMBER of an option is an amount, and has no
kind.
"""

_TEXTS = ("[TEXT]", "WORDS")
"""How the metavars of texts and queries begin. No option can follow a text or query."""


class Suggestion(NamedTuple):
    """A word that may stand at the cursor, and its explanation for shells that show one."""

    word: str
    help: str


class ListedOption(NamedTuple):
    """An option of a command: its names, its metavar (empty for a flag), and its help."""

    names: Sequence[str]
    metavar: str
    help: str


class ListedCommand(NamedTuple):
    """A command: its whole name, such as `key show`, its help, its options, and the metavars of its arguments."""

    name: str
    help: str
    options: list[ListedOption]
    arguments: list[str]


class WordAtCursor(NamedTuple):
    """What may stand at the cursor: `prefix`, followed by one of the `suggestions` or by a value of `kind`.

    `typed` is what the user has typed after `prefix`. The `suggestions` begin with it, and the value must do so, too. `given`
    maps the options on the command line, by their first names, to their values. The value of a flag is empty.
    """

    typed: str
    given: dict[str, str]
    suggestions: Sequence[Suggestion] = ()
    kind: Kind | None = None
    prefix: str = ""


def read_table() -> dict[str, ListedCommand]:
    """Read the table at `TABLE_PATH`, and return its commands by their names. The name of `udpnote` itself is empty."""
    table: dict[str, ListedCommand] = {}
    with open(TABLE_PATH, encoding="utf-8") as file:
        for line in file:
            name, names, metavar, text = line.rstrip("\n").split("\t")
            if names:
                table[name].options.append(ListedOption(names.split(" "), metavar, text))
            elif metavar:
                table[name].arguments.append(metavar)
            else:
                table[name] = ListedCommand(name, text, [], [])
    return table


def word_at_cursor(table: dict[str, ListedCommand], words: Sequence[str], typed: str) -> WordAtCursor:
    """Find out what may stand at the cursor, and return that. `words` are the words between `udpnote` and the cursor. `typed`
    is the part of the word at the cursor that is typed already.

    A word that is only `=` is ignored, and if `typed` is only `=`, it counts as empty: bash makes a word of each `=`.
    """
    if typed == "=":
        typed = ""
    name, rest = _command_of(table, [word for word in words if word != "="])
    if name == "help" and not typed.startswith("-"):
        return _among(_subcommands(table, " ".join(rest)), typed)
    command = table.get(name)
    if command is None:
        return WordAtCursor(typed, {})
    subcommands = _subcommands(table, name)
    if subcommands and not typed.startswith("-"):
        return _among(subcommands, typed)
    return _in_command(command, rest, typed)


def _command_of(table: dict[str, ListedCommand], words: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Return the name of the command in `words`, and the words after the name. Options before the name are left out.

    If `words` name only a group, return the name of the group. If there is no such command, the returned name is not in
    `table`.
    """
    name = ""
    for position, word in enumerate(words):
        if not word.startswith("-"):
            name = f"{name} {word}".strip()
            if not _subcommands(table, name):
                return name, words[position + 1 :]
    return name, ()


def _subcommands(table: dict[str, ListedCommand], name: str) -> list[Suggestion]:
    """The commands that may follow the name of a group, such as `show` after `key`. The empty name stands for `udpnote`."""
    prefix = f"{name} " if name else ""
    found = [command for command in table.values() if command.name.startswith(prefix) and command.name != name]
    rests = [(command.name.removeprefix(prefix), command.help) for command in found]
    return [Suggestion(rest, text) for rest, text in rests if " " not in rest]


def _in_command(command: ListedCommand, words: Sequence[str], typed: str) -> WordAtCursor:
    """Find out what may stand at the cursor after `words`, the words after the name of `command`."""
    given: dict[str, str] = {}
    option_without_value: ListedOption | None = None  # its value is the next word
    argument_count, may_be_option = 0, True
    for word in words:
        if option_without_value is not None:
            given[option_without_value.names[0]], option_without_value = word, None
        elif may_be_option and word.startswith("-") and word != "-":
            option_name, equals, value = word.partition("=")
            option = _option(command, option_name)
            may_be_option = word != "--"
            if option is not None and option.metavar and not equals:
                option_without_value = option
            elif option is not None:
                given[option.names[0]] = value
        else:
            may_be_option = may_be_option and not _argument(command, argument_count).startswith(_TEXTS)
            argument_count += 1
    if option_without_value is not None:
        return _value(command, option_without_value.metavar, _OPTION_KINDS, WordAtCursor(typed, given))
    if may_be_option and typed.startswith("-"):
        return _options(command, typed, given)
    if may_be_option and not typed and not command.arguments and argument_count == 0:  # only an option can follow
        return _among(_unused(command, given), typed)
    return _value(command, _argument(command, argument_count), _ARGUMENT_KINDS, WordAtCursor(typed, given))


def _options(command: ListedCommand, typed: str, given: dict[str, str]) -> WordAtCursor:
    """Find out what may stand at the cursor if `typed` begins with `-`: an option or, after a `=`, the value of the option."""
    option_name, equals, value = typed.partition("=")
    option = _option(command, option_name)
    if not equals:
        return _among(_unused(command, given), typed)
    if option is None:
        return WordAtCursor(typed, {})
    return _value(command, option.metavar, _OPTION_KINDS, WordAtCursor(value, given, prefix=f"{option_name}="))


def _value(command: ListedCommand, metavar: str, kinds: dict[str, Kind], word: WordAtCursor) -> WordAtCursor:
    """Return a copy of `word` that says what may stand in place of `metavar`, which an option or argument of `command` has.

    If `metavar` lists the allowed values, the copy has them as suggestions. If it does not, the copy has the kind of the values
    from `kinds`, or None if `kinds` does not have `metavar`.
    """
    bare = metavar.removesuffix(REPEATED).strip("[]")
    if bare.startswith("="):
        values = [Suggestion(each, "") for each in bare[1:].split("|")]
        return word._replace(suggestions=_among(values, word.typed).suggestions)
    kind = kinds.get(bare)
    return word._replace(kind=Kind.JOINED_NOTEBOOK if kind is Kind.NOTEBOOK and command.name == "leave" else kind)


def _unused(command: ListedCommand, given: dict[str, str]) -> list[Suggestion]:
    """The options of `command` that may still be given, each under all of its names."""
    return [
        Suggestion(name, option.help)
        for option in command.options
        if option.names[0] not in given or option.metavar.endswith(REPEATED)
        for name in option.names
    ]


def _among(suggestions: Sequence[Suggestion], typed: str) -> WordAtCursor:
    """Return a `WordAtCursor` with those of the `suggestions` that begin with `typed`."""
    return WordAtCursor(typed, {}, [each for each in suggestions if each.word.startswith(typed)])


def _argument(command: ListedCommand, position: int) -> str:
    """The metavar of the argument at `position`, counted from 0; empty if `command` has no such argument.

    If the last argument may be repeated, all later positions have its metavar, too.
    """
    if position < len(command.arguments):
        return command.arguments[position]
    return command.arguments[-1] if command.arguments and command.arguments[-1].endswith(REPEATED) else ""


def _option(command: ListedCommand, name: str) -> ListedOption | None:
    """The option of `command` with this `name`, which includes the dashes; None if there is no such option."""
    return next((option for option in command.options if name in option.names), None)
