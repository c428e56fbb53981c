"""Skips tests that this machine cannot run. If `UDPNOTE_REQUIRE_SYSTEM_TESTS` is 1, they fail instead. Also acts as a user."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import pytest

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away and act as another user")


def unavailable(reason: str) -> NoReturn:
    """Skip the test because of `reason`. If `UDPNOTE_REQUIRE_SYSTEM_TESTS` is 1, fail it instead."""
    if os.environ.get("UDPNOTE_REQUIRE_SYSTEM_TESTS") == "1":
        pytest.fail(f"this test is required here, but {reason}")
    pytest.skip(reason)


def require_tool(tool: str) -> None:
    """Skip or fail the test if the program `tool` is not installed."""
    if shutil.which(tool) is None:
        unavailable(f"`{tool}` is not installed")


@contextmanager
def acting_as(user: int) -> Iterator[None]:
    """Let this process have the permissions of `user` during the block."""
    before = os.geteuid()
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(before)
