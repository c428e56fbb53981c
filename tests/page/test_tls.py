"""Connections over HTTPS: bounded before TLS begins, and forgotten however they end."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
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
from udpnote.page.certificates import Authority, authority_in
from udpnote.page.connections import open_connections
from udpnote.page.https import Https
from udpnote.page.tls import CHECK_MICROSECONDS, TLS_CONNECTIONS_MAX, ServerTls, TlsConnection


class HttpsServer:
    """A server over HTTPS that answers each request with the scheme of the request's address, `https`."""

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
        listening = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
        self.port = listening.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            listening.close()

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
def server(tmp_path: Path) -> HttpsServer:
    return HttpsServer(tmp_path)


def served(test: Callable[[HttpsServer], Coroutine[None, None, None]]) -> Callable[[HttpsServer], None]:
    """Run `test` while the server serves. After `test`, the page must forget all connections."""

    async def run(server: HttpsServer) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS), server.serving():
            await test(server)
            while open_connections():
                await asyncio.sleep(0.01)

    @wraps(test)
    def whole(server: HttpsServer) -> None:
        asyncio.run(run(server))

    return whole


@served
async def test_connections_on_which_tls_does_not_begin_are_counted_and_too_many_are_cut_off(server: HttpsServer) -> None:
    idle = [await server.connect(None) for _ in range(TLS_CONNECTIONS_MAX)]
    while open_connections() < TLS_CONNECTIONS_MAX:
        await asyncio.sleep(0.01)
    with pytest.raises(OSError):  # noqa: PT011 - reset or closed, as the system likes
        await server.ask()
    for _, writer in idle:
        writer.close()
    while open_connections():
        await asyncio.sleep(0.01)
    assert await server.ask() == "https"


@served
async def test_the_connection_of_a_browser_that_trusts_no_certificate_is_forgotten(server: HttpsServer) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        await server.connect(ssl.create_default_context())


@served
async def test_a_browser_without_tls_is_told_the_https_address_in_its_language(server: HttpsServer) -> None:
    for language, words in (("zh-CN,en;q=0.5", "前面"), ("\xff", "Type")):
        reader, writer = await server.connect(None)
        writer.write(f"GET / HTTP/1.1\r\nHost: localhost\r\nAccept-Language: {language}\r\n\r\n".encode())
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
        assert (head.split()[1], words in body, "https://" in body) == ("400", True, True)
        writer.close()
    assert await server.ask() == "https"


@served
async def test_noise_and_connections_that_end_at_once_are_forgotten(server: HttpsServer) -> None:
    for noise in (b"", b"\0", b"\x16\x03\x01", b"\x16" * 5000, b"x" * 100_000):
        _, writer = await server.connect(None)
        writer.write(noise)
        writer.close()
    assert await server.ask() == "https"


NAMES = ["localhost", "pc.local"]
DAY = 86_400_000_000


class Host:
    """A host whose addresses and clock change, with TLS."""

    def __init__(self, folder: Path) -> None:
        self.now = wall_microseconds()
        self.addresses = ["127.0.0.1"]
        self.folder = folder
        self.authority: Authority = authority_in(str(folder / "authority.pem"), host="pc", names=NAMES, now=self.now)
        self.tls = ServerTls(
            self.authority,
            str(folder / "server.pem"),
            names=NAMES,
            own_addresses=lambda: self.addresses,
            now=lambda: self.now,
        )

    def connect(self, name: str) -> str:
        """Connect as a browser that has opened `https://name`; the certificate's serial number, or why it is not trusted."""
        client = ssl.create_default_context(cadata=self.authority.pem.decode())
        client.verify_flags |= ssl.VERIFY_X509_STRICT
        with self._answering() as own, client.wrap_socket(own, server_hostname=name, do_handshake_on_connect=False) as tls:
            try:
                tls.do_handshake()
            except ssl.SSLCertVerificationError as error:
                return error.verify_message
            found = tls.getpeercert()
        assert found is not None
        return str(found["serialNumber"])

    @contextmanager
    def _answering(self) -> Iterator[socket.socket]:
        own, other = socket.socketpair()

        def answer() -> None:
            try:
                self.tls.context.wrap_socket(other, server_side=True).close()
            except OSError:
                other.close()  # the browser has refused the certificate

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield own
        finally:
            own.close()
            thread.join(10)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_one_certificate_serves_all_names_and_addresses_of_the_host(host: Host) -> None:
    assert len({host.connect(name) for name in ("localhost", "pc.local", "127.0.0.1")}) == 1
    assert "mismatch" in host.connect("example.org")
    assert [each.name for each in host.folder.iterdir()] == ["authority.pem"], "no key of a server stays on the disk"


def test_a_host_with_a_new_address_shows_a_certificate_with_it_to_the_next_browser(host: Host) -> None:
    before = host.connect("127.0.0.1")
    host.addresses = ["127.0.0.1", "192.168.0.7", "8.8.8.8"]
    assert "mismatch" in host.connect("192.168.0.7"), "addresses are looked up only now and then"
    host.now += CHECK_MICROSECONDS
    new = host.connect("192.168.0.7")
    assert new == host.connect("127.0.0.1") != before
    host.now += CHECK_MICROSECONDS
    assert host.connect("192.168.0.7") == new, "a public address, which no certificate can have, makes none"


@pytest.mark.parametrize(("days", "is_new"), [(1, False), (359, False), (361, True), (-6, False), (-8, True)])
def test_a_certificate_is_renewed_before_its_end_and_if_the_clock_is_set_back(host: Host, days: int, is_new: bool) -> None:
    before = host.connect("127.0.0.1")
    host.now += days * DAY
    after = host.connect("127.0.0.1")
    assert (after != before) is is_new


def test_while_no_new_certificate_can_be_made_browsers_get_the_old_one(host: Host) -> None:
    before = host.connect("127.0.0.1")
    host.folder.rename(host.folder.with_name("away"))
    host.addresses.append("192.168.0.7")
    host.now += CHECK_MICROSECONDS
    assert host.connect("127.0.0.1") == before
