"""The key of a sealed notebook is rotated while clients write and follow."""

from tests.support.processes import Result, eventually
from tests.system.conftest import Pair
from tests.system.lab import Host, Lab, assert_once
from tests.system.sealing import join, join_code


def list_until(host: Host, code: int) -> Result:
    """Read again and again, until that ends with the exit code `code`."""
    results: list[Result] = []

    def has_that_code() -> bool:
        results[:] = [host.run("list", "--wait", "0.5")]
        return results[0].code == code

    eventually(has_that_code, f"reading ends with exit code {code}")
    return results[0]


def test_after_a_rotation_both_keys_work_for_a_while_and_then_holders_of_the_old_one_are_told(lab: Lab, pair: Pair) -> None:
    server = pair.kitchen.serve("--sealed", "--name", "home")
    desk, tablet = lab.host("desk", pair.lan), lab.host("tablet", pair.lan)
    join([pair.laptop, desk, tablet], join_code(pair.kitchen))
    follower = tablet.start("follow")
    join([desk], pair.kitchen.succeed("key", "rotate", "--accept-old", "1h").out.strip())
    pair.laptop.succeed("send", "under the old key")
    desk.succeed("send", "under the new key")
    follower.expect("under the old key")
    follower.expect("under the new key")
    code = pair.kitchen.succeed("key", "rotate").out.strip()
    assert "udpnote join" in list_until(pair.laptop, 1).err
    queued = pair.laptop.run("send", "written meanwhile")
    assert queued.code == 75 and queued.seconds < 2.5, "it waited for an answer though it was told that its key is old"
    assert follower.wait().code == 1
    join([pair.laptop], code)
    pair.laptop.succeed("outbox", "--send")
    assert_once(server.texts(), ["under the old key", "under the new key", "written meanwhile"])
