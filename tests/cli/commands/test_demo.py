"""`udpnote demo`: it shows what happens, and leaves nothing behind."""

import re
from pathlib import Path

from tests.support.machine import Machine


def test_the_demonstration_finds_loses_resends_keeps_and_cleans_up(machine: Machine, tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    del machine.environ["UDPNOTE_SERVER"]  # it looks on this machine alone, by itself
    result = machine.run("demo", TMPDIR=str(folder))
    assert (result.code, result.err) == (0, "")
    assert re.search(r'found the notebook "demo" at 127\.0\.0\.1:\d+', result.out)
    assert sum(map(int, re.findall(r"(\d+) datagrams? lost", result.out))) > 0
    assert sum(map(int, re.findall(r"(\d+) sent again", result.out))) > 0
    sent, held = result.out.split("3. What the notebook holds")
    for shown in (sent, held):
        assert re.findall(r"^   #(\d+) ", shown, re.M) == ["1", "2", "3", "4"]
        assert "今天开会，下午三点" in shown
    assert list(folder.iterdir()) == []
    assert not machine.home.exists(), "a demonstration does not touch the user's own outbox"


def test_the_demonstration_does_not_mind_the_users_settings(machine: Machine) -> None:
    result = machine.run("demo", UDPNOTE_SERVER=f"127.0.0.1:{machine.port}", UDPNOTE_NOTEBOOK_ID="cellar")
    assert (result.code, result.err) == (0, "")
