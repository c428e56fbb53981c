"""The options that several commands share, and the decorator that turns a function into a command."""

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Annotated, Any, get_args, get_origin

import typer
from typer.core import TyperArgument, TyperCommand, TyperOption

from udpnote.cli.client_options import ClientOptions
from udpnote.cli.exit_codes import exit_code_for, exit_code_of, exit_code_of_change
from udpnote.cli.filters import FilterOptions
from udpnote.cli.terminal.streams import say
from udpnote.cli.text_arguments import split_arguments
from udpnote.errors import InvalidEntry, InvalidSetting

LISTED_NOTES = 20
"""How many notes `list` and `search` print by default: about as many as fit on a screen."""

ENTRIES_MAX = 100_000
"""The largest number for `-n`: the command holds so many entries in memory. `--all` has no limit."""


TIMEOUT_SECONDS_MAX = 3600
"""The longest `--timeout`, an hour: a larger number is probably a typing error."""


class OptionGroup:
    """Marks a parameter of a command whose value is made from several options.

    The type of the parameter is a NamedTuple, such as `ClientOptions`. The names in `fields` are fields of that NamedTuple, and
    each value is the annotation of the option that gives the field its value. Fields without an option keep their defaults.
    """

    def __init__(self, **fields: Any) -> None:
        self.fields = fields


Server = Annotated[
    str | None, typer.Option("--server", metavar="HOST[:PORT]", help="Use this server instead of discovery on the LAN.")
]
Port = Annotated[int | None, typer.Option("--port", metavar="PORT", help="The server's UDP port.  [default: 6683 to 6686]")]
NotebookId = Annotated[
    str | None, typer.Option("--notebook-id", metavar="NAME|ID", help="Which notebook, where there are several.")
]
Author = Annotated[str | None, typer.Option("--author", metavar="NAME", help="Who writes.  [default: user@host]")]
AnswerWait = Annotated[
    float | None, typer.Option("--wait", metavar="SECONDS", help="How long to wait for an answer.  [default: 5]")
]
Wait = Annotated[
    float | None,
    typer.Option("--wait", metavar="SECONDS", help="How long to wait for an answer before the entry is queued.  [default: 5]"),
]

ReadingClient = Annotated[ClientOptions, OptionGroup(server=Server, port=Port, notebook_id=NotebookId, wait=AnswerWait)]
"""The options of a command that reads a notebook through its server."""

WritingClient = Annotated[
    ClientOptions, OptionGroup(server=Server, port=Port, notebook_id=NotebookId, author=Author, wait=Wait)
]
"""The options of a command that sends entries."""

NamingClient = Annotated[ClientOptions, OptionGroup(server=Server, port=Port, notebook_id=NotebookId)]
"""The options of a command that asks only which notebook is meant, or whether and how fast it answers."""

FindingClient = Annotated[ClientOptions, OptionGroup(server=Server, port=Port)]
"""The options of a command that looks for notebooks."""

Timeout = Annotated[float, typer.Option("--timeout", metavar="SECONDS", help="How long to listen.")]

NotebookFile = Annotated[
    str | None,
    typer.Option("--notebook", metavar="FILE", help="Read this notebook's file, even while a server uses it."),
]
ServedFile = Annotated[
    str | None,
    typer.Option("--notebook", metavar="FILE", help="The notebook's file.  [default: in the user's data directory]"),
]
Numbers = Annotated[list[str], typer.Argument(metavar="NUMBER...", help="The numbers of the notes, such as 42.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

Since = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="Written at this time or later: 2026-11-23, '3 hours ago', 昨天上午."),
]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="TIME", help="Written by the end of this day, or before this time: yesterday, 15:00."),
]
On = Annotated[
    str | None, typer.Option("--on", metavar="DAY", help="Written in this day or span: monday, 'last week', 5月3日, 昨晚.")
]
By = Annotated[
    str | None, typer.Option("--author", metavar="NAME", help="Written by this author; `lin` also matches lin@desk.")
]
Tag = Annotated[
    list[str] | None, typer.Option("--tag", metavar="TAG", help="With this tag, with or without its #. May be repeated.")
]

Filters = Annotated[FilterOptions, OptionGroup(since=Since, until=Until, on=On, author=By, tags=Tag)]
"""The options that choose among the notes by time, author and tag."""

Limit = Annotated[
    int | None,
    typer.Option(
        "-n", metavar="NUMBER", min=1, max=ENTRIES_MAX, help=f"How many of the latest notes.  [default: {LISTED_NOTES}]"
    ),
]
All = Annotated[bool, typer.Option("--all", help="All notes, not only the latest.")]
Reverse = Annotated[bool, typer.Option("--reverse", help="The newest first.")]


def check_timeout(seconds: float) -> None:
    """Raise `InvalidSetting` unless `seconds`, the value of `--timeout`, is positive and at most `TIMEOUT_SECONDS_MAX`."""
    if not 0 < seconds <= TIMEOUT_SECONDS_MAX:
        raise InvalidSetting("timeout_out_of_range", seconds_max=TIMEOUT_SECONDS_MAX, seconds=seconds)


class TextCommand(TyperCommand):
    """A typer command whose last argument is a text to store. Its options must stand before the text."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse `args` as typer does, but take all words of the text as text, also words that look like options.

        For this `--` is put before the text (see `split_arguments`). If it is not clear where the text begins, a message is
        printed, and `SystemExit` is raised.
        """
        options = dict.fromkeys(ctx.help_option_names, False)
        for parameter in self.params:
            if isinstance(parameter, TyperOption):
                options |= dict.fromkeys(parameter.opts, not parameter.is_flag)
        before = [str(each.metavar) for each in self.params if isinstance(each, TyperArgument) and each.nargs == 1]
        try:
            split = split_arguments(args, options, command=" ".join([str(self.name), *before]), words_before_text=len(before))
        except InvalidEntry as error:
            say(error.notice)
            sys.exit(exit_code_for(error))
        return super().parse_args(ctx, [*split.before_text, "--", *split.text])


def as_changing_command(work: Callable[..., int]) -> Callable[..., None]:
    """As `as_command`, for a command that changes something: it goes on if its results cannot be printed.

    `exit_code_of_change` describes this, and the exit code.
    """
    return _as_command(work, exit_code_of_change)


def as_command(work: Callable[..., int]) -> Callable[..., None]:
    """Turn `work`, which takes the options of a command and returns an exit code, into a function for typer.

    The function has the parameters of `work`, but in place of a parameter with an `OptionGroup` it has one for each option of
    the group. It ends with `SystemExit`, whose exit code is that of `work` or of the error that `work` raises (see
    `exit_code_of`).
    """
    return _as_command(work, exit_code_of)


def _as_command(work: Callable[..., int], run: Callable[[Callable[[], int]], int]) -> Callable[..., None]:
    """Make the function that `as_command` describes. It calls `run` with the work to do, and `run` returns the exit code."""
    groups: dict[str, tuple[Callable[..., Any], OptionGroup]] = {}
    options: list[inspect.Parameter] = []
    for parameter in inspect.signature(work).parameters.values():
        kind, group = _group_of(parameter.annotation)
        if group is None:
            options.append(parameter)
            continue
        groups[parameter.name] = kind, group
        for name, annotation in group.fields.items():
            options.append(inspect.Parameter(name, parameter.kind, default=None, annotation=annotation))

    @functools.wraps(work)
    def command(**values: Any) -> None:
        for name, (kind, group) in groups.items():
            values[name] = kind(**{field: values.pop(field) for field in group.fields})
        sys.exit(run(lambda: work(**values)))

    command.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]  # where typer looks for the options
    return command


def _group_of(annotation: Any) -> tuple[Any, OptionGroup | None]:
    """The type and the `OptionGroup` of a parameter with this `annotation`; twice None if it has no `OptionGroup`."""
    if get_origin(annotation) is Annotated:
        kind, *marks = get_args(annotation)
        for mark in marks:
            if isinstance(mark, OptionGroup):
                return kind, mark
    return None, None
