"""What several test files need."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.disks import mounted
from tests.household import House

WORKERS_PER_CORE = 2
"""Of `-n auto`: while one test waits for something, another one runs."""

DEADLINE_SECONDS = 20.0
"""How long a call may take on a busy machine before it counts as one that does not come back."""


def pytest_xdist_auto_num_workers() -> int:
    """How many workers `-n auto` means."""
    return WORKERS_PER_CORE * (os.cpu_count() or 1)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("UDPNOTE_HOME", str(tmp_path / "home"))
    for variable in ("SERVER", "PORT", "AUTHOR", "NOTEBOOK_ID", "WAIT", "KEY", "KEY_FILE", "SEALED"):
        monkeypatch.delenv(f"UDPNOTE_{variable}", raising=False)
    house = House(tmp_path)
    yield house
    house.close()


@pytest.fixture
def in_time() -> Iterator[Callable[[Callable[[], object]], threading.Thread]]:
    """Runs calls in threads of their own, and fails if one of them does not come back."""
    threads: list[threading.Thread] = []

    def run(call: Callable[[], object]) -> threading.Thread:
        threads.append(threading.Thread(target=call, daemon=True))
        threads[-1].start()
        return threads[-1]

    yield run
    for thread in threads:
        thread.join(DEADLINE_SECONDS)
        assert not thread.is_alive(), "a call did not come back"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """The folder of a disk of 40 MB."""
    with mounted(tmp_path / "disk") as disk:
        yield disk
