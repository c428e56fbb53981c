"""`udpnote demo`: it shows what happens, and leaves nothing behind."""

import re
from pathlib import Path

from tests.support.machine import Machine


def test_the_demonstration_finds_loses_resends_keeps_and_cleans_up(machine: Machine, tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    result = machine.run("demo", TMPDIR=str(folder), UDPNOTE_NOTEBOOK="cellar")  # the user's settings do not matter
    assert (result.code, result.err) == (0, "")
    assert re.search(r"127\.0\.0\.1:\d+", result.out)
    assert sum(map(int, re.findall(r"(\d+) datagrams? lost", result.out))) > 0
    assert sum(map(int, re.findall(r"(\d+) sent again", result.out))) > 0
    assert re.findall(r"^   #(\d+) ", result.out, re.M) == ["1", "2", "3", "4"] * 2
    assert result.out.count("今天开会，下午三点") == 2
    assert list(folder.iterdir()) == []
    assert not machine.home.exists(), "a demonstration does not touch the user's own outbox"
