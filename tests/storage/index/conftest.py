"""What the tests of the search index share: a notebook in memory, and indexes of it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.writings import Writings
from udpnote.storage.database import IN_MEMORY
from udpnote.storage.index.index import Index


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "notebook.index")


@pytest.fixture
def writings() -> Iterator[Writings]:
    with closing(Writings()) as writings:
        yield writings


@pytest.fixture
def index(writings: Writings) -> Iterator[Index]:
    """An index in memory."""
    with closing(Index(IN_MEMORY, writings.connection)) as index:
        yield index
