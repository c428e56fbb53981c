"""Whatever arrives, the server goes on, stays small and never answers with more than it was sent."""

import json

import pytest

from tests.system import attacker
from tests.system.attacker import STOCK
from tests.system.conftest import Pair
from tests.system.lab import Lab
from tests.system.stock import fill_notebook

MEMORY_BYTES_MAX = 64 << 20
SEED = 6683


@pytest.mark.parametrize("attack", attacker.ATTACKS)
def test_the_server_survives_stays_small_and_amplifies_nothing(lab: Lab, pair: Pair, attack: str) -> None:
    notebook = pair.kitchen.home / "notebook.sqlite3"
    fill_notebook(notebook, STOCK, with_index=True)
    server = pair.kitchen.serve("--quiet", notebook=notebook)
    mallory = lab.host("mallory", pair.lan)
    arguments = (attack, pair.kitchen.address(pair.lan), str(SEED))
    attacking = mallory.start_module("tests.system.attacker", *arguments)
    assert pair.laptop.run("send", "--wait", "30", "under attack").code == 0
    result = attacking.wait()
    assert result.code == 0, result.errors
    assert pair.laptop.run("send", "--wait", "30", "after the attack").code == 0
    told = json.loads(result.output)
    assert told["sent"] > 0 and told["received"] <= told["sent"], f"{told} with seed {SEED}"
    assert server.memory_bytes("VmHWM") < MEMORY_BYTES_MAX
    assert server.texts()[STOCK:] == ["under attack", "after the attack"]
