"""The keys of sealed notebooks: rotated, lost and damaged while clients write and follow; sealing and opening a notebook."""

import re
import time
from pathlib import Path

from tests.support.processes import Result, eventually
from tests.system.conftest import Pair
from tests.system.lab import Host, Lab, assert_once
from tests.system.sealing import join, join_code, waiting_texts

ACCEPTED_SECONDS = 3
"""How long the old key is accepted: time for a few commands on a slow machine."""

ENDS_WITHIN_SECONDS = 3.0
"""A server looks for a new key once a second; commands and slow machines take some time, too."""


def rotate(host: Host, *arguments: str) -> str:
    """Rotate the key of the notebook on `host`, beside its server; gives the new join code."""
    return host.succeed("key", "rotate", *arguments).out.strip()


def list_until(host: Host, code: int) -> Result:
    """Read again and again, until that ends with the exit code `code`."""
    results: list[Result] = []

    def has_that_code() -> bool:
        results[:] = [host.run("list", "--wait", "0.5")]
        return results[0].code == code

    eventually(has_that_code, f"reading ends with exit code {code}")
    return results[0]


def send_in_vain(host: Host, text: str) -> Result:
    """Send what can only be queued."""
    result = host.run("send", "--wait", "0.5", text)
    assert result.code == 75, result.err
    return result


def test_after_a_rotation_both_keys_work_for_a_while_and_then_holders_of_the_old_one_are_told(lab: Lab, pair: Pair) -> None:
    server = pair.kitchen.serve("--sealed", "--name", "home")
    desk, tablet = lab.host("desk", pair.lan), lab.host("tablet", pair.lan)
    join([pair.laptop, desk, tablet], join_code(pair.kitchen))
    follower = tablet.start("follow")
    code = rotate(pair.kitchen, "--accept-old", f"{ACCEPTED_SECONDS}s")
    pair.laptop.succeed("send", "under the old key")
    join([desk], code)
    desk.succeed("send", "under the new key")
    assert "udpnote join" in list_until(pair.laptop, 1).err
    queued = pair.laptop.run("send", "written meanwhile")
    assert queued.code == 75 and queued.seconds < 2.5, "it waited for an answer though it was told that its key is old"
    followed = follower.wait()
    assert followed.code == 1 and "under the old key" in followed.out and "under the new key" in followed.out
    join([pair.laptop], code)
    pair.laptop.succeed("outbox", "--send")
    assert_once(server.texts(), ["under the old key", "under the new key", "written meanwhile"])


def test_an_old_key_ends_at_once_and_the_server_tells_its_holders_until_it_forgets_the_key(pair: Pair) -> None:
    server = pair.kitchen.serve("--sealed", "--name", "home")
    first_code = join_code(pair.kitchen)
    join([pair.laptop], first_code)
    rotate(pair.kitchen)
    rotated_at = time.monotonic()
    list_until(pair.laptop, 1)
    assert time.monotonic() - rotated_at < ENDS_WITHIN_SECONDS
    assert pair.laptop.run("join", first_code).code == 1
    for _ in range(3):  # more keys than the server remembers
        code = rotate(pair.kitchen)
    list_until(pair.laptop, 69)
    send_in_vain(pair.laptop, "four keys ago")
    assert waiting_texts(pair.laptop) == ["four keys ago"]
    join([pair.laptop], code)
    pair.laptop.succeed("outbox", "--send")
    assert server.texts() == ["four keys ago"]


def test_a_server_keeps_its_key_while_the_key_file_is_damaged_or_missing_and_a_rotation_mends_that(pair: Pair) -> None:
    kitchen, laptop = pair.kitchen, pair.laptop
    server = kitchen.serve("--sealed", "--name", "home")
    join([laptop], join_code(kitchen))
    key_file = Path(f"{server.notebook}.key")
    key_file.write_text("not a key\n")
    server.process.expect_error(re.escape(str(key_file)))
    laptop.succeed("send", "while the file is damaged")
    assert kitchen.run("key", "show").code == 1
    key_file.unlink()
    server.process.expect_error(re.escape(str(key_file)))
    laptop.succeed("send", "while the file is missing")
    server.stop()
    assert kitchen.run("serve", "--sealed").code == 1
    code = rotate(kitchen)
    server.start()
    send_in_vain(laptop, "under a lost key")
    join([laptop], code)
    laptop.succeed("outbox", "--send")
    assert server.texts() == ["while the file is damaged", "while the file is missing", "under a lost key"]


def test_a_notebook_is_sealed_and_opened_again_with_all_its_entries_and_is_never_served_as_the_other(pair: Pair) -> None:
    kitchen, laptop = pair.kitchen, pair.laptop
    server = kitchen.serve("--name", "home")
    laptop.succeed("send", "while open")
    assert kitchen.run("seal").code == 1, "a notebook was sealed while it was served"
    server.stop()
    assert kitchen.run("serve", "--sealed").code == 1
    code = kitchen.succeed("seal").out.strip()
    assert kitchen.run("serve").code == 1
    server = kitchen.serve("--sealed")
    send_in_vain(laptop, "before it has joined")
    join([laptop], code)
    laptop.succeed("outbox", "--send")
    server.stop()
    send_in_vain(laptop, "while no server runs")
    assert laptop.run("leave", "home").code == 1, "what waits for a sealed notebook may now be sent openly"
    kitchen.succeed("unseal")
    server = kitchen.serve()
    laptop.succeed("leave", "home", "--send-open")
    laptop.succeed("outbox", "--send")
    assert_once(server.texts(), ["while open", "before it has joined", "while no server runs"])
