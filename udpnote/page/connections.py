"""Limits on the connections of browsers: their number, how long requests may take to arrive, how slowly answers are read."""

import asyncio
from collections import Counter
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from udpnote.errors import Notice
from udpnote.model.address import is_loopback
from udpnote.page.rates import counted_host
from udpnote.page.requests import HEADER_BYTES_MAX, BoundedHeads, plain_answer

CONNECTIONS_MAX = 512
"""The most connections at a time. A browser opens one connection for its stream of live events, and up to six for its other
requests. There are at most 64 streams, so the browsers that have one need at most 448 connections.
"""

CONNECTIONS_PER_HOST_MAX = 64
"""The most connections of one host, so that no host can take them all. This machine itself may have more."""

REQUEST_SECONDS = 10.0
"""How long a request's line and headers may take to arrive. For the first request, the time begins with the connection; for a
later one, with its first byte.
"""

IDLE_SECONDS = 30
"""After how many seconds without a request a connection is closed."""

UNREAD_SECONDS = 20.0
"""How long a browser may leave more than 64 KiB of answers unread in this process. Then its connection is cut off."""

LAST_SECONDS = 2.0
"""How long the connection stays open after the answer to an invalid request. What the browser sends meanwhile is dropped.

If the connection were closed while data arrives, TCP could reset it, and the answer would be lost (RFC 9112, section 9.6).
"""

_counts: Counter[str] = Counter()


def open_connections() -> int:
    """The number of connections at present."""
    return _counts.total()


class BoundedConnection(H11Protocol):
    """A connection of a browser, with limits. It is cut off if there are too many connections, if no request comes, or if its
    browser does not read.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn = self._heads = BoundedHeads()
        self._is_ending = False
        self._host: str | None = None
        self._request_due: asyncio.TimerHandle | None = None
        self._reading_due: asyncio.TimerHandle | None = None
        self._waits_for_request = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection, and wait for its first request. If there are too many connections, cut it off. asyncio calls
        this.
        """
        super().connection_made(transport)
        if self.admit(transport):
            self._request_due = self._aborting_after(REQUEST_SECONDS)
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting the connection, and stop its timers. asyncio calls this."""
        self.forget()
        _cancel(self._request_due)
        _cancel(self._reading_due)
        super().connection_lost(exc)

    def admit(self, transport: asyncio.Transport, connections_max: int = CONNECTIONS_MAX) -> bool:
        """Count the connection until `forget` is called, and return whether there is room for it.

        There is no room if its host has too many connections now, or if there are more than `connections_max` in all. The
        caller then cuts the connection off.
        """
        if self._host is None:
            client, server = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
            self._host = counted_host(client[0], server[0]) if client and server else ""
            _counts[self._host] += 1
        is_crowd = _counts[self._host] > CONNECTIONS_PER_HOST_MAX and not is_loopback((self._host, 0))
        return not is_crowd and open_connections() <= connections_max

    def forget(self) -> None:
        """Stop counting the connection."""
        if self._host is not None:
            _counts[self._host] -= 1
            if not _counts[self._host]:
                del _counts[self._host]
            self._host = None

    def data_received(self, data: bytes) -> None:
        """Take `data`, a part of a request, unless the connection is about to end. asyncio calls this.

        The rest of the request's line and headers must come within `REQUEST_SECONDS`.
        """
        if not self._is_ending:
            super().data_received(data)
            self._time_request()

    def _time_request(self) -> None:
        """Stop the timer if the line and headers of a request have arrived. Start it if only a part of them has.

        If the connection is about to end, do nothing.
        """
        if self._is_ending:
            return
        has_request = self.cycle is not None and not self.cycle.response_complete
        if has_request and self._waits_for_request:
            _cancel(self._request_due)
        elif not has_request and not self._waits_for_request:
            self._request_due = self._aborting_after(REQUEST_SECONDS)
        self._waits_for_request = not has_request

    def send_400_response(self, _msg: str) -> None:
        """Answer a request that is not valid HTTP, and end the connection. uvicorn calls this. Its own sentence is ignored."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.abort()  # an answer to this request has begun already
            return
        if self.cycle is not None:  # the application waits for the rest of the request: tell it that the browser is gone
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        status, notice = HTTPStatus.BAD_REQUEST, Notice("page_request_invalid")
        if self._heads.is_too_long:
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            notice = Notice("page_head_too_long", bytes_max=HEADER_BYTES_MAX)
        body, headers = plain_answer(notice, self._heads.head)
        answer = h11.Response(status_code=status, reason=status.phrase.encode(), headers=headers)
        for event in (answer, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self._end_soon()

    def _end_soon(self) -> None:
        """End the connection when all that was written is sent. What still arrives is dropped."""
        self._is_ending = True
        self._unset_keepalive_if_required()
        _cancel(self._request_due)
        self._request_due = self._aborting_after(LAST_SECONDS)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()  # TLS in asyncio cannot end one direction alone

    def pause_writing(self) -> None:
        """Start a timer of `UNREAD_SECONDS`: if the browser does not read until then, it is cut off, even if it goes on
        sending. asyncio calls this when too much is unread.
        """
        super().pause_writing()
        self._reading_due = self._aborting_after(UNREAD_SECONDS)

    def resume_writing(self) -> None:
        """Stop the timer, because the browser has read. asyncio calls this."""
        super().resume_writing()
        _cancel(self._reading_due)

    def _aborting_after(self, seconds: float) -> asyncio.TimerHandle:
        """Start a timer that cuts the connection off after `seconds`. Return the timer, so that the caller can cancel it."""
        return self.loop.call_later(seconds, self.transport.abort)


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
