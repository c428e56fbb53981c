"""The forms that a sentence may have in the tables of the other modules, and how values are put into its templates."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from udpnote.text.joining import listed
from udpnote.text.language import gettext as _
from udpnote.text.language import ngettext

CHARACTERS_SHOWN_MAX = 60
"""The most characters of a wrong value that a message shows: enough to recognize the value, on one line."""


class Counted(NamedTuple):
    """A sentence with a plural: its two templates, and the name of the value that decides between them, a number."""

    number: str
    singular: str
    plural: str

    def __call__(self, **values: Any) -> str:
        """Return the sentence with these `values`, in the language that is spoken."""
        return filled(ngettext(self.singular, self.plural, values[self.number]), values)


Sentence = str | Counted | Callable[..., str]
"""A template (see `filled`), a template with a plural, or a function that takes the values as keyword arguments and returns the
sentence. A function is needed if a clause is optional, or if a value must be computed. It translates its templates itself."""


def shown(value: object) -> str:
    """Return the first `CHARACTERS_SHOWN_MAX` characters of `repr(value)`. For a list or a dict, return what JSON calls it."""
    if isinstance(value, (list, dict)):
        return _("an array") if isinstance(value, list) else _("an object")
    shown = repr(value[:50] if isinstance(value, str) else value)
    return shown if len(shown) <= CHARACTERS_SHOWN_MAX else f"{shown[: CHARACTERS_SHOWN_MAX - 3]}..."


def filled(template: str, values: Mapping[str, object]) -> str:
    """Put `values` into `template`, which is translated, as `str.format` does, with three additions.

    A tuple or list becomes a list of words or notices: `a, b, c`. The placeholder `{path_quoted}` stands for the value `path`
    as one word of a shell's command, and `{path_shown}` for what `shown` makes of it.
    """
    return template.format_map(_Values(values))


class _Values(dict[str, object]):
    def __getitem__(self, name: str) -> object:
        value = super().__getitem__(name)
        return listed(map(str, value)) if isinstance(value, (tuple, list)) else value

    def __missing__(self, name: str) -> str:
        value, _sign, ending = name.rpartition("_")
        if ending == "shown":
            return shown(super().__getitem__(value))
        if ending != "quoted":
            raise KeyError(name)
        from shlex import quote  # here, because it is slow to import

        return quote(str(self[value]))
