"""The fixtures of the command's tests."""

import time
from collections.abc import Callable, Iterator
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
def use_zone() -> Iterator[Callable[[str], None]]:
    """Puts this process into a time zone, which is China's before the first call."""
    with pytest.MonkeyPatch.context() as patch:

        def use(zone: str) -> None:
            patch.setenv("TZ", zone)
            time.tzset()

        use("Asia/Shanghai")
        yield use
    time.tzset()


@pytest.fixture
def served(machine: Machine) -> Machine:
    machine.serve("kitchen")
    return machine
