"""Connections over HTTPS: bounded before TLS begins, and forgotten however they end."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial, wraps
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState

from tests.support.processes import DEADLINE_SECONDS
from udpnote.machine.clock import wall_microseconds
from udpnote.page.connections import open_connections
from udpnote.page.https import Https
from udpnote.page.tls_connections import TLS_CONNECTIONS_MAX, TlsConnection


class Site:
    """A server over HTTPS that answers with the scheme of a request."""

    def __init__(self, folder: Path) -> None:
        secure = Https(str(folder), host="pc", allowed=[], own_addresses=lambda: ["127.0.0.1"], now=wall_microseconds)
        self.tls = secure.tls.context
        self.trusting = ssl.create_default_context(cadata=secure.authority.pem.decode())
        self.port = 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        config = Config(self._answer, interface="asgi3", log_config=None, lifespan="off")
        config.load()
        made = partial(TlsConnection, config, ServerState(), {}, tls=self.tls)
        server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()

    async def connect(self, tls: ssl.SSLContext | None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=tls)

    async def ask(self) -> str:
        """The body of the answer to a request."""
        reader, writer = await self.connect(self.trusting)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        return answer.partition(b"\r\n\r\n")[2].decode()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(Request(scope).url.scheme)(scope, receive, send)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def served(test: Callable[[Site], Coroutine[None, None, None]]) -> Callable[[Site], None]:
    """The test, run while the site is served; at its end each connection must have been forgotten."""

    async def run(site: Site) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS), site.serving():
            await test(site)
            while open_connections():
                await asyncio.sleep(0.01)

    @wraps(test)
    def whole(site: Site) -> None:
        asyncio.run(run(site))

    return whole


@served
async def test_a_request_over_tls_is_answered(site: Site) -> None:
    assert await site.ask() == "https"


@served
async def test_connections_on_which_tls_does_not_begin_are_counted_and_too_many_are_cut_off(site: Site) -> None:
    idle = [await site.connect(None) for _ in range(TLS_CONNECTIONS_MAX)]
    while open_connections() < TLS_CONNECTIONS_MAX:
        await asyncio.sleep(0.01)
    with pytest.raises(OSError):  # noqa: PT011 - reset or closed, as the system likes
        await site.ask()
    for _, writer in idle:
        writer.close()
    while open_connections():
        await asyncio.sleep(0.01)
    assert await site.ask() == "https"


@served
async def test_a_browser_without_the_certificate_is_forgotten(site: Site) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        await site.connect(ssl.create_default_context())


@served
async def test_a_browser_that_speaks_no_tls_is_told_to_in_its_language(site: Site) -> None:
    for language, words in (("zh-CN,en;q=0.5", "开头"), ("\xff", "begins")):
        reader, writer = await site.connect(None)
        writer.write(f"GET / HTTP/1.1\r\nHost: localhost\r\nAccept-Language: {language}\r\n\r\n".encode())
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
        assert (head.split()[1], words in body, "https://" in body) == ("400", True, True)
        writer.close()
    assert await site.ask() == "https"


@served
async def test_noise_and_connections_that_end_at_once_are_forgotten(site: Site) -> None:
    for noise in (b"", b"\0", b"\x16\x03\x01", b"\x16" * 5000, b"x" * 100_000):
        _, writer = await site.connect(None)
        writer.write(noise)
        writer.close()
    assert await site.ask() == "https"
