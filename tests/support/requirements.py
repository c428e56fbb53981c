"""Skips tests that this machine cannot run. If `UDPNOTE_REQUIRE_SYSTEM_TESTS` is 1, they fail instead."""

import os
import shutil
from typing import NoReturn

import pytest


def unavailable(reason: str) -> NoReturn:
    """Skip the test because of `reason`. If `UDPNOTE_REQUIRE_SYSTEM_TESTS` is 1, fail it instead."""
    if os.environ.get("UDPNOTE_REQUIRE_SYSTEM_TESTS") == "1":
        pytest.fail(f"this test is required here, but {reason}")
    pytest.skip(reason)


def require_tool(tool: str) -> None:
    """Skip or fail the test if the program `tool` is not installed."""
    if shutil.which(tool) is None:
        unavailable(f"`{tool}` is not installed")
