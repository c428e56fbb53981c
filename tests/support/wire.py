"""Decodes datagrams, and makes datagrams of golden messages in which one value is changed."""

from collections.abc import Iterable
from typing import Any, TypeVar

import pytest

from tests.support.golden import GOLDEN, golden, with_check
from udpnote.errors import BadDatagram
from udpnote.model.entry import SEQUENCE_MAX, WRITTEN_AT_MAX, WRITTEN_AT_MIN, Status
from udpnote.protocol.codec.codec import decode, encode
from udpnote.protocol.codec.reading import PAGE_OVERHEAD_BYTES
from udpnote.protocol.envelope import BODY_BYTES_MAX, OPEN, Envelope
from udpnote.protocol.messages import Run

M = TypeVar("M")

NUMBERS, OUT_OF_NUMBERS = (1, SEQUENCE_MAX), (0, 2**63, 2**64 - 1)
TIMES, OUT_OF_TIMES = (WRITTEN_AT_MIN, WRITTEN_AT_MAX), (WRITTEN_AT_MIN - 1, WRITTEN_AT_MAX + 1)
NUMBERED = (Status.STORED, Status.STORED_ALREADY)
ITEMS_ROOM = BODY_BYTES_MAX - PAGE_OVERHEAD_BYTES


def decoded(kind: type[M], datagrams: list[bytes], envelope: Envelope = OPEN) -> list[M]:
    """Return the messages in `datagrams`, each of which must be of the type `kind`."""
    messages = [decode(data, envelope) for data in datagrams]
    found: list[M] = [message for message in messages if isinstance(message, kind)]
    assert found == messages
    return found


def refusal(data: bytes, envelope: Envelope = OPEN) -> str:
    """Return why the decoder refuses `data`; fail if it does not."""
    with pytest.raises(BadDatagram) as caught:
        decode(data, envelope)
    return caught.value.reason


def changed(name: str, path: str, value: object) -> bytes:
    """Encode the golden message `name`, with `value` in the field at `path`, such as `part.text` or `parts.0.number`.

    The value may be out of range, because the encoder checks no limits.
    """
    return encode(_with(GOLDEN[name], path.split("."), value))


def _with(record: Any, path: list[str], value: object) -> Any:
    """Return a copy of `record` with `value` in the field at `path`: names of fields, and positions in tuples."""
    if not path:
        return value
    head, *rest = path
    if head.isdigit():
        position = int(head)
        return (*record[:position], _with(record[position], rest, value), *record[position + 1 :])
    return record._replace(**{head: _with(getattr(record, head), rest, value)})


def patched(name: str, at: int, data: bytes) -> bytes:
    """Return the golden datagram `name`, in which `data` replaces the bytes from `at` on, with the right check."""
    body = golden(name)[:-4]
    return with_check(body[:at] + data + body[at + len(data) :])


def check_limits(name: str, path: str, accepted: Iterable[object], refused: Iterable[object]) -> None:
    """Check the limits of the field at `path` (see `changed`) of the golden message `name`.

    The decoder must accept each value in `accepted`, and refuse each one in `refused` as malformed.
    """
    for value in accepted:
        message, golden_message = decode(changed(name, path, value)), GOLDEN[name]
        if isinstance(message, Run):
            golden_message = _with(golden_message, ["check"], message.check)
        assert message == _with(golden_message, path.split("."), value)
    for value in refused:
        assert refusal(changed(name, path, value)) == "malformed", value
