"""A notebook as the page uses it: the clients of its calls, how long a call may take, and when it is given up."""

import asyncio
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Literal, TypeVar

from udpnote.client.client import Client
from udpnote.client.status import NotebookStatus
from udpnote.errors import ClientClosed, KeyMissing, Notice, ServerNotFound, StorageError, UdpnoteError
from udpnote.page.responses import refusal_for, unavailable
from udpnote.page.server_watch import ServerWatch
from udpnote.page.worker_threads import Threads, WorkerThreads

T = TypeVar("T")

CALL_SECONDS = 2.0
"""How long a client of the page waits for an answer. This can be short, because browsers keep their entries and try again."""

CALL_SECONDS_MAX = 20.0
"""How long a browser waits for a result, for example while other calls use all threads. After that, the page tells it to ask
again.
"""

INDEXING_SECONDS = 1.5
"""How long a call waits for the notebook's search index. If the index is not ready then, the page tells the browser how far it
is, and the thread is free for other calls. After a few new notes the index is ready sooner. This must be shorter than
`CALL_SECONDS`: if the index does not grow for so long, the client gives up.
"""

SUSPICION_SECONDS = 0.5
"""If a call takes longer than this, the page asks whether the server still answers (see `ServerWatch`)."""

PROBE_SECONDS = 0.5
"""How long the page waits for an answer when it asks whether the server answers. On a LAN the answer takes about a
millisecond.
"""

Purpose = Literal["read", "ask", "write"]

_begun_at: ContextVar[float] = ContextVar("_begun_at", default=float("inf"))
"""In a thread that runs a call: when that call began, in seconds of the monotonic clock."""


class PageNotebook:
    """One notebook, as all browsers with the same key use it.

    `open_client` opens a client of the notebook, which this object closes. Its calls run in `threads`. The attribute `server`
    says what is known about the notebook's server. For the other arguments see `ServerWatch`.
    """

    def __init__(
        self,
        open_client: Callable[[Callable[[Notice], None]], Client],
        threads: Threads,
        *,
        has_key: bool = False,
        is_sealed: bool = False,
        on_trouble: Callable[[Notice], None] = lambda _: None,
    ) -> None:
        self._open_client, self._threads = open_client, threads
        self._clients: dict[Purpose, Client] = {}
        self._opening = threading.Lock()
        self._is_closed = False
        self.server = ServerWatch(
            self._server_status, self._close_clients, has_key=has_key, is_sealed=is_sealed, on_trouble=on_trouble
        )

    async def read(self, work: Callable[[Client], T]) -> T:
        """Call `work` in a thread with a client for reading, and return its result.

        Raises a `Refusal` if the notebook cannot be used now, or if `work` raises an `UdpnoteError`.
        """
        return await self._call(self._threads.reading, "read", work)

    async def ask(self, work: Callable[[Client], T]) -> T:
        """Do what `read` does, for `work` that takes only a moment: it does not wait for calls of `read`, which may be long."""
        return await self._call(self._threads.asking, "ask", work)

    async def write(self, work: Callable[[Client], T]) -> T:
        """Call `work` in a thread with a client for writing, and return its result. Raises a `Refusal` as `read` does."""
        return await self._call(self._threads.writing, "write", work)

    def close(self) -> None:
        """Close the clients that `read`, `ask` and `write` use, and stop asking the server. Calls that wait for an answer end
        with an error.
        """
        with self._opening:
            self._is_closed = True
        self.server.close()
        self._close_clients()

    def _close_clients(self) -> None:
        """Close the clients that `read`, `ask` and `write` use. Their next calls open new ones. Blocks for a moment."""
        with self._opening:
            clients = list(self._clients.values())
            self._clients.clear()
        for client in clients:
            client.close()

    def open_client(self, on_notice: Callable[[Notice], None]) -> Client:
        """Open a client of this notebook in addition to those that `read`, `ask` and `write` use. The caller must close it. For
        `on_notice` see `Client`.
        """
        return self._open_client(on_notice)

    async def _server_status(self) -> NotebookStatus:
        """Ask the server for its status. Raises as `ServerWatch.check` does."""
        return await self._threads.probing.run(lambda: self._client("ask").status(PROBE_SECONDS, saves=True))

    async def _call(self, threads: WorkerThreads, purpose: Purpose, work: Callable[[Client], T]) -> T:
        """Call `work` in one of `threads` with the client for `purpose`, as `read` does.

        If the call takes long, ask meanwhile whether the server answers, and give the call up if it does not.
        """
        if self.server.absence is not None:
            raise unavailable(self.server.absence)

        def checked() -> T:
            _begun_at.set(time.monotonic())
            client = self._client(purpose)
            self.server.check_key(client)  # the notebook may have been sealed after the last check
            return work(client)

        call = asyncio.ensure_future(threads.run(checked))
        try:
            await asyncio.wait({call}, timeout=SUSPICION_SECONDS)
            if not call.done():
                self.server.suspect()
                await self._wait_unless_absent(call)
            return call.result()
        except UdpnoteError as error:
            if isinstance(error, ServerNotFound | KeyMissing | StorageError):
                self.server.suspect()
            self.server.record_error(error)
            raise refusal_for(error) from error
        finally:
            call.cancel()

    async def _wait_unless_absent(self, call: "asyncio.Future[T]") -> None:
        """Wait for the end of `call`. Raises a `Refusal` as soon as the server is found silent, and if `call` takes longer than
        `CALL_SECONDS_MAX`.
        """
        absence = asyncio.ensure_future(self.server.wait_for_absence())
        either: set[asyncio.Future[Any]] = {call, absence}
        try:
            await asyncio.wait(either, timeout=CALL_SECONDS_MAX, return_when=asyncio.FIRST_COMPLETED)
        finally:
            absence.cancel()
        if not call.done():
            raise unavailable(self.server.absence or Notice("page_busy"))

    def _client(self, purpose: Purpose) -> Client:
        """Return the client for `purpose`. The first call opens the client, which reads files. So call this in a thread. Raises
        `ClientClosed` after `close`.
        """
        with self._opening:
            if self._is_closed:
                raise ClientClosed("client_closed")
            if purpose not in self._clients:
                self._clients[purpose] = self._open_client(lambda _: None)
            return self._clients[purpose]


def wait_for_index(indexed: int, last: int) -> None:
    """Raise a `Refusal`, which ends the present call of a `PageNotebook`, if this call has taken `INDEXING_SECONDS`. Outside of
    such a call, do nothing.

    This is the `on_indexing` of the page's clients: they call it in the call's thread while the search index has only the
    entries up to the number `indexed` of those up to `last`.
    """
    if time.monotonic() - _begun_at.get() >= INDEXING_SECONDS:
        raise unavailable(Notice("page_index_being_built", percent=100 * indexed // max(last, 1)))
