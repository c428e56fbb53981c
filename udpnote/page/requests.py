"""Limits requests: the length of the request line and headers, and the length, time and memory of bodies.

Also makes the answer to requests that are not valid.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import h11
from starlette.requests import ClientDisconnect, Request

from udpnote.errors import Notice
from udpnote.page.access import language_of
from udpnote.page.responses import Refusal, unavailable
from udpnote.text.language import speaking

BODY_SECONDS_MAX = 30.0
"""How long a body may take to arrive: long enough for 6 MiB over a bad wireless LAN."""


class BodyRoom:
    """Limits the memory for the bodies that are read at the same time: they get at most `bytes_max` bytes together."""

    def __init__(self, bytes_max: int) -> None:
        self._free = bytes_max

    def take(self, amount: int) -> None:
        """Reserve room for `amount` bytes of a body. If too few are free, raise a `Refusal` that asks the browser to try
        again.
        """
        if amount > self._free:
            raise unavailable(Notice("page_busy"))
        self._free -= amount

    def give_back(self, amount: int) -> None:
        """Free the room for `amount` bytes that `take` has reserved."""
        self._free += amount


@asynccontextmanager
async def body_of(request: Request, bytes_max: int, room: BodyRoom, *, too_long: Notice) -> AsyncIterator[bytes]:
    """Read the body of `request`, and give it to the block. Until the end of the block, room for its bytes is reserved in
    `room`.

    Raises a `Refusal` if the body takes too long to arrive, is cut off, or finds too little room in `room`. If it is longer
    than `bytes_max` bytes, the notice of the `Refusal` is `too_long`.
    """
    body = bytearray()
    try:
        await _read(request, bytes_max, room, body, Refusal(413, too_long, {"Connection": "close"}))
        yield bytes(body)
    finally:
        room.give_back(len(body))


async def _read(request: Request, bytes_max: int, room: BodyRoom, body: bytearray, too_long: Refusal) -> None:
    """Append the body of `request` to `body`, and reserve room for its bytes in `room`. Raises the refusals of `body_of`.

    The one for a body of more than `bytes_max` bytes is `too_long`.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and len(length) < 20 and int(length) > bytes_max:
        raise too_long
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            async for piece in request.stream():
                room.take(len(piece))
                body += piece
                if len(body) > bytes_max:
                    raise too_long
    except (TimeoutError, ClientDisconnect):
        raise Refusal(408, Notice("page_body_cut_off"), {"Connection": "close"}) from None


HEADER_BYTES_MAX = 16_384
"""The most bytes of a request line and its headers. Requests of browsers have about a thousand."""


class BoundedHeads(h11.Connection):
    """h11's server side of a connection. It refuses requests whose line and headers have more than `HEADER_BYTES_MAX` bytes.

    h11 itself accepts any length if the line and headers arrive as a whole. `head` has the first bytes of the latest request,
    at most `HEADER_BYTES_MAX`. `is_too_long` says whether that request was refused for its length.
    """

    def __init__(self) -> None:
        super().__init__(h11.SERVER, max_incomplete_event_size=HEADER_BYTES_MAX)
        self.head, self.is_too_long = b"", False

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """Return the next event, as h11 does. Raises `h11.RemoteProtocolError` if the request is too long or malformed."""
        if self.their_state is not h11.IDLE:
            return super().next_event()
        received, _ = self.trailing_data  # the bytes that h11 has not parsed yet
        self.head = received[:HEADER_BYTES_MAX]
        try:
            event = super().next_event()
        except h11.RemoteProtocolError:
            self.is_too_long = len(received) > HEADER_BYTES_MAX
            raise
        self.is_too_long = len(received) - len(self.trailing_data[0]) > HEADER_BYTES_MAX
        if self.is_too_long:
            raise h11.RemoteProtocolError("a request line and its headers are too long")
        return event


def plain_answer(notice: Notice, head: bytes) -> tuple[bytes, list[tuple[str, str]]]:
    """Return the body and the headers of an answer that has the sentence of `notice` as plain text. The headers say that the
    connection ends after it.

    `head` is the beginning of the request. The sentence is in the language that the request asks for (Accept-Language).
    """
    accepted = re.search(rb"(?i)\r\naccept-language: *([^\r\n]*)", head)
    with speaking(language_of(accepted[1].decode("latin-1") if accepted else "")):
        body = f"udpnote: {notice}\n".encode()
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("Connection", "close"),
    ]
    return body, headers
