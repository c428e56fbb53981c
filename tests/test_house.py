"""The house keeps its floors: imports only point down, without circles, and each room keeps to its own tools."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import udpnote

ROOT = Path(udpnote.__file__).parent
FILES = {
    ".".join(("udpnote", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
}
TREES = {module: ast.parse(path.read_text()) for module, path in FILES.items()}

FLOORS = {
    "__main__": 7,
    "cli": 6,
    "client": 5, "server": 5,
    "storage": 4,
    "protocol": 3, "text": 3,
    "lan": 2, "settings": 2,
    "model": 1,
    "errors": 0, "version": 0,
}  # fmt: skip
IMPURE = {
    "os", "sys", "time", "datetime", "socket", "select", "selectors", "sqlite3", "threading", "asyncio", "multiprocessing",
    "subprocess", "pathlib", "tempfile", "shutil", "io", "secrets", "uuid", "platform", "getpass", "logging", "signal",
}  # fmt: skip


def imports(module: str) -> Iterator[tuple[str, str]]:
    """Each (module, name) that `module` imports, wherever in its text; the name is empty for a plain import."""
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            yield from ((node.module or "", alias.name) for alias in node.names)


def own_imports(module: str) -> Iterator[str]:
    """The modules of udpnote that `module` imports; `from udpnote.cli import exits` imports a module, too."""
    for name, part in imports(module):
        if f"{name}.{part}" in FILES:
            yield f"{name}.{part}"
        elif name.startswith("udpnote."):
            yield name
        else:
            assert name != "udpnote", f"{module} imports {part!r} from the package"


def room(module: str) -> str:
    return module.split(".")[1]


INSIDE = [module for module in FILES if module != "udpnote"]


def test_every_room_has_its_floor() -> None:
    assert {room(module) for module in INSIDE} == set(FLOORS)


@pytest.mark.parametrize("module", INSIDE)
def test_imports_point_down_or_stay_in_their_room(module: str) -> None:
    for imported in own_imports(module):
        allowed = room(imported) == room(module) or FLOORS[room(imported)] < FLOORS[room(module)]
        assert allowed, f"{module} imports {imported}"


def test_there_are_no_circles() -> None:
    TopologicalSorter({module: set(own_imports(module)) - {module} for module in INSIDE}).prepare()


@pytest.mark.parametrize("module", [module for module in INSIDE if room(module) == "protocol"])
def test_the_protocol_is_pure(module: str) -> None:
    assert {room(imported) for imported in own_imports(module)} <= {"errors", "model", "protocol"}
    for name, part in imports(module):
        assert name.split(".")[0] not in IMPURE, f"{module} imports {name}"
        assert name != "random" or part == "Random", f"{module} imports {part or name} from random"
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"Random", "open", "print", "input", "__import__"}, f"{module} calls {node.func.id}"


@pytest.mark.parametrize(
    ("tools", "rooms"),
    [
        ({"socket", "select", "selectors", "socketserver", "asyncio", "netifaces"}, {"lan"}),
        ({"sqlite3"}, {"storage"}),
        ({"typer", "rich", "prompt_toolkit", "dateparser"}, {"cli"}),
    ],
)
def test_a_tool_is_used_in_its_room_only(tools: set[str], rooms: set[str]) -> None:
    users = {module for module in INSIDE for name, _ in imports(module) if name.split(".")[0] in tools}
    assert {room(user) for user in users} == rooms, users


def test_only_the_sealed_envelope_encrypts() -> None:
    users = {module for module in INSIDE for name, _ in imports(module) if name.split(".")[0] == "cryptography"}
    assert users == {"udpnote.protocol.sealed_envelope"}


@pytest.mark.parametrize("module", FILES)
def test_no_error_is_swallowed_unseen(module: str) -> None:
    for node in ast.walk(TREES[module]):
        if not isinstance(node, ast.ExceptHandler):
            continue
        kinds = {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)} if node.type is not None else {""}
        assert not kinds & {"Exception", ""}, f"{FILES[module]}:{node.lineno}"
        if "BaseException" in kinds:
            assert isinstance(node.body[-1], ast.Raise), f"{FILES[module]}:{node.lineno} does not raise again"


@pytest.mark.parametrize("module", FILES)
def test_a_file_is_one_room(module: str) -> None:
    lines = FILES[module].read_text().count("\n")
    assert lines <= 450, f"{FILES[module]} has {lines} lines: it is two rooms"
