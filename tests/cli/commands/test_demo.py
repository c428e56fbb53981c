"""`udpnote demo`: it shows what happens, and leaves nothing behind."""

import os
import re
from pathlib import Path

import pytest
from wcwidth import wcswidth

from tests.support.machine import Machine
from udpnote.cli.temporary_server import default_settings
from udpnote.model.language import ENGLISH, SIMPLIFIED
from udpnote.settings import chosen_language, load_settings
from udpnote.text.language import language, speak_by


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


def test_each_line_of_the_demonstration_fits_on_a_terminal(machine: Machine) -> None:
    lines = machine.show("demo", columns=80).text.splitlines()
    assert [line for line in lines if wcswidth(line) > 80] == []


def test_a_demonstration_hides_the_settings_and_speaks_the_users_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"HOME": "user", "AUTHOR": "阿美", "LANGUAGE": SIMPLIFIED}.items():
        monkeypatch.setenv(f"UDPNOTE_{name}", value)
    speak_by(lambda: chosen_language(os.environ))
    try:
        with default_settings(str(tmp_path)):
            assert (load_settings().author == "阿美", load_settings().outbox.startswith(str(tmp_path))) == (False, True)
            assert language() == SIMPLIFIED
        assert (os.environ["UDPNOTE_HOME"], load_settings().author) == ("user", "阿美")
    finally:
        speak_by(lambda: ENGLISH)
