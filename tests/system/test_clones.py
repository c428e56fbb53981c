"""A client whose outbox was copied to another host."""

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
