"""`udpnote seal`, `unseal` and `key`, on the notebook's host, and `serve` of a sealed notebook."""

import os
import re
import signal
import time
from datetime import datetime, timedelta, timezone

import pytest

from tests.support.machine import Machine, note
from tests.support.notebook_files import read
from udpnote.model.join_code import join_code
from udpnote.storage.key_file import read_key_file

CODE = r"[0-9A-Z]{4}(-[0-9A-Z]{4}){5}-[0-9A-Z]{3}"


@pytest.fixture
def opened(machine: Machine) -> Machine:
    """A notebook that is not sealed. No server runs."""
    machine.keep(note(1, "今天开会"))
    machine.serve("厨房")
    machine.stop()
    return machine


@pytest.fixture
def sealed(opened: Machine) -> Machine:
    """A sealed notebook. No server runs."""
    assert opened.run("seal").code == 0
    return opened


def earlier_keys(machine: Machine) -> dict[str, float]:
    """The earlier keys in the key file, each with the time until which it is accepted, in seconds since 1970."""
    keys = read_key_file(str(machine.key_file))
    assert keys is not None
    return {join_code(each.key): each.accepted_until / 1e6 for each in keys.earlier}


def serve_command(machine: Machine) -> str:
    return f"serve --bind 127.0.0.1 --port {machine.port}"


def test_seal_keeps_every_entry_prints_the_code_alone_and_says_what_to_do_now(opened: Machine) -> None:
    cellar = opened.notebook.rename(opened.home / "cellar.sqlite3")
    result = opened.run(f"seal --file {cellar}")
    assert re.fullmatch(f"{CODE}\n", result.out)
    assert (result.code, read(cellar, "text FROM entries")) == (0, [("今天开会",)])
    facts = ("厨房", "1 entry", f"`udpnote serve --file {cellar}`", f"{cellar}.key", "udpnote join CODE")
    assert [fact for fact in facts if fact not in result.err] == []
    opened.refused(f"seal --file {cellar}", facts=[cellar])
    assert opened.run(f"key show --file {cellar}").out == result.out


def test_unseal_keeps_every_entry_removes_the_key_and_says_what_to_do_now(sealed: Machine) -> None:
    sealed.refused("unseal", code=0, facts=["厨房", "1 entry", "`udpnote serve`", "`udpnote leave 厨房`"])
    assert not sealed.key_file.exists()
    sealed.refused("unseal", facts=[sealed.notebook])
    sealed.serve()
    assert sealed.send("明天").code == 0
    assert sealed.texts() == ["今天开会", "明天"]


def test_unseal_makes_its_host_leave_the_notebook_unless_entries_wait_for_encryption(machine: Machine) -> None:
    for waits in (False, True):
        machine.serve("厨房", sealed=True)
        assert machine.run("join", typed=machine.run("key show").out).code == 0
        assert machine.send("sealed").code == 0
        machine.stop()
        if waits:
            assert machine.run("send --wait 0 waits", **machine.discovering).code == 75
        said = machine.refused("unseal", code=0, facts=["`udpnote leave 厨房`"])
        assert ("this one too" in said) is waits
        machine.serve()
        assert machine.send("open").code == (75 if waits else 0)
        machine.stop()
        assert machine.run("seal").code == 0


def test_unseal_makes_no_outbox_for_an_owner_who_never_writes(sealed: Machine) -> None:
    for file in sealed.home.glob("outbox*"):
        file.unlink()
    said = sealed.refused("unseal", code=0, facts=["each other machine"])
    assert "this one too" not in said
    assert not sealed.outbox.exists()


def test_a_notebook_that_is_being_served_is_neither_sealed_nor_unsealed(machine: Machine) -> None:
    for is_sealed in (False, True):
        if is_sealed:
            assert machine.run("seal").code == 0
        machine.serve(sealed=is_sealed)
        machine.refused("unseal" if is_sealed else "seal", facts=["server"])
        assert machine.key_file.exists() is is_sealed
        machine.stop()


def test_no_command_makes_a_missing_notebook(opened: Machine) -> None:
    for command in ("seal", "unseal", "key show", "key rotate"):
        opened.refused(f"{command} --file {opened.home}/cellar.sqlite3", facts=[f"{opened.home}/cellar.sqlite3"])
    assert not list(opened.home.glob("cellar*"))


def test_an_open_notebook_has_no_key_even_if_a_key_file_is_left(opened: Machine) -> None:
    for command in ("key show", "key rotate") * 2:
        opened.refused(command, facts=[opened.notebook, "`udpnote seal`"])
        opened.key_file.touch(0o600)


def test_a_damaged_key_file_is_named_and_left(sealed: Machine) -> None:
    sealed.key_file.write_text("key =")
    for command in ("key show", "key rotate"):
        sealed.refused(command, facts=[sealed.key_file])
    assert sealed.key_file.read_text() == "key ="


def test_a_missing_key_file_is_named_and_rotate_makes_a_new_key(sealed: Machine) -> None:
    sealed.key_file.unlink()
    for command in ("key show", f"{serve_command(sealed)} --sealed"):
        sealed.refused(command, facts=[sealed.key_file])
    rotated = sealed.run("key rotate")
    assert (rotated.code, rotated.out.strip(), "missing" in rotated.err) == (0, sealed.code, True)


def test_a_pipe_in_place_of_the_key_file_is_refused_and_removed_by_unseal(sealed: Machine) -> None:
    sealed.key_file.unlink()
    os.mkfifo(sealed.key_file)
    sealed.refused("key show", facts=[sealed.key_file])
    assert sealed.run("unseal").code == 0, "unseal removes the key file without reading it"


def test_rotate_prints_the_new_code_alone_and_the_old_one_is_not_accepted_any_more(sealed: Machine) -> None:
    for option in ("", "--accept-old 0"):
        old = sealed.code
        result = sealed.run(f"key rotate {option}")
        assert (result.code, result.out.strip(), "厨房" in result.err) == (0, sealed.code, True)
        assert sealed.code != old
        assert sealed.json("key show --json") == [{"code": sealed.code, "accepted": []}]
        assert sealed.run("key show") == (0, f"{sealed.code}\n", "", 0.0)


def test_rotate_says_whether_a_server_runs_and_uses_the_new_key(sealed: Machine) -> None:
    assert "no server runs" in sealed.run("key rotate").err
    sealed.serve(sealed=True)
    assert "the server uses the new key now" in sealed.run("key rotate").err


def test_the_old_key_is_accepted_for_as_long_as_is_wanted(sealed: Machine) -> None:
    for given, seconds in (
        ("90s", 90), ("30m", 1800), ("12h", 43_200), ("1w", 604_800), (" 2 h ", 7200), ("３d", 259_200), ("366d", 31_622_400),
    ):  # fmt: skip
        old, started = sealed.code, time.time()
        assert sealed.json("key", "rotate", "--accept-old", given, "--json") == [{"code": sealed.code, "in_force": True}]
        assert started + seconds <= earlier_keys(sealed)[old] <= time.time() + seconds
    before = sealed.key_file.read_bytes()
    for given in ("", "3", "-3d", "3y", "1.5h", "367d", "9999999999d", "3d 2h"):
        sealed.refused("key", "rotate", f"--accept-old={given}", code=2, facts=[repr(given)])
    assert sealed.key_file.read_bytes() == before


def test_rotate_and_show_say_until_when_an_earlier_key_is_accepted_and_rotate_which_it_drops(sealed: Machine) -> None:
    old = sealed.code
    rotated, shown = sealed.run("key rotate --accept-old 3d"), sealed.run("key show")
    [earlier] = sealed.json("key show --json")[0]["accepted"]
    told = datetime.fromisoformat(earlier["accepted_until"])
    assert (earlier["code"], abs(told.timestamp() - earlier_keys(sealed)[old]) < 1) == (old, True)
    until = f"{told.astimezone(timezone(timedelta(hours=8))):%Y-%m-%d}"
    assert (shown.out, until in rotated.err, until in shown.err) == (f"{sealed.code}\n", True, True)
    assert until in sealed.run("key rotate").err
    said = [sealed.run("key rotate --accept-old 3d").err.count("\n") for _ in range(4)]
    assert said == [said[0]] * 3 + [said[0] + 1], "at last, a line says that the earliest key is dropped: too many are kept"


def test_seal_and_unseal_name_the_option_of_serve_that_is_needed_because_of_a_setting(opened: Machine) -> None:
    for command, setting, option in (("seal", "false", " --sealed"), ("unseal", "true", " --open"), ("seal", "true", "")):
        assert f"`udpnote serve{option}`" in opened.run(command, UDPNOTE_SEALED=setting).err


def test_serve_says_whether_the_notebook_is_sealed_and_how_to_join_and_does_not_change_it(opened: Machine) -> None:
    opened.environ["UDPNOTE_SEALED"] = "true"
    opened.refused(serve_command(opened), facts=["`udpnote serve --open`", "`udpnote seal`"])
    ended = opened.serve_process("--open").end(signal.SIGTERM)
    assert (ended.code, "udpnote join" in ended.err) == (0, False)
    opened.run("seal")
    opened.refused(f"{serve_command(opened)} --open", facts=["`udpnote serve --sealed`"])
    del opened.environ["UDPNOTE_SEALED"]
    assert f"udpnote join {opened.code}\n" in opened.serve_process().end(signal.SIGTERM).err
