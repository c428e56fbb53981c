"""Fixtures for tests of the page."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from tests.support.loopback import Loopback
from tests.support.page_server import OUTBOX, PageServer
from udpnote import Server
from udpnote.model.notebook import KnownNotebook
from udpnote.storage.outbox.outbox import Outbox


@pytest.fixture
def serve_page(loopback: Loopback) -> Iterator[Callable[..., PageServer]]:
    """A function that starts a page of the notebook that `loopback` serves.

    If the function gets the notebook's server, the page knows the notebook already, and need not search for it for a second.
    """
    with ExitStack() as opened:

        def start(used: Server | None = None, **options: Any) -> PageServer:
            if used is not None:
                notebook = KnownNotebook(bytes.fromhex(used.notebook_id), used.name, "127.0.0.1", used.port, 0)
                with closing(Outbox(str(loopback.folder / OUTBOX))) as outbox:
                    outbox.remember(notebook, may_choose=True)
            return opened.enter_context(PageServer(loopback.folder, loopback.port, **options))

        yield start


@pytest.fixture
def page(loopback: Loopback, serve_page: Callable[..., PageServer]) -> PageServer:
    """The page of an open notebook that was used here before."""
    return serve_page(loopback.serve())
