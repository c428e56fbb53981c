"""Parses the source of udpnote, once for all tests that look at it."""

import ast
import gc
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import udpnote

ROOT = Path(udpnote.__file__).parent  # the folder of the package


UNCLEAR_WORDS = re.compile(
    r"(?<![a-z])whoever(?![a-z])|\bthat\s+which\b|\bsaid\s+so\b|\b(is|are|was|were)\s+told\s+of\b"
    r"|\bgiv(e|es|ing)\s+(itself|himself|themselves)\s+out\b",
    re.IGNORECASE,
)
"""Words that make a sentence hard to read. There is always a plainer one."""


class Module(NamedTuple):
    """A source file of udpnote: its dotted name, its path, its text and its syntax tree.

    The name of an `__init__.py` is that of its package.
    """

    name: str
    path: Path
    text: str
    tree: ast.Module

    def place(self, node: ast.stmt | ast.expr | ast.ExceptHandler) -> str:
        """Return the place of `node`, such as `udpnote/cli/command_line/command_table.py:12`."""
        return f"{self.path.relative_to(ROOT.parent)}:{node.lineno}"


@cache
def modules() -> dict[str, Module]:
    """Return all source files of udpnote, by their dotted names."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(("udpnote", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
        text = path.read_text()
        found[name] = Module(name, path, text, ast.parse(text))
    gc.freeze()  # half a million objects, which each later collection of garbage would look at
    return found


@cache
def nodes(name: str) -> tuple[ast.AST, ...]:
    """Return all nodes in the syntax tree of the module `name`."""
    return tuple(ast.walk(modules()[name].tree))


def imports(name: str) -> Iterator[tuple[str, str]]:
    """Yield (module, name) for each import in the module `name`, also inside functions.

    The second value is empty for `import module`.
    """
    for node in nodes(name):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (("." * node.level + (node.module or ""), alias.name) for alias in node.names)
