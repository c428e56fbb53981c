"""Reads the body of a request, with bounds on its length and on the time that it takes."""

import asyncio

from starlette.requests import ClientDisconnect, Request

from udpnote.errors import Notice
from udpnote.page.responses import Refusal

BODY_SECONDS_MAX = 30.0
"""How long a body may take to arrive: 2 MiB over a bad wireless LAN."""


async def read_body(request: Request, bytes_max: int) -> bytes:
    """The body of `request`. Raises a `Refusal` if it is longer than `bytes_max` bytes, takes too long, or is cut off."""
    too_long = Refusal(413, Notice("page_body_too_long", bytes_max=bytes_max), {"Connection": "close"})
    length = request.headers.get("content-length", "")
    if length.isdecimal() and len(length) < 20 and int(length) > bytes_max:
        raise too_long
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            async for piece in request.stream():
                body += piece
                if len(body) > bytes_max:
                    raise too_long
    except (TimeoutError, ClientDisconnect):
        raise Refusal(408, Notice("page_body_cut_off"), {"Connection": "close"}) from None
    return bytes(body)
