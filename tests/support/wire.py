"""Datagrams decoded or refused, and golden messages with one value changed."""

from collections.abc import Iterable
from typing import Any, TypeVar

import pytest

from tests.support.golden import GOLDEN, golden, sealed
from udpnote.errors import BadDatagram
from udpnote.model.entry import SEQUENCE_MAX, WRITTEN_AT_MAX, WRITTEN_AT_MIN, Status
from udpnote.protocol.codec import PAGE_BODY_BYTES_MAX, decode, encode
from udpnote.protocol.codec_reading import PAGE_OVERHEAD_BYTES
from udpnote.protocol.envelope import OPEN, Envelope
from udpnote.protocol.messages import Run

M = TypeVar("M")

NUMBERS, OUT_OF_NUMBERS = (1, SEQUENCE_MAX), (0, 2**63, 2**64 - 1)
TIMES, OUT_OF_TIMES = (WRITTEN_AT_MIN, WRITTEN_AT_MAX), (WRITTEN_AT_MIN - 1, WRITTEN_AT_MAX + 1)
NUMBERED = (Status.STORED, Status.STORED_ALREADY)
ITEMS_ROOM = PAGE_BODY_BYTES_MAX - PAGE_OVERHEAD_BYTES


def decoded(kind: type[M], datagrams: list[bytes], envelope: Envelope = OPEN) -> list[M]:
    """The messages in `datagrams`, each of which must be of this kind."""
    messages = [decode(data, envelope) for data in datagrams]
    found: list[M] = [message for message in messages if isinstance(message, kind)]
    assert found == messages
    return found


def refusal(data: bytes, envelope: Envelope = OPEN) -> str:
    """Why `data` is refused, which it must be."""
    with pytest.raises(BadDatagram) as caught:
        decode(data, envelope)
    return caught.value.reason


def changed(name: str, path: str, value: object) -> bytes:
    """The datagram of a golden message in which one field is changed: the encoder checks no limits. An index is a number."""
    return encode(_with(GOLDEN[name], path.split("."), value))


def _with(record: Any, path: list[str], value: object) -> Any:
    head, *rest = path
    old = record[int(head)] if head.isdigit() else getattr(record, head)
    new = _with(old, rest, value) if rest else value
    return (*record[: int(head)], new, *record[int(head) + 1 :]) if head.isdigit() else record._replace(**{head: new})


def patched(name: str, at: int, data: bytes) -> bytes:
    """A golden datagram in which the bytes from `at` on are replaced by `data`, with the right check."""
    body = golden(name)[:-4]
    return sealed(body[:at] + data + body[at + len(data) :])


def check_limits(name: str, path: str, accepted: Iterable[object], refused: Iterable[object]) -> None:
    """The golden message arrives with each of these values in a field, and is refused as malformed with each of those."""
    for value in accepted:
        message, golden_message = decode(changed(name, path, value)), GOLDEN[name]
        if isinstance(message, Run):
            golden_message = _with(golden_message, ["check"], message.check)
        assert message == _with(golden_message, path.split("."), value)
    for value in refused:
        assert refusal(changed(name, path, value)) == "malformed", value
