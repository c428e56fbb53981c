"""Reads the properties at the beginning of a Markdown file: front matter as in Jekyll and Obsidian, or as in Logseq.

Front matter is YAML between two lines `---`. Only the forms that people usually write there are read: a name and a value, or a
name and a list. Other text between two lines `---` is no front matter, because in Markdown such a line is also a rule. The
properties of Logseq are lines such as `tags:: work, home`.
"""

import re
from typing import NamedTuple

_FENCE = re.compile(r"---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_FIELD = re.compile(r"""(["']?)([^\s:#"'-][^:\n"']*)\1\s*:(?:[ \t]+(.*))?$""")
_LOGSEQ = re.compile(r"(?:- |  |\t)?([\w-]+):: (.*)")
_ITEM = re.compile(r"\s*-\s+(.*)")
_REST = re.compile(r"\s*$|\s+\S|#|- |-$|[\]},]")
"""What a line of YAML may begin with if it has no name: white space, a comment, an element or the end of a list."""

_COMMENT = re.compile(r"(?:^|\s)#.*$")
_LINK = re.compile(r"\[\[(?:[^\]|]*\|)?([^\]]*)\]\]")


class Properties(NamedTuple):
    """The properties of a Markdown file, and `body`, its text without them.

    `values` has the values of each property by its name in lower case. A name may stand in the file several times, so each
    time has a list of its own.
    """

    values: dict[str, list[list[str]]]
    body: str
    lines: int
    """How many lines the properties take, including the lines `---` around them."""

    def first(self, *names: str) -> str:
        """The first value of the first property in `names` that has a value. The empty string if no property has one."""
        return next((values[0] for name in names for values in self.values.get(name, []) if values), "")

    def all(self, *names: str) -> list[str]:
        """All values of the properties `names`. A value that is the only one of its property is split at commas or, if it has
        none, at white space.
        """
        found = []
        for values in (each for name in names for each in self.values.get(name, [])):
            if len(values) == 1:
                values = re.split(r"[,，]" if re.search(r"[,，]", values[0]) else r"\s+", values[0])
            found += [value.strip() for value in values if value.strip()]
        return found


def split_properties(text: str) -> Properties:
    """Split the Markdown `text`, whose lines end with LF, into its properties and the rest."""
    match = _FENCE.match(text)
    if match is not None and _is_yaml(match[1]):
        return Properties(_fields(match[1]), text[match.end() :], text.count("\n", 0, match.end()))
    values: dict[str, list[list[str]]] = {}
    start = lines = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        found = _LOGSEQ.fullmatch(text, start, end)
        if found is None:
            break
        several = [value for each in re.split("[,，]", found[2]) if (value := _plain(each))]
        values.setdefault(found[1].lower(), []).append(several)
        start, lines = end + 1, lines + 1
    return Properties(values, text[start:], lines)


def _is_yaml(block: str) -> bool:
    """Whether `block` may be front matter: its first line has a name, and each other line has one or goes on with the value
    of a name above it. Blank lines and comments do not count.
    """
    lines = [line for line in block.splitlines() if line.strip() and not line.startswith("#")]
    return all(_FIELD.match(line) for line in lines[:1]) and all(_FIELD.match(line) or _REST.match(line) for line in lines[1:])


def _fields(block: str) -> dict[str, list[list[str]]]:
    """The properties in the front matter `block`, which comes without the lines `---` around it (see `Properties.values`)."""
    values: dict[str, list[list[str]]] = {}
    name = ""
    for line in block.splitlines():
        item, field = _ITEM.fullmatch(line), _FIELD.match(line)
        if item is not None and name:
            values[name][-1].append(_plain(item[1]))
        elif field is not None:
            name = field[2].strip().lower()
            values.setdefault(name, []).append(_values((field[3] or "").strip()))
    return values


def _values(value: str) -> list[str]:
    """The values in `value`, the text after a name: none, one, or the elements of a list in brackets."""
    if value.startswith("[") and not value.startswith("[["):
        return [plain for each in value.strip("[] ").split(",") if (plain := _plain(each))]
    plain = _plain(value)
    return [] if plain in ("", "|", ">", "null", "~") else [plain]


def _plain(value: str) -> str:
    """`value` without quotes, without a comment after it, and without the brackets of a link to a page."""
    value = value.strip()
    if len(value) > 1 and value[0] in "\"'" and value.endswith(value[0]):
        return _LINK.sub(r"\1", value[1:-1]).strip()
    return _LINK.sub(r"\1", _COMMENT.sub("", value) if not value.startswith("#") else value).strip()
