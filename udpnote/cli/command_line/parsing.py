"""Turns the words of a command line into values for the command, without typer.

A wrong command line raises `WrongCommandLine`, which says what is wrong and at which word. The module `likely_meant` then
suggests a right command line. This module reads a command line as typer does; a test compares the two.
"""

from collections import deque
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from udpnote.cli.command_line.command_table import find_command
from udpnote.cli.command_line.declared_command import HELP_NAMES, REQUIRED, DeclaredCommand, DeclaredCommands, Option, Parameter
from udpnote.cli.command_line.text_arguments import Arguments, in_ascii_dashes, split_arguments
from udpnote.errors import UdpnoteError

VERSION_NAMES = ("--version", "-V")
INSTALL_COMPLETION, SHOW_COMPLETION = COMPLETION_NAMES = ("--install-completion", "--show-completion")
"""Options of `udpnote` itself: they are typed in place of a command."""

OTHER_QUOTES = ("“", "”", "‘", "’")
"""Quotation marks that input methods type. A shell does not treat them as quotation marks."""

_HELP = Parameter("help", Option(" ".join(HELP_NAMES)), kind=bool, is_list=False, default=False)
"""The option `--help`, which no command declares."""


class WrongCommandLine(UdpnoteError, ValueError):
    """The command line is wrong. `position` is the index of the wrong word. `kind` and `values` make the message (`Notice`).

    If a word is missing at the end, `position` is the number of words. Index 0 is the word after `udpnote` if
    `read_command_line` raises the error, and the word after the command's name if `parse` raises it.
    """

    def __init__(self, kind: str, position: int, /, **values: object) -> None:
        super().__init__(kind, **values)
        self.position = position


class CommandLine(NamedTuple):
    """A correct command line. `names` are the words of the command's name, such as `key` and `show`.

    There are three cases. If the user typed a command, `values` are those for its parameters (see `parse`), or None if the user
    asks for help, and `option` is empty. If the user typed only the name of a group of commands, `command` is this group. If
    the user typed only `udpnote`, `command` is None. In these two cases, `values` is None, and `option` is the first option,
    such as `--help`, or empty if the user typed none.
    """

    names: list[str]
    command: DeclaredCommand | DeclaredCommands | None
    values: dict[str, Any] | None
    option: str = ""


class _Given(NamedTuple):
    """A value that was typed for a parameter.

    `value` is the word as it was typed, or a bool for a flag. `position` is the index of the word. `name` is the name of the
    option, and empty for an argument.
    """

    value: Any
    position: int
    name: str = ""


def read_command_line(words: Sequence[str]) -> CommandLine:
    """Read `words`, the words after `udpnote`. Return the command that they name, and its values.

    Raises `WrongCommandLine`, and the errors of `split_words`.
    """
    names, command, rest = find_command(words)
    name = " ".join(["udpnote", *names])
    try:
        if isinstance(command, DeclaredCommand):
            return CommandLine(names, command, parse(command, rest, name))
        return CommandLine(names, command, None, _option_of_group(name, rest))
    except WrongCommandLine as error:
        error.position += len(words) - len(rest)
        raise


def parse(command: DeclaredCommand, words: Sequence[str], name: str) -> dict[str, Any] | None:
    """Read `words`, the words after the name of `command`. Return the value of each of the command's parameters by its name:
    the default if nothing was typed for it. If the words ask for help, return None.

    `name` is the command's name for messages, with `udpnote`, such as `udpnote key show`. Raises `WrongCommandLine`, and
    `InvalidEntry` and `InvalidQuery` as `split_arguments` does.
    """
    before, text = split_words(command, words)
    given, others = _options_and_others(command, before, name)
    if _HELP.name in given:
        return None
    others += [_Given(word, len(words) - len(text) + place) for place, word in enumerate(text)]
    values = {each.name: _value(each, given.get(each.name, [])) for each, _ in command.options}
    for parameter, argument in command.arguments:
        if not others and parameter.default is REQUIRED:
            raise WrongCommandLine("argument_missing", len(words), command=name, metavar=argument.metavar)
        count = len(others) if parameter.is_list else 1
        values[parameter.name] = _value(parameter, others[:count])
        del others[:count]
    if others:
        raise WrongCommandLine("word_superfluous", others[0].position, command=name, word=others[0].value)
    return values


def split_words(command: DeclaredCommand, words: Sequence[str]) -> Arguments:
    """Split `words`, the words after the name of `command`, into the words before the text and the words of the text.

    The text is what the command stores or searches for. If the command takes no text, all of `words` are returned as words
    before the text. Raises `InvalidEntry` and `InvalidQuery` as `split_arguments` does.
    """
    if not (command.takes_text or command.takes_query):
        return Arguments([*words], [])
    before = [declaration.metavar for parameter, declaration in command.arguments if not parameter.is_list]
    name = " ".join([command.name, *before])
    return split_arguments(
        words, option_names(command), command=name, words_before_text=len(before), is_query=command.takes_query
    )


def option_names(command: DeclaredCommand) -> dict[str, bool]:
    """Return all names of the options of `command`. Each name is mapped to True if a value follows it, and to False if it is a
    flag.
    """
    found = {name: parameter.kind is not bool for parameter, option in command.options for name in option.names.split()}
    return (
        found
        | dict.fromkeys((option.opposite for _, option in command.options if option.opposite), False)
        | dict.fromkeys(HELP_NAMES, False)
    )


def _option_of_group(name: str, rest: Sequence[str]) -> str:
    """Return the first of the words `rest`, which must be an option of a group of commands or of `udpnote` itself. Return an
    empty string if there are no words.

    `name` is what was typed before `rest`: the group's name or `udpnote`. Raises `WrongCommandLine` if the first word is not
    one of the options. The words after it must be options, too, up to the first word that does not begin with `-`. That word
    and all after it are ignored, because click ignores them.
    """
    known = HELP_NAMES if name != "udpnote" else (*HELP_NAMES, *VERSION_NAMES, *COMPLETION_NAMES)
    for position, word in enumerate(rest):
        _check_dashes(word, position, known)
        if word not in known:
            if position and not word.startswith("-"):
                break
            if word.startswith("-") and word.strip("-"):
                raise WrongCommandLine("option_unknown", position, command=name, option=word.partition("=")[0])
            raise WrongCommandLine("command_unknown", position, command=name, word=word)
    return rest[0] if rest else ""


def _options_and_others(
    command: DeclaredCommand, words: Sequence[str], name_of_command: str
) -> tuple[dict[str, list[_Given]], list[_Given]]:
    """Split `words` into options with their values, and other words.

    Return two values. The first maps the name of a parameter to the list of values that its options have in `words`. The second
    is the list of the other words; all words after a `--` are among them. `name_of_command` is for messages, as the `name` of
    `parse` is.

    Raises `WrongCommandLine` if an option in `words` is not one of `command`, if an option lacks its value, or if a flag has a
    value. Raises it, too, if an option begins with an input method's dash, or its value with an input method's quotation mark.
    """
    named = {name: each for each, option in command.options for name in option.names.split()}
    named |= dict.fromkeys(HELP_NAMES, _HELP)
    opposites = {option.opposite: each for each, option in command.options if option.opposite}
    known = {**named, **opposites}
    given: dict[str, list[_Given]] = {}
    others: list[_Given] = []
    rest = deque(enumerate(words))
    while rest:
        position, word = rest.popleft()
        if word == "--":
            return given, others + [_Given(each, place) for place, each in rest]
        _check_dashes(word, position, known)
        if word[:1] != "-" or word == "-":
            others.append(_Given(word, position))
            continue
        name, equals, value = _split_option(word)
        parameter = known.get(name)
        if parameter is None:
            raise WrongCommandLine("option_unknown", position, command=name_of_command, option=word.partition("=")[0])
        if parameter.kind is bool:
            if equals or value[:1] == "-":  # as in `--json=1` or `-q-`
                raise WrongCommandLine("option_takes_no_value", position, option=name, value=value)
            given[parameter.name] = [_Given(name not in opposites, position, name)]
            if value:  # `word` has several flags: after the -q of `-qv`, the next word is `-v`
                rest.appendleft((position, f"-{value}"))
            continue
        if not (value or equals):  # the next word is the value
            if not rest:
                raise WrongCommandLine("option_value_missing", len(words), option=name, metavar=_metavar(parameter))
            position, value = rest.popleft()
        if value[:1] in OTHER_QUOTES:
            raise WrongCommandLine("value_in_other_quotes", position, name=name, value=value)
        given.setdefault(parameter.name, []).append(_Given(value, position, name))
    return given, others


def _check_dashes(word: str, position: int, known: Collection[str]) -> None:
    """Raise `WrongCommandLine` if `word` is one of the options `known`, typed with an input method's dashes in place of `-`."""
    if option := in_ascii_dashes(word, known):
        raise WrongCommandLine("option_in_other_dashes", position, word=word, option=option)


def _split_option(word: str) -> tuple[str, str, str]:
    """Split `word`, which begins with `-`, into the name of an option, the `=` after the name, and the rest.

    After `--name=`, the rest is the option's value. After a short name, the `=` is empty, and the rest is the option's value as
    in `-n5`, or more short options as in `-qv`.
    """
    return word.partition("=") if word.startswith("--") else (word[:2], "", word[2:])


def _value(parameter: Parameter, given: Sequence[_Given]) -> Any:
    """Return the value of `parameter`. `given` are the values that the user has typed for it.

    If there are none, return the default. If the parameter takes a list, return all of them, converted to the parameter's type.
    If it does not, return only the last, converted: the others are not checked. typer does the same.
    """
    if not given:
        return parameter.default
    if parameter.is_list:
        return [_converted(parameter, each) for each in given]
    return _converted(parameter, given[-1])


def _converted(parameter: Parameter, given: _Given) -> Any:
    """Return `given`, a word or flag, as a value of the type of `parameter`. Raises `WrongCommandLine` if it is not such a
    value, not one of the allowed words, or out of range.
    """
    name = given.name or _metavar(parameter)
    if parameter.choices:
        if given.value not in parameter.choices:
            raise WrongCommandLine(
                "value_not_a_choice", given.position, name=name, value=given.value, choices=parameter.choices
            )
        return given.value
    try:
        value = parameter.kind(given.value)
    except ValueError:
        kind = "value_not_whole" if parameter.kind is int else "value_not_a_number"
        raise WrongCommandLine(kind, given.position, name=name, value=given.value) from None
    option = parameter.declaration
    if isinstance(option, Option) and (
        (option.smallest is not None and value < option.smallest) or (option.largest is not None and value > option.largest)
    ):
        raise WrongCommandLine(
            "value_out_of_range",
            given.position,
            name=name,
            value=given.value,
            smallest=option.smallest,
            largest=option.largest,
        )
    return value


def _metavar(parameter: Parameter) -> str:
    """The word that the help shows for the value of `parameter`."""
    return "|".join(parameter.choices) or parameter.declaration.metavar
