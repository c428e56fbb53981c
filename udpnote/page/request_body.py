"""Reads the body of a request, with limits on its length, on its time, and on the memory for all bodies together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect, Request

from udpnote.errors import Notice
from udpnote.page.responses import Refusal, unavailable

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
    """Read the body of `request`. The block gets it. Until the end of the block, room for its bytes is reserved in `room`.

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
    """Append the body of `request` to `body`, and reserve room for its bytes in `room`. Raises the refusals of `body_of`."""
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
