"""The targets: functions of bytes that raise for no bytes at all, unless a promise is broken.

A new one is a function, its seeds, and a line in `TARGETS`.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from tests.support.golden import GOLDEN, golden
from udpnote.errors import BadDatagram
from udpnote.protocol.codec import encode, parse
from udpnote.protocol.envelope import BODY_BYTES_MAX, DATAGRAM_BYTES_MAX, OPEN
from udpnote.protocol.messages import Append, Page
from udpnote.protocol.sealed_envelope import SALT_BYTES, client_envelope, server_envelope

Check = Callable[[bytes], None]

INPUT_BYTES_MAX = DATAGRAM_BYTES_MAX
"""Of a longer one, nobody sees more than that it is too long."""

CHECK_BYTES = 4
KEY = bytes(range(16))

_client = client_envelope(KEY, lambda count: bytes(count))
_server = server_envelope(KEY, lambda count: bytes(count))
BODIES = tuple(golden(name)[:-CHECK_BYTES] for name in GOLDEN)
GENUINE = {_client.seal(body): body for body in BODIES}
"""What a client has sealed, always with the same salt, so that a fuzzer can come by."""


class Target(NamedTuple):
    """What is fuzzed, and the inputs to begin with."""

    check: Check
    seeds: tuple[bytes, ...]


def check_message(body: bytes) -> None:
    """`body` is refused as a `BadDatagram`, or it is the body of the message that is read in it."""
    if not 4 <= len(body) <= BODY_BYTES_MAX or body[:3] != BODIES[0][:3]:
        return  # an envelope sees to that
    try:
        message = parse(body)
    except BadDatagram:
        return
    shortest = OPEN.unseal(encode(message))
    is_padded = isinstance(message, Append | Page)  # to any length
    assert (shortest.ljust(len(body), b"\0") if is_padded else shortest) == body, message


def check_envelope(data: bytes) -> None:
    """`data` opens in no envelope but those that have made it, and what it changes in a genuine datagram opens in none."""
    with suppress(BadDatagram):
        assert OPEN.seal(OPEN.unseal(data)) == data
    for datagram, body in ((data, GENUINE.get(data)), *_meddled_with(data)):
        try:
            opened = _server.unseal(datagram)
        except BadDatagram:
            assert body is None, "what is genuine was refused"
        else:
            assert opened == body, "what nobody has sealed was opened"
    try:
        _client.unseal(data)
    except BadDatagram:
        return
    raise AssertionError("what a client has sealed was opened as an answer")


def _meddled_with(data: bytes) -> list[tuple[bytes, bytes | None]]:
    """A genuine datagram with a part of it exchanged for `data`, and with all behind its salt exchanged."""
    if len(data) < 3:
        return []
    genuine = list(GENUINE)[data[0] % len(GENUINE)]
    position = int.from_bytes(data[1:3]) % len(genuine)
    spliced = genuine[:position] + data[3:] + genuine[position + len(data) - 3 :]
    salted = genuine[: 4 + SALT_BYTES] + data
    return [(datagram, GENUINE.get(datagram)) for datagram in (spliced, salted)]


TARGETS = {"message": Target(check_message, BODIES), "envelope": Target(check_envelope, (*GENUINE, *map(OPEN.seal, BODIES)))}
