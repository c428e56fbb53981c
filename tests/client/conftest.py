"""What the tests of the client share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lan import Lan


@pytest.fixture
def lan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lan]:
    """A simulated LAN; no setting of this machine's user counts on it."""
    monkeypatch.setenv("UDPNOTE_HOME", str(tmp_path / "home"))
    for variable in ("SERVER", "PORT", "AUTHOR", "NOTEBOOK_ID", "WAIT", "KEY", "KEY_FILE", "SEALED"):
        monkeypatch.delenv(f"UDPNOTE_{variable}", raising=False)
    lan = Lan(tmp_path)
    yield lan
    lan.close()
