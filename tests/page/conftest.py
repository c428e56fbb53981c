"""Fixtures for tests of the page."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.support.loopback import Loopback
from tests.support.page_server import PageServer


@pytest.fixture
def serve_page(loopback: Loopback) -> Iterator[Callable[..., PageServer]]:
    """A function that starts a page of the notebook that `loopback` serves."""
    with ExitStack() as opened:
        yield lambda **options: opened.enter_context(PageServer(loopback.folder, loopback.port, **options))


@pytest.fixture
def page(loopback: Loopback, serve_page: Callable[..., PageServer]) -> PageServer:
    """The page of an open notebook."""
    loopback.serve()
    return serve_page()
