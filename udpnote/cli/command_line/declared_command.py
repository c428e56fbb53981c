"""Commands as values: the options and arguments that a command takes, and the function that does its work.

A command is declared without typer, because importing typer takes longer than most commands take. From the declaration,
`help_page` makes the command's help, and `parsing` makes the values for the function.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from types import FunctionType, NoneType
from typing import Annotated, Any, Literal, NamedTuple, cast, get_args, get_origin

from udpnote.cli.exit_codes import exit_code_of, exit_code_of_change

Work = Callable[..., int]
"""The function that does the work of a command, and returns an exit code."""

REQUIRED: Any = object()
"""The default of an argument that must be given."""

HELP_NAMES = ("--help", "-h")
"""The option that every command has: it prints the command's help instead of doing its work."""


class Option(NamedTuple):
    """An option: its `names` as they are typed, separated by spaces, and `help`, a sentence.

    `metavar` is the word that the help shows for the option's value. It is empty for a flag, and if the type of the value is a
    `Literal`. A number must be from `smallest` to `largest`, both included; None means no limit. `opposite` is the name that
    sets a flag to False, such as `--open` for the flag `--sealed`. It is empty if there is no such name.
    """

    names: str
    metavar: str = ""
    help: str = ""
    smallest: int | None = None
    largest: int | None = None
    opposite: str = ""


class Argument(NamedTuple):
    """A word on the command line that is not an option. The help shows it as `metavar`, and explains it by the sentence `help`.

    `metavar` ends with `...` if the word may be repeated.
    """

    metavar: str
    help: str


class OptionGroup:
    """Marks a parameter of a command whose value is made from several options.

    The type of that parameter is a NamedTuple, such as `ClientOptions`. In `OptionGroup(port=Port)`, `port` is a field of the
    NamedTuple, and `Port` declares the option for this field: `Port = Annotated[type, Option(…)]`. If the user does not type
    the option, the field is None. A field that the `OptionGroup` does not name keeps its default.
    """

    def __init__(self, **fields: Any) -> None:
        self.fields = fields


class Parameter(NamedTuple):
    """An option or argument of a command, and the `name` of the function's parameter that gets its value.

    `kind` is the type of one typed value: str, int, float, bool, or a `Literal`. If `is_list`, the function gets a list of such
    values. `default` is the value if the user types nothing. It is `REQUIRED` if the user must type something.
    """

    name: str
    declaration: Option | Argument
    kind: Any
    is_list: bool
    default: Any

    @property
    def choices(self) -> tuple[str, ...]:
        """The words that are allowed as the value; empty if every word is allowed."""
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()


class DeclaredCommand:
    """A command: the function `work`, which returns an exit code, and the options and arguments that its parameters declare.

    The annotation of each parameter of `work` has an `Option`, an `Argument` or an `OptionGroup`. `name` is how the command is
    typed; if it is empty, the name of `work`. `help` is its help text; if it is empty, the docstring of `work`.

    `work` changes something if `changes` is True, or if one of the parameters `changes_with` has a value. A `work` that changes
    something goes on even if its results cannot be printed (see `exit_code_of_change`).

    With `takes_text`, the last argument is a text to store. With `takes_query`, it is a text to search for. In both cases, all
    options stand before the text.
    """

    def __init__(
        self,
        work: Work,
        *,
        name: str,
        help: str,  # noqa: A002 - as in the other declarations
        changes: bool,
        changes_with: Sequence[str],
        takes_text: bool,
        takes_query: bool,
    ) -> None:
        self.work, self.takes_text, self.takes_query = work, takes_text, takes_query
        self.name, self.help = name or work.__name__, help or work.__doc__ or ""
        self._changes, self._changes_with = changes, changes_with

    def run(self, typed: Mapping[str, Any]) -> int:
        """Do the work with the values `typed`, one for each of the `parameters` by its name. Return the exit code: the one that
        `work` returns, or that of the error that it raises (see `exit_code_of`).
        """
        values = dict(typed)
        is_change = self._changes or any(values[name] not in (None, False) for name in self._changes_with)
        for name, (kind, group) in self._groups.items():
            values[name] = kind(**{field: values.pop(field) for field in group.fields})
        if is_change:
            return exit_code_of_change(lambda: self.work(**values))
        return exit_code_of(lambda: self.work(**values))

    @cached_property
    def parameters(self) -> list[Parameter]:
        """All options and arguments, in the order in which the help lists them. The option `--help` is not among them."""
        return list(self._declared())

    @property
    def options(self) -> list[tuple[Parameter, Option]]:
        """The options among the `parameters`, each with its declaration."""
        return [(each, each.declaration) for each in self.parameters if isinstance(each.declaration, Option)]

    @property
    def arguments(self) -> list[tuple[Parameter, Argument]]:
        """The parameters that are arguments, as pairs of the parameter and its declaration."""
        return [(each, each.declaration) for each in self.parameters if isinstance(each.declaration, Argument)]

    @cached_property
    def _groups(self) -> dict[str, tuple[Callable[..., Any], OptionGroup]]:
        """For the name of each parameter of `work` that is marked with an `OptionGroup`: its type and the `OptionGroup`."""
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
    """Yield for each parameter of `work`: its name, its type, what `Annotated` adds to the type, its default or `REQUIRED`."""
    names = work.__code__.co_varnames[: work.__code__.co_argcount]
    defaults = work.__defaults__ or ()
    for name, default in zip(names, [REQUIRED] * (len(names) - len(defaults)) + list(defaults), strict=True):
        annotation: Any = work.__annotations__[name]
        assert get_origin(annotation) is Annotated, f"{work.__name__}: the parameter {name} declares no option"
        kind, *marks = get_args(annotation)
        yield name, kind, marks[0], default


def _parameter(name: str, annotation: Any, declaration: Option | Argument, default: Any) -> Parameter:
    """Return a `Parameter`. `annotation` is a type, a list of a type, or one of these `| None`."""
    arguments = get_args(annotation)
    kind = next(each for each in arguments if each is not NoneType) if NoneType in arguments else annotation
    is_list: bool = get_origin(kind) is list
    return Parameter(name, declaration, get_args(kind)[0] if is_list else kind, is_list, default)


class DeclaredCommands:
    """Commands by their names: all commands of a module, or the commands of a group, such as `key`. `help` is the help text of
    the group.
    """

    def __init__(self, help: str = "") -> None:  # noqa: A002 - as in the other declarations
        self.help = help
        self.commands: dict[str, DeclaredCommand | DeclaredCommands] = {}

    def command(
        self,
        name: str = "",
        *,
        help: str = "",  # noqa: A002 - as above
        changes: bool = False,
        changes_with: Sequence[str] = (),
        takes_text: bool = False,
        takes_query: bool = False,
    ) -> Callable[[Work], Work]:
        """Return a decorator. It adds the decorated function to `commands`, as a command with these arguments, which
        `DeclaredCommand` describes.

        The decorator returns the function unchanged. So the same function may be added several times, under different names.
        """

        def add(work: Work) -> Work:
            command = DeclaredCommand(
                work,
                name=name,
                help=help,
                changes=changes,
                changes_with=changes_with,
                takes_text=takes_text,
                takes_query=takes_query,
            )
            self.commands[command.name] = command
            return work

        return add

    def group(self, name: str, help: str) -> "DeclaredCommands":  # noqa: A002 - as above
        """Add a group of commands under `name`, and return the group. It has no commands yet."""
        group = self.commands[name] = DeclaredCommands(help)
        return group
