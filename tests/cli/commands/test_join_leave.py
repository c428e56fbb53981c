"""`udpnote join` and `leave`, and what other commands print about sealed notebooks."""

import re

import pytest

from tests.support.machine import Machine
from tests.support.notebook_files import read
from tests.support.processes import eventually
from udpnote.model.join_code import join_code

STRANGE_CODE = join_code(b"s" * 16)
TYPING_ERROR = f"{STRANGE_CODE[:-1]}\n"
"""A code whose last character is missing."""


@pytest.fixture
def sealed(machine: Machine) -> Machine:
    """A server of a sealed notebook that is not this user's own: commands do not know its key."""
    machine.serve("厨房", sealed=True)
    machine.environ["UDPNOTE_FILE"] = str(machine.home / "own.sqlite3")
    return machine


@pytest.fixture
def joined(sealed: Machine) -> Machine:
    """A server of a sealed notebook, which this machine has joined."""
    assert sealed.run(f"join {sealed.code}").code == 0
    return sealed


@pytest.mark.parametrize(
    ("command", "typed", "environ"),
    [
        ("join {spaced}", "", {"UDPNOTE_KEY": STRANGE_CODE}), ("join", "{code}\n", {}), ("join", "", {"UDPNOTE_KEY": "{code}"}),
        ("join --key-file ~/code", "", {"UDPNOTE_KEY": STRANGE_CODE}), ("join", "", {"UDPNOTE_KEY_FILE": "{home}/code"}),
        ("join --key-file {home}/notebook.sqlite3.key", "", {}),
    ],
    ids=["argument", "pipe", "UDPNOTE_KEY", "file at home", "UDPNOTE_KEY_FILE", "the notebook's key file"],
)  # fmt: skip
def test_join_takes_the_code_from_each_source(sealed: Machine, command: str, typed: str, environ: dict[str, str]) -> None:
    facts = {"code": sealed.code, "spaced": f"'{sealed.code.replace('-', ' ')}'", "home": str(sealed.home)}
    (sealed.home / "code").write_text(f"{sealed.code.lower()}\n")
    (sealed.home / "code").chmod(0o600)
    given = {name: value.format(**facts) for name, value in environ.items()}
    result = sealed.run(command.format(**facts), typed=typed.format(**facts), HOME=str(sealed.home), **given)
    assert re.fullmatch(rf".*厨房.*[0-9a-f]{{32}}.*127\.0\.0\.1.*{sealed.port}.*\n", result.out)
    assert (result.code, result.err.count("\n"), sealed.send("今天开会").code) == (0, 1, 0)
    assert "今天开会" in sealed.run("list").out


def test_join_and_use_print_the_notebook_as_json_and_find_shows_the_seal_to_those_with_the_key(sealed: Machine) -> None:
    sealed.refused("find --timeout 0.1", code=69, facts=["`udpnote join`"])
    named = {"UDPNOTE_KEY": sealed.code}
    outputs = [sealed.run("find --timeout 0.4", **named)]
    [joined] = sealed.json(f"join --json {sealed.code}")
    assert re.fullmatch("[0-9a-f]{32}", joined["notebook"])
    assert joined == {
        "name": "厨房",
        "address": "127.0.0.1",
        "port": sealed.port,
        "notebook": joined["notebook"],
        "sealed": True,
    }
    assert sealed.json("use --json") == [joined]
    assert "sealed" in sealed.run("use").out
    for heading, row in (found.lines for found in (*outputs, sealed.run("find --timeout 0.4"))):
        assert row[heading.index("SEAL") - len("厨房") :].split()[0] == "sealed"


@pytest.mark.parametrize(
    ("keys", "code"), [([TYPING_ERROR] * 3, 2), ([TYPING_ERROR, "\x04"], 2), (["\x03"], 130), ([TYPING_ERROR, ""], 0)]
)
def test_join_asks_a_terminal_for_the_code_without_showing_it_until_ctrl_c_or_three_errors(
    sealed: Machine, keys: list[str], code: int
) -> None:
    terminal = sealed.terminal()
    joining = sealed.start("join", stdin=terminal.descriptor)
    for key in keys:
        joining.expect_error("`udpnote key show`.*: ")
        joining.interrupt() if key == "\x03" else terminal.type(key or f"{sealed.code}\n")
    result = joining.end()
    terminal.finish()
    assert (result.code, "厨房" in result.out, "26" in result.err) == (code, code == 0, TYPING_ERROR in keys)
    shown = terminal.text + result.err
    assert (STRANGE_CODE[:-1] in shown, sealed.code in shown) == (False, False)


def test_a_wrong_code_is_refused_and_nothing_is_joined(machine: Machine) -> None:
    garbled = (b"\xff\xfe\n", b"\0" * 27, "加入\n".encode())
    for given in (b"", b"\n", b"nonsense\n", STRANGE_CODE[:-1].encode(), *garbled):
        said = machine.refused("join", code=2, typed=given)
        assert (said.count("\n"), STRANGE_CODE[:-1] in said) == (1, False)
    assert machine.shell("udpnote join <&-").code == 2
    machine.refused("join --key-file /nowhere/key", facts=["/nowhere/key"])
    machine.refused("join", facts=["/nowhere/key"], UDPNOTE_KEY_FILE="/nowhere/key")
    machine.refused("send secret", facts=["/nowhere/key"], UDPNOTE_KEY_FILE="/nowhere/key")
    machine.refused("send secret", code=2, UDPNOTE_KEY="/nowhere/key")
    assert not machine.outbox.exists() or (machine.waiting(), read(machine.outbox, "key FROM keys")) == ([], [])


def test_a_change_of_key_is_reported_and_entries_wait_until_the_notebook_is_joined_again(joined: Machine) -> None:
    assert STRANGE_CODE not in joined.refused(f"join {STRANGE_CODE}", code=69)
    rotated = joined.run(f"key rotate --file {joined.notebook}").out.strip()
    eventually(lambda: "old key" in joined.run("find --timeout 0.1").out)
    [notebook] = joined.json("find --timeout 0.4 --json")
    assert (notebook["sealed"], notebook["impostor"], notebook["key_changed"]) == (True, False, True)
    joined.refused("send 今天开会", code=75, facts=["厨房", "udpnote join"], **joined.discovering)
    joined.refused("list", facts=["厨房", "udpnote join"])
    assert "1 entry waits" in joined.run(f"join {rotated}").err


def test_leave_forgets_the_key_but_while_entries_wait_only_with_send_open(joined: Machine) -> None:
    joined.refused("leave cellar", code=2, facts=["cellar", "厨房"])
    joined.send("sealed")
    joined.stop()
    joined.environ |= joined.discovering  # otherwise the entry is for any notebook at the named server
    joined.run("send --wait 0 waits")
    joined.refused("leave 厨房", facts=["1 entry", "--send-open"])
    assert joined.run("use").code == 0
    joined.run(f"unseal --file {joined.notebook}")
    joined.refused("leave --send-open 厨房", code=0, facts=["厨房"])
    assert (joined.run("use").code, joined.waiting()) == (1, ["waits"])


def test_each_waiting_entry_is_sent_to_its_own_notebook(sealed: Machine) -> None:
    code = sealed.code
    sealed.stop()
    sealed.run("send --wait 0 'by its key'", UDPNOTE_KEY=code)
    sealed.run("send --wait 0 'for any notebook'")
    assert code not in sealed.run("outbox").out
    sealed.serve("cellar", notebook=sealed.home / "cellar.sqlite3")
    for environ in ({}, {"UDPNOTE_KEY": STRANGE_CODE}):
        sending = sealed.run("outbox --send", **environ)
        assert (sending.code, sealed.waiting(), sending.err.count("\n")) == (75, ["by its key"], 1)
        assert "UDPNOTE_KEY" in sending.err
    sealed.stop()
    sealed.serve(sealed=True)
    assert sealed.run("outbox --send").err == sending.err, "nothing else is searched for in vain"
    assert sealed.run("outbox --send", UDPNOTE_KEY=code).code == 0
    assert (sealed.texts(), sealed.waiting()) == (["by its key"], [])
