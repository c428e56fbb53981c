"""Limits the length of a request's line and headers, and makes the answer to requests that are not valid."""

import re

import h11

from udpnote.errors import Notice
from udpnote.page.access import language_of
from udpnote.text.language import speaking

HEADER_BYTES_MAX = 16_384
"""The most bytes of a request line and its headers. Requests of browsers have about a thousand."""


class BoundedHeads(h11.Connection):
    """h11's server side of a connection. It refuses requests whose line and headers have more than `HEADER_BYTES_MAX` bytes.

    h11 itself accepts any length if the line and headers arrive as a whole. `head` is the beginning of the latest request.
    `is_too_long` says whether that request was refused for its length.
    """

    def __init__(self) -> None:
        super().__init__(h11.SERVER, max_incomplete_event_size=HEADER_BYTES_MAX)
        self.head, self.is_too_long = b"", False

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """Return the next event, as h11 does. Raises `h11.RemoteProtocolError` if the request is too long or malformed."""
        if self.their_state is not h11.IDLE:
            return super().next_event()
        received, _ = self.trailing_data
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
    """Return the body and the headers of an answer that has the sentence of `notice` as plain text. The connection ends after
    it.

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
