"""A notebook as the page uses it: its clients, and whether its server answers.

While a server does not answer, each browser would wait for as long as a client waits. So, if a call takes longer than
`SUSPICION_SECONDS`, the page itself asks the server whether it answers, once for all browsers. While the server is silent, the
page asks again and again, and refuses further calls at once.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Literal, TypeVar

from udpnote.client.client import Client
from udpnote.client.status import NotebookStatus
from udpnote.errors import ClientClosed, KeyMissing, Notice, OldKey, ServerNotFound, StorageError, UdpnoteError
from udpnote.model.notebook import KnownNotebook
from udpnote.page.responses import refusal_for, unavailable
from udpnote.page.trouble_report import TroubleReport
from udpnote.page.worker_threads import WorkerThreads

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
"""If a call takes longer than this, the page asks whether the server still answers."""

PROBE_SECONDS = 0.5
"""How long the page waits for an answer when it asks whether the server answers. On a LAN the answer takes about a
millisecond.
"""

WATCH_SECONDS = 2.0
"""The time between two questions whether the server was started again. The page asks them while browsers get live events."""

PROBE_PAUSE_SECONDS_MAX = 4.0
"""While the server is silent, the page asks it again after a pause. The pauses grow from one second to this."""

READING_THREADS, WRITING_THREADS, PROBING_THREADS = 8, 8, 2
"""How many calls of each kind run at a time. Entries of calls that run together share datagrams and fsyncs. Each reading call
keeps the whole texts of about one page of results in memory.
"""

WAITING_CALLS_MAX = 200
"""The most calls of each kind that may wait for a thread: a few for each of the browsers that use the page at once."""

Purpose = Literal["read", "write"]

_begun_at: ContextVar[float] = ContextVar("_begun_at", default=float("inf"))
"""In a thread that runs a call: when that call began, in seconds of the monotonic clock."""


class Threads:
    """The threads of a page, in three groups: for reading, for writing, and for asking the server whether it answers."""

    def __init__(self) -> None:
        self.reading = WorkerThreads(READING_THREADS, WAITING_CALLS_MAX)
        self.writing = WorkerThreads(WRITING_THREADS, WAITING_CALLS_MAX)
        self.probing = WorkerThreads(PROBING_THREADS, WAITING_CALLS_MAX)

    def close(self) -> None:
        """Start no more calls."""
        for each in (self.reading, self.writing, self.probing):
            each.close()


class PageNotebook:
    """One notebook, as all browsers with the same key use it.

    `open_client` opens a client of the notebook, which this object closes. `has_key` says whether these clients have a key that
    a browser gave. With `is_sealed`, the notebook counts as sealed whatever its server answers. For `on_trouble` see
    `TroubleReport`; it is not called with a failure that `check` returns.

    These attributes say what is known about the notebook. When one of the last three changes, and after `record_sealed`, the
    functions in `on_change` are called.

    - `known`: the notebook according to the server's latest answer, or None if the server has not answered yet.
    - `absence`: why the notebook's server cannot be used now, or None if the server answers.
    - `ended`: why these browsers can never use the notebook again, because it has a new key; None if they can.
    - `served`: the id that the notebook's server chose when it started, in hexadecimal digits, or None if it is not known yet.
      While no server runs, notes may be erased without an event. So if `served` changes, a browser checks which of its notes
      are still there.
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
        self._open_client, self._threads, self._has_key, self._is_sealed = open_client, threads, has_key, is_sealed
        self._troubles = TroubleReport(on_trouble)
        self._clients: dict[Purpose, Client] = {}
        self._opening = threading.Lock()
        self._is_closed = False
        self._probing: asyncio.Task[None] | None = None
        self._checking: asyncio.Task[None] | None = None
        self._absent = asyncio.Event()
        self.absence: Notice | None = None
        self.ended: Notice | None = None
        self.served: str | None = None
        self.known: KnownNotebook | None = None
        self.on_change: list[Callable[[], None]] = []

    @property
    def needs_session(self) -> bool:
        """Whether browsers need a session: the notebook is sealed, and the clients of this object do not use a key that a
        browser gave.
        """
        return not self._has_key and (self._is_sealed or (self.known is not None and self.known.key_id is not None))

    async def read(self, work: Callable[[Client], T]) -> T:
        """Call `work` in a thread with a client for reading, and return its result.

        Raises a `Refusal` if the notebook cannot be used now, or if `work` raises an `UdpnoteError`.
        """
        return await self._call(self._threads.reading, "read", work)

    async def write(self, work: Callable[[Client], T]) -> T:
        """Call `work` in a thread with a client for writing, and return its result. Raises a `Refusal` as `read` does."""
        return await self._call(self._threads.writing, "write", work)

    async def check(self) -> NotebookStatus:
        """Ask the server whether it answers, and return its status. Set `known`, `served`, `absence` and `ended` to what it
        says.

        If the server is silent or refuses this client, the `failure` of the status says so. Then start to ask again and again
        (see `suspect`). The caller must report the failure. Raises `ClientClosed` after `close`, the errors of opening the
        client, and a `Refusal` if too many calls wait for a thread.
        """
        status = await self._ask()
        if status.failure is not None:
            self._troubles.record_told(status.failure)
        self._record_status(status)
        return status

    async def _ask(self) -> NotebookStatus:
        """Ask the server for its status. Raises as `check` does."""
        return await self._threads.probing.run(lambda: self._client("read").status(PROBE_SECONDS, saves=True))

    async def _ask_in_background(self) -> NotebookStatus:
        """Ask as `_ask` does, for a task that nobody waits for: an error becomes the `failure` of the status, for example if
        the user's outbox is damaged. Raises only `ClientClosed`.
        """
        try:
            return await self._ask()
        except ClientClosed:
            raise
        except UdpnoteError as error:
            return NotebookStatus(
                notebook=None, is_chosen=False, has_key=False, entries=None, round_trip_seconds=None, failure=error
            )

    def _record_status(self, status: NotebookStatus) -> None:
        """Set `known`, `served`, `absence` and `ended` to what `status` says."""
        if status.failure is None:
            self.known = status.notebook
            self._record_server(status.server_id)
            self._record_presence()
        else:
            if self.known is None or isinstance(status.failure, KeyMissing):  # the notebook may have been sealed meanwhile
                self.known = status.notebook or self.known
            self._record_failure(status.failure)

    def suspect(self) -> None:
        """Begin to ask the server in the background whether it answers, again and again until it does. Do nothing if that goes
        on already, and after `end` or `close`.
        """
        if self._probing is None and self.ended is None and not self._is_closed:
            self._probing = asyncio.create_task(self._probe())

    def check_key(self, client: Client) -> None:
        """Raise `KeyMissing` if `client` has this machine's own key for a sealed notebook, and no browser gave that key.

        Only browsers that give the key may use a sealed notebook. If the notebook is `known`, `needs_session` is True from then
        on, even if the server has not said yet that the notebook is sealed.
        """
        if self._has_key or client.key_id is None:
            return
        if self.known is not None:
            self.known = self.known._replace(key_id=client.key_id)
        raise KeyMissing("page_needs_code")

    def record_sealed(self, notebook: KnownNotebook | None) -> None:
        """Record that `notebook` is sealed: its server has answered a client that has a browser's key. If `notebook` is None or
        open, do nothing.

        From then on, browsers without a session are told that they need the join code, not that the server is silent.
        """
        if notebook is not None and notebook.key_id is not None:
            self.known = notebook
            self._tell()

    async def watch(self) -> None:
        """Ask again and again whether the server answers and whether it was started again, and record its answers as `check`
        does. If an answer is missing, only `suspect`, because one lost answer does not mean that the server is silent.

        Return after `close`, or when `ended` is set.
        """
        with suppress(ClientClosed):
            while self.ended is None:
                await asyncio.sleep(WATCH_SECONDS)
                if self._probing is not None:
                    continue  # the server is already being asked
                status = await self._ask_in_background()
                if isinstance(status.failure, ServerNotFound):
                    self.suspect()
                else:
                    self._record_status(status)

    def record_answer(self) -> None:
        """Record that the server answers again: `absence` becomes None. Call this when the server has answered another client
        than those of this object.

        If no browser gave the key of this object's clients, ask the server first, in the background: the notebook may have been
        sealed meanwhile, and then browsers must not use it by this machine's key.
        """
        if self._has_key:
            self._record_presence()
        elif self.absence is not None and not self._is_closed and not self._is_checking:
            self._checking = asyncio.create_task(self._check_in_background())

    @property
    def _is_checking(self) -> bool:
        """Whether `record_answer` is asking the server."""
        return self._checking is not None and not self._checking.done()

    async def _check_in_background(self) -> None:
        with suppress(ClientClosed):
            self._record_status(await self._ask_in_background())

    def _record_server(self, server_id: bytes | None) -> None:
        served = server_id.hex() if server_id is not None else None
        if served != self.served:
            self.served = served
            self._tell()

    def _record_presence(self) -> None:
        if self.absence is not None:
            self.absence = None
            self._troubles.forget()
            self._absent.clear()
            self._tell()

    def end(self, reason: Notice) -> None:
        """Record that the browsers of this object can never use the notebook again, because of `reason`. All calls are refused
        from then on.
        """
        if self.ended is None:
            self.ended = self.absence = reason
            self._absent.set()
            self._tell()

    def close(self) -> None:
        """Close the clients that `read` and `write` use, and stop asking the server. Calls that wait for an answer end with an
        error.
        """
        with self._opening:
            self._is_closed = True
        for task in (self._probing, self._checking):
            if task is not None:
                task.cancel()
        self._close_clients()

    def _close_clients(self) -> None:
        """Close the clients that `read` and `write` use. Their next calls open new ones. Blocks for a moment."""
        with self._opening:
            clients = list(self._clients.values())
            self._clients.clear()
        for client in clients:
            client.close()

    def open_client(self, on_notice: Callable[[Notice], None]) -> Client:
        """Open a client of this notebook in addition to those that `read` and `write` use. The caller must close it. For
        `on_notice` see `Client`.
        """
        return self._open_client(on_notice)

    async def _call(self, threads: WorkerThreads, purpose: Purpose, work: Callable[[Client], T]) -> T:
        """Call `work` in one of `threads` with the client for `purpose`, as `read` and `write` do.

        If the call takes long, ask meanwhile whether the server answers, and give the call up if it does not.
        """
        if self.absence is not None:
            raise unavailable(self.absence)

        def checked() -> T:
            _begun_at.set(time.monotonic())
            client = self._client(purpose)
            self.check_key(client)  # the notebook may have been sealed after the last check
            return work(client)

        call = asyncio.ensure_future(threads.run(checked))
        try:
            await asyncio.wait({call}, timeout=SUSPICION_SECONDS)
            if not call.done():
                self.suspect()
                await self._wait_unless_absent(call)
            return call.result()
        except UdpnoteError as error:
            if isinstance(error, ServerNotFound | KeyMissing | StorageError):
                self.suspect()
            self.record_error(error)
            raise refusal_for(error) from error
        finally:
            call.cancel()

    async def _wait_unless_absent(self, call: "asyncio.Future[T]") -> None:
        """Wait for the end of `call`. Raises a `Refusal` as soon as the server is found silent, and if `call` takes longer than
        `CALL_SECONDS_MAX`.
        """
        absence = asyncio.ensure_future(self._absent.wait())
        either: set[asyncio.Future[Any]] = {call, absence}
        try:
            await asyncio.wait(either, timeout=CALL_SECONDS_MAX, return_when=asyncio.FIRST_COMPLETED)
        finally:
            absence.cancel()
        if not call.done():
            raise unavailable(self.absence or Notice("page_busy"))

    async def _probe(self) -> None:
        """Ask the server until it answers, with growing pauses. Open new clients if the user's outbox cannot be used, because
        somebody may have put another file in its place.
        """
        pause = 1.0
        try:
            while self.ended is None:
                status = await self._ask_in_background()
                self._record_status(status)
                if status.failure is None:
                    break
                await asyncio.sleep(pause)
                if isinstance(status.failure, StorageError):
                    await asyncio.to_thread(self._close_clients)
                pause = min(2 * pause, PROBE_PAUSE_SECONDS_MAX)
        except ClientClosed:
            pass
        finally:
            self._probing = None

    def _record_failure(self, error: UdpnoteError) -> None:
        self.record_error(error)
        if self.ended is None and self.absence != error.notice:
            self.absence = error.notice
            self._absent.set()
            self._tell()
        self.suspect()

    def record_error(self, error: UdpnoteError) -> None:
        """Act on `error` if it will last: call `end` if the notebook has a newer key than the browser gave, and report an error
        about which the person who runs the page must do something.
        """
        if self._has_key and isinstance(error, OldKey):
            self.end(error.notice)
        else:
            self._troubles.report(error)

    def _tell(self) -> None:
        for each in list(self.on_change):
            each()

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
    """End the present call of a `PageNotebook` by a `Refusal` if it has taken `INDEXING_SECONDS`. Outside of such a call, do
    nothing.

    This is the `on_indexing` of the page's clients: they call it in the call's thread while the search index has only the
    entries up to the number `indexed` of those up to `last`.
    """
    if time.monotonic() - _begun_at.get() >= INDEXING_SECONDS:
        raise unavailable(Notice("page_index_being_built", percent=100 * indexed // max(last, 1)))
