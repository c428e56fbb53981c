"""The keys of sealed notebooks: changed, lost and damaged while clients write and follow; joining and leaving."""

import os
import pty
import re
import signal
import sqlite3
import termios
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

from tests.system.capture import Capture
from tests.system.conftest import Pair
from tests.system.lab import Host, Lab, Process, Result, assert_once, wait_until
from tests.system.sealing import join, join_code, start_with_key, waiting_texts
from udpnote.model.join_code import join_code as join_code_of
from udpnote.model.join_code import new_key

OLD_KEY = "the key of home has changed: join again"
ACCEPTED_SECONDS = 4
"""How long the old key is accepted: time for a few commands on a slow machine."""

ENDS_WITHIN_SECONDS = 3.0
"""An old key ends within a second, as far as the server goes; commands and slow machines take some time, too."""


def rotate(host: Host, *arguments: str) -> str:
    """Change the key of the notebook on `host`, beside its server; gives the new join code."""
    result = host.run("key", "rotate", *arguments)
    assert_said(result, 0, "has a new key")
    return result.output.strip()


def list_until(host: Host, code: int) -> Result:
    """Read again and again, until that ends with `code`."""
    results: list[Result] = []

    def ends_so() -> bool:
        results[:] = [host.run("list", "--wait", "0.5")]
        return results[0].code == code

    wait_until(ends_so, f"reading ends with exit code {code}")
    return results[0]


def assert_said(result: Result, code: int, pattern: str) -> None:
    """A command has ended with `code`, and has said why."""
    assert result.code == code, f"exit code {result.code}: {result.errors}"
    assert re.search(pattern, result.errors), result.errors
    assert "Traceback" not in result.errors


def deliver(host: Host) -> None:
    """Have all that waits delivered."""
    assert_said(host.run("outbox", "--send"), 0, "nothing waits")


def test_after_a_change_of_keys_both_work_for_a_while_and_then_the_old_one_is_told_to_join_again(lab: Lab, pair: Pair) -> None:
    server = pair.kitchen.serve("--sealed", "--name", "home")
    desk, tablet = lab.host("desk", pair.lan), lab.host("tablet", pair.lan)
    join([pair.laptop, desk, tablet], join_code(pair.kitchen))
    follower = tablet.start("follow")
    code = rotate(pair.kitchen, "--accept-old", f"{ACCEPTED_SECONDS}s")
    assert pair.laptop.run("send", "under the old key").code == 0
    join([desk], code)
    assert desk.run("send", "under the new key").code == 0
    read = list_until(pair.laptop, 1)
    assert_said(read, 1, OLD_KEY)
    queued = pair.laptop.run("send", "written meanwhile")
    assert_said(queued, 75, OLD_KEY)
    followed = follower.wait()
    assert_said(followed, 1, OLD_KEY)
    assert "under the old key" in followed.output and "under the new key" in followed.output
    assert read.output == "" and queued.seconds < 2.5, "it has waited for what it had been told already"
    join([pair.laptop], code)
    deliver(pair.laptop)
    assert "the notebook's key has changed" in server.process.errors
    assert_once(server.texts(), ["under the old key", "under the new key", "written meanwhile"])


def test_a_key_that_is_not_accepted_any_more_ends_at_once_and_is_told_of_until_it_is_forgotten(pair: Pair) -> None:
    server = pair.kitchen.serve("--sealed", "--name", "home")
    first_code = join_code(pair.kitchen)
    join([pair.laptop], first_code)
    rotate(pair.kitchen)
    rotated_at = time.monotonic()
    assert_said(list_until(pair.laptop, 1), 1, OLD_KEY)
    assert time.monotonic() - rotated_at < ENDS_WITHIN_SECONDS
    assert_said(pair.laptop.run("join", first_code), 1, "this is an earlier one")
    rotate(pair.kitchen)
    rotate(pair.kitchen)
    assert_said(pair.laptop.run("send", "three keys ago"), 75, OLD_KEY)
    code = rotate(pair.kitchen)
    assert_said(list_until(pair.laptop, 69), 69, "its key may have been changed")
    assert waiting_texts(pair.laptop) == ["three keys ago"]
    join([pair.laptop], code)
    deliver(pair.laptop)
    assert server.texts() == ["three keys ago"]


def test_a_server_goes_on_with_its_key_while_the_key_file_is_damaged_or_missing_and_a_new_key_mends_it(pair: Pair) -> None:
    kitchen, laptop = pair.kitchen, pair.laptop
    server = kitchen.serve("--sealed", "--name", "home")
    join([laptop], join_code(kitchen))
    key_file = Path(f"{server.notebook}.key")
    server.end()
    server.start()
    assert laptop.run("send", "after a restart").code == 0
    for spoil, complaint in ((lambda: key_file.write_text("key = 7"), "is damaged"), (key_file.unlink, "is missing")):
        spoil()
        notice = re.compile(f"{complaint}.*until then the keys stay what they were")
        wait_until(lambda is_said=notice.search: bool(is_said(server.process.errors)), "it is told")  # type: ignore[misc]
        assert laptop.run("send", f"the file {complaint}").code == 0
        assert_said(kitchen.run("key", "show"), 1, f"{complaint}.*key rotate")
    server.end()
    assert_said(kitchen.run("serve", "--sealed"), 1, "is missing.*key rotate")
    mended = kitchen.run("key", "rotate")
    assert_said(mended, 0, "no earlier key is known")
    server.start()
    assert_said(laptop.run("send", "--wait", "0.5", "under a lost key"), 75, "its key may have been changed")
    join([laptop], mended.output.strip())
    deliver(laptop)
    assert server.texts() == ["after a restart", "the file is damaged", "the file is missing", "under a lost key"]


def test_a_notebook_is_sealed_and_opened_with_all_of_its_entries_and_served_only_as_what_it_is(pair: Pair) -> None:
    kitchen, laptop = pair.kitchen, pair.laptop
    server = kitchen.serve("--name", "home")
    assert laptop.run("send", "while open").code == 0
    assert_said(kitchen.run("seal"), 1, "is being served")
    server.end()
    assert_said(kitchen.run("serve", "--sealed"), 1, "is open.*`udpnote seal`")
    code = kitchen.run("seal").output.strip()
    assert_said(kitchen.run("serve"), 1, "is sealed.*`udpnote serve --sealed`.*`udpnote unseal`")
    server = kitchen.serve("--sealed")
    assert_said(laptop.run("send", "--wait", "0.5", "before it has joined"), 75, "no answer")
    join([laptop], code)
    deliver(laptop)
    assert_said(kitchen.run("unseal"), 1, "is being served")
    server.end()
    assert laptop.run("send", "--wait", "0.5", "nobody is there").code == 75
    assert_said(laptop.run("leave", "home"), 1, "1 entry waits for home.*--send-open")
    assert_said(kitchen.run("unseal"), 0, "home is open, and keeps its 2 entries")
    server = kitchen.serve()
    assert_said(laptop.run("find", "--timeout", "0.5"), 0, "`udpnote leave home`")
    assert laptop.run("leave", "home", "--send-open").code == 0
    deliver(laptop)
    assert_once(server.texts(), ["while open", "before it has joined", "nobody is there"])


@contextmanager
def terminal() -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """A terminal: the end that a person is at, and that of a program."""
    person, program = (os.fdopen(end, "r+b", buffering=0) for end in pty.openpty())
    with person, program:
        yield person, program


def is_shown(program_end: IO[bytes]) -> bool:
    """Whether the terminal shows what is typed."""
    return bool(termios.tcgetattr(program_end)[3] & termios.ECHO)


def wait_for_question(joining: Process, times: int = 1) -> None:
    wait_until(lambda: joining.errors.count("Join code (") == times, "it asks for the join code")


def mistyped(code: str) -> dict[str, str]:
    """Codes with typing errors, and what is said of them."""
    other_symbol = "A" if code[-2] != "A" else "B"
    return {
        code[:-2] + other_symbol + code[-1]: "is mistyped",
        code[:-1]: "has 26 symbols instead of 27",
        f"0{code}": "has 28 symbols",
        f"!{code[1:]}": "symbol 1 of the join code, '!'",
        f"8{code[1:]}": "'8', symbol 1 .* only 0 to 7",
        " ": "has 0 symbols",
    }


def test_a_notebook_is_joined_by_all_ways_in_which_a_code_is_told_and_by_no_other_code(lab: Lab, pair: Pair) -> None:
    server = pair.kitchen.serve("--sealed", "--name", "home")
    code = join_code(pair.kitchen)
    for process, pattern in [(pair.laptop.start("join", wrong), pattern) for wrong, pattern in mistyped(code).items()]:
        result = process.wait()
        assert_said(result, 2, pattern)
        assert code[5:14] not in result.errors, "the message gives the code away"
    code_file = lab.folder / "code"
    code_file.write_text(f"# from ann\n{code.lower()}\n")
    with terminal() as (person, program), pair.laptop.file_of([f"  {code.replace('-', ' ')}  "]) as pipe:
        typed = pair.laptop.start("join", stdin=program)
        ways = [pair.laptop.start("join", code), pair.laptop.start("join", stdin=pipe)]
        ways += [pair.laptop.start("join", "--key-file", path) for path in (str(code_file), f"{server.notebook}.key")]
        ways += [start_with_key(pair.laptop, code, "join")]
        wait_for_question(typed)
        assert not is_shown(program)
        person.write(f"{code[:-1]}\n".encode())
        wait_for_question(typed, 2)
        person.write(f"{code}\n".encode())
        for joining in [typed, *ways]:
            assert_said(joining.wait(), 0, "entries go there from now on, sealed")
        assert is_shown(program)
    assert_said(pair.laptop.run("join"), 2, "no join code was given")
    assert pair.laptop.run("send", "joined").code == 0
    assert server.texts() == ["joined"]


def kept_by(host: Host) -> list[str]:
    """All that the outbox of `host` remembers, keys and notebooks among it."""
    with closing(sqlite3.connect(host.home / "outbox.sqlite3")) as connection:
        return list(connection.iterdump())


def test_ctrl_c_in_the_midst_of_joining_leaves_everything_as_it_was(pair: Pair) -> None:
    server = pair.kitchen.serve("--sealed", "--name", "home")
    join([pair.laptop], join_code(pair.kitchen))
    before, other_code = kept_by(pair.laptop), join_code_of(new_key(os.urandom))
    with terminal() as (_, program), closing(Capture(pair.lan, pair.laptop)) as capture:
        asking = pair.laptop.start("join", stdin=program)
        wait_for_question(asking)
        searching = pair.laptop.start("join", other_code)
        wait_until(lambda: bool(capture.datagrams()), "it searches")
        for joining in (asking, searching):
            joining.signal(signal.SIGINT)
            result = joining.wait(5)
            assert (result.code, result.output) == (130, "") and "Traceback" not in result.errors
        assert is_shown(program)
    assert kept_by(pair.laptop) == before
    assert pair.laptop.run("send", "still joined").code == 0
    assert server.texts() == ["still joined"]
