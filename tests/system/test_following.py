"""Followers on several hosts, while the server is killed or gets an older copy, or followers are cut off or suspended."""

import json
import shutil
import signal

from tests.support.processes import Process, eventually
from tests.system.conftest import Pair
from tests.system.lab import SECONDS_MAX, Lab, lines_of

LINES = 30
"""How many lines each writer writes at a time."""


def wait_for(followers: list[Process], lines: int) -> None:
    for follower in followers:
        eventually(lambda each=follower: each.output.count("\n") >= lines, f"{lines} lines are printed", SECONDS_MAX)  # type: ignore[misc]


def test_three_followers_print_each_entry_once_and_in_order_through_a_kill_and_absences(lab: Lab) -> None:
    lan = lab.switch()
    kitchen, *others = (lab.host(name, lan, ipv6=False) for name in ("kitchen", "r0", "r1", "r2", "w0", "w1"))
    readers, writers = others[:3], [writer.start_sending() for writer in others[3:]]
    server = kitchen.serve("--quiet")
    followers = [reader.start("follow", "--json") for reader in readers]
    cut_off, suspended, present = followers

    def write(act: str, lines: int = LINES) -> None:
        for number, writer in enumerate(writers):
            writer.type("".join(f"{line}\n" for line in lines_of(f"{act} {number}", lines)))

    write("first", 1)
    wait_for(followers, 2)
    write("amid the kill")
    wait_for(followers[:1], LINES // 2)
    server.restart()
    wait_for(followers, 2 + 2 * LINES)

    printed_before = len(cut_off.errors)
    readers[0].ip("link", "set", "eth0", "down")
    suspended.signal(signal.SIGSTOP)
    write("amid absences")
    wait_for([present], 2 + 4 * LINES)
    eventually(lambda: len(cut_off.errors) > printed_before, "the follower that is cut off tells its user")
    readers[0].ip("link", "set", "eth0", "up")
    suspended.signal(signal.SIGCONT)
    wait_for(followers, 2 + 4 * LINES)

    assert [writer.end().code for writer in writers] == [0, 0]
    stored = [(each.number, each.entry.author, each.entry.text) for each in server.stored()]
    assert len(stored) == 2 + 4 * LINES
    for follower in followers:  # `stored` has stopped their server
        result = follower.end(signal.SIGINT)
        assert result.code == 130, result.err
        assert [(each["number"], each["author"], each["text"]) for each in map(json.loads, result.lines)] == stored


def test_after_an_older_copy_is_restored_a_follower_skips_nothing_and_a_waiting_edit_changes_nobody_elses_note(
    lab: Lab, pair: Pair
) -> None:
    desk, server = lab.host("desk", pair.lan), pair.kitchen.serve("--quiet")
    pair.laptop.succeed("send", lines=["one", "two"])
    server.stop()
    copy = server.notebook.with_suffix(".copy")
    shutil.copy(server.notebook, copy)
    server.start()
    pair.laptop.succeed("send", lines=["three", "four"])

    # The copy lacks two entries that followers have printed. An edit of one of them waits in an outbox.
    follower, late = desk.start("follow", "--json"), desk.start("follow", "--json", "-n", "1")
    wait_for([follower], 4)
    wait_for([late], 1)
    server.stop()
    assert pair.laptop.run("edit", "3", "--wait", "0.1", "changed").code == 75

    # After the restoration, other entries get these numbers.
    shutil.copy(copy, server.notebook)
    server.start()
    desk.succeed("send", lines=["their third", "their fourth", "their fifth"])
    wait_for([follower], 7)
    wait_for([late], 4)
    sent = pair.laptop.run("outbox", "--send")
    assert (sent.code, "restored" in sent.out, "older copy" in sent.err) == (75, True, True)
    theirs = [(1, "one"), (2, "two"), (3, "their third"), (4, "their fourth"), (5, "their fifth")]
    assert [(each.number, each.entry.text) for each in server.stored()] == theirs
    for each, printed in (
        (follower, [*theirs[:2], (3, "three"), (4, "four"), *theirs[2:]]),
        (late, [(4, "four"), *theirs[2:]]),
    ):
        result = each.end(signal.SIGINT)
        assert [(line["number"], line["text"]) for line in map(json.loads, result.lines)] == printed
        assert "restored from an older copy" in result.err
