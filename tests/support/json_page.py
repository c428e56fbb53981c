"""Compares the JSON that commands print with docs/json.md."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent.parent.parent / "docs" / "json.md"


def _documented() -> dict[str, list[str]]:
    """Return the keys that docs/json.md lists for each command."""
    parts = re.split(r"^### (.*)\n", re.sub(r"^## .*\n", "", PAGE.read_text(), flags=re.M), flags=re.M)
    tables = zip(parts[1::2], parts[2::2], strict=True)
    return {
        command: re.findall(r"`([^`]+)`", " ".join(re.findall(r"^\| (`.*?) \|", table, re.M)))
        for commands, table in tables
        for command in commands.split(", ")
    }


DOCUMENTED = _documented()


def _leaves(value: object, path: str) -> Iterator[str]:
    """Yield the paths, such as `disks[].folder`, of all values in `value` that contain no keys. `path` is that of `value`."""
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from _leaves(part, f"{path}.{key}".removeprefix("."))
    elif isinstance(value, list) and any(isinstance(part, dict) for part in value):
        for part in value:
            yield from _leaves(part, f"{path}[]")
    else:
        yield path


def differences(command: str, objects: Iterable[dict[str, Any]]) -> set[str]:
    """Return the keys in which `objects`, which `command` has printed, differ from docs/json.md.

    These are the keys that an object has and the document lacks, and those that the document has and no object has.
    """
    known = "|".join(re.sub(r"\b[A-Z]+\b", ".+", re.escape(key)) for key in DOCUMENTED[command])
    printed: set[str] = set()
    unknown: set[str] = set()
    for found in objects:
        printed |= found.keys()
        unknown |= {path for path in _leaves(found, "") if not re.fullmatch(known, path)}
    # If an object or array is empty here, such as `waiting`, the document has only the keys inside it.
    unknown = {path for path in unknown if not re.search(rf"\b{re.escape(path)}[.\[]", " ".join(DOCUMENTED[command]))}
    return unknown | {re.split(r"[.\[]", key)[0] for key in DOCUMENTED[command]} - printed
