"""A client whose outbox was copied to another host, and a notebook that was copied and is served twice."""

import shutil

from tests.system.conftest import Pair
from tests.system.lab import Lab, assert_once


def test_a_cloned_client_takes_an_identity_of_its_own_and_says_so_once(lab: Lab, pair: Pair) -> None:
    server = pair.kitchen.serve("--quiet")
    pair.laptop.succeed("send", "before the clone")
    desk = lab.host("desk", pair.lan)
    shutil.copytree(pair.laptop.home, desk.home, dirs_exist_ok=True)
    told = [host.succeed("send", f"{host.name} {number}").err for number, host in enumerate((pair.laptop, desk) * 2)]
    assert [bool(errors) for errors in told] == [False, True, False, False]
    stored = server.stored()
    assert_once((each.entry.text for each in stored), ["before the clone", "laptop 0", "desk 1", "laptop 2", "desk 3"])
    assert len({each.entry.client_id for each in stored}) == 2


def test_find_and_new_clients_warn_of_a_copied_notebook_that_is_served_twice(lab: Lab, pair: Pair) -> None:
    original = pair.kitchen.serve("--name", "家里")
    pair.laptop.succeed("send", "before the copy")
    original.stop()
    desk = lab.host("desk", pair.lan)
    shutil.copytree(pair.kitchen.home, desk.home, dirs_exist_ok=True)
    original.restart()
    desk.serve("--name", "家里")
    finding = pair.laptop.succeed("find", "--timeout", "2")
    addresses = [line.split()[1] for line in finding.out.splitlines()[1:]]  # of each server, the one that answered first
    assert len(addresses) == 2
    assert [address in finding.err for address in addresses] == [True, True]
    original.stop()
    moved = pair.laptop.succeed("send", "the only one that answers")
    assert ("two servers" in moved.err, "two servers" in desk.succeed("send", "from a new client").err) == (False, False)
    original.restart()
    assert "two servers" in lab.host("phone", pair.lan).succeed("send", "to one of them").err
