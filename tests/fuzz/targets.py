"""The targets: functions of bytes that raise for no bytes at all, unless a promise is broken.

A new one is a function, its seeds, and a line in `TARGETS`.
"""

from collections.abc import Callable
from typing import NamedTuple

from tests.golden import GOLDEN, golden, sealed
from udpnote.errors import BadDatagram
from udpnote.protocol.messages import Append
from udpnote.protocol.wire import DATAGRAM_BYTES_MAX, decode, encode, encode_append

Check = Callable[[bytes], None]

INPUT_BYTES_MAX = DATAGRAM_BYTES_MAX
"""Of a longer one, a decoder sees no more than that it is too long."""

CHECK_BYTES = 4


class Target(NamedTuple):
    """What is fuzzed, and the inputs to begin with."""

    check: Check
    seeds: tuple[bytes, ...]


def check_message(body: bytes) -> None:
    """Under the right check, `body` is refused as a `BadDatagram`, or it is the datagram of the message it is decoded to."""
    datagram = sealed(body)
    try:
        message = decode(datagram)
    except BadDatagram:
        return
    if isinstance(message, Append):  # the one message that may be padded to any length
        assert encode_append(message, padded_bytes=len(datagram)) == datagram, message
    else:
        assert encode(message) == datagram, message


TARGETS = {"message": Target(check_message, tuple(golden(name)[:-CHECK_BYTES] for name in GOLDEN))}
