"""What the tests of the search index share: a notebook in memory, and indexes of it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.writings import Writings, opened
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
def hundred(writings: Writings) -> Writings:
    """A notebook of a hundred notes."""
    writings.fill(["开会 #a"] * 100)
    return writings


@pytest.fixture
def partly_indexed(path: str, hundred: Writings) -> Writings:
    """A notebook of a hundred notes. Its index at `path` has only the first `BATCH_ENTRIES_MAX` of them."""
    with opened(path, hundred) as index:
        index.catch_up(lambda: True)
    return hundred


@pytest.fixture
def index(writings: Writings) -> Iterator[Index]:
    """An index in memory."""
    with closing(Index(IN_MEMORY, writings.connection)) as index:
        yield index
