"""The golden messages: one of each shape. docs/protocol.md has the bytes into which every implementation must encode each.

For property tests there are also `with_check`, which appends the right check to any bytes, and `NOISE`: random bytes, random
bytes with the right check, and golden datagrams in which a few bytes were replaced.
"""

import re
from functools import cache
from pathlib import Path
from zlib import crc32

from hypothesis import strategies as st

from udpnote.model.entry import NOTHING_SEEN, Bundle, Entry, Kind, NoteRun, Part, Restored, SeenEntry, Status, StoredEntry
from udpnote.model.query import FIRST, LAST, Cursor, Query, Tally, View
from udpnote.protocol import messages
from udpnote.protocol.codec.codec import Message
from udpnote.protocol.examination_messages import Examine, HeardHost, Report
from udpnote.protocol.messages import Ack, Append, Discover, Offer, PartAck, Reason, Refuse, Run
from udpnote.protocol.reading_messages import Page, PageState, Read, StoredPart

NOTEBOOK_ID = bytes.fromhex("101112131415161718191a1b1c1d1e1f")
CLIENT_ID = bytes.fromhex("c0c1c2c3c4c5c6c7c8c9cacbcccdcecf")
OTHER_CLIENT_ID = bytes.fromhex("d0d1d2d3d4d5d6d7d8d9dadbdcdddedf")
PROBE_ID = bytes.fromhex("a0a1a2a3a4a5a6a7")
SERVER_ID = bytes.fromhex("c0c1c2c3c4c5c6c7")
STREAM_ID = bytes.fromhex("b0b1b2b3b4b5b6b7")
TOKEN = bytes.fromhex("f0f1f2f3f4f5f6f7")
WRITTEN_AT = 1_557_391_028_000_000  # 2019-05-09 16:37:08 in China, in microseconds since 1970 UTC
STORED_AT = 1_557_391_030_000_000

SEEN = SeenEntry(44, OTHER_CLIENT_ID, 5)
NEWEST = SeenEntry(61, OTHER_CLIENT_ID, 11)
RESTORED = Restored(STORED_AT, OTHER_CLIENT_ID, 6)
SEARCH = Query(
    View.NOTES,
    True,
    WRITTEN_AT,
    WRITTEN_AT + 86_400_000_000,
    "小明",
    ("会议",),
    ("中文", "实验 报告"),
    (),
    True,
    (("奶", "茶"),),
    ("咖啡",),
)
_REVISION = Entry(CLIENT_ID, 7, Kind.REVISION, WRITTEN_AT + 42, 480, "ann@lab", "", 41)
_NOTE = Entry(CLIENT_ID, 8, Kind.NOTE, WRITTEN_AT + 43, 480, "小明", "我是一个中文")
ITEMS = (
    StoredPart(StoredEntry(42, STORED_AT + 42, _REVISION, 42), total_bytes=1051, offset=1039, data="写完了。".encode()),
    StoredEntry(43, STORED_AT + 43, _NOTE, 45),
)
PLACES = (Cursor(42, 1039, WRITTEN_AT + 42), Cursor(44, 0, WRITTEN_AT + 43), Cursor(60, 0, WRITTEN_AT + 99))
TALLIES = (Tally(1, "会议", 12), Tally(2, "todo", 3))
RUN_NOTES = NoteRun(
    CLIENT_ID, 13, 480, "小明", (WRITTEN_AT, WRITTEN_AT, WRITTEN_AT + 70_000_000), ("今天", "下午三点", "ok")
)  # fmt: skip
BUNDLE_NOTES = Bundle(
    (
        _NOTE._replace(sequence=16, text="今天"),
        Entry(OTHER_CLIENT_ID, 9, Kind.NOTE, WRITTEN_AT - 60_000_000, 0, "ann@lab", "ok"),
        _NOTE._replace(sequence=19, text="下午三点"),
    ),
    (STORED_AT, STORED_AT + 1, 0), *RESTORED[1:],
)  # fmt: skip
VERDICTS = (
    PartAck(7, 0, 1, Status.STORED, number=42, check=0x01020304),
    PartAck(8, 0, 2, Status.CONFLICT, number=0, check=0xF1F2F3F4),
    PartAck(9, 1081, 1, Status.PART_KEPT, number=0, check=0xFFFFFFFF),
)


LEFT = StoredEntry(42, STORED_AT, Entry(CLIENT_ID, 7, Kind.ERASED, STORED_AT + 60_000_000, 0, "", ""), 42)
EXAMINER = HeardHost("192.168.1.7", 0, 3, 14), HeardHost("fe80::7", 2, 61, 1)
REPORT = Report(TOKEN, 5, 0b100101, NOTEBOOK_ID, SERVER_ID, STORED_AT, "127.0.0.1", 40_000, 2, EXAMINER, body_bytes=132)


def _part(
    sequence: int,
    utc_offset: int,
    author: str,
    size: int,
    offset: int,
    data: bytes,
    kind: Kind = Kind.NOTE,
    revises: int = 0,
    seen: SeenEntry = NOTHING_SEEN,
) -> Part:
    return Part(CLIENT_ID, sequence, kind, WRITTEN_AT + sequence - 7, utc_offset, author, size, offset, data, revises, seen)


GOLDEN: dict[str, Message] = {
    "DISCOVER any notebook": Discover(PROBE_ID, messages.ANY_NOTEBOOK),
    "DISCOVER one notebook": Discover(PROBE_ID, NOTEBOOK_ID),
    "OFFER": Offer(PROBE_ID, NOTEBOOK_ID, "实验室", entries=42, version="0.1.0", flags=0, server_id=SERVER_ID),
    "APPEND in Chinese": Append(NOTEBOOK_ID, TOKEN, 1, _part(7, 480, "小明", 18, 0, "我是一个中文".encode())),
    "APPEND padded to 136 bytes": Append(NOTEBOOK_ID, TOKEN, 2, _part(8, -210, "ann@lab", 5, 0, b"hello")),
    "APPEND the second part of two": Append(NOTEBOOK_ID, TOKEN, 1, _part(9, 0, "ann@lab", 1009, 1005, b"end.")),
    "APPEND a revision":
        Append(NOTEBOOK_ID, TOKEN, 1, _part(10, 480, "小明", 12, 0, "我改主意".encode(), Kind.REVISION, 42, SEEN)),
    "APPEND a deletion": Append(NOTEBOOK_ID, TOKEN, 1, _part(11, 480, "小明", 0, 0, b"", Kind.DELETION, 43)),
    "RESTORE after another entry":
        Append(NOTEBOOK_ID, TOKEN, 1, _part(12, 480, "小明", 6, 0, "旧事".encode())._replace(restored=RESTORED)),
    "RUN of three notes": Run(NOTEBOOK_ID, TOKEN, 2, RUN_NOTES, check=0x43601BAE),
    "BUNDLE of three imported notes": Run(NOTEBOOK_ID, TOKEN, 1, BUNDLE_NOTES, check=0xD0DAE8D0),
    "READ a search": Read(NOTEBOOK_ID, STREAM_ID, 3, Cursor(44, 0, WRITTEN_AT + 44), 10, 0, SEARCH, pages=10),
    "READ that waits":
        Read(NOTEBOOK_ID, STREAM_ID, 9, Cursor(43, 0), 0, 15_000, Query(View.LOG, numbers=(7, 42)), SEEN._replace(number=42)),
    "PAGE with the end of a long entry and a revised one":
        Page(STREAM_ID, 4, PageState.MORE, *PLACES, NEWEST, 0, ITEMS),
    "PAGE with tallies":
        Page(STREAM_ID, 1, PageState.END, FIRST, Cursor(3, 0), Cursor(3, 0), NEWEST, 0, TALLIES),
    "PAGE that says that it waits":
        Page(STREAM_ID, 9, PageState.WAITING, Cursor(43, 0), Cursor(43, 0), Cursor(43, 0), NEWEST._replace(number=42), 0, ()),
    "PAGE before the index is ready": Page(STREAM_ID, 3, PageState.INDEXING, LAST, LAST, LAST, NEWEST, 31, ()),
    "PAGE from another notebook": Page(STREAM_ID, 1, PageState.WRONG_NOTEBOOK, FIRST, FIRST, FIRST, NOTHING_SEEN, 0, ()),
    "ACK stored, conflict, part kept": Ack(TOKEN, CLIENT_ID, VERDICTS),
    "ACK erased": Ack(TOKEN, CLIENT_ID, (PartAck(7, 0, 1, Status.ERASED, number=0, check=0x9A3C11F0),)),
    "PAGE with what is left of an erased note":
        Page(STREAM_ID, 1, PageState.END, FIRST, Cursor(43, 0), Cursor(43, 0), NEWEST, 0, (LEFT,)),
    "REFUSE wrong notebook": Refuse(TOKEN, Reason.WRONG_NOTEBOOK, CLIENT_ID, 7, 0, 1),
    "EXAMINE": Examine(TOKEN, 5, body_bytes=76),
    "REPORT to an examiner on the server's host": REPORT,
}  # fmt: skip

KEY = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
"""The key of the sealed examples; its join code is 0004-1061-050R-3GG2-8A1C-60T3-GF6."""
SALT = bytes.fromhex("e0e1e2e3e4e5e6e7e8e9eaebecedeeef")
SEALED = {"APPEND in Chinese": False, "ACK stored, conflict, part kept": True, "OFFER": True}
"""The golden messages that docs/protocol.md also has sealed with `KEY` and `SALT`, and whether a server has sealed each."""


@cache
def datagrams() -> dict[str, str]:
    """Read the golden datagrams in docs/protocol.md: for each name there, the lines of hexadecimal digits below it."""
    text = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
    return dict(re.findall(r"^\*\*(.+)\*\*\n\n```text\n(?:[A-Z]+\((?:.+\n)+\n)?((?:[0-9a-f ]+\n)+)```$", text, re.MULTILINE))


def golden(name: str) -> bytes:
    """Return the golden datagram called `name`."""
    return bytes.fromhex("".join(datagrams()[name].split()))


def sealed_golden(name: str) -> bytes:
    """Return the sealed golden datagram of the message called `name`."""
    return golden(f"{name}, sealed")


def with_check(body: bytes) -> bytes:
    """Return `body` with its CRC-32, as an open datagram."""
    return body + crc32(body).to_bytes(4)


def _exchange(name: str, position: int, replacement: bytes) -> bytes:
    """Return the golden datagram `name` with `replacement` in place of the bytes at `position`, and with the right check."""
    body = golden(name)[:-4]
    position %= len(body)
    return with_check(body[:position] + replacement + body[position + len(replacement) :])


NOISE: st.SearchStrategy[bytes] = st.one_of(
    st.binary(max_size=1300),
    st.builds(lambda kind, body: with_check(b"UN\1" + bytes((kind,)) + body), st.integers(0, 255), st.binary(max_size=300)),
    st.builds(_exchange, st.sampled_from(list(GOLDEN)), st.integers(0, 1200), st.binary(max_size=8)),
)
