"""The golden datagrams: one message of each shape and its bytes, field by field, as every implementation must make them.

For property tests there are also `sealed`, which appends the right check to any bytes, and `NOISE`: random bytes, random bytes
with the right check, and golden datagrams in which a few bytes were replaced.
"""

from typing import NamedTuple
from zlib import crc32

from hypothesis import strategies as st

from udpnote.model.entry import Entry, Kind, Part, Restored, Status, StoredEntry
from udpnote.model.query import FIRST, LAST, Cursor, Query, Tally, View
from udpnote.protocol.messages import (
    ANY_NOTEBOOK,
    Ack,
    Append,
    Discover,
    Message,
    Offer,
    Page,
    PageState,
    PartAck,
    Read,
    Reason,
    Refuse,
    StoredPart,
)

NOTEBOOK_ID = bytes.fromhex("101112131415161718191a1b1c1d1e1f")
CLIENT_ID = bytes.fromhex("c0c1c2c3c4c5c6c7c8c9cacbcccdcecf")
OTHER_CLIENT_ID = bytes.fromhex("d0d1d2d3d4d5d6d7d8d9dadbdcdddedf")
PROBE_ID = bytes.fromhex("a0a1a2a3a4a5a6a7")
STREAM_ID = bytes.fromhex("b0b1b2b3b4b5b6b7")
WRITTEN_AT = 1_557_391_028_000_000
"""2019-05-09 16:37:08 in China, in microseconds since 1970 UTC."""
STORED_AT = 1_557_391_030_000_000

RESTORED = Restored(STORED_AT, OTHER_CLIENT_ID, 6)
SEARCH = Query(View.NOTES, True, WRITTEN_AT, WRITTEN_AT + 86_400_000_000, "小明", ("会议",), ("中文", "实验 报告"), ())
_REVISION = Entry(CLIENT_ID, 7, Kind.REVISION, WRITTEN_AT + 42, 480, "ann@lab", "", 41)
_NOTE = Entry(CLIENT_ID, 8, Kind.NOTE, WRITTEN_AT + 43, 480, "小明", "我是一个中文")
ITEMS = (
    StoredPart(StoredEntry(42, STORED_AT + 42, _REVISION, 42), total_bytes=1051, offset=1039, data="写完了。".encode()),
    StoredEntry(43, STORED_AT + 43, _NOTE, 45),
)

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
        "554e 01 03  101112131415161718191a1b1c1d1e1f  c0c1c2c3c4c5c6c7c8c9cacbcccdcecf  0000000000000007 0001"
        "  01 0000000000000000  000588705b001500 01e0  00000012 00000000 0012  06 e5b08fe6988e"
        "  e68891e698afe4b880e4b8aae4b8ade69687  5a3f8a7a",
    ),
    "APPEND padded to 128 bytes": (
        Append(NOTEBOOK_ID, 2, Part(CLIENT_ID, 8, Kind.NOTE, WRITTEN_AT + 1, -210, "ann@lab", 5, 0, b"hello")),
        "554e 01 03  101112131415161718191a1b1c1d1e1f  c0c1c2c3c4c5c6c7c8c9cacbcccdcecf  0000000000000008 0002"
        "  01 0000000000000000  000588705b001501 ff2e  00000005 00000000 0005  07 616e6e406c6162"
        "  68656c6c6f" + " " + "00" * 36 + "  a3c2b8e3",
    ),
    "APPEND the second part of two": (
        Append(NOTEBOOK_ID, 1, Part(CLIENT_ID, 9, Kind.NOTE, WRITTEN_AT + 2, 0, "ann@lab", 1085, 1081, b"end.")),
        "554e 01 03  101112131415161718191a1b1c1d1e1f  c0c1c2c3c4c5c6c7c8c9cacbcccdcecf  0000000000000009 0001"
        "  01 0000000000000000  000588705b001502 0000  0000043d 00000439 0004  07 616e6e406c6162  656e642e  269884e8",
    ),
    "APPEND a revision": (
        Append(NOTEBOOK_ID, 1, Part(CLIENT_ID, 10, Kind.REVISION, WRITTEN_AT + 3, 480, "小明", 12, 0, "我改主意".encode(), 42)),
        "554e 01 03  101112131415161718191a1b1c1d1e1f  c0c1c2c3c4c5c6c7c8c9cacbcccdcecf  000000000000000a 0001"
        "  02 000000000000002a  000588705b001503 01e0  0000000c 00000000 000c  06 e5b08fe6988e"
        "  e68891e694b9e4b8bbe6848f  ed636927",
    ),
    "APPEND a deletion": (
        Append(NOTEBOOK_ID, 1, Part(CLIENT_ID, 11, Kind.DELETION, WRITTEN_AT + 4, 480, "小明", 0, 0, b"", 43)),
        "554e 01 03  101112131415161718191a1b1c1d1e1f  c0c1c2c3c4c5c6c7c8c9cacbcccdcecf  000000000000000b 0001"
        "  03 000000000000002b  000588705b001504 01e0  00000000 00000000 0000  06 e5b08fe6988e  a0a05087",
    ),
    "RESTORE after another entry": (
        Append(NOTEBOOK_ID, 1, Part(CLIENT_ID, 12, Kind.NOTE, WRITTEN_AT + 5, 480, "小明", 6, 0, "旧事".encode(), 0, RESTORED)),
        "554e 01 08  101112131415161718191a1b1c1d1e1f  c0c1c2c3c4c5c6c7c8c9cacbcccdcecf  000000000000000c 0001"
        "  01 0000000000000000  000588705b001505 01e0  00000006 00000000 0006  06"
        "  000588705b1e9980 d0d1d2d3d4d5d6d7d8d9dadbdcdddedf 0000000000000006  e5b08fe6988e  e697a7e4ba8b  b7e6b30a",
    ),
    "READ a search": (
        Read(NOTEBOOK_ID, STREAM_ID, turn=3, cursor=LAST, limit=10, wait_milliseconds=0, query=SEARCH),
        "554e 01 05  101112131415161718191a1b1c1d1e1f  b0b1b2b3b4b5b6b7  00000003  7fffffffffffffff 00000000  0000000a 0000"
        "  01 07 000588705b001500 0005888478d77500  0006 e5b08fe6988e  0001 0006 e4bc9ae8aeae"
        "  0002 0006 e4b8ade69687 000d e5ae9ee9aa8c20e68aa5e5918a  0000" + " " + "00" * 1047 + "  85a6a276",
    ),
    "READ that waits": (
        Read(NOTEBOOK_ID, STREAM_ID, 9, Cursor(43, 0), 0, 15_000, Query(View.LOG, numbers=(7, 42))),
        "554e 01 05  101112131415161718191a1b1c1d1e1f  b0b1b2b3b4b5b6b7  00000009  000000000000002b 00000000  00000000 3a98"
        "  02 00 0000000000000000 0000000000000000  0000  0000  0000  0002 0000000000000007 000000000000002a"
        " " + "00" * 1068 + "  0437223c",
    ),
    "PAGE with the end of a long entry and a revised one": (
        Page(STREAM_ID, 4, PageState.MORE, Cursor(42, 1039), Cursor(44, 0), Cursor(60, 0), 61, 0, ITEMS),
        "554e 01 06  b0b1b2b3b4b5b6b7  00000004 01  000000000000002a 0000040f  000000000000002c 00000000"
        "  000000000000003c 00000000  000000000000003d 0000000000000000  00 0002"
        "  000000000000002a 000588705b1e99aa 000000000000002a  c0c1c2c3c4c5c6c7c8c9cacbcccdcecf 0000000000000007"
        "  02 0000000000000029  000588705b00152a 01e0  0000041b 0000040f 000c  07 616e6e406c6162  e58699e5ae8ce4ba86e38082"
        "  000000000000002b 000588705b1e99ab 000000000000002d  c0c1c2c3c4c5c6c7c8c9cacbcccdcecf 0000000000000008"
        "  01 0000000000000000  000588705b00152b 01e0  00000012 00000000 0012  06 e5b08fe6988e"
        "  e68891e698afe4b880e4b8aae4b8ade69687  b75dbd29",
    ),
    "PAGE with tallies": (
        Page(
            STREAM_ID, 1, PageState.END, FIRST, Cursor(3, 0), Cursor(3, 0), 50, 0, (Tally(1, "会议", 12), Tally(2, "todo", 3))
        ),
        "554e 01 06  b0b1b2b3b4b5b6b7  00000001 02  0000000000000001 00000000  0000000000000003 00000000"
        "  0000000000000003 00000000  0000000000000032 0000000000000000  01 0002"
        "  0000000000000001 000000000000000c 0006 e4bc9ae8aeae  0000000000000002 0000000000000003 0004 746f646f  eee78bc6",
    ),
    "PAGE that says that it waits": (
        Page(STREAM_ID, 9, PageState.WAITING, Cursor(43, 0), Cursor(43, 0), Cursor(43, 0), 42, 0, ()),
        "554e 01 06  b0b1b2b3b4b5b6b7  00000009 03  000000000000002b 00000000  000000000000002b 00000000"
        "  000000000000002b 00000000  000000000000002a 0000000000000000  00 0000  26bffc37",
    ),
    "PAGE before the index is ready": (
        Page(STREAM_ID, 3, PageState.INDEXING, LAST, LAST, LAST, 50, 31, ()),
        "554e 01 06  b0b1b2b3b4b5b6b7  00000003 04  7fffffffffffffff 00000000  7fffffffffffffff 00000000"
        "  7fffffffffffffff 00000000  0000000000000032 000000000000001f  00 0000  2ec5895c",
    ),
    "PAGE from another notebook": (
        Page(STREAM_ID, 1, PageState.WRONG_NOTEBOOK, FIRST, FIRST, FIRST, 0, 0, ()),
        "554e 01 06  b0b1b2b3b4b5b6b7  00000001 05  0000000000000001 00000000  0000000000000001 00000000"
        "  0000000000000001 00000000  0000000000000000 0000000000000000  00 0000  a7d6dd96",
    ),
    "ACK stored, conflict, part kept": (
        Ack(
            CLIENT_ID,
            (
                PartAck(7, 0, 1, Status.STORED, number=42, check=0x01020304),
                PartAck(8, 0, 2, Status.CONFLICT, number=0, check=0xF1F2F3F4),
                PartAck(9, 1081, 1, Status.PART_KEPT, number=0, check=0xFFFFFFFF),
            ),
        ),
        "554e 01 04  c0c1c2c3c4c5c6c7c8c9cacbcccdcecf  0003"
        "  0000000000000007 00000000 0001 01 000000000000002a 01020304"
        "  0000000000000008 00000000 0002 04 0000000000000000 f1f2f3f4"
        "  0000000000000009 00000439 0001 03 0000000000000000 ffffffff  709a4082",
    ),
    "REFUSE wrong notebook": (
        Refuse(Reason.WRONG_NOTEBOOK, CLIENT_ID, 7, 0, 1),
        "554e 01 07  01  c0c1c2c3c4c5c6c7c8c9cacbcccdcecf  0000000000000007 00000000 0001  93865f11",
    ),
}


KEY = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
"""The key of the sealed examples; its join code is 0004-1061-050R-3GG2-8A1C-60T3-GF6."""

SALT = bytes.fromhex("e0e1e2e3e4e5e6e7e8e9eaebecedeeef")


class Sealed(NamedTuple):
    """The golden `message` sealed under `KEY` with `SALT`, by a client or, if `is_answer`, by the server."""

    message: str
    is_answer: bool
    datagram: str


SEALED = {
    "APPEND": Sealed(
        "APPEND in Chinese",
        False,
        "554e 01 53  e0e1e2e3e4e5e6e7e8e9eaebecedeeef  bf18c9f1"
        "  b1807d1bff6b3aa40ba7792d07ca8b6d02aa3f90de4fff7ebe481089fc670e454a79f489865a81e040fc29c58d762db6"
        "8093b49e18e24feb4611dc05e82be26b44f8e54dce896fca012458911a5e255af3a01fb7b0f82dcfa79c7950a54f56e6"
        "ad023973"
        "  e10b71bd5ac81e2b26dfda71ce60af44",
    ),
    "ACK": Sealed(
        "ACK stored, conflict, part kept",
        True,
        "554e 01 53  e0e1e2e3e4e5e6e7e8e9eaebecedeeef  36925cc5"
        "  9d906baff13453f49ef2f9ef9835e07a8cd81b0fddfb4b9d214325296679c069f45c7d607bb30ef63b462c4cd2c7a249"
        "a295095bf2648513c5b50fc0763587eba2db885422dd372618f82d8a07ae783589643843c32c30733da7c2d515afcc80"
        "d7c053578b316e"
        "  8b47fd91cd64fc1db681097c058dde3e",
    ),
    "OFFER": Sealed(
        "OFFER",
        True,
        "554e 01 53  e0e1e2e3e4e5e6e7e8e9eaebecedeeef  36925cc5"
        "  9d906ba991543394fe92998f40ed38a25400c3d7c5e151863d5e3b36667ec069f45c7d4b7ab3071395d8c5e674230eee"
        "a3a5276adc54"
        "  507788bf15750d30c85c2e7118ab4871",
    ),
}


def sealed_golden(name: str) -> bytes:
    """The sealed golden datagram of that name."""
    return bytes.fromhex(SEALED[name].datagram)


def golden(name: str) -> bytes:
    """The golden datagram of that name."""
    return bytes.fromhex(GOLDEN[name][1])


def sealed(body: bytes) -> bytes:
    """`body` with its check, so that it is an open datagram."""
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
