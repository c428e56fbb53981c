"""The fixtures of the command's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.cases import Machine, free_port


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path / "home", free_port())
    yield machine
    machine.close()
