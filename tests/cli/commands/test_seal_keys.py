"""`udpnote seal`, `unseal`, `key`, `join` and `leave`, and what the other commands say of sealed notebooks."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from tests.disks import fill
from tests.support.machine import Machine, note, read
from tests.support.processes import eventually, free_port
from udpnote.model.join_code import join_code
from udpnote.server.sealing import seal_notebook
from udpnote.server.server import Server
from udpnote.storage.key_file import read_key_file
from udpnote.storage.notebook.notebook import Notebook

CODE = r"[0-9A-Z]{4}(-[0-9A-Z]{4}){5}-[0-9A-Z]{3}"
STRANGE_CODE = join_code(b"s" * 16)


def notebook(machine: Machine) -> str:
    return str(machine.home / "notebook.sqlite3")


def key_file(machine: Machine) -> Path:
    return machine.home / "notebook.sqlite3.key"


def serve(machine: Machine, *options: str) -> str:
    """A server of a sealed notebook that is ready; gives the join code."""
    machine.serve("--sealed", "--name", "厨房", *options)
    return show_key(machine)


def make(machine: Machine, *, sealed: bool = False) -> None:
    """A notebook with an entry, which nobody serves."""
    machine.keep(note(1, "今天开会"))
    with closing(Notebook(notebook(machine))) as made:
        made.rename("厨房")
        if sealed:
            seal_notebook(made, name="厨房")


def show_key(machine: Machine) -> str:
    """The join code that is in the key file."""
    keys = read_key_file(str(key_file(machine)))
    assert keys is not None
    return join_code(keys.current)


# On the notebook's host: seal and unseal


def test_seal_keeps_every_entry_prints_the_code_alone_and_says_what_to_do_now(machine: Machine) -> None:
    make(machine)
    result = machine.run("seal")
    assert result.code == 0
    assert re.fullmatch(f"{CODE}\n", result.out)
    assert "厨房 is sealed, and keeps its 1 entry" in result.err
    for step in ("udpnote serve --sealed", f"back up {key_file(machine)}", "udpnote join CODE"):
        assert step in result.err
    assert show_key(machine) == result.out.strip()
    assert machine.texts() == ["今天开会"]


def test_what_is_sealed_already_is_not_sealed_again_and_keeps_its_key(machine: Machine) -> None:
    make(machine, sealed=True)
    code = show_key(machine)
    result = machine.run("seal")
    assert (result.code, result.out) == (1, "")
    assert f"{notebook(machine)} is sealed already" in result.err
    assert show_key(machine) == code


def test_unseal_keeps_every_entry_does_away_with_the_key_and_says_what_to_do_now(machine: Machine) -> None:
    make(machine, sealed=True)
    result = machine.run("unseal")
    assert (result.code, result.out) == (0, "")
    assert "厨房 is open, and keeps its 1 entry; its keys are gone" in result.err
    assert "`udpnote serve`" in result.err
    assert "`udpnote leave 厨房`" in result.err
    assert not key_file(machine).exists()
    machine.serve()
    assert machine.send("明天").code == 0
    assert machine.texts() == ["今天开会", "明天"]


def test_what_is_open_is_not_unsealed(machine: Machine) -> None:
    make(machine)
    result = machine.run("unseal")
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert f"{notebook(machine)} is open as it is" in result.err


@pytest.mark.parametrize("command", ["seal", "unseal"])
def test_a_notebook_that_is_being_served_is_neither_sealed_nor_unsealed(machine: Machine, command: str) -> None:
    machine.serve(*(["--sealed"] if command == "unseal" else []))
    result = machine.run(command)
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert "is being served: end its server first" in result.err


@pytest.mark.parametrize("command", [("seal",), ("unseal",), ("key", "show"), ("key", "rotate")], ids=" ".join)
def test_where_there_is_no_notebook_none_is_made(machine: Machine, command: tuple[str, ...]) -> None:
    path = machine.home / "cellar.sqlite3"
    result = machine.run(*command, "--notebook", str(path))
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert str(path) in result.err
    assert not list(machine.home.glob("cellar*"))


def test_the_notebook_that_is_named_is_sealed(machine: Machine) -> None:
    make(machine)
    moved = machine.home / "cellar.sqlite3"
    Path(notebook(machine)).rename(moved)
    assert machine.run("seal", "--notebook", str(moved)).code == 0
    assert moved.with_name("cellar.sqlite3.key").exists()
    assert re.fullmatch(f"{CODE}\n", machine.run("key", "show", "--notebook", str(moved)).out)


# On the notebook's host: the key


def test_an_open_notebook_has_no_key_to_show_or_to_change(machine: Machine) -> None:
    make(machine)
    for command in ("show", "rotate"):
        result = machine.run("key", command)
        assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
        assert f"{notebook(machine)} is open, and has no key: `udpnote seal` seals it" in result.err
    assert not key_file(machine).exists()


def test_a_key_file_that_was_left_beside_an_open_notebook_is_not_shown(machine: Machine) -> None:
    make(machine, sealed=True)
    left = key_file(machine).read_bytes()
    machine.run("unseal")
    key_file(machine).write_bytes(left)
    result = machine.run("key", "show")
    assert (result.code, result.out) == (1, "")
    assert "is open, and has no key" in result.err


def test_a_key_file_that_is_missing_is_told_of_and_rotate_makes_a_new_key(machine: Machine) -> None:
    make(machine, sealed=True)
    key_file(machine).unlink()
    result = machine.run("key", "show")
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert f"{key_file(machine)} is missing: put it back from a backup" in result.err
    rotated = machine.run("key", "rotate")
    assert rotated.code == 0
    assert "its key file was missing: no earlier key is known any more" in rotated.err
    assert rotated.out.strip() == show_key(machine)


@pytest.mark.parametrize("command", ["show", "rotate"])
def test_a_damaged_key_file_is_told_of_and_left_as_it_is(machine: Machine, command: str) -> None:
    make(machine, sealed=True)
    key_file(machine).write_text("key =")
    result = machine.run("key", command)
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert f"{key_file(machine)} is damaged" in result.err
    assert key_file(machine).read_text() == "key ="


def test_rotate_prints_the_new_code_alone_and_the_old_one_is_not_accepted_any_more(machine: Machine) -> None:
    make(machine, sealed=True)
    old = show_key(machine)
    result = machine.run("key", "rotate")
    assert result.code == 0
    assert re.fullmatch(f"{CODE}\n", result.out)
    assert result.out.strip() == show_key(machine) != old
    assert "厨房 has a new key; a running server takes it up within a second" in result.err
    assert "the old one is not accepted any more" in result.err
    shown = machine.run("key", "show", "--json")
    assert json.loads(shown.out) == {"code": result.out.strip(), "accepted": []}
    assert shown.err == machine.run("key", "show").err == ""


def test_the_old_key_is_accepted_for_as_long_as_that_is_wanted(machine: Machine) -> None:
    make(machine, sealed=True)
    times = {
        "90s": 90,
        "30m": 1800,
        "12h": 43_200,
        "3d": 259_200,
        "1w": 604_800,
        " 2 h ": 7200,
        "３d": 259_200,
        "366d": 31_622_400,
    }
    first = key_file(machine).read_bytes()
    for given, seconds in times.items():
        key_file(machine).write_bytes(first)
        old, started = show_key(machine), time.time()
        result = machine.run("key", "rotate", "--accept-old", given, "--json")
        ended = time.time()
        assert (result.code, result.err, json.loads(result.out)) == (0, "", {"code": show_key(machine)})
        keys = read_key_file(str(key_file(machine)))
        assert keys is not None and join_code(keys.earlier[0].key) == old
        assert started + seconds <= keys.earlier[0].accepted_until / 1e6 <= ended + seconds


@pytest.mark.parametrize("given", ["0", "0m"])
def test_the_old_key_may_be_refused_at_once(machine: Machine, given: str) -> None:
    make(machine, sealed=True)
    assert "the old one is not accepted any more" in machine.run("key", "rotate", "--accept-old", given).err


def test_a_time_that_is_none_or_too_long_is_refused_and_the_key_stays(machine: Machine) -> None:
    make(machine, sealed=True)
    code = show_key(machine)
    for given in ("soon", "", "3", "-3d", "3y", "1.5h", "367d", "9999999999d", "3d 2h"):
        result = machine.run("key", "rotate", f"--accept-old={given}")
        assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
        assert f"a length of time of at most a year, such as 30m, 12h or 3d, not {given!r}" in result.err
    assert show_key(machine) == code


def test_show_tells_of_the_earlier_keys_that_are_still_accepted(machine: Machine) -> None:
    make(machine, sealed=True)
    old = show_key(machine)
    machine.run("key", "rotate", "--accept-old", "3d")
    shown, as_json = machine.run("key", "show"), machine.run("key", "show", "--json")
    assert shown.out == f"{show_key(machine)}\n"
    assert re.fullmatch(r"udpnote: an earlier key is accepted until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n", shown.err)
    [earlier] = json.loads(as_json.out).pop("accepted")
    assert earlier["code"] == old
    keys = read_key_file(str(key_file(machine)))
    assert keys is not None
    until = datetime.fromisoformat(earlier["accepted_until"]).timestamp()
    assert abs(until - keys.earlier[0].accepted_until / 1e6) < 1


def test_rotate_says_until_when_the_old_key_is_accepted(machine: Machine) -> None:
    make(machine, sealed=True)
    assert re.search(
        r"the old one is accepted until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n",
        machine.run("key", "rotate", "--accept-old", "3d").err,
    )


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["for people", "as JSON"])
def test_rotate_says_which_keys_it_ends_before_their_time(machine: Machine, options: tuple[str, ...]) -> None:
    make(machine, sealed=True)
    for _ in range(3):
        assert "was to be accepted" not in machine.run("key", "rotate", "--accept-old", "3d", *options).err
    until = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    fourth = machine.run("key", "rotate", "--accept-old", "3d", *options)
    assert fourth.code == 0
    told = f"the key that was to be accepted until {until} is dropped, because only 3 earlier ones are kept: .* join again now"
    assert len(re.findall(told, fourth.err)) == fourth.err.count("was to be accepted") == 1
    fifth = machine.run("key", "rotate", *options)
    retired = f"the key that was to be accepted until {until} is not accepted any more, either: .* is then told to join again"
    assert (len(re.findall(told, fifth.err)), len(re.findall(retired, fifth.err))) == (1, 2)


# Serving


def test_serve_tells_who_is_to_join_how_and_that_nobody_else_is_answered(machine: Machine) -> None:
    server = machine.start("serve", "--bind", "127.0.0.1", "--port", str(machine.port), "--sealed")
    server.expect_error("sealed     only for who has its key\n")
    code = server.expect_error(f"to join    udpnote join ({CODE})\n")[1]
    assert code == show_key(machine)
    result = server.end(signal.SIGTERM)
    assert result.code == 0
    assert "open  " not in result.err


def test_serve_says_of_an_open_notebook_that_it_is_open(machine: Machine) -> None:
    server = machine.start("serve", "--bind", "127.0.0.1", "--port", str(machine.port))
    server.expect_error("open       whoever is on this LAN can read it and write in it\n")
    assert "to join" not in server.end(signal.SIGTERM).err


@pytest.mark.parametrize("is_sealed", [True, False])
def test_serve_does_not_change_by_the_way_whether_a_notebook_is_sealed(machine: Machine, is_sealed: bool) -> None:
    make(machine, sealed=is_sealed)
    result = machine.run("serve", *([] if is_sealed else ["--sealed"]), "--bind", "127.0.0.1", "--port", str(machine.port))
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    told = "is sealed: `udpnote serve --sealed` serves it" if is_sealed else "`udpnote seal` seals it"
    assert told in result.err


@pytest.mark.parametrize("by", ["environment", "settings file"])
def test_a_setting_that_seals_is_undone_for_one_start(machine: Machine, by: str) -> None:
    make(machine)
    if by == "environment":
        machine.environ["UDPNOTE_SEALED"] = "true"
    else:
        (machine.home / "config.toml").write_text("sealed = true\n")
        (machine.home / "config.toml").chmod(0o600)
    refused = machine.run("serve", "--bind", "127.0.0.1", "--port", str(machine.port))
    assert (refused.code, "`udpnote serve --open` serves it as it is" in refused.err) == (1, True)
    machine.serve("--open")
    assert machine.send("明天").code == 0
    assert machine.texts() == ["今天开会", "明天"]


def test_a_sealed_notebook_is_not_opened_by_a_flag(machine: Machine) -> None:
    make(machine, sealed=True)
    result = machine.run("serve", "--open", "--bind", "127.0.0.1", "--port", str(machine.port))
    assert (result.code, "is sealed: `udpnote serve --sealed`" in result.err) == (1, True)


def test_serve_without_the_key_file_says_what_to_do(machine: Machine) -> None:
    make(machine, sealed=True)
    key_file(machine).unlink()
    result = machine.run("serve", "--sealed", "--bind", "127.0.0.1", "--port", str(machine.port))
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert f"{key_file(machine)} is missing" in result.err


# Joining


def joined_line(machine: Machine) -> str:
    return rf"joined 厨房  \(id [0-9a-f]{{32}}, at 127\.0\.0\.1 port {machine.port}\)\n"


@pytest.mark.parametrize(
    "by", ["argument", "pipe", "--key-file", "the notebook's key file", "UDPNOTE_KEY", "UDPNOTE_KEY_FILE", "home"]
)
def test_join_takes_the_code_wherever_it_is(machine: Machine, by: str) -> None:
    code = serve(machine)
    file = machine.home / "code"
    file.write_text(f"{code.lower()}\n")
    file.chmod(0o600)
    match by:
        case "argument":
            result = machine.run("join", code.replace("-", " "))
        case "pipe":
            result = machine.run("join", typed=f"{code}\n")
        case "--key-file":
            result = machine.run("join", "--key-file", str(file))
        case "home":
            result = machine.run("join", "--key-file", "~/code", HOME=str(machine.home))
        case "the notebook's key file":
            result = machine.run("join", "--key-file", str(key_file(machine)))
        case _:
            result = machine.run("join", **{by: code if by == "UDPNOTE_KEY" else str(file)})
    assert result.code == 0
    assert re.fullmatch(joined_line(machine), result.out)
    assert result.err.startswith("udpnote: entries go there from now on, sealed; a command that runs already goes on with")
    assert result.err.count("\n") == 1
    assert machine.send("今天开会").code == 0
    assert "今天开会" in machine.run("list").out


def test_what_is_given_goes_before_the_environment(machine: Machine) -> None:
    code = serve(machine)
    assert machine.run("join", code, UDPNOTE_KEY=STRANGE_CODE).code == 0
    assert machine.run("join", "--key-file", str(key_file(machine)), UDPNOTE_KEY=STRANGE_CODE).code == 0


def test_join_as_json_tells_which_notebook_that_is(machine: Machine) -> None:
    code = serve(machine)
    result = machine.run("join", "--json", code)
    joined = json.loads(result.out)
    assert re.fullmatch("[0-9a-f]{32}", joined.pop("notebook"))
    assert (result.code, result.err, joined) == (0, "", {"name": "厨房", "address": "127.0.0.1", "port": machine.port})


def test_at_a_terminal_the_code_is_asked_for_not_shown_and_a_typing_error_told_of_at_once(machine: Machine) -> None:
    code = serve(machine)
    terminal = machine.terminal()
    joining = machine.start("join", stdin=terminal.descriptor)
    prompt = r"Join code \(`udpnote key show` on the notebook's host prints it; it is not shown here\): "
    joining.expect_error(prompt)
    terminal.type(f"{code[:-1]}\n")
    joining.expect_error("the join code has 26 symbols instead of 27")
    joining.expect_error(prompt)
    terminal.type(f"{code}\n")
    result = joining.end()
    terminal.finish()
    assert (result.code, re.fullmatch(joined_line(machine), result.out) is not None) == (0, True)
    assert code[:-1] not in terminal.text + result.err


def test_at_a_terminal_three_typing_errors_are_enough(machine: Machine) -> None:
    terminal = machine.terminal()
    joining = machine.start("join", stdin=terminal.descriptor)
    for _ in range(3):
        joining.expect_error("Join code")
        terminal.type("nonsense\n")
    result = joining.end()
    assert (result.code, result.out) == (2, "")
    assert result.err.count("the join code has 8 symbols") == 3
    assert "no join code was given" not in result.err


@pytest.mark.parametrize("key", ["\x04", "\x03"], ids=["Ctrl-D", "Ctrl-C"])
def test_at_a_terminal_joining_can_be_given_up(machine: Machine, key: str) -> None:
    terminal = machine.terminal()
    joining = machine.start("join", stdin=terminal.descriptor)
    joining.expect_error("Join code.*: ")
    if key == "\x03":
        joining.interrupt()
    else:
        terminal.type(key)
    result = joining.end()
    assert (result.code, result.out) == (130 if key == "\x03" else 2, "")
    assert ("no join code was given: nothing was joined" in result.err) is (key == "\x04")


@pytest.mark.parametrize(
    "given", [b"", b"\n", b"nonsense\n", STRANGE_CODE[:-1].encode(), b"\xff\xfe\n", b"\0" * 27, "加入\n".encode()]
)
def test_what_is_no_code_is_refused_and_nothing_is_joined(machine: Machine, given: bytes) -> None:
    result = machine.run("join", typed=given, PYTHONIOENCODING="utf-8:strict")
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert "join code" in result.err
    assert STRANGE_CODE[:-1] not in result.err
    outbox = machine.home / "outbox.sqlite3"
    assert not outbox.exists() or read(outbox, "key FROM keys") == []


def test_join_without_any_input_says_that_no_code_was_given(machine: Machine) -> None:
    result = machine.shell("udpnote join <&-")
    assert (result.code, result.out) == (2, "")
    assert "Traceback" not in result.err


def test_a_key_file_that_is_not_there_is_named(machine: Machine) -> None:
    for result in (machine.run("join", "--key-file", "/nowhere/key"), machine.run("join", UDPNOTE_KEY_FILE="/nowhere/key")):
        assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
        assert "there is no /nowhere/key: write the join code into it, or name another file" in result.err


@pytest.mark.parametrize("by", ["--key-file", "UDPNOTE_KEY_FILE", "key show", "key rotate", "unseal", "serve --sealed"])
def test_a_pipe_as_key_file_is_refused_and_holds_nobody_up(machine: Machine, by: str) -> None:
    make(machine, sealed=True)
    key_file(machine).unlink()
    os.mkfifo(key_file(machine))
    match by:
        case "--key-file":
            result = machine.run("join", "--key-file", str(key_file(machine)))
        case "UDPNOTE_KEY_FILE":
            result = machine.send("secret", UDPNOTE_KEY_FILE=str(key_file(machine)))
        case _:
            result = machine.run(*by.split())
    if by == "unseal":
        assert result.code == 0, "of what is done away with nothing need be read"
    else:
        assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
        assert f"{key_file(machine)} is no file, it is a pipe, a device or a socket: name a file, or give" in result.err


def test_a_code_that_nobody_has_exits_69_and_is_not_given_away(machine: Machine) -> None:
    serve(machine)
    result = machine.run("join", STRANGE_CODE)
    assert (result.code, result.out, result.err.count("\n")) == (69, "", 1)
    assert "no notebook with this key answered" in result.err
    assert STRANGE_CODE not in result.err


def test_join_tells_of_the_entries_that_wait_for_the_notebook(machine: Machine) -> None:
    code = serve(machine)
    machine.run("join", code)
    rotated = machine.run("key", "rotate").out.strip()
    eventually(lambda: "old key" in machine.run("find", "--timeout", "0.2").out)
    waiting = machine.send("--port", str(machine.port), "今天开会", UDPNOTE_SERVER="")  # for the one that is chosen
    assert (waiting.code, machine.waiting()) == (75, ["今天开会"])
    assert "the key of 厨房 has changed: join again, by `udpnote join CODE`" in waiting.err
    listing = machine.run("list")
    assert (listing.code, listing.out) == (1, "")
    assert "the key of 厨房 has changed" in listing.err
    late = machine.run("join", code)
    assert (late.code, late.out) == (1, "")
    assert "the notebook has another key now, this is an earlier one" in late.err
    joined = machine.run("join", rotated)
    assert "1 entry waits for it: `udpnote outbox --send` delivers now" in joined.err
    assert machine.run("outbox", "--send").code == 0
    assert (machine.texts(), machine.waiting()) == (["今天开会"], [])


def test_join_does_not_count_what_was_refused(machine: Machine) -> None:
    make(machine, sealed=True)
    machine.refuse("spam")
    code = serve(machine)
    machine.run("join", code)
    machine.send("spam")
    assert "waits" not in machine.run("join", code).err


# Leaving


def test_leave_forgets_the_key_and_says_what_is_believed_from_now_on(machine: Machine) -> None:
    machine.run("join", serve(machine))
    result = machine.run("leave", "厨房")
    assert (result.code, result.out) == (0, "")
    assert "厨房 is left, and its key forgotten: an open notebook that is called so is believed from now on" in result.err
    assert machine.run("use").code == 1
    assert machine.run("find", "--timeout", "0.2").code == 69


def test_leave_of_what_was_not_joined_names_what_was(machine: Machine) -> None:
    machine.run("join", serve(machine))
    result = machine.run("leave", "cellar")
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert "'cellar' was not joined. Joined: 厨房" in result.err


def test_leave_while_entries_wait_is_refused_unless_they_may_go_out_open(machine: Machine) -> None:
    server = machine.serve("--sealed", "--name", "厨房")
    machine.run("join", show_key(machine))
    machine.send("sealed")
    server.end(signal.SIGTERM)
    del machine.environ["UDPNOTE_SERVER"]  # or it would be for whoever is there; the LAN is not asked for what is known
    machine.environ["UDPNOTE_PORT"] = str(machine.port)
    machine.send("--wait", "0", "waits")
    refused = machine.run("leave", "厨房")
    assert (refused.code, refused.out, refused.err.count("\n")) == (1, "", 1)
    assert "1 entry waits for 厨房" in refused.err
    assert machine.run("use").code == 0
    machine.run("unseal")
    assert machine.run("leave", "--send-open", "厨房").code == 0
    machine.serve()
    assert machine.run("use", "厨房").code == 0
    assert machine.run("outbox", "--send").code == 0
    assert machine.texts() == ["sealed", "waits"]


def test_leave_counts_also_the_entries_that_name_the_server_alone(machine: Machine) -> None:
    server = machine.serve("--sealed", "--name", "厨房")
    machine.run("join", show_key(machine))
    server.end(signal.SIGTERM)
    machine.send("--wait", "0", "waits")
    refused = machine.run("leave", "厨房")
    assert (refused.code, refused.out, refused.err.count("\n")) == (1, "", 1)
    assert "1 entry waits for 厨房" in refused.err
    assert "厨房, which is sealed" in machine.run("use").out


# On a full disk


@pytest.fixture
def cramped(small_disk: Path) -> Iterator[Machine]:
    """A machine whose home is on a small disk."""
    machine = Machine(small_disk / "home", free_port())
    yield machine
    machine.close()


def on_a_full_disk(machine: Machine, *arguments: str) -> None:
    """Run a command, which has to say that the disk is full."""
    filler = fill(machine.home.parent)
    result = machine.run(*arguments)
    filler.unlink()
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert re.search("the disk is full, .* cannot (grow|be made): free some space and try again", result.err)
    assert not list(machine.home.glob("*.new*"))


@pytest.mark.parametrize("command", ["seal", "unseal", "key rotate", "key rotate, served"])
def test_on_the_host_a_full_disk_is_told_of_and_changes_nothing(cramped: Machine, command: str) -> None:
    make(cramped, sealed=command != "seal")
    command, _, is_served = command.partition(", ")
    if is_served:
        serve(cramped)  # and SQLite's shared memory is there already
    code = show_key(cramped) if command != "seal" else None
    on_a_full_disk(cramped, *command.split())
    if code is None:
        assert not key_file(cramped).exists()
        assert cramped.run("seal").code == 0
    else:
        assert cramped.run("key", "show").out == f"{code}\n"


def test_on_a_client_a_full_disk_is_told_of_and_changes_nothing(cramped: Machine) -> None:
    code = serve(cramped)
    on_a_full_disk(cramped, "join", code)
    assert cramped.run("use").code == 1
    on_a_full_disk(cramped, "join", code)
    assert cramped.run("join", code).code == 0
    on_a_full_disk(cramped, "leave", "厨房")
    assert "厨房, which is sealed" in cramped.run("use").out


# Finding


def test_find_shows_the_seal_and_whoever_has_no_key_finds_nothing(machine: Machine) -> None:
    code = serve(machine)
    stranger = machine.run("find", "--timeout", "0.2")
    assert (stranger.code, stranger.out) == (69, "")
    assert "the notebook is sealed: only who has joined it finds it (`udpnote join`)" in stranger.err
    machine.run("join", code)
    for environ in ({}, {"UDPNOTE_KEY": code}):
        result = machine.run("find", "--timeout", "0.3", **environ)
        heading, row = result.lines
        assert (result.code, result.err) == (0, "")
        assert row[heading.index("SEAL") - len("厨房") :].split()[0] == "sealed"
    [found] = json.loads(machine.run("find", "--timeout", "0.3", "--json").out)
    assert (found["name"], found["sealed"], found["posing"], found["key_changed"]) == ("厨房", True, False, False)


def test_find_tells_of_a_key_that_has_changed(machine: Machine) -> None:
    machine.run("join", serve(machine))
    machine.run("key", "rotate")
    eventually(lambda: "old key" in machine.run("find", "--timeout", "0.2").out)
    result = machine.run("find", "--timeout", "0.3", "--json")
    [found] = json.loads(result.out)
    assert (result.code, found["sealed"], found["posing"], found["key_changed"]) == (0, True, False, True)
    assert "the key of 厨房 has changed: join again" in result.err


def test_find_tells_of_an_impostor(machine: Machine) -> None:
    server = machine.serve("--sealed", "--name", "厨房")
    machine.run("join", show_key(machine))
    server.end(signal.SIGTERM)
    with Server(machine.home / "impostor.sqlite3", name="厨房", bind="127.0.0.1", port=machine.port):
        result = machine.run("find", "--timeout", "0.3", "--json")
        sending = machine.send("secret", "--wait", "0.3")
    [found] = json.loads(result.out)
    assert (found["sealed"], found["posing"], found["key_changed"]) == (False, True, False)
    warning = f"127.0.0.1:{machine.port} gives itself out as 厨房, which is sealed, but does not have its key"
    assert warning in result.err
    assert (sending.code, warning in sending.err) == (75, True)
    assert machine.waiting() == ["secret"]


def test_use_says_that_entries_go_to_a_sealed_notebook(machine: Machine) -> None:
    machine.run("join", serve(machine))
    assert "entries go to 厨房, which is sealed  (id " in machine.run("use").out
    assert json.loads(machine.run("use", "--json").out)["sealed"] is True


# The outbox, and keys that are named for one command


def test_the_outbox_is_sent_where_each_entry_was_meant_to_go(machine: Machine) -> None:
    server = machine.serve("--sealed", "--name", "厨房")
    code = show_key(machine)
    server.end(signal.SIGTERM)
    machine.send("--wait", "0", "by its key", UDPNOTE_KEY=code)
    machine.send("--wait", "0", "for whoever is there")
    shown = machine.run("outbox").out
    assert f"127.0.0.1:{machine.port}, by its key  waits" in shown
    assert code not in shown
    told = "udpnote: 1 entry was written for a key that is not named now: name it by UDPNOTE_KEY\n"
    with Server(machine.home / "cellar.sqlite3", name="cellar", bind="127.0.0.1", port=machine.port):
        for environ in ({}, {"UDPNOTE_KEY": STRANGE_CODE}):
            sending = machine.run("outbox", "--send", "--wait", "0.3", **environ)
            assert (sending.code, machine.waiting()) == (75, ["by its key"])
            assert sending.err == told
    machine.serve("--sealed")
    assert machine.run("outbox", "--send").err == told, "nothing else is searched for in vain"
    result = machine.run("outbox", "--send", UDPNOTE_KEY=code)
    assert (result.code, machine.texts(), machine.waiting()) == (0, ["by its key"], [])


def test_what_waits_for_a_notebook_that_was_joined_is_sent_whatever_key_is_named(machine: Machine) -> None:
    server = machine.serve("--sealed", "--name", "厨房")
    code = show_key(machine)
    machine.run("join", code)
    machine.send("one")
    server.end(signal.SIGTERM)
    machine.send("--wait", "0", "--notebook-id", "厨房", "two")
    machine.serve("--sealed")
    assert machine.run("outbox", "--send", UDPNOTE_KEY=STRANGE_CODE).code == 0
    assert machine.texts() == ["one", "two"]


def test_what_waits_for_a_notebook_whose_key_was_named_says_so_without_it(machine: Machine) -> None:
    code = serve(machine)
    machine.send("one", UDPNOTE_KEY=code)
    del machine.environ["UDPNOTE_SERVER"]
    machine.environ["UDPNOTE_PORT"] = str(machine.port)
    assert machine.send("--wait", "0", "--notebook-id", "厨房", "two").code == 75
    result = machine.run("outbox", "--send")
    assert result.code == 75
    assert "厨房 is sealed, and its key is not here: `udpnote join CODE` keeps it, or name it by UDPNOTE_KEY" in result.err
    assert machine.run("outbox", "--send", UDPNOTE_KEY=code).code == 0
    assert machine.texts() == ["one", "two"]


@pytest.mark.parametrize("variable", ["UDPNOTE_KEY", "UDPNOTE_KEY_FILE"])
def test_a_named_key_that_cannot_be_used_is_one_line_and_nothing_is_written(machine: Machine, variable: str) -> None:
    result = machine.send("secret", **{variable: "/nowhere"})
    assert (result.code, result.out, result.err.count("\n")) == (2 if variable == "UDPNOTE_KEY" else 1, "", 1)
    assert machine.waiting() == []


# What an open notebook does not need


_COMMAND = """
import sys
from udpnote.__main__ import main
try:
    main()
finally:
    secret = ("cryptography", "udpnote.protocol.sealing", "udpnote.seal")
    print("IMPORTED", *filter(lambda module: module.startswith(secret), sys.modules), file=sys.stderr)
"""


def imported(machine: Machine, *arguments: str) -> str:
    """What a command has imported of sealing."""
    command = [sys.executable, "-c", _COMMAND, *arguments]
    done = subprocess.run(command, env=machine.environ, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    found = re.search("^IMPORTED(.*)$", done.stderr, re.MULTILINE)
    assert found is not None
    return found[1].strip()


OPEN_COMMANDS = [("send", "one"), ("find", "--timeout", "0.2"), ("list",), ("search", "one"), ("outbox",)]


@pytest.mark.parametrize("command", OPEN_COMMANDS, ids=" ".join)
def test_what_an_open_notebook_does_imports_nothing_of_sealing(machine: Machine, command: tuple[str, ...]) -> None:
    machine.serve()
    machine.send("one")
    assert imported(machine, *command) == ""


def test_an_open_notebook_is_served_without_anything_of_sealing(machine: Machine) -> None:
    arguments = ["serve", "--bind", "127.0.0.1", "--port", str(machine.port)]
    with subprocess.Popen([sys.executable, "-c", _COMMAND, *arguments], env=machine.environ, stderr=subprocess.PIPE) as serving:
        eventually(lambda: machine.send("one", "--wait", "0.3").code == 0)
        serving.terminate()
        assert serving.stderr is not None
        lines = serving.stderr.read().decode().splitlines()
    assert lines[-1].strip() == "IMPORTED"
