"""The golden datagrams: one message of each shape and its bytes, field by field, as every implementation must make them.

Beside them, for the property tests: `sealed`, which puts the right check under any bytes, and `NOISE`, what a network
may deliver: rubbish, rubbish that passes the check, and golden datagrams of which a few bytes were exchanged.
"""

from zlib import crc32

from hypothesis import strategies as st

from udpnote.entry import Kind, Part, Status
from udpnote.protocol.messages import ANY_NOTEBOOK, Ack, Append, Discover, Message, Offer, PartAck, Reason, Refuse

NOTEBOOK_ID = bytes.fromhex("101112131415161718191a1b1c1d1e1f")
CLIENT_ID = bytes.fromhex("c0c1c2c3c4c5c6c7c8c9cacbcccdcecf")
PROBE_ID = bytes.fromhex("a0a1a2a3a4a5a6a7")
WRITTEN_AT = 1_557_391_028_000_000
"""2019-05-09 16:37:08 in China, in microseconds since 1970 UTC."""

GOLDEN: dict[str, tuple[Message, str]] = {
    "DISCOVER any notebook": (
        Discover(PROBE_ID, ANY_NOTEBOOK),
        "554e 01 01  a0a1a2a3a4a5a6a7  00000000000000000000000000000000" + " " + "00" * 172 + "  975df01e",
    ),
    "DISCOVER one notebook": (
        Discover(PROBE_ID, NOTEBOOK_ID),
        "554e 01 01  a0a1a2a3a4a5a6a7  101112131415161718191a1b1c1d1e1f" + " " + "00" * 172 + "  7b836ae1",
    ),
    "OFFER": (
        Offer(PROBE_ID, NOTEBOOK_ID, "实验室", entries=42, version="0.1.0", flags=0),
        "554e 01 02  a0a1a2a3a4a5a6a7  101112131415161718191a1b1c1d1e1f  000000000000002a 0000"
        "  09 e5ae9ee9aa8ce5aea4  05 302e312e30  b317ecf3",
    ),
    "APPEND in Chinese": (
        Append(NOTEBOOK_ID, 1, Part(CLIENT_ID, 7, Kind.NOTE, WRITTEN_AT, 480, "小明", 18, 0, "我是一个中文".encode())),
        "554e 01 03  101112131415161718191a1b1c1d1e1f  c0c1c2c3c4c5c6c7c8c9cacbcccdcecf  0000000000000007 0001 01"
        "  000588705b001500 01e0  00000012 00000000 0012  06 e5b08fe6988e"
        "  e68891e698afe4b880e4b8aae4b8ade69687  2ac7efbd",
    ),
    "APPEND padded to 128 bytes": (
        Append(NOTEBOOK_ID, 2, Part(CLIENT_ID, 8, Kind.NOTE, WRITTEN_AT + 1, -210, "ann@lab", 5, 0, b"hello")),
        "554e 01 03  101112131415161718191a1b1c1d1e1f  c0c1c2c3c4c5c6c7c8c9cacbcccdcecf  0000000000000008 0002 01"
        "  000588705b001501 ff2e  00000005 00000000 0005  07 616e6e406c6162  68656c6c6f" + " " + "00" * 44 + "  2f6e1cc8",
    ),
    "APPEND the second part of two": (
        Append(NOTEBOOK_ID, 1, Part(CLIENT_ID, 9, Kind.NOTE, WRITTEN_AT + 2, 0, "ann@lab", 1125, 1121, b"end.")),
        "554e 01 03  101112131415161718191a1b1c1d1e1f  c0c1c2c3c4c5c6c7c8c9cacbcccdcecf  0000000000000009 0001 01"
        "  000588705b001502 0000  00000465 00000461 0004  07 616e6e406c6162  656e642e  c5ccb649",
    ),
    "ACK stored, conflict, part kept": (
        Ack(
            CLIENT_ID,
            (
                PartAck(7, 0, 1, Status.STORED, number=42, check=0x01020304),
                PartAck(8, 0, 2, Status.CONFLICT, number=0, check=0xF1F2F3F4),
                PartAck(9, 1121, 1, Status.PART_KEPT, number=0, check=0xFFFFFFFF),
            ),
        ),
        "554e 01 04  c0c1c2c3c4c5c6c7c8c9cacbcccdcecf  0003"
        "  0000000000000007 00000000 0001 01 000000000000002a 01020304"
        "  0000000000000008 00000000 0002 04 0000000000000000 f1f2f3f4"
        "  0000000000000009 00000461 0001 03 0000000000000000 ffffffff  cbd017a9",
    ),
    "REFUSE wrong notebook": (
        Refuse(Reason.WRONG_NOTEBOOK, CLIENT_ID, 7, 0, 1),
        "554e 01 07  01  c0c1c2c3c4c5c6c7c8c9cacbcccdcecf  0000000000000007 00000000 0001  93865f11",
    ),
}


def golden(name: str) -> bytes:
    """The golden datagram of that name."""
    return bytes.fromhex(GOLDEN[name][1])


def sealed(body: bytes) -> bytes:
    """`body` with the check that makes it pass for a datagram."""
    return body + crc32(body).to_bytes(4)


def _exchange(name: str, position: int, replacement: bytes) -> bytes:
    body = golden(name)[:-4]
    position %= len(body)
    return sealed(body[:position] + replacement + body[position + len(replacement) :])


NOISE: st.SearchStrategy[bytes] = st.one_of(
    st.binary(max_size=1300),
    st.builds(lambda kind, body: sealed(b"UN\1" + bytes((kind,)) + body), st.integers(0, 255), st.binary(max_size=300)),
    st.builds(_exchange, st.sampled_from(list(GOLDEN)), st.integers(0, 1200), st.binary(max_size=8)),
)
