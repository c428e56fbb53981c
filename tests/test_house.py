"""The rules of the source: which package may import which, which modules are pure, how long a file is, and where its tests are.

`python -m tests.test_house` prints everything that breaks a rule.
"""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.support.source import ROOT, UNCLEAR_WORDS, imports, modules, nodes

LAYERS = {
    "__main__": 9,
    "cli": 8,
    "page": 7, "__init__": 7,
    "client": 6, "server": 6,
    "storage": 5,
    "protocol": 4, "text": 4,
    "lan": 3, "settings": 3,
    "machine": 2,
    "model": 1,
    "errors": 0, "version": 0,
}  # fmt: skip
"""The layer of each package and of each file beside them. Each imports only from itself and from lower layers."""

LINES_PER_FILE_MAX = 400
LINES_PER_FUNCTION_MAX = 50

PURE = {"model", "protocol", "text"}
"""The packages without a clock, files, sockets or randomness of their own, so that tests need none of these."""

IMPURE_MODULES = {
    "os", "sys", "time", "socket", "select", "selectors", "sqlite3", "threading", "asyncio", "multiprocessing", "subprocess",
    "pathlib", "tempfile", "shutil", "io", "secrets", "uuid", "platform", "getpass", "logging", "signal",
}  # fmt: skip
IMPURE_CALLS = {"Random", "open", "print", "input", "__import__", "now", "today", "utcnow"}

WALL_CLOCKS = {"time.time", "time.time_ns", "date.today", "datetime.now", "datetime.today", "datetime.utcnow"}
"""Calls that raise an error after the year 2262; those of `udpnote.machine.clock` do not."""

TOOLS = {
    "lan": {"socket", "select", "selectors", "socketserver", "netifaces"},
    "storage": {"sqlite3"},
    "cli": {"typer", "rich", "prompt_toolkit"},
    "page": {"asyncio", "starlette", "uvicorn", "segno"},
}
"""Libraries that one package alone imports."""

CRYPTOGRAPHY_USERS = {"udpnote.protocol.sealed_envelope", "udpnote.page.certificates"}
"""The modules that encrypt or sign: the first seals datagrams, the second makes the certificates of the page."""


def package_of(name: str) -> str:
    """The package that the module `name` belongs to, or the module itself if it is beside the packages."""
    return name.split(".")[1] if "." in name else "__init__"


@cache
def own_imports(name: str) -> frozenset[str]:
    """The modules of udpnote that a module imports, with the packages that Python imports on the way to them."""
    found = set()
    for module, part in imports(name):
        target = f"{module}.{part}" if f"{module}.{part}" in modules() else module
        if target.startswith("udpnote."):
            parts = target.split(".")
            found |= {".".join(parts[:length]) for length in range(2, len(parts) + 1)}
    return frozenset(found - {name})


def only_known_files_stand_beside_the_packages() -> Iterator[str]:
    yield from sorted({package_of(name) for name in modules()} - set(LAYERS))
    files = {path.name for path in ROOT.glob("*.py")}
    yield from sorted(files - {"__init__.py", "__main__.py", "errors.py", "settings.py", "version.py"})
    files = {path.name for path in ROOT.parent.iterdir() if path.is_file() and not path.name.startswith(".")}
    yield from sorted(files - {"README.md", "pyproject.toml"})
    yield from (str(path) for path in {path.parent for path in ROOT.rglob("*.py")} if not (path / "__init__.py").exists())


def imports_point_down() -> Iterator[str]:
    for name in modules():
        for module, part in imports(name):
            if module.startswith(".") or module == "udpnote":
                yield f"{name} imports {part or 'the package'} from {module}: name the module"
        for imported in own_imports(name):
            if package_of(imported) != package_of(name) and LAYERS[package_of(imported)] >= LAYERS[package_of(name)]:
                yield f"{name} imports {imported}"


def there_are_no_circles() -> Iterator[str]:
    try:
        TopologicalSorter({name: own_imports(name) for name in modules()}).prepare()
    except CycleError as error:
        yield " <- ".join(error.args[1])


def the_core_is_pure() -> Iterator[str]:
    for name, module in modules().items():
        if package_of(name) not in PURE:
            continue
        for imported in own_imports(name):
            if package_of(imported) not in PURE | {"errors"}:
                yield f"{name} imports {imported}"
        for imported, part in imports(name):
            if imported.split(".")[0] in IMPURE_MODULES or (imported == "random" and part != "Random"):
                yield f"{name} imports {part or imported} from {imported}"
        for node in nodes(name):
            if isinstance(node, ast.Call) and _name_of(node.func) in IMPURE_CALLS:
                yield f"{module.place(node)} calls {_name_of(node.func)}"


def _name_of(called: ast.expr) -> str:
    """The last part of the name of a function that is called."""
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else ""


def a_library_is_imported_in_its_package_only() -> Iterator[str]:
    for owner, tools in TOOLS.items():
        for name in modules():
            if package_of(name) != owner:
                yield from (f"{name} imports {used}" for used, _ in imports(name) if used.split(".")[0] in tools)


def only_the_clock_tells_the_time() -> Iterator[str]:
    for name, module in modules().items():
        for node in nodes(name):
            if isinstance(node, ast.Call) and name != "udpnote.machine.clock":
                called = ast.unparse(node.func)
                if called in WALL_CLOCKS:
                    yield f"{module.place(node)} calls {called}"


def cryptography_has_few_users() -> Iterator[str]:
    users = {name for name in modules() for used, _ in imports(name) if used.split(".")[0] == "cryptography"}
    yield from users ^ CRYPTOGRAPHY_USERS


def no_handler_catches_all_errors() -> Iterator[str]:
    for name, module in modules().items():
        for node in nodes(name):
            if not isinstance(node, ast.ExceptHandler):
                continue
            kinds = {each.id for each in ast.walk(node.type) if isinstance(each, ast.Name)} if node.type is not None else {""}
            if kinds & {"Exception", ""}:
                yield f"{module.place(node)} catches everything"
            elif "BaseException" in kinds and not isinstance(node.body[-1], ast.Raise):
                yield f"{module.place(node)} does not raise again"


def a_file_is_short() -> Iterator[str]:
    for path in sorted([*ROOT.rglob("*.py"), *(ROOT.parent / "tests").rglob("*.py")]):
        lines = path.read_text().count("\n")
        if lines > LINES_PER_FILE_MAX:
            yield f"{path.relative_to(ROOT.parent)} has {lines} lines"


def a_function_is_short() -> Iterator[str]:
    for name, module in modules().items():
        for node in nodes(name):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > LINES_PER_FUNCTION_MAX:
                    yield f"{module.place(node)} {node.name} has {lines} lines"


def every_test_file_mirrors_a_module() -> Iterator[str]:
    """tests/PACKAGE/test_X.py tests udpnote/PACKAGE/X.py. test_X_Y.py does, too: test_reading_following tests reading."""
    tests = ROOT.parent / "tests"
    for path in sorted(tests.rglob("test_*.py")):
        folder = path.parent.relative_to(tests)
        if not folder.parts or folder.parts[0] not in LAYERS:
            continue
        subject = path.stem.removeprefix("test_")
        beside = {each.stem.rstrip("_") for each in (ROOT / folder).glob("*") if each.suffix == ".py" or each.is_dir()}
        if not any(subject == name or subject.startswith(f"{name}_") for name in beside):
            yield f"{path.relative_to(ROOT.parent)} has no module in udpnote/{folder}"


def no_test_imports_from_another_test_file() -> Iterator[str]:
    statement = re.compile(
        r"^ *(?:from|import) tests\.(?:\w+\.)*test_\w+.*|^ *from tests[\w.]* import .*\btest_\w+", re.MULTILINE
    )
    for path in sorted((ROOT.parent / "tests").rglob("*.py")):
        yield from (f"{path.relative_to(ROOT.parent)}: {found.strip()}" for found in statement.findall(path.read_text()))


def no_text_has_unclear_words() -> Iterator[str]:
    for path in [ROOT.parent / "README.md", *sorted((ROOT.parent / "docs").rglob("*.md")), *sorted(ROOT.rglob("*.py"))]:
        text = path.read_text()
        for found in UNCLEAR_WORDS.finditer(text):
            yield f"{path.relative_to(ROOT.parent)}:{text.count(chr(10), 0, found.start()) + 1}: {found.group()}"


RULES: list[Callable[[], Iterator[str]]] = [
    only_known_files_stand_beside_the_packages,
    imports_point_down,
    there_are_no_circles,
    the_core_is_pure,
    a_library_is_imported_in_its_package_only,
    only_the_clock_tells_the_time,
    cryptography_has_few_users,
    no_handler_catches_all_errors,
    a_file_is_short,
    a_function_is_short,
    every_test_file_mirrors_a_module,
    no_test_imports_from_another_test_file,
    no_text_has_unclear_words,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_source_keeps_the_rule(rule: Callable[[], Iterator[str]]) -> None:
    assert list(rule()) == []


if __name__ == "__main__":
    for each in RULES:
        print(each.__name__.replace("_", " "))
        for fault in each():
            print(f"  {fault}")
