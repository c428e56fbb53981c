"""What the tests of the outbox share: an outbox, notebooks, and entries for them."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from udpnote.model.entry import Entry
from udpnote.model.notebook import KnownNotebook
from udpnote.storage.outbox.outbox import Outbox

HERE = KnownNotebook(b"h" * 16, "家里", "192.0.2.7", 6683, 0)
WORK = KnownNotebook(b"w" * 16, "work", "fe80::1", 6683, 3)
KEY, OTHER_KEY = b"k" * 16, b"o" * 16
SEALED = HERE._replace(key_id=b"key id k")
REKEYED = HERE._replace(key_id=b"key id o")
WRITTEN_AT = 1_557_419_828_000_000


@pytest.fixture
def outbox_path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.sqlite3"


@pytest.fixture
def outbox(outbox_path: Path) -> Iterator[Outbox]:
    with closing(Outbox(outbox_path)) as outbox:
        yield outbox


@pytest.fixture
def other(outbox_path: Path, outbox: Outbox) -> Iterator[Outbox]:  # noqa: ARG001 - it is made first
    """Another outbox in the same file, as another process has it. It sees only what is in the file."""
    with closing(Outbox(outbox_path)) as other:
        yield other


def add(outbox: Outbox, *texts: str, **changes: Any) -> list[Entry]:
    """Add an entry for `HERE` for each text, or one without a text. `changes` are further arguments of `Outbox.add`."""
    given: dict[str, Any] = {"author": "amy@pi", "written_at": WRITTEN_AT, "utc_offset": 480, "notebook_id": HERE.notebook_id}
    return outbox.add(texts or [""], **(given | changes))


def waiting(outbox: Outbox, notebook: KnownNotebook = HERE, limit: int = 100) -> list[str]:
    """The texts of the entries that wait for `notebook`."""
    return [entry.text for entry in outbox.waiting_for(notebook.notebook_id, key_id=notebook.key_id, limit=limit)]
