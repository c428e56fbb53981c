"""Commands as values: the options and arguments that a command takes, and the work that it does.

A command is declared without typer, because importing typer takes longer than most commands take. `help_page` makes the
command's help from the declaration, and `command_line` the values for its work. Only messages about a wrong command line, and
the scripts for completion in shells, need typer (`typer_app`).
"""

import sys
from collections.abc import Callable, Iterator
from functools import cached_property
from types import FunctionType, NoneType
from typing import Annotated, Any, Literal, NamedTuple, NoReturn, cast, get_args, get_origin

from udpnote.cli.exit_codes import exit_code_of, exit_code_of_change

REQUIRED: Any = object()
"""The default of an argument that must be given."""

HELP_NAMES = ("--help", "-h")
"""The option that every command has: it prints the command's help instead of doing its work."""


class Option(NamedTuple):
    """An option: `names` as it is typed (several are separated by spaces), and `help`, a sentence.

    An option with a value has a `metavar`, the word for its value, except where the type of the value is a `Literal`. A number
    must be from `smallest` to `largest`; a limit that is None does not apply. `opposite` is the name that gives a flag the
    value False.
    """

    names: str
    metavar: str = ""
    help: str = ""
    smallest: int | None = None
    largest: int | None = None
    opposite: str = ""


class Argument(NamedTuple):
    """An argument that is not an option: `metavar`, the word for it, and `help`, a sentence."""

    metavar: str
    help: str


class OptionGroup:
    """Marks a parameter of a command whose value is made from several options.

    The type of the parameter is a NamedTuple, such as `ClientOptions`. The names in `fields` are fields of that NamedTuple, and
    each value is the annotation of the option that gives the field its value. A field is None if its option is not given, and
    keeps its default if it has no option.
    """

    def __init__(self, **fields: Any) -> None:
        self.fields = fields


class Parameter(NamedTuple):
    """An option or argument of a command, with the name of the value that it gives.

    `kind` is the type of the value as a person types it: str, int, float, bool, or a `Literal`. If `is_list`, the value is a
    list of these. `annotation` is the type of the value in the work, such as `str | None`. `default` is the value if nothing is
    given; `REQUIRED`: it must be given.
    """

    name: str
    declaration: Option | Argument
    kind: Any
    is_list: bool
    annotation: Any
    default: Any

    @property
    def choices(self) -> tuple[str, ...]:
        """The words of which the value must be one; empty if it may be another word, too."""
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()


class DeclaredCommand:
    """A command: `work`, the function that does it, and the options and arguments that the parameters of `work` declare.

    `run` calls the work and returns the exit code of the command. `name` is how the command is typed, and `help` its help: by
    default the docstring of `work`. `takes_text`: its last argument is a text to store, and all options stand before the text.
    `takes_query`: the same, but the text is what to search for.
    """

    def __init__(
        self,
        work: Callable[..., int],
        run: Callable[[Callable[[], int]], int],
        *,
        name: str = "",
        help: str = "",  # noqa: A002 - as in the other declarations
        takes_text: bool = False,
        takes_query: bool = False,
    ) -> None:
        self.work, self.run, self.takes_text, self.takes_query = work, run, takes_text, takes_query
        self.name, self.help = name or work.__name__, help or work.__doc__ or ""

    def __call__(self, **values: Any) -> NoReturn:
        """Do the work with `values`, a value for each of the `parameters`, and raise `SystemExit` with the exit code."""
        for name, (kind, group) in self._groups.items():
            values[name] = kind(**{field: values.pop(field) for field in group.fields})
        sys.exit(self.run(lambda: self.work(**values)))

    @cached_property
    def parameters(self) -> list[Parameter]:
        """All options and arguments, in the order in which the help lists them; not the option `--help`."""
        return list(self._declared())

    @property
    def options(self) -> list[tuple[Parameter, Option]]:
        """The options among the `parameters`, each with its declaration."""
        return [(each, each.declaration) for each in self.parameters if isinstance(each.declaration, Option)]

    @property
    def arguments(self) -> list[tuple[Parameter, Argument]]:
        """The arguments among the `parameters`, each with its declaration."""
        return [(each, each.declaration) for each in self.parameters if isinstance(each.declaration, Argument)]

    @cached_property
    def _groups(self) -> dict[str, tuple[Callable[..., Any], OptionGroup]]:
        """The parameters of the work that are made from several options: for each its type and its options."""
        return {
            name: (kind, mark) for name, kind, mark, _ in _annotated(cast(FunctionType, self.work)) if type(mark) is OptionGroup
        }

    def _declared(self) -> Iterator[Parameter]:
        for name, kind, mark, default in _annotated(cast(FunctionType, self.work)):
            if isinstance(mark, OptionGroup):
                for field, annotation in mark.fields.items():
                    kind, declaration = get_args(annotation)
                    yield _parameter(field, kind, declaration, None)
            else:
                yield _parameter(name, kind, mark, default)


def _annotated(work: FunctionType) -> Iterator[tuple[str, Any, Any, Any]]:
    """For each parameter of `work`: its name, its type, what marks it in `Annotated`, and its default or `REQUIRED`."""
    names = work.__code__.co_varnames[: work.__code__.co_argcount]
    defaults = work.__defaults__ or ()
    for name, default in zip(names, [REQUIRED] * (len(names) - len(defaults)) + list(defaults), strict=True):
        annotation: Any = work.__annotations__[name]
        assert get_origin(annotation) is Annotated, f"{work.__name__}: the parameter {name} declares no option"
        kind, *marks = get_args(annotation)
        yield name, kind, marks[0], default


def _parameter(name: str, annotation: Any, declaration: Option | Argument, default: Any) -> Parameter:
    """The parameter whose value has the type `annotation`: a type, a list of a type, or one of the two or None."""
    arguments = get_args(annotation)
    kind = next(each for each in arguments if each is not NoneType) if NoneType in arguments else annotation
    is_list: bool = get_origin(kind) is list
    return Parameter(name, declaration, get_args(kind)[0] if is_list else kind, is_list, annotation, default)


class DeclaredCommands:
    """The commands of a module, by their names. A `group` of commands, such as `key`, has a name and a `help` of its own."""

    def __init__(self, help: str = "") -> None:  # noqa: A002 - as in the other declarations
        self.help = help
        self.commands: dict[str, DeclaredCommand | DeclaredCommands] = {}

    def command(
        self,
        name: str = "",
        *,
        help: str = "",  # noqa: A002 - as above
        takes_text: bool = False,
        takes_query: bool = False,
    ) -> Callable[[DeclaredCommand], DeclaredCommand]:
        """A decorator that adds a command with this `name`, `help`, `takes_text` and `takes_query`: see `DeclaredCommand`.

        A command may be added several times, under different names.
        """

        def add(command: DeclaredCommand) -> DeclaredCommand:
            added = DeclaredCommand(
                command.work, command.run, name=name, help=help, takes_text=takes_text, takes_query=takes_query
            )
            self.commands[added.name] = added
            return command

        return add

    def group(self, name: str, help: str) -> "DeclaredCommands":  # noqa: A002 - as above
        """Add a group under `name`, and return it. It has no commands yet."""
        group = self.commands[name] = DeclaredCommands(help)
        return group


def as_command(work: Callable[..., int]) -> DeclaredCommand:
    """Turn `work`, which takes the options of a command and returns an exit code, into a command.

    The annotation of each parameter of `work` has an `Option`, an `Argument` or an `OptionGroup`. The command ends with the
    exit code of `work`, or of the error that `work` raises (see `exit_code_of`).
    """
    return DeclaredCommand(work, exit_code_of)


def as_changing_command(work: Callable[..., int]) -> DeclaredCommand:
    """As `as_command`, for a command that changes something: it goes on if its results cannot be printed.

    `exit_code_of_change` describes this, and the exit code.
    """
    return DeclaredCommand(work, exit_code_of_change)
