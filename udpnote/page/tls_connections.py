"""The connections of browsers over HTTPS. They are counted before TLS begins, and TLS must begin soon.

A server of asyncio that does TLS by itself reports a connection only after its handshake, for which it waits a minute. Until
then any number of connections could each take the buffers of TLS.
"""

import asyncio
from contextlib import suppress
from ssl import SSLContext
from typing import Any

from uvicorn.config import Config
from uvicorn.server import ServerState

from udpnote.page.connections import REQUEST_SECONDS, BoundedConnection

TLS_CONNECTIONS_MAX = 200
"""How many connections there may be for one more to be accepted over TLS: 64 streams, and two more for each of their browsers.

asyncio has 256 KiB of buffers for each connection, together 50 MiB."""


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
        """Count the connection, and begin TLS."""
        if not self.is_admitted(transport, TLS_CONNECTIONS_MAX):
            transport.abort()
            return
        transport.pause_reading()  # what arrives now is for TLS
        self._handshake = self.loop.create_task(self._begin(transport))

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection, perhaps before TLS has begun."""
        if self._has_begun:
            super().connection_lost(exc)
        else:
            self.forget()

    def data_received(self, data: bytes) -> None:
        """Take a part of a request. If it arrives together with the end of the handshake, it waits for `connection_made`."""
        if self._has_begun:
            super().data_received(data)
        else:
            self._early += data

    async def _begin(self, transport: asyncio.Transport) -> None:
        opened = None
        with suppress(
            OSError
        ):  # the browser does not trust the certificate, speaks no TLS, or has gone; ssl's errors are OSErrors
            opened = await self.loop.start_tls(
                transport, self, self._tls, server_side=True, ssl_handshake_timeout=REQUEST_SECONDS
            )
        if opened is None or opened.is_closing():
            self.forget()
        else:
            self._has_begun = True
            super().connection_made(opened)
            if self._early:
                super().data_received(self._early)
                self._early = b""
