"""What the tests of the notebook share: a notebook in memory, entries for it, and its verdicts."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from udpnote.model.entry import Entry, Kind, Part, Restored, Status, Verdict, split
from udpnote.protocol.codec.codec import part_bytes_max
from udpnote.storage.database import IN_MEMORY
from udpnote.storage.notebook.notebook import Notebook

CLIENT = b"0123456789abcdef"
NOW = 1_557_419_828_000_000
TEXT = "2019/05/09 16:37:08 我是一个中文 🖋️"
KEPT, REFUSED, CONFLICT = (Verdict(status, 0) for status in (Status.PART_KEPT, Status.REFUSED, Status.CONFLICT))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "notebook.sqlite3"


@pytest.fixture
def notebook() -> Iterator[Notebook]:
    with closing(Notebook(IN_MEMORY)) as notebook:
        yield notebook


def entry(sequence: int = 1, text: str = TEXT, client_id: bytes = CLIENT) -> Entry:
    return Entry(client_id, sequence, Kind.NOTE, NOW - 5, 480, "amy@pi", text)


def part(sequence: int = 1, text: str = TEXT, client_id: bytes = CLIENT) -> Part:
    """A whole entry as one part."""
    (whole,) = split(entry(sequence, text, client_id), 1 << 20)
    return whole


def stored(number: int) -> Verdict:
    return Verdict(Status.STORED, number)


def stored_already(number: int) -> Verdict:
    return Verdict(Status.STORED_ALREADY, number)


def texts(notebook: Notebook) -> list[str]:
    return [each.entry.text for each in notebook.entries_after(0)]


def add(notebook: Notebook, *texts: str, client_id: bytes = CLIENT) -> None:
    """Store notes, whose sequences begin with the next number of the notebook."""
    first = notebook.last_number + 1
    notebook.store([part(first + place, text, client_id) for place, text in enumerate(texts)], NOW)


def write(path: Path, *texts: str, client_id: bytes = CLIENT) -> None:
    """Add notes to the notebook at `path`, and close it."""
    with closing(Notebook(path)) as notebook:
        add(notebook, *texts, client_id=client_id)


def read(path: Path) -> list[str]:
    """The texts of all entries in the notebook at `path`, which is opened and closed as a server does it."""
    with closing(Notebook(path)) as notebook:
        return texts(notebook)


LONG = f"{TEXT}\n" * 60
"""A text that takes three datagrams."""


def in_parts(entry: Entry, restored: Restored | None = None) -> list[Part]:
    """The parts of `entry` as clients send them."""
    return split(entry, part_bytes_max(entry.author), restored)
