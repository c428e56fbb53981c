"""The fixtures of the system tests: a laboratory, and the LAN of two hosts that most tests use."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.processes import COMMAND
from tests.support.requirements import require_tool, unavailable
from tests.system.lab import Host, Lab, Switch


@pytest.fixture(scope="session")
def laboratory() -> type[Lab]:
    """The class `Lab`. Skips the test, or fails it, if this machine has no network namespaces or no installed udpnote."""
    require_tool("ip")
    require_tool("nft")
    name = f"udpnote-{os.getpid()}-probe"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        unavailable(f"network namespaces cannot be made here: {made.stderr.strip()}")
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=True)
    if shutil.which(COMMAND) is None:
        unavailable(f"udpnote is not installed at {COMMAND}")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs would ignore it otherwise
    return Lab


@pytest.fixture
def lab(laboratory: type[Lab], tmp_path: Path) -> Iterator[Lab]:
    """A laboratory without hosts (see `Lab`)."""
    with closing(laboratory(tmp_path)) as made:
        yield made


@pytest.fixture
def new_lab(laboratory: type[Lab], tmp_path: Path) -> Iterator[Callable[[str], Lab]]:
    """A function that makes a laboratory with a name, for tests that do the same in several ones at once."""
    with ExitStack() as opened:
        yield lambda name: opened.enter_context(closing(laboratory(tmp_path / name)))


class Pair(NamedTuple):
    """Two hosts on one LAN: one for the server, one for the client."""

    lan: Switch
    kitchen: Host
    laptop: Host


def pair_in(lab: Lab) -> Pair:
    lan = lab.switch()
    return Pair(lan, lab.host("kitchen", lan), lab.host("laptop", lan))


@pytest.fixture
def pair(lab: Lab) -> Pair:
    """Two hosts on one LAN, in `lab` (see `Pair`)."""
    return pair_in(lab)
