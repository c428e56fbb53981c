"""The processes that a command starts beside it."""

from pathlib import Path

import pytest

from udpnote.cli.own_process import own_process
from udpnote.cli.temporary_server import temporary_server
from udpnote.errors import UdpnoteError
from udpnote.model.language import SIMPLIFIED
from udpnote.text.language import speaking


def test_a_process_imports_nothing_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    with own_process("json.tool") as process:
        assert process.stdin is not None
        process.stdin.write(b"{}")
    assert process.returncode == 0


def test_a_server_that_cannot_start_says_why_in_the_users_language(tmp_path: Path) -> None:
    (tmp_path / "no folder").touch()
    with speaking(SIMPLIFIED), pytest.raises(UdpnoteError) as raised, temporary_server([str(tmp_path / "no folder")]):
        pass
    assert raised.value.notice.kind == "temporary_server_failed"
    assert not str(raised.value.notice.values["failure"]).replace(str(tmp_path), "").isascii()
