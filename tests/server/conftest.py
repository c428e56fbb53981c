"""Fixtures of the server's tests."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from udpnote.storage.notebook.notebook import Notebook


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "notebook.sqlite3"


@pytest.fixture
def notebook(path: Path) -> Iterator[Notebook]:
    with closing(Notebook(path)) as notebook:
        yield notebook
