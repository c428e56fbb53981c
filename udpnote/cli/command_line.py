"""Makes the words of a command line into values for the command, without typer.

If the command line is wrong, `typer_app` says what is wrong with it. Both modules read a command line as click does; a test
compares them.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from udpnote.cli.declared_command import HELP_NAMES, REQUIRED, DeclaredCommand, Option, Parameter
from udpnote.cli.text_arguments import Arguments, split_arguments

_HELP = Parameter("help", Option(" ".join(HELP_NAMES)), kind=bool, is_list=False, annotation=bool, default=False)
"""The option `--help`, which no command declares."""


class WrongCommandLine(Exception):
    """The command line is wrong; the exception does not say why."""


class Parsed(NamedTuple):
    """What a command line says: `values`, one for each parameter of the command; or that it asks for the command's help."""

    values: dict[str, Any]
    asks_for_help: bool


def parse(command: DeclaredCommand, words: Sequence[str]) -> Parsed:
    """What the `words` after the name of `command` say. Raises `WrongCommandLine`, and `InvalidEntry` (`split_arguments`)."""
    before, text = split_words(command, words)
    given, others = _options_and_others(command, before)
    if _HELP.name in given:
        return Parsed({}, asks_for_help=True)
    others += text
    values = {each.name: _value(each, given.get(each.name, [])) for each, _ in command.options}
    for parameter, _ in command.arguments:
        count = len(others) if parameter.is_list else 1
        values[parameter.name] = _value(parameter, others[:count])
        del others[:count]
    if others:
        raise WrongCommandLine
    return Parsed(values, asks_for_help=False)


def split_words(command: DeclaredCommand, words: Sequence[str]) -> Arguments:
    """Split the `words` after the name of `command` into those before its text, and those of the text.

    If the command takes no text, all words are before it. Raises `InvalidEntry` as `split_arguments` does.
    """
    if not command.takes_text:
        return Arguments([*words], [])
    before = [declaration.metavar for parameter, declaration in command.arguments if not parameter.is_list]
    name = " ".join([command.name, *before])
    return split_arguments(words, option_names(command), command=name, words_before_text=len(before))


def option_names(command: DeclaredCommand) -> dict[str, bool]:
    """The names of all options of `command`, each with whether a value follows the name."""
    found = {name: parameter.kind is not bool for parameter, option in command.options for name in option.names.split()}
    return (
        found
        | dict.fromkeys((option.opposite for _, option in command.options if option.opposite), False)
        | dict.fromkeys(HELP_NAMES, False)
    )


def _options_and_others(command: DeclaredCommand, words: Sequence[str]) -> tuple[dict[str, list[Any]], list[str]]:
    """The values that are given for each option, by the name of its parameter, and the `words` that belong to no option."""
    named = {name: each for each, option in command.options for name in option.names.split()}
    named |= dict.fromkeys(HELP_NAMES, _HELP)
    opposites = {option.opposite: each for each, option in command.options if option.opposite}
    given: dict[str, list[Any]] = {}
    others: list[str] = []
    rest = list(reversed(words))
    while rest:
        word = rest.pop()
        if word == "--":
            return given, others + rest[::-1]
        if word[:1] != "-" or word == "-":
            others.append(word)
            continue
        name, sign, value = word.partition("=")
        if word[:2] != "--" and word not in named:  # a short option, with its value or with more short options in the same word
            name, sign, value = word[:2], "", word[2:]
        parameter = named.get(name) or opposites.get(name)
        if parameter is None or (parameter.kind is bool and (sign or value[:1] == "-")):
            raise WrongCommandLine
        if parameter.kind is bool:
            given[parameter.name] = [name not in opposites]
            rest += [f"-{value}"] if value else []
        elif value or sign or rest:
            given.setdefault(parameter.name, []).append(value if value or sign else rest.pop())
        else:
            raise WrongCommandLine
    return given, others


def _value(parameter: Parameter, given: Sequence[Any]) -> Any:
    """The value of `parameter`: made from the words or flags that are `given` for it, or its default if that is empty."""
    if not given:
        if parameter.default is REQUIRED:
            raise WrongCommandLine
        return parameter.default
    values = [_converted(parameter, each) for each in given]
    return values if parameter.is_list else values[-1]


def _converted(parameter: Parameter, given: Any) -> Any:
    """One `given` word or flag as a value of the parameter's kind. Raises `WrongCommandLine` if it is none."""
    if parameter.choices:
        if given not in parameter.choices:
            raise WrongCommandLine
        return given
    try:
        value = parameter.kind(given)
    except ValueError:
        raise WrongCommandLine from None
    option = parameter.declaration
    if isinstance(option, Option) and (
        (option.smallest is not None and value < option.smallest) or (option.largest is not None and value > option.largest)
    ):
        raise WrongCommandLine
    return value
