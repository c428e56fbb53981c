"""The targets of fuzzing: functions that take any bytes, and raise only if a promise is broken.

For a new target, write a function, and add it with its first inputs to `TARGETS`.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tests.support.golden import GOLDEN, KEY, golden
from udpnote.errors import BadDatagram
from udpnote.model.address import DATAGRAM_BYTES_MAX
from udpnote.protocol.codec.codec import encode, parse
from udpnote.protocol.envelope import BODY_BYTES_MAX, OPEN
from udpnote.protocol.messages import Append, Run
from udpnote.protocol.reading_messages import Page
from udpnote.protocol.sealed_envelope import SALT_BYTES, client_envelope, server_envelope

INPUT_BYTES_MAX = DATAGRAM_BYTES_MAX
"""The longest input. Longer ones would all be refused in the same way."""

INPUTS_MAX = 200
"""The most saved inputs of each target. The tests replay all of them."""

_client, _server = client_envelope(KEY, bytes), server_envelope(KEY, bytes)
BODIES = tuple(golden(name)[:-4] for name in GOLDEN)
GENUINE = {_client.wrap(body): body for body in BODIES}
"""Datagrams that a client has sealed, with their bodies. All have the same salt, so that a fuzzer can find similar ones."""


class Target(NamedTuple):
    """A function to fuzz, and the first inputs for it, `seeds`."""

    check: Callable[[bytes], None]
    seeds: tuple[bytes, ...]


def check_message(body: bytes) -> None:
    """Check that decoding `body` raises `BadDatagram`, or gives a message that encodes to `body` again."""
    if not 4 <= len(body) <= BODY_BYTES_MAX or body[:3] != BODIES[0][:3]:
        return  # an envelope refuses it before it is decoded
    try:
        message = parse(body)
    except BadDatagram:
        return
    shortest = OPEN.unwrap(encode(message))
    is_padded = isinstance(message, Append | Run | Page)  # may be padded to any length
    assert (shortest.ljust(len(body), b"\0") if is_padded else shortest) == body, message


def check_envelope(data: bytes) -> None:
    """Check that the server's sealed envelope opens only datagrams in `GENUINE`: tries `data`, and one changed with `data`.

    Also check that the open envelope wraps what it has unwrapped into the same bytes, and that a client's sealed envelope does
    not open requests.
    """
    with suppress(BadDatagram):
        assert OPEN.wrap(OPEN.unwrap(data)) == data
    for datagram, body in ((data, GENUINE.get(data)), *_changed_by(data)):
        try:
            opened = _server.unwrap(datagram)
        except BadDatagram:
            assert body is None, "a genuine datagram was refused"
        else:
            assert opened == body, "a forged datagram was opened"
    try:
        _client.unwrap(data)
    except BadDatagram:
        return
    raise AssertionError("a request was opened as an answer")


def _changed_by(data: bytes) -> list[tuple[bytes, bytes | None]]:
    """Make two changed datagrams from a genuine one, each with its body if it is genuine all the same.

    In one, a part is replaced by bytes of `data`; in the other, everything after the salt. `data` also says which and where.
    """
    if len(data) < 3:
        return []
    genuine = list(GENUINE)[data[0] % len(GENUINE)]
    position = int.from_bytes(data[1:3]) % len(genuine)
    spliced = genuine[:position] + data[3:] + genuine[position + len(data) - 3 :]
    salted = genuine[: 4 + SALT_BYTES] + data
    return [(datagram, GENUINE.get(datagram)) for datagram in (spliced, salted)]


TARGETS = {"message": Target(check_message, BODIES), "envelope": Target(check_envelope, (*GENUINE, *map(OPEN.wrap, BODIES)))}


def corpus_file(name: str) -> Path:
    """Return the path of the file with the saved inputs of the target `name`."""
    return Path(__file__).parent / "corpus" / f"{name}.hex"


def inputs(name: str) -> list[bytes]:
    """Return the seeds and the saved inputs of the target `name`."""
    file = corpus_file(name)
    saved = file.read_text().splitlines() if file.exists() else []
    return [*TARGETS[name].seeds, *map(bytes.fromhex, saved)]
