"""The fixtures of the tests in a browser: one Chromium for each module, a new profile for each test."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import Chromium
from tests.support.visitor import Visitors

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    started = Chromium()
    yield started
    started.close()


@pytest.fixture
def profile(chromium: Chromium) -> "Iterator[BrowserContext]":
    made = chromium.profile()
    yield made
    made.close()


@pytest.fixture
def visitors(chromium: Chromium) -> Iterator[Visitors]:
    made = Visitors(chromium)
    yield made
    made.close()
