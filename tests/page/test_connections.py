"""A connection is cut off if its host sends slowly, does not read, or has too many others."""

import asyncio
import re
from collections.abc import Callable

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from uvicorn.server import ServerState

from udpnote.page.connections import (
    CONNECTIONS_PER_HOST_MAX,
    LAST_SECONDS,
    REQUEST_SECONDS,
    UNREAD_SECONDS,
    BoundedConnection,
    open_connections,
)
from udpnote.page.requests import HEADER_BYTES_MAX

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Transport(asyncio.Transport):
    """A connection from a host, and whether it was cut off."""

    def __init__(self, host: str) -> None:
        super().__init__({"peername": (host, 50_000), "sockname": ("192.0.2.7", 6680)})
        self.is_cut_off = False
        self.answer = b""

    def abort(self) -> None:
        self.is_cut_off = True

    def write(self, data: bytes) -> None:  # type: ignore[override]
        self.answer += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None: ...

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
        """Let all timers of `seconds` expire that were not cancelled."""
        due, self.timers = (
            [each for each in self.timers if each[0] == seconds],
            [each for each in self.timers if each[0] != seconds],
        )
        for _, handle in due:
            if not handle.cancelled():
                handle._run()

    def run_tasks(self) -> None:
        """Run the tasks that there are, to their end."""
        if tasks := asyncio.all_tasks(self):
            self.run_until_complete(asyncio.wait(tasks))


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


def test_the_first_and_each_later_request_must_arrive_soon(connect: Connect) -> None:
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
    loop.run_tasks()
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


def test_sending_gives_no_more_time_to_read_and_reading_none_to_send(connect: Connect) -> None:
    connection, transport, loop = connect()
    connection.data_received(REQUEST)
    loop.run_tasks()
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


def request(head_bytes: int, body: bytes) -> bytes:
    """A request whose line and headers have this many bytes."""
    start = REQUEST.removesuffix(b"\r\n") + b"Content-Length: %d\r\nX: " % len(body)
    return (start + b"a" * (head_bytes - len(start) - 4) + b"\r\n\r\n") + body


@pytest.mark.parametrize("before", [b"", REQUEST], ids=["first", "pipelined"])
@pytest.mark.parametrize("size", [1000, 10**6], ids=["many writes", "one write"])
@pytest.mark.parametrize(
    ("head_bytes", "body", "status"),
    [
        (HEADER_BYTES_MAX, b"", b"200"),
        (1000, b"b" * 100_000, b"200"),
        (HEADER_BYTES_MAX + 1, b"", b"431"),
        (100_000, b"", b"431"),
    ],
)
def test_a_request_line_and_headers_are_bounded_however_they_arrive(
    connect: Connect, before: bytes, size: int, head_bytes: int, body: bytes, status: bytes
) -> None:
    connection, transport, loop = connect()
    sent = before + request(head_bytes, body)
    for start in range(0, len(sent), size):
        connection.data_received(sent[start : start + size])
        loop.run_tasks()
    statuses = re.findall(rb"HTTP/1.1 (\d+)", transport.answer)
    assert statuses == [b"200"] * bool(before) + [status]
    loop.expire(LAST_SECONDS)
    assert transport.is_cut_off == (status == b"431")


def test_an_invalid_request_is_answered_once_and_in_the_language_of_its_reader(connect: Connect) -> None:
    connection, transport, loop = connect()
    connection.data_received(b"GET / HTTP/1.1\r\nAccept-Language: zh-CN\r\nno header\r\n\r\n")
    connection.data_received(REQUEST)
    assert transport.answer.startswith(b"HTTP/1.1 400 ")
    assert (transport.answer.count(b"HTTP/1.1"), "浏览器" in transport.answer.decode()) == (1, True)
    connection, transport, loop = connect()
    connection.data_received(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
    loop.run_tasks()
    connection.data_received(b"no chunk\r\n")
    assert (transport.answer.count(b"HTTP/1.1"), transport.is_cut_off) == (1, True), "the invalid chunk came after the answer"


@pytest.mark.parametrize(("host", "other"), [("192.0.2.9", "192.0.2.10"), ("2001:db8::{:x}", "2001:db8:1::1")])
def test_one_host_cannot_take_all_connections(connect: Connect, host: str, other: str) -> None:
    crowd = [connect(host.format(number))[1] for number in range(CONNECTIONS_PER_HOST_MAX + 1)]
    assert [each.is_cut_off for each in crowd] == [False] * CONNECTIONS_PER_HOST_MAX + [True]
    assert not connect(other)[1].is_cut_off
