"""Guesses what a user meant by a wrong command line.

Each function in `_REPAIRS` takes the words after `udpnote`, and the error about the first mistake in them. It returns the words
with this one mistake mended, or None if it cannot guess what was meant.
"""

import re
import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf

from udpnote.cli.command_line.command_table import COMMANDS, find_command
from udpnote.cli.command_line.declared_command import HELP_NAMES, DeclaredCommand, Parameter
from udpnote.cli.command_line.help_page import TOPICS
from udpnote.cli.command_line.parsing import (
    COMPLETION_NAMES,
    OTHER_QUOTES,
    VERSION_NAMES,
    WrongCommandLine,
    option_names,
    read_command_line,
)
from udpnote.cli.command_line.synonyms import NEEDLESS_OPTIONS, command_called, nearest, nearest_option, option_called
from udpnote.errors import InvalidSetting, Notice, UdpnoteError
from udpnote.machine.clock import wall_seconds

REPAIRS_MAX = 5
"""A command line with more mistakes than this is not repaired."""

LINE_CHARACTERS_MAX = 400
"""A longer command line is not printed again: it has a long text, which would fill the screen."""

COMMANDS_NAMED_MAX = 4
"""If more commands than this have the option that the typed command lacks, the advice names none of them."""

OPTIONS_FOR_SUPERFLUOUS_WORDS = {
    "export": "-o", "serve": "--file", "service install": "--file", "status": "--notebook", "tags": "--notebook",
    "stats": "--notebook", "write": "--notebook", "follow": "--notebook", "tail": "--notebook",
}  # fmt: skip
"""For commands that take no arguments: the option for which a superfluous word most likely is the value."""

TIME_OPTIONS = ("--since", "--until", "--on")
"""The options whose values are times. People forget to quote a time that has spaces, such as `last friday`."""

NUMBERS = "#?[0-9]+(-[0-9]*)?"
"""A regular expression for the number of a note or a range of numbers."""

EXAMPLES_OF_NUMBERS = {"-n": "10", "--wait": "10", "--timeout": "5"}
"""For each option, a number to suggest if the option was typed without its number."""


def advice(words: Sequence[str], error: WrongCommandLine) -> Notice:
    """Return the notice to print after the message of `error`. `words` are the words that the user has typed after `udpnote`.

    The notice has the command line that the user most likely meant. If none is likely, it has the first of these that exists:
    the commands with the unknown option, an example with the missing word, the command that prints help.
    """
    guessed, mistake = _repaired(words, error)
    if mistake is None and len(line := _quoted(["udpnote", *guessed])) <= LINE_CHARACTERS_MAX:
        return Notice("command_line_meant", line=line)
    commands = _commands_with_option(error)
    if mistake is error and 0 < len(commands) <= COMMANDS_NAMED_MAX:
        return Notice("option_of_other_commands", option=error.notice.values["option"], commands=commands)
    names, command, _ = find_command(guessed)
    if names == ["help"]:  # `help key nosuch`: the group `key` has a help
        names, command, _ = find_command(guessed[1:])
    if mistake is not None and names == ["undo"] and (number := _superfluous_number(guessed, mistake)):
        return Notice("undo_takes_no_number", number=number)
    if isinstance(command, DeclaredCommand) and (example := _example(command, mistake or error)):
        return Notice("command_line_example", line=example)
    return Notice("help_is_in", line=" ".join(["udpnote", *names, "--help"]))


def line_with_option_first(words: Sequence[str], error: UdpnoteError) -> Notice | None:
    """Move the option that the user has typed within a text to the place before the text. Return the notice with the resulting
    command line.

    The text is what the command stores or searches for. `words` are the words after `udpnote`. Return None if `error` is not
    about such an option, or if the line is too long.
    """
    guessed, mistake = _repaired(words, error)
    line = _quoted(["udpnote", *guessed])
    return Notice("command_line_meant", line=line) if mistake is None and len(line) <= LINE_CHARACTERS_MAX else None


def _superfluous_number(words: Sequence[str], error: UdpnoteError) -> int | None:
    """Return the superfluous word of `words` as the number of a note. Return None if it is no number, or if `error` is about
    something else.
    """
    if not isinstance(error, WrongCommandLine) or error.notice.kind != "word_superfluous":
        return None
    found = re.fullmatch("#?([0-9]{1,18})", words[error.position])
    return int(found[1]) if found else None


def _repaired(words: Sequence[str], error: UdpnoteError) -> tuple[list[str], UdpnoteError | None]:
    """Mend up to `REPAIRS_MAX` mistakes in `words`, one after the other. `error` is about the first mistake.

    Return the mended words, and the error about the first mistake that is left: `error` itself if nothing could be mended, and
    None if no mistake is left.
    """
    guessed = [*words]
    current: UdpnoteError | None = error
    for _ in range(REPAIRS_MAX):
        if isinstance(current, WrongCommandLine):
            repaired = _REPAIRS[current.notice.kind](guessed, current) if current.notice.kind in _REPAIRS else None
        else:
            repaired = None if current is None else _option_before_text(guessed, current)
        if repaired is None:
            break
        guessed, current = repaired, _mistake_in(repaired)
    return guessed, current


def _quoted(words: Sequence[str]) -> str:
    """Return `words` as one line for a shell. Words of letters (of any script), digits and hyphens need no quotation marks."""
    return " ".join(each if each.replace("-", "").isalnum() else shlex.quote(each) for each in words)


def _mistake_in(words: Sequence[str]) -> UdpnoteError | None:
    """Return the error that reading the command line `words` raises; None if `words` are right."""
    try:
        read_command_line(words)
    except UdpnoteError as error:
        return error
    return None


def _example(command: DeclaredCommand, error: UdpnoteError) -> str | None:
    """Return an example from the help of `command`, if `error` is about a missing word.

    It is the first example. If the missing word is the value of an option, it is the first example with this option. Return
    None if there is no such example, or if `error` is about something else.
    """
    if not error.notice.kind.endswith("_missing"):
        return None
    option = str(error.notice.values.get("option", ""))
    examples = re.findall(r"^ +(udpnote .+)$", command.help, re.MULTILINE)
    return next((each for each in examples if option in each.split() or not option), None)


def _commands_with_option(error: WrongCommandLine) -> list[str]:
    """The commands that have the option which `error` calls unknown; empty if `error` is not about an unknown option."""
    if error.notice.kind != "option_unknown":
        return []
    from udpnote.cli.completion.word_at_cursor import read_table

    return [
        f"udpnote {name}"
        for name, command in read_table().items()
        if name and any(error.notice.values["option"] in option.names for option in command.options)
    ]


def _another_command(words: list[str], error: WrongCommandLine) -> list[str] | None:
    """Return `words` with a known command in place of the unknown one; None if no command is likely.

    If the unknown command is the number of a note, the result begins with `show`. If no name is similar, several words may be a
    note, and so may one word that is not in ASCII or has spaces. The result is then `send` followed by all of `words`.
    """
    before, word, after = words[: error.position], words[error.position], words[error.position + 1 :]
    asks_for_help = before[:1] == ["help"]
    _, group, _ = find_command(before[1:] if asks_for_help else before)
    if isinstance(group, DeclaredCommand):  # `help list word`: the command `list` has no subcommands
        return before
    names = [*COMMANDS, *(TOPICS if asks_for_help else ())] if group is None else [*group.commands]
    if "\u3000" in word:  # the space of an input method, which divides no words for a shell
        return [*before, *word.split("\u3000"), *after]
    if word.lower() in names:  # `LIST`
        return [*before, word.lower(), *after]
    if word == "help" and before:  # `key help`
        return ["help", *before, *after]
    if group is None and not asks_for_help:
        if re.fullmatch(NUMBERS, word):  # `42`
            return ["show", word, *after]
        if word in ("version", "ver", "版本"):
            return ["--version"]
    if group is None and (name := command_called(word)) is not None:
        return [*before, name, *after]
    if near := nearest(word.lower(), names):
        return [*before, near, *after]
    is_text = after or not word.isascii() or " " in word
    return ["send", *words] if not before and is_text else None


def _another_option(words: list[str], error: WrongCommandLine) -> list[str] | None:
    """Return `words` with a known option in place of the unknown one; None if no option is likely.

    If the command does what the option asks for even without it, the option is left out. If the option stands before the name
    of the command, the name is moved to the beginning instead.
    """
    position, option = error.position, str(error.notice.values["option"])
    name, equals, value = words[position].partition("=")
    names, command, _ = find_command(words)
    before, after = words[:position], words[position + 1 :]
    if command is None and (later := next((each for each in after if each in COMMANDS), None)):
        place = words.index(later)
        return [later, *words[:place], *words[place + 1 :]]  # options stand after the command
    if name != option:  # one of several short options in a word, such as the -v in -qv
        return None
    known = [*option_names(command)] if isinstance(command, DeclaredCommand) else [*HELP_NAMES]
    if not names:
        known += [*VERSION_NAMES, *COMPLETION_NAMES]
    if "-n" in known and re.fullmatch("-[0-9]+", words[position]):
        return [*before, "-n", words[position][1:], *after]
    called = option_called(name, _fitting(known, command, value if equals else "".join(after[:1])))
    if called is None and name in NEEDLESS_OPTIONS.get(" ".join(names), "").split():
        return [*before, *after]
    if f"-{name}" in known:  # a long option with only one hyphen
        meant: str | None = f"-{name}"
    else:
        meant = called or nearest_option(name, known)
    if meant is None:
        return None
    if not equals:
        return [*before, meant, *after]
    return [*before, *([f"{meant}={value}"] if meant[:2] == "--" else [meant, value]), *after]


def _fitting(known: Sequence[str], command: object, value: str) -> list[str]:
    """Return `known`, some options of `command`, without those whose value can hardly be `value`. All flags stay.

    `value` is what the user has typed as the value of an unknown option, or without an option. It is empty if the user has
    typed nothing.
    """
    options = command.options if isinstance(command, DeclaredCommand) else []
    unfit = {name for parameter, option in options if not _may_be_value(value, parameter) for name in option.names.split()}
    return [each for each in known if each not in unfit]


def _may_be_value(value: str, parameter: Parameter) -> bool:
    if parameter.kind is bool:
        return True
    if parameter.choices:
        return _choice_meant(value, parameter.choices) is not None
    return value[:1].isdecimal() if parameter.kind in (int, float) else value[:1] not in ("", "-")


def _ascii_dashes(words: list[str], error: WrongCommandLine) -> list[str]:
    """Return `words` with ASCII dashes in the option that the user has typed with the dashes of an input method. The option of
    `error` has ASCII dashes already.
    """
    return [*words[: error.position], str(error.notice.values["option"]), *words[error.position + 1 :]]


def _without_quotes(words: list[str], error: WrongCommandLine) -> list[str]:
    """Return `words` without the quotation marks of an input method. The words between two such marks become one word."""
    position = error.position
    end = next((place for place, each in enumerate(words) if place >= position and each.endswith(OTHER_QUOTES)), position)
    quoted = "".join(each for each in " ".join(words[position : end + 1]) if each not in OTHER_QUOTES)
    return [*words[:position], quoted, *words[end + 1 :]]


def _another_place(words: list[str], error: WrongCommandLine) -> list[str] | None:
    """Return `words` changed so that the superfluous word has a place; None if no change is likely.

    The changes are tried in this order. The word is joined to the time before it. Another command takes the place of the typed
    one, and the word is its argument. An option is added at the end, and the word is its value.
    """
    names, command, after_name = find_command(words)
    position = error.position
    if (with_time := _with_whole_time(words, position)) is not None:
        return with_time
    assert isinstance(command, DeclaredCommand)
    name, word = " ".join(names), words[position]
    if word == "help":
        return ["help", *names]
    if name == "list":
        return ["show" if re.fullmatch(NUMBERS, word) else "search", *after_name]
    if name == "find":
        return ["use", *after_name]
    known = _fitting([*option_names(command)], command, word)
    option = "--format" if "--format" in known else OPTIONS_FOR_SUPERFLUOUS_WORDS.get(name)
    if option not in known:
        return None
    return [*words[:position], *words[position + 1 :], option, word]


def _with_whole_time(words: list[str], position: int) -> list[str] | None:
    """Return `words` with a time of several words as one word, if the word at `position` continues the value of a time option:
    `--since last friday` becomes `--since "last friday"`. Return None if the words are no time.
    """
    option, equals, value = words[position - 1].partition("=")
    if not equals and position >= 2:
        option, value = words[position - 2], words[position - 1]
    if option not in TIME_OPTIONS:
        return None
    from udpnote.cli.options.times import time_filters  # here, because few wrong command lines have a time

    for end in range(len(words), position, -1):
        whole = " ".join([value, *words[position:end]])
        with suppress(InvalidSetting):
            time_filters(whole, None, None, wall_seconds())
            return [*words[: position - 1], f"{option}={whole}" if equals else whole, *words[end:]]
    return None


def _another_value(words: list[str], error: WrongCommandLine) -> list[str] | None:
    """Return `words` with a right value in place of one that is not a number, not an allowed word, or out of range. None if no
    value is likely.

    If the value has no digits and the command takes arguments, the right value is put before it, and the value stays as an
    argument: `search -n milk` becomes `search -n 10 milk`.
    """
    values, position = error.notice.values, error.position
    given = str(values["value"])
    meant: str | None
    if "choices" in values:
        choices: Sequence[str] = values["choices"]  # type: ignore[assignment]  # the choices of a `Literal`
        meant = _choice_meant(given, choices)
    else:
        meant = _number_meant(given.replace(",", ""), error)
    if meant is None or meant == given:
        return None
    _, command, _ = find_command(words)
    if not re.search("[0-9]", given) and isinstance(command, DeclaredCommand) and command.arguments:
        return [*words[:position], meant, *words[position:]]
    start = words[position][: len(words[position]) - len(given)]  # the `--wait=` of `--wait=3s`
    return [*words[:position], start + meant, *words[position + 1 :]]


def _number_meant(given: str, error: WrongCommandLine) -> str | None:
    """Return a number that the option takes: the one in `given`, the largest possible one, or an example. None if none is
    likely. `given` is what the user has typed as the option's value.
    """
    values = error.notice.values
    found = re.search("[0-9]+" if error.notice.kind != "value_not_a_number" else r"[0-9]+(\.[0-9]+)?", given)
    number = float(found[0]) if found else 0.0  # infinite if it has hundreds of digits
    largest: int | None = values.get("largest")  # type: ignore[assignment]  # the type that `Option` declares
    if found and 1 <= number < inf and (largest is None or number <= largest):
        return found[0]
    example = EXAMPLES_OF_NUMBERS.get(str(values["name"]))
    # An option with an example takes an amount. A number that is too large most likely means the largest amount. For a port or
    # a year, which have no example, it hardly means the largest one.
    return str(largest) if example is not None and largest is not None and number >= 1 else example


def _choice_meant(given: str, choices: Sequence[str]) -> str | None:
    """Return the one of `choices` that `given` most likely means: `markdown` for `md` or `.md`. None if none is likely."""
    bare = given.lower().lstrip(".")
    if "." in bare or "/" in bare:  # the name of a file, such as notes.csv
        return None
    near = next((each for each in choices if each[:1] == bare[:1] and _is_within(bare, each)), None)
    return near or nearest(bare, choices)


def _is_within(letters: str, word: str) -> bool:
    """Whether `word` has all of these `letters` in this order: `markdown` has those of `md`."""
    rest = iter(word)
    return all(each in rest for each in letters)  # `in` takes all letters up to `each` out of `rest`


def _option_before_text(words: list[str], error: UdpnoteError) -> list[str] | None:
    """Return `words` with the option in their text moved before the text. Return None if `error` is not about such an
    option.
    """
    names, command, _ = find_command(words)
    option = str(error.notice.values.get("option", "")).partition("=")[0]
    position = next((place for place, word in enumerate(words) if word.partition("=")[0] == option), None)
    if position is None or not isinstance(command, DeclaredCommand):
        return None
    is_value_next = option_names(command).get(option, False) and "=" not in words[position]
    end = position + 2 if is_value_next else position + 1
    return [*names, *words[position:end], *words[len(names) : position], *words[end:]]


def _with_value(words: list[str], error: WrongCommandLine) -> list[str] | None:
    """Return `words` followed by an example of the missing number. Return None if what is missing is not a number."""
    number = EXAMPLES_OF_NUMBERS.get(str(error.notice.values["option"]))
    return [*words, number] if number else None


_REPAIRS: dict[str, Callable[[list[str], WrongCommandLine], list[str] | None]] = {
    "command_unknown": _another_command,
    "option_unknown": _another_option,
    "option_in_other_dashes": _ascii_dashes,
    "value_in_other_quotes": _without_quotes,
    "word_superfluous": _another_place,
    "option_value_missing": _with_value,
    "value_not_whole": _another_value,
    "value_not_a_number": _another_value,
    "value_not_a_choice": _another_value,
    "value_out_of_range": _another_value,
}
"""For each kind of mistake, the function that repairs it."""
