"""The fixtures of the command's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.machine import Machine


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of exported notes, which is not there yet."""
    return tmp_path / "notes.jsonl"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path / "home")
    yield machine
    machine.close()


@pytest.fixture
def served(machine: Machine) -> Machine:
    machine.serve("kitchen")
    return machine
