"""Answers requests at the page's sockets, until a signal ends the process."""

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from ssl import SSLContext
from typing import NamedTuple

import uvicorn
from starlette.types import ASGIApp

from udpnote.client.status import NotebookStatus
from udpnote.errors import SeveralNotebooks, WrongNotebook
from udpnote.lan.tcp_listener import TcpSocket
from udpnote.page.app import Page
from udpnote.page.connections import IDLE_SECONDS, BoundedConnection
from udpnote.page.tls import TlsConnection

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals that end the page's process."""

START_POLL_SECONDS = 0.01
"""The time between two checks whether the servers have started."""

DATE_SECONDS = 1.0
"""How old the date in the headers of an answer may be: as exact as HTTP writes it (RFC 9110, section 5.6.7)."""

END_SECONDS = 1
"""How long unfinished answers may take when the process ends. A browser sends again what was not confirmed."""


class Listener(NamedTuple):
    """An application, and the sockets at which it answers: over HTTPS with the context `tls`, or over HTTP if `tls` is None."""

    app: ASGIApp
    sockets: Sequence[TcpSocket]
    tls: SSLContext | None = None


OnStarted = Callable[[NotebookStatus], None]
"""Called once the page listens, with what is known of its notebook."""


def run_page(page: Page, listeners: Sequence[Listener], *, on_started: OnStarted) -> None:
    """Answer at all `listeners` until Ctrl-C, SIGTERM or SIGHUP. Then close `page`. `on_started` and the errors are those of
    `serve`.
    """

    async def run() -> None:
        ended = asyncio.Event()
        with _ending_at_signal(ended):
            await serve(page, listeners, ended, on_started=on_started)

    asyncio.run(run())


async def serve(page: Page, listeners: Sequence[Listener], ended: asyncio.Event, *, on_started: OnStarted) -> None:
    """Answer at all `listeners` until `ended` is set. Then close `page`.

    First ask the notebook's server for its status; it may be silent. Raises `SeveralNotebooks` or `WrongNotebook` if the user
    must say which notebook is meant, and the errors of `Client`. When the listeners are ready, `on_started` is called with the
    status.
    """
    servers = [_Server(_config(listener), ended) for listener in listeners]
    try:
        status = await page.base.server.check()
        if isinstance(status.failure, SeveralNotebooks | WrongNotebook):
            raise status.failure
        runs = [
            asyncio.create_task(server.serve(list(listener.sockets)))
            for server, listener in zip(servers, listeners, strict=True)
        ]
        while not all(server.started for server in servers):
            await asyncio.sleep(START_POLL_SECONDS)
        on_started(status)
        await ended.wait()
        with _without_log():
            await page.close()  # ends the streams, for which the servers would wait
            await asyncio.gather(*runs)
    finally:
        await page.close()


class _Server(uvicorn.Server):
    """A server of uvicorn that serves until `ended` is set.

    It handles no signals, because this module handles them for all servers of the process.
    """

    def __init__(self, config: uvicorn.Config, ended: asyncio.Event) -> None:
        super().__init__(config)
        self._ended = ended

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        """Wait until `ended` is set, and renew the date in the headers of answers once a second. uvicorn's own loop would wake
        ten times a second, even if nobody sends a request.
        """
        while not self._ended.is_set():
            await self.on_tick(0)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), DATE_SECONDS)

    async def shutdown(self, sockets: list[TcpSocket] | None = None) -> None:
        """End all connections. uvicorn calls this after `main_loop`."""
        await super().shutdown(sockets)
        # uvicorn has cancelled these tasks, but has not waited for their ends.
        if cut_off := list(self.server_state.tasks):
            await asyncio.wait(cut_off, timeout=END_SECONDS)


@contextmanager
def _without_log() -> Iterator[None]:
    """Let uvicorn log nothing in the block, while all servers of the process end. It would report the answers that it cuts off,
    but browsers know what was not confirmed to them.
    """
    logger = logging.getLogger("uvicorn.error")
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = False


def _is_fault(record: logging.LogRecord) -> bool:
    """Return whether a log record of uvicorn reports a fault. An incomplete answer is not a fault: `EndingStream` cuts it off
    on purpose.
    """
    return record.msg != "ASGI callable returned without completing response."


def _config(listener: Listener) -> uvicorn.Config:
    config = uvicorn.Config(
        listener.app,
        http=BoundedConnection,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",  # warnings are about malformed requests, with which anybody could fill the log
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=END_SECONDS,
    )
    config.load()
    logging.getLogger("uvicorn.error").addFilter(_is_fault)
    if listener.tls is not None:
        config.http_protocol_class = partial(TlsConnection, tls=listener.tls)  # type: ignore[assignment]
    return config


@contextmanager
def _ending_at_signal(ended: asyncio.Event) -> Iterator[None]:
    """In the block, let each of `SIGNALS` set `ended`. A signal that this process ignores, as nohup(1) arranges it, stays
    ignored.
    """
    loop = asyncio.get_running_loop()
    caught = [each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
    for each in caught:
        loop.add_signal_handler(each, ended.set)
    try:
        yield
    finally:
        for each in caught:
            loop.remove_signal_handler(each)
