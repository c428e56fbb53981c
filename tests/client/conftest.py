"""Fixtures of the client's tests."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from udpnote.storage.outbox.outbox import Outbox


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    """A new outbox, in the file that clients of `lan` use by default."""
    with closing(Outbox(tmp_path / "outbox.sqlite3")) as outbox:
        yield outbox
