"""TLS of the page's server: its certificate, and the connections of browsers over HTTPS.

The certificate has the addresses that this host has when a browser connects. Connections are counted before TLS begins, and TLS
must begin soon. A server of asyncio that does TLS itself reports a connection only after the handshake, for which it waits up
to a minute. Until then, any number of connections could each take the buffers of TLS.
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from ssl import SSLContext
from typing import Any

from uvicorn.config import Config
from uvicorn.server import ServerState

from udpnote.errors import Notice, StorageError
from udpnote.lan.tcp_listener import peek_byte
from udpnote.page.certificates import Authority, ServerCertificate, covered_subjects, server_certificate
from udpnote.page.connections import REQUEST_SECONDS, BoundedConnection
from udpnote.page.requests import HEADER_BYTES_MAX, plain_answer
from udpnote.storage.disk_errors import storage_errors
from udpnote.storage.new_files import draft_of

CHECK_MICROSECONDS = 1_000_000
"""This host's addresses are read at most once in this time, because a browser opens several connections at once."""


class ServerTls:
    """TLS for a server. Its certificate has those of this host's `names` and addresses that `authority` permits.

    `own_addresses` returns this host's addresses, and `now` the time in microseconds since 1970 UTC. Both are called when a
    browser connects. If the certificate then lacks an address or is due for renewal, a new one is made for this and all later
    connections.

    OpenSSL can load a certificate and its key only from a file. So both are for a moment in a file beside `path`, which only
    this user can read. The constructor raises `StorageError` if that file cannot be made.
    """

    def __init__(
        self,
        authority: Authority,
        path: str,
        *,
        names: Sequence[str],
        own_addresses: Callable[[], Sequence[str]],
        now: Callable[[], int],
    ) -> None:
        self._authority, self._path, self._names = authority, path, names
        self._own_addresses, self._now = own_addresses, now
        self._checked_at = now()
        self._certificate = self._new_certificate()
        self._current = self._context_with(self._certificate)
        self.context = self._current
        """The context for the server's sockets. In each new connection, the current context takes its place."""

    def _choose(self, connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Give the new `connection` the context with the current certificate. If that certificate is outdated, renew it first;
        this is checked at most once in `CHECK_MICROSECONDS`.

        OpenSSL calls this for each new connection, even if the browser names no host.
        """
        now = self._now()
        if abs(now - self._checked_at) >= CHECK_MICROSECONDS:
            self._checked_at = now
            if not self._is_current(now):
                self._renew()
        connection.context = self._current

    def _renew(self) -> None:
        certificate = self._new_certificate()
        with suppress(StorageError):  # the disk is full: browsers get the old certificate until it has space
            self._current = self._context_with(certificate)
            self._certificate = certificate

    def _is_current(self, now: int) -> bool:
        """Return whether the certificate has all names and addresses that a new one would have now, and need not be renewed
        yet.

        `now` is the time in microseconds since 1970 UTC.
        """
        certificate = self._certificate
        names, addresses = covered_subjects(self._authority, names=self._names, addresses=self._own_addresses())
        return certificate.subjects.issuperset(names + addresses) and certificate.valid_from <= now < certificate.renewed_at

    def _new_certificate(self) -> ServerCertificate:
        return server_certificate(self._authority, names=self._names, addresses=self._own_addresses(), now=self._now())

    def _context_with(self, certificate: ServerCertificate) -> ssl.SSLContext:
        """Return a new context with `certificate`. It calls `_choose` for each connection."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        context.sni_callback = self._choose
        with storage_errors(self._path), draft_of(self._path) as (descriptor, draft):
            with open(descriptor, "wb", closefd=False) as file:
                file.write(certificate.pem)
            context.load_cert_chain(draft)
        return context


TLS_CONNECTIONS_MAX = 200
"""A connection over TLS is accepted if there are at most this many connections, itself included: 64 for streams of live events,
and two more for each of their browsers.

asyncio has 256 KiB of TLS buffers for each connection, together 50 MiB.
"""

HANDSHAKE = b"\x16"
"""The first byte of a connection over TLS: the type of a record of the handshake (RFC 8446, section 5.1)."""


class TlsConnection(BoundedConnection):
    """A `BoundedConnection` over TLS with the context `tls`."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        tls: SSLContext,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._tls = tls
        self._has_begun = False
        self._early = b""
        self._handshake: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection, and begin TLS. If there are too many connections, cut it off. asyncio calls this."""
        if not self.admit(transport, TLS_CONNECTIONS_MAX):
            transport.abort()
            return
        transport.pause_reading()  # what arrives now is for TLS
        self._handshake = self.loop.create_task(self._begin(transport))

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting the connection. asyncio calls this, perhaps before TLS has begun."""
        if self._has_begun:
            super().connection_lost(exc)
        else:
            self.forget()

    def data_received(self, data: bytes) -> None:
        """Take `data`, a part of a request. If it arrives together with the end of the handshake, keep it until TLS has begun.
        asyncio calls this.
        """
        if self._has_begun:
            super().data_received(data)
        else:
            self._early += data

    async def _begin(self, transport: asyncio.Transport) -> None:
        """Begin TLS as soon as the browser does. If the browser begins without TLS, tell it to use `https://`, and close the
        connection. If TLS fails, cut the connection off.
        """
        opened = None
        try:
            head = await self._plain_head(transport)
            if head is not None:
                transport.write(_answer_to(head))
                transport.close()
            else:
                opened = await self.loop.start_tls(
                    transport, self, self._tls, server_side=True, ssl_handshake_timeout=REQUEST_SECONDS
                )
        except OSError:  # ssl raises it, too: the browser does not trust the certificate, sends nothing, or has gone
            transport.abort()
        if opened is None or opened.is_closing():
            self.forget()
        else:
            self._has_begun = True
            super().connection_made(opened)
            if self._early:
                super().data_received(self._early)
                self._early = b""

    async def _plain_head(self, transport: asyncio.Transport) -> bytes | None:
        """Wait for the first byte from the browser. Return None if it begins TLS: then nothing is taken from the socket. If it
        does not, return what the browser has sent first.

        Raises `TimeoutError` if no byte comes within `REQUEST_SECONDS`, and `OSError` if the browser has gone.
        """
        with transport.get_extra_info("socket").dup() as duplicate:  # asyncio reads from the original one
            arrived = asyncio.Event()
            self.loop.add_reader(duplicate, arrived.set)
            try:
                async with asyncio.timeout(REQUEST_SECONDS):
                    await arrived.wait()
            finally:
                self.loop.remove_reader(duplicate)
            first = peek_byte(duplicate)
            if not first:
                raise ConnectionResetError
            return None if first == HANDSHAKE else bytes(duplicate.recv(HEADER_BYTES_MAX))


def _answer_to(head: bytes) -> bytes:
    """Return the answer to a request without TLS. `head` is the beginning of the request."""
    body, headers = plain_answer(Notice("page_speaks_https"), head)
    lines = ("HTTP/1.1 400 Bad Request", *(f"{name}: {value}" for name, value in headers), "", "")
    return "\r\n".join(lines).encode() + body
