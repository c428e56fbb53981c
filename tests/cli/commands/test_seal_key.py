"""`udpnote seal`, `unseal` and `key`, on the notebook's host, and `serve` of a sealed notebook."""

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from tests.disks import fill
from tests.support.machine import Machine, note
from tests.support.processes import Result
from udpnote.model.join_code import join_code
from udpnote.server.sealing import seal_notebook
from udpnote.storage.key_file import NotebookKeys, read_key_file
from udpnote.storage.notebook.notebook import Notebook

CODE = r"[0-9A-Z]{4}(-[0-9A-Z]{4}){5}-[0-9A-Z]{3}"


def make(machine: Machine, *, sealed: bool) -> None:
    """A notebook with an entry, which nobody serves."""
    machine.keep(note(1, "今天开会"))
    with closing(Notebook(machine.notebook)) as made:
        made.rename("厨房")
        if sealed:
            seal_notebook(made, name="厨房")


@pytest.fixture
def sealed(machine: Machine) -> Machine:
    make(machine, sealed=True)
    return machine


@pytest.fixture
def opened(machine: Machine) -> Machine:
    make(machine, sealed=False)
    return machine


def keys(machine: Machine) -> NotebookKeys:
    """What is in the key file."""
    found = read_key_file(str(machine.key_file))
    assert found is not None
    return found


def code_of(machine: Machine) -> str:
    return join_code(keys(machine).current)


def assert_refused(result: Result, *facts: object, code: int = 1) -> None:
    """In one line, which has these facts."""
    assert (result.code, result.out, result.err.count("\n")) == (code, "", 1), result
    assert all(str(fact) in result.err for fact in facts), result.err


def failing_server(machine: Machine, *options: str) -> Result:
    return machine.run("serve", "--bind", "127.0.0.1", "--port", str(machine.port), *options)


# Sealing and opening


def test_seal_keeps_every_entry_prints_the_code_alone_and_says_what_to_do_now(opened: Machine) -> None:
    result = opened.run("seal")
    assert (result.code, opened.texts()) == (0, ["今天开会"])
    assert re.fullmatch(f"{CODE}\n", result.out)
    assert code_of(opened) == result.out.strip()
    for fact in ("厨房", "1 entry", "udpnote serve --sealed", str(opened.key_file), "udpnote join CODE"):
        assert fact in result.err
    assert_refused(opened.run("seal"), opened.notebook)
    assert code_of(opened) == result.out.strip()


def test_unseal_keeps_every_entry_removes_the_key_and_says_what_to_do_now(sealed: Machine) -> None:
    result = sealed.run("unseal")
    assert (result.code, result.out, sealed.key_file.exists()) == (0, "", False)
    for fact in ("厨房", "1 entry", "`udpnote serve`", "`udpnote leave 厨房`"):
        assert fact in result.err
    assert_refused(sealed.run("unseal"), sealed.notebook)
    sealed.serve()
    assert sealed.send("明天").code == 0
    assert sealed.texts() == ["今天开会", "明天"]


@pytest.mark.parametrize("is_sealed", [True, False])
def test_a_notebook_that_is_being_served_is_neither_sealed_nor_opened(machine: Machine, is_sealed: bool) -> None:
    machine.serve(sealed=is_sealed)
    assert_refused(machine.run("unseal" if is_sealed else "seal"), "server")
    assert machine.key_file.exists() is is_sealed


@pytest.mark.parametrize("command", ["seal", "unseal", "key show", "key rotate"])
def test_where_there_is_no_notebook_none_is_made(machine: Machine, command: str) -> None:
    path = machine.home / "cellar.sqlite3"
    assert_refused(machine.run(*command.split(), "--notebook", str(path)), path)
    assert not list(machine.home.glob("cellar*"))


def test_the_notebook_that_is_named_is_sealed(opened: Machine) -> None:
    cellar = opened.notebook.rename(opened.home / "cellar.sqlite3")
    code = opened.run("seal", "--notebook", str(cellar)).out
    assert (opened.home / "cellar.sqlite3.key").exists()
    assert opened.run("key", "show", "--notebook", str(cellar)).out == code


# The key


def test_an_open_notebook_has_no_key_even_if_a_key_file_was_left(sealed: Machine) -> None:
    left = sealed.key_file.read_bytes()
    sealed.run("unseal")
    for command in ("show", "rotate"):
        assert_refused(sealed.run("key", command), sealed.notebook, "`udpnote seal`")
    assert not sealed.key_file.exists()
    sealed.key_file.write_bytes(left)
    assert sealed.run("key", "show").code == 1


def test_a_missing_key_file_is_named_and_rotate_makes_a_new_key(sealed: Machine) -> None:
    sealed.key_file.unlink()
    assert_refused(sealed.run("key", "show"), sealed.key_file)
    assert_refused(failing_server(sealed, "--sealed"), sealed.key_file)
    rotated = sealed.run("key", "rotate")
    assert (rotated.code, rotated.out.strip()) == (0, code_of(sealed))
    assert "missing" in rotated.err


@pytest.mark.parametrize("command", ["show", "rotate"])
def test_a_damaged_key_file_is_named_and_left_as_it_is(sealed: Machine, command: str) -> None:
    sealed.key_file.write_text("key =")
    assert_refused(sealed.run("key", command), sealed.key_file)
    assert sealed.key_file.read_text() == "key ="


def test_rotate_prints_the_new_code_alone_and_the_old_one_is_not_accepted_any_more(sealed: Machine) -> None:
    old = code_of(sealed)
    result = sealed.run("key", "rotate")
    assert (result.code, result.out.strip()) == (0, code_of(sealed))
    assert result.out.strip() != old
    assert "厨房" in result.err
    shown = sealed.run("key", "show", "--json")
    assert json.loads(shown.out) == {"code": result.out.strip(), "accepted": []}
    assert shown.err == sealed.run("key", "show").err == ""


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("90s", 90), ("30m", 1800), ("12h", 43_200), ("1w", 604_800), (" 2 h ", 7200), ("３d", 259_200), ("366d", 31_622_400)],
)
def test_the_old_key_is_accepted_for_as_long_as_is_wanted(sealed: Machine, given: str, seconds: int) -> None:
    old, started = code_of(sealed), time.time()
    result = sealed.run("key", "rotate", "--accept-old", given, "--json")
    ended = time.time()
    assert (result.code, result.err, json.loads(result.out)) == (0, "", {"code": code_of(sealed)})
    assert join_code(keys(sealed).earlier[0].key) == old
    assert started + seconds <= keys(sealed).earlier[0].accepted_until / 1e6 <= ended + seconds


def test_the_old_key_may_be_refused_at_once(sealed: Machine) -> None:
    for given in ("0", "0m"):
        assert sealed.run("key", "rotate", "--accept-old", given).code == 0
        assert json.loads(sealed.run("key", "show", "--json").out)["accepted"] == []


@pytest.mark.parametrize("given", ["soon", "", "3", "-3d", "3y", "1.5h", "367d", "9999999999d", "3d 2h"])
def test_a_time_that_is_none_or_too_long_is_refused_and_the_key_stays(sealed: Machine, given: str) -> None:
    code = code_of(sealed)
    assert_refused(sealed.run("key", "rotate", f"--accept-old={given}"), repr(given), code=2)
    assert code_of(sealed) == code


def test_rotate_and_show_say_until_when_an_earlier_key_is_accepted(sealed: Machine) -> None:
    old = code_of(sealed)
    rotated = sealed.run("key", "rotate", "--accept-old", "3d")
    shown, as_json = sealed.run("key", "show"), sealed.run("key", "show", "--json")
    until = time.strftime("%Y-%m-%d", time.localtime(keys(sealed).earlier[0].accepted_until / 1e6 + 8 * 3600))
    assert shown.out == f"{code_of(sealed)}\n"
    assert until in rotated.err and until in shown.err
    [earlier] = json.loads(as_json.out)["accepted"]
    assert earlier["code"] == old
    told = datetime.fromisoformat(earlier["accepted_until"]).timestamp()
    assert abs(told - keys(sealed).earlier[0].accepted_until / 1e6) < 1


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["for people", "as JSON"])
def test_rotate_says_which_keys_it_ends_before_their_time(sealed: Machine, options: tuple[str, ...]) -> None:
    firsts = [sealed.run("key", "rotate", "--accept-old", "3d", *options).err.count("\n") for _ in range(3)]
    fourth = sealed.run("key", "rotate", "--accept-old", "3d", *options)
    fifth = sealed.run("key", "rotate", *options)
    assert firsts == firsts[:1] * 3
    assert fourth.err.count("\n") == firsts[0] + 1, "one more than are kept"
    assert fifth.err.count("\n") == firsts[0] + 3, "one more than are kept, and two that were to be accepted"


@pytest.mark.parametrize("by", ["--key-file", "UDPNOTE_KEY_FILE", "key show", "key rotate", "unseal", "serve --sealed"])
def test_a_pipe_as_key_file_is_refused_and_holds_nobody_up(sealed: Machine, by: str) -> None:
    sealed.key_file.unlink()
    os.mkfifo(sealed.key_file)
    match by:
        case "--key-file":
            result = sealed.run("join", "--key-file", str(sealed.key_file))
        case "UDPNOTE_KEY_FILE":
            result = sealed.send("secret", UDPNOTE_KEY_FILE=str(sealed.key_file))
        case _:
            result = sealed.run(*by.split())
    if by == "unseal":
        assert result.code == 0, "it removes the file unread"
    else:
        assert_refused(result, sealed.key_file)


# Serving


def test_serve_says_whether_the_notebook_is_sealed_and_how_to_join(opened: Machine) -> None:
    assert "udpnote join" not in opened.serve_process().end(signal.SIGTERM).err
    opened.run("seal")
    server = opened.serve_process("--sealed")
    assert f"udpnote join {code_of(opened)}\n" in server.end(signal.SIGTERM).err


def test_serve_neither_seals_nor_opens_a_notebook(sealed: Machine) -> None:
    for options in ((), ("--open",)):
        assert_refused(failing_server(sealed, *options), "`udpnote serve --sealed`")
    sealed.run("unseal")
    assert_refused(failing_server(sealed, "--sealed"), "`udpnote seal`")


@pytest.mark.parametrize("by", ["environment", "settings file"])
def test_a_setting_that_seals_is_undone_for_one_start(opened: Machine, by: str) -> None:
    if by == "environment":
        opened.environ["UDPNOTE_SEALED"] = "true"
    else:
        (opened.home / "config.toml").write_text("sealed = true\n")
        (opened.home / "config.toml").chmod(0o600)
    assert_refused(failing_server(opened), "`udpnote serve --open`")
    assert opened.serve_process("--open").end(signal.SIGTERM).code == 0


# On a full disk


@pytest.fixture
def cramped(small_disk: Path) -> Iterator[Machine]:
    """A machine whose home is on a small disk."""
    machine = Machine(small_disk / "home")
    yield machine
    machine.close()


def assert_told_of_full_disk(machine: Machine, *arguments: str) -> None:
    filler = fill(machine.home.parent)
    result = machine.run(*arguments)
    filler.unlink()
    assert_refused(result, "full", machine.home)
    assert not list(machine.home.glob("*.new*"))


@pytest.mark.parametrize("command", ["seal", "unseal", "key rotate", "key rotate, served"])
def test_a_full_disk_changes_nothing_on_the_host(cramped: Machine, command: str) -> None:
    make(cramped, sealed=command != "seal")
    before = code_of(cramped) if command != "seal" else None
    if command.endswith(", served"):
        cramped.serve(sealed=True)  # and SQLite's shared memory is there already
    assert_told_of_full_disk(cramped, *command.partition(",")[0].split())
    if before is None:
        assert not cramped.key_file.exists()
        assert cramped.run("seal").code == 0
    else:
        assert code_of(cramped) == before
        assert cramped.run("key", "show").out == f"{before}\n"


def test_a_full_disk_changes_nothing_on_a_client(cramped: Machine) -> None:
    cramped.serve("厨房", sealed=True)
    code = code_of(cramped)
    assert_told_of_full_disk(cramped, "join", code)
    assert cramped.run("use").code == 1
    assert_told_of_full_disk(cramped, "join", code)
    assert cramped.run("join", code).code == 0
    assert_told_of_full_disk(cramped, "leave", "厨房")
    assert json.loads(cramped.run("use", "--json").out)["sealed"] is True
