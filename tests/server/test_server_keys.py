"""A running server of a sealed notebook takes up a new key, and keeps the keys that it has while the file is damaged."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from udpnote import Client, Server
from udpnote.errors import Notice, OldKey, StorageError
from udpnote.lan.endpoint import Endpoint
from udpnote.lan.interfaces import no_interfaces
from udpnote.model.join_code import join_code
from udpnote.server.server import KEYS_SECONDS
from udpnote.storage.key_file import key_path, read_key_file, rotated, write_key_file

DEADLINE_SECONDS = 20.0


def eventually(condition: Callable[[], bool]) -> None:
    """Ask again and again; each of the questions takes a moment on the network."""
    until = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < until, "it never came true"


def test_a_new_key_is_taken_up_and_a_damaged_key_file_is_reported_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UDPNOTE_HOME", str(tmp_path / "home"))
    notices: list[Notice] = []
    file = key_path(str(tmp_path / "notes"))
    with Server(tmp_path / "notes", name="kitchen", bind="127.0.0.1", port=0, sealed=True, on_notice=notices.append) as server:
        endpoint = Endpoint.client(list_interfaces=no_interfaces)
        with Client(server=f"127.0.0.1:{server.port}", outbox=str(tmp_path / "outbox"), endpoint=endpoint) as client:
            code, keys = server.join_code or "", read_key_file(file)
            assert keys is not None and code == join_code(keys.current)
            client.join(code)
            Path(file).write_text("key =")
            eventually(lambda: any(client.find(timeout=0.1)) and notices != [])
            looked_at = time.monotonic() + 2 * KEYS_SECONDS
            eventually(lambda: any(client.find(timeout=0.1)) and time.monotonic() > looked_at)
            assert client.send("still here").number == 1
            [notice] = notices
            assert (notice.kind, code in str(notice)) == ("key_file_not_read", False)
            write_key_file(file, rotated(keys, b"n" * 16, accepted_until=0), notebook_name="kitchen")
            eventually(lambda: any(found.has_new_key for found in client.find(timeout=0.1)))
            assert server.join_code == join_code(b"n" * 16)
            with pytest.raises(OldKey):
                list(client.entries())
            os.unlink(file)
            eventually(lambda: any(client.find(timeout=0.1)) and len(notices) == 3)
    assert notices[1] == Notice("notebook_key_changed")
    missing = notices[2].values["error"]
    assert isinstance(missing, StorageError) and missing.notice == Notice("key_file_missing", path=file)
