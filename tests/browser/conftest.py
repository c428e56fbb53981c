"""The fixtures of the tests in a browser: one Chromium for each worker, a new profile for each test."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import Chromium, windowless
from tests.support.fake_notebook import ORIGIN, FakeNotebook
from tests.support.page_site import Site
from tests.support.visitor import Visitor, Visitors

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page


@pytest.fixture(scope="package")
def chromium() -> Iterator[Chromium]:
    """The browser that all tests of a worker share."""
    started = Chromium(executable=windowless())
    yield started
    started.close()


@pytest.fixture
def profile(chromium: Chromium) -> "Iterator[BrowserContext]":
    """A new profile: a browser that has never seen any page."""
    made = chromium.profile()
    yield made
    made.close()


@pytest.fixture
def blank_page(profile: "BrowserContext") -> "Page":
    """A blank page, which can import the page's scripts."""
    FakeNotebook(profile)
    made = profile.new_page()
    made.goto(ORIGIN)
    return made


@pytest.fixture
def visitors(chromium: Chromium) -> Iterator[Visitors]:
    """Opens pages in the browser as people do (see `Visitors`)."""
    made = Visitors(chromium)
    yield made
    made.close()


@pytest.fixture
def amy(site: Site, visitors: Visitors) -> Visitor:
    """A visitor of the page of `site`, which is started."""
    return visitors.visit(site.start().address)


@pytest.fixture
def bob(amy: Visitor, site: Site, visitors: Visitors) -> Visitor:  # noqa: ARG001 - she has started the site
    """Another visitor of the same page."""
    return visitors.visit(site.address, author="bob")
