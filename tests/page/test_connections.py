"""Connections: who sends slowly, does not read, or opens too many is cut off."""

import asyncio
from collections.abc import Callable

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from uvicorn.server import ServerState

from udpnote.page.connections import (
    CONNECTIONS_PER_ADDRESS_MAX,
    REQUEST_SECONDS,
    UNREAD_SECONDS,
    BoundedConnection,
    open_connections,
)

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Transport(asyncio.Transport):
    """A connection from a host, and whether it was cut off."""

    def __init__(self, host: str) -> None:
        super().__init__({"peername": (host, 50_000), "sockname": ("192.0.2.7", 6680)})
        self.is_cut_off = False

    def abort(self) -> None:
        self.is_cut_off = True

    def write(self, data: bytes) -> None: ...  # type: ignore[override]

    def is_closing(self) -> bool:
        return self.is_cut_off

    def close(self) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Timers(asyncio.SelectorEventLoop):
    """A loop that keeps the callbacks of timers, which the test calls."""

    def __init__(self) -> None:
        super().__init__()
        self.timers: list[tuple[float, asyncio.TimerHandle]] = []

    def call_later(self, delay: float, callback: Callable[..., object], *args: object, **_: object) -> asyncio.TimerHandle:
        handle = super().call_later(1e6, callback, *args)
        self.timers.append((delay, handle))
        return handle

    def expire(self, seconds: float) -> None:
        """Let all timers of so many seconds expire that were not cancelled."""
        due, self.timers = (
            [each for each in self.timers if each[0] == seconds],
            [each for each in self.timers if each[0] != seconds],
        )
        for _, handle in due:
            if not handle.cancelled():
                handle._run()


@pytest.fixture
def connect() -> object:
    """A function that opens a connection from a host."""
    loop = Timers()
    opened: list[tuple[BoundedConnection, Transport]] = []
    config = uvicorn.Config(PlainTextResponse("x" * 1000), log_config=None, lifespan="off", http=BoundedConnection)
    state = ServerState()

    def open_one(host: str = "192.0.2.9") -> tuple[BoundedConnection, Transport, Timers]:
        connection, transport = BoundedConnection(config, state, {}, loop), Transport(host)
        connection.connection_made(transport)
        opened.append((connection, transport))
        return connection, transport, loop

    yield open_one
    for connection, _ in opened:
        connection.connection_lost(ConnectionResetError())
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert open_connections() == 0


Connect = Callable[..., tuple[BoundedConnection, Transport, Timers]]


def test_a_request_must_arrive_soon_also_a_later_one(connect: Connect) -> None:
    for beginning in (b"", b"GET / HT"):
        connection, transport, loop = connect()
        if beginning:
            connection.data_received(beginning)
        loop.expire(REQUEST_SECONDS)
        assert transport.is_cut_off
    connection, transport, loop = connect()
    connection.data_received(REQUEST[:9])
    connection.data_received(REQUEST[9:])
    loop.expire(REQUEST_SECONDS)
    assert not transport.is_cut_off
    loop.run_until_complete(asyncio.gather(*asyncio.all_tasks(loop)))
    connection.data_received(b"GET /late")
    loop.expire(REQUEST_SECONDS)
    assert transport.is_cut_off


def test_a_browser_that_does_not_read_is_cut_off(connect: Connect) -> None:
    connection, transport, loop = connect()
    connection.data_received(REQUEST)
    connection.pause_writing()
    connection.resume_writing()
    loop.expire(UNREAD_SECONDS)
    assert not transport.is_cut_off
    connection.pause_writing()
    loop.expire(UNREAD_SECONDS)
    assert transport.is_cut_off


def test_neither_of_sending_and_reading_gives_more_time_for_the_other(connect: Connect) -> None:
    connection, transport, loop = connect()
    connection.data_received(REQUEST)
    loop.run_until_complete(asyncio.gather(*asyncio.all_tasks(loop)))
    connection.pause_writing()
    connection.data_received(REQUEST[:9])
    connection.data_received(REQUEST[9:])
    loop.expire(UNREAD_SECONDS)
    assert transport.is_cut_off
    connection, transport, loop = connect()
    connection.data_received(REQUEST[:9])
    connection.pause_writing()
    connection.resume_writing()
    loop.expire(REQUEST_SECONDS)
    assert transport.is_cut_off


def test_one_host_cannot_take_all_connections(connect: Connect) -> None:
    crowd = [connect("192.0.2.9")[1] for _ in range(CONNECTIONS_PER_ADDRESS_MAX + 1)]
    assert [each.is_cut_off for each in crowd] == [False] * CONNECTIONS_PER_ADDRESS_MAX + [True]
    assert not connect("192.0.2.10")[1].is_cut_off
