"""Impostors with the name, the id and the entries of a sealed notebook: no client believes them or sends them an entry."""

import json
import shutil

from tests.support.processes import Process
from tests.system.lab import Lab, assert_once
from tests.system.sealing import join, join_code, mark_as_open, start_with_key, waiting_texts

NEW_ADDRESS = "10.77.1.99"
WAIT = ("--wait", "2")
"""Long enough to notice that the server is silent, and to ask which servers are there."""


def assert_all_fail_with_a_warning(started: list[Process], codes: tuple[int, ...]) -> None:
    for result in [process.wait() for process in started]:
        assert (result.code in codes, result.out) == (True, ""), f"exit code {result.code}: {result.out}{result.err}"
        assert "`udpnote leave" in result.err, result.err


def test_impostors_get_and_show_no_entry_and_the_real_server_gets_each_one_once(lab: Lab) -> None:
    """While the server is away, three impostors serve a copy of its notebook's file. They have no copy of its key file.

    `open` and `usurper` say that the notebook is open, and the usurper has the server's old address. `sealed` has another key.
    """
    lan = lab.switch()
    names = ("kitchen", "laptop", "usurper", "open", "sealed")
    kitchen, laptop, *mallories = (lab.host(name, lan, ipv6=False) for name in names)
    usurper, _, sealed = mallories
    server = kitchen.serve("--sealed", "--name", "home")
    code = join_code(kitchen)
    join([laptop], code)
    laptop.succeed("send", "before")
    server.stop()
    for mallory in mallories:
        shutil.copy(server.notebook, mallory.home)
        if mallory is not sealed:
            mark_as_open(mallory.home / "notebook.sqlite3")
    kitchen.set_address(NEW_ADDRESS)
    usurper.set_address(kitchen.address(lan))
    laptop.ip("neigh", "flush", "all")
    sealed.succeed("key", "rotate")
    impostors = [mallory.serve(*(["--sealed"] if mallory is sealed else ["--name", "home"])) for mallory in mallories]
    addresses = {mallory.name: mallory.address(lan) for mallory in mallories} | {"usurper": kitchen.address(lan)}

    sending = {
        name: laptop.start("send", *WAIT, "--server", address, f"to the {name} one") for name, address in addresses.items()
    }
    sent_elsewhere = [
        laptop.start("send", *WAIT, "without an address"),
        laptop.start("send", *WAIT, "--notebook", "home", "by name"),
        start_with_key(laptop, code, "send", *WAIT, "by key"),
    ]
    reading = [
        laptop.start("list", *WAIT),
        laptop.start("list", *WAIT, "--server", addresses["open"]),
        start_with_key(laptop, code, "list", *WAIT),
        start_with_key(laptop, join_code(sealed), "list", *WAIT),  # with the key of an impostor
    ]
    finding, joining = laptop.start("find", "--json", "--timeout", "1"), laptop.start("join", code)
    to_sealed = sending.pop("sealed").wait()
    assert to_sealed.code == 75 and "`udpnote leave" not in to_sealed.err, "the client cannot read what has another key"
    assert_all_fail_with_a_warning([*sending.values(), *sent_elsewhere], (75,))
    assert_all_fail_with_a_warning(reading, (1, 69))
    assert_all_fail_with_a_warning([joining], (1,))
    assert True in [json.loads(line)["impostor"] for line in finding.wait().lines]
    to_impostors = [f"to the {name} one" for name in addresses]
    assert_once(waiting_texts(laptop), [*to_impostors, "without an address", "by name", "by key"])

    server.start()
    assert NEW_ADDRESS in laptop.succeed("send", "at last").err
    assert_once(waiting_texts(laptop), to_impostors)
    assert [impostor.texts() for impostor in impostors] == [["before"]] * 3
    assert_once(server.texts(), ["before", "without an address", "by name", "by key", "at last"])
