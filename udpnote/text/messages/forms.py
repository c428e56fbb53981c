"""The forms that a sentence may have in the tables of the other modules, and how values are put into its templates."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from udpnote.text.joining import listed
from udpnote.text.language import ngettext


class Counted(NamedTuple):
    """A sentence with a plural: its two templates, and the name of the value that decides between them, a number."""

    number: str
    singular: str
    plural: str

    def __call__(self, **values: Any) -> str:
        """Return the sentence with these `values`, in the language that is spoken."""
        return filled(ngettext(self.singular, self.plural, values[self.number]), values)


Sentence = str | Counted | Callable[..., str]
"""A template (see `filled`), or one with a plural. Or, if the sentence has an optional clause or needs more of its values, a
function that takes the values as keyword arguments and returns the sentence. It translates its templates itself."""


def filled(template: str, values: Mapping[str, object]) -> str:
    """Put `values` into `template`, which is translated, as `str.format` does, with two additions.

    A tuple becomes a list of words or notices: `a, b, c`. The placeholder `{path_quoted}` stands for the value `path` as one
    word of a shell's command.
    """
    return template.format_map(_Values(values))


class _Values(dict[str, object]):
    def __getitem__(self, name: str) -> object:
        value = super().__getitem__(name)
        return listed(map(str, value)) if isinstance(value, tuple) else value

    def __missing__(self, name: str) -> str:
        from shlex import quote  # here, because it is slow to import

        value, _, ending = name.rpartition("_")
        if ending != "quoted":
            raise KeyError(name)
        return quote(str(self[value]))
