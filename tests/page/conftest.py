"""Fixtures for tests of the page."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from tests.support.loopback import Loopback
from tests.support.page_server import OUTBOX, PageServer
from udpnote.model.notebook import KnownNotebook
from udpnote.storage.outbox import Outbox


@pytest.fixture
def serve_page(loopback: Loopback) -> Iterator[Callable[..., PageServer]]:
    """A function that starts a page of the notebook that `loopback` serves."""
    with ExitStack() as opened:
        yield lambda **options: opened.enter_context(PageServer(loopback.folder, loopback.port, **options))


@pytest.fixture
def page(loopback: Loopback, serve_page: Callable[..., PageServer]) -> PageServer:
    """The page of an open notebook that was used here before: so no search for it takes a second."""
    server = loopback.serve()
    with closing(Outbox(str(loopback.folder / OUTBOX))) as outbox:
        outbox.remember(
            KnownNotebook(bytes.fromhex(server.notebook_id), server.name, "127.0.0.1", server.port, 0), may_choose=True
        )
    return serve_page()
