"""The field table of each golden datagram, and how to pack one without any of the code that it checks."""

from struct import pack
from zlib import crc32

from tests.support.golden import CLIENT_ID, NOTEBOOK_ID, OTHER_CLIENT_ID, PROBE_ID, STORED_AT, STREAM_ID, WRITTEN_AT

Field = tuple[str, int | bytes]
LAST_NUMBER = 2**63 - 1


def unsealed(fields: list[Field]) -> bytes:
    return b"".join(pack(">" + form, value) for form, value in fields)


def packed(fields: list[Field]) -> bytes:
    body = unsealed(fields)
    return body + pack(">I", crc32(body))


def header(kind: int) -> list[Field]:
    return [("2s", b"UN"), ("B", 1), ("B", kind)]


def short(text: str) -> list[Field]:
    return [("B", len(text.encode())), (f"{len(text.encode())}s", text.encode())]


def text(value: str) -> list[Field]:
    return [("H", len(value.encode())), (f"{len(value.encode())}s", value.encode())]


def texts(*values: str) -> list[Field]:
    return [("H", len(values)), *(field for value in values for field in text(value))]


def part_ack(sequence: int, offset: int, attempt: int, status: int, number: int, check: int = 0) -> list[Field]:
    return [("Q", sequence), ("I", offset), ("H", attempt), ("B", status), ("Q", number), ("I", check)]


def append(
    sequence: int, attempt: int, written_at: int, utc_offset: int, author: str, total_bytes: int, offset: int, carried: str,
    *, kind: int = 1, revises: int = 0, restored: tuple[Field, ...] = (),
) -> list[Field]:  # fmt: skip
    data = carried.encode()
    return [
        *header(8 if restored else 3), ("16s", NOTEBOOK_ID), ("16s", CLIENT_ID), ("Q", sequence), ("H", attempt), ("B", kind),
        ("Q", revises), ("q", written_at), ("h", utc_offset), ("I", total_bytes), ("I", offset), ("H", len(data)),
        ("B", len(author.encode())), *restored, (f"{len(author.encode())}s", author.encode()), (f"{len(data)}s", data),
    ]  # fmt: skip


def read(turn: int, cursor: tuple[int, int], limit: int, wait_milliseconds: int, query: list[Field]) -> list[Field]:
    return [
        *header(5), ("16s", NOTEBOOK_ID), ("8s", STREAM_ID), ("I", turn), ("Q", cursor[0]), ("I", cursor[1]), ("I", limit),
        ("H", wait_milliseconds), *query,
    ]  # fmt: skip


def query(
    view: int, flags: int, since: int, until: int, author: str, tags: list[Field], words: list[Field], numbers: list[int]
) -> list[Field]:
    counted: list[Field] = [("H", len(numbers)), *(("Q", number) for number in numbers)]
    return [("B", view), ("B", flags), ("q", since), ("q", until), *text(author), *tags, *words, *counted]


def padded(fields: list[Field], size: int = 1164) -> list[Field]:
    return [*fields, (f"{size - 4 - len(unsealed(fields))}s", b"")]


def page(
    turn: int, state: int, cursors: tuple[tuple[int, int], tuple[int, int], tuple[int, int]], last: int, indexed: int,
    content: int, *items: list[Field],
) -> list[Field]:  # fmt: skip
    positions: list[Field] = [field for number, offset in cursors for field in (("Q", number), ("I", offset))]
    return [
        *header(6), ("8s", STREAM_ID), ("I", turn), ("B", state), *positions, ("Q", last), ("Q", indexed), ("B", content),
        ("H", len(items)), *(field for item in items for field in item),
    ]  # fmt: skip


def stored_part(
    number: int, version: int, sequence: int, author: str, total_bytes: int, offset: int, data: bytes, *, kind: int = 1,
    revises: int = 0,
) -> list[Field]:  # fmt: skip
    return [
        ("Q", number), ("q", STORED_AT + number), ("Q", version), ("16s", CLIENT_ID), ("Q", sequence), ("B", kind),
        ("Q", revises), ("q", WRITTEN_AT + number), ("h", 480), ("I", total_bytes), ("I", offset), ("H", len(data)),
        ("B", len(author.encode())), (f"{len(author.encode())}s", author.encode()), (f"{len(data)}s", data),
    ]  # fmt: skip


def tally(key: int, amount: int, label: str) -> list[Field]:
    return [("q", key), ("q", amount), *text(label)]


FIELDS: dict[str, list[Field]] = {
    "DISCOVER any notebook": [*header(1), ("8s", PROBE_ID), ("16s", bytes(16)), ("172s", b"")],
    "DISCOVER one notebook": [*header(1), ("8s", PROBE_ID), ("16s", NOTEBOOK_ID), ("172s", b"")],
    "OFFER": [
        *header(2), ("8s", PROBE_ID), ("16s", NOTEBOOK_ID), ("Q", 42), ("H", 0), *short("实验室"), *short("0.1.0"),
    ],
    "APPEND in Chinese": append(7, 1, WRITTEN_AT, 480, "小明", 18, 0, "我是一个中文"),
    "APPEND padded to 128 bytes": [*append(8, 2, WRITTEN_AT + 1, -210, "ann@lab", 5, 0, "hello"), ("36s", b"")],
    "APPEND the second part of two": append(9, 1, WRITTEN_AT + 2, 0, "ann@lab", 1085, 1081, "end."),
    "APPEND a revision": append(10, 1, WRITTEN_AT + 3, 480, "小明", 12, 0, "我改主意", kind=2, revises=42),
    "APPEND a deletion": append(11, 1, WRITTEN_AT + 4, 480, "小明", 0, 0, "", kind=3, revises=43),
    "RESTORE after another entry": append(
        12, 1, WRITTEN_AT + 5, 480, "小明", 6, 0, "旧事",
        restored=(("q", STORED_AT), ("16s", OTHER_CLIENT_ID), ("Q", 6)),
    ),
    "READ a search": padded(
        read(3, (LAST_NUMBER, 0), 10, 0, query(
            1, 7, WRITTEN_AT, WRITTEN_AT + 86_400_000_000, "小明", texts("会议"), texts("中文", "实验 报告"), [],
        )),
    ),
    "READ that waits": padded(read(9, (43, 0), 0, 15_000, query(2, 0, 0, 0, "", texts(), texts(), [7, 42]))),
    "PAGE with the end of a long entry and a revised one": page(
        4, 1, ((42, 1039), (44, 0), (60, 0)), 61, 0, 0,
        stored_part(42, 42, 7, "ann@lab", 1051, 1039, "写完了。".encode(), kind=2, revises=41),
        stored_part(43, 45, 8, "小明", 18, 0, "我是一个中文".encode()),
    ),
    "PAGE with tallies": page(
        1, 2, ((1, 0), (3, 0), (3, 0)), 50, 0, 1, tally(1, 12, "会议"), tally(2, 3, "todo"),
    ),
    "PAGE that says that it waits": page(9, 3, ((43, 0), (43, 0), (43, 0)), 42, 0, 0),
    "PAGE before the index is ready": page(3, 4, ((LAST_NUMBER, 0),) * 3, 50, 31, 0),
    "PAGE from another notebook": page(1, 5, ((1, 0),) * 3, 0, 0, 0),
    "ACK stored, conflict, part kept": [
        *header(4), ("16s", CLIENT_ID), ("H", 3),
        *part_ack(7, 0, 1, 1, 42, 0x01020304), *part_ack(8, 0, 2, 4, 0, 0xF1F2F3F4), *part_ack(9, 1081, 1, 3, 0, 0xFFFFFFFF),
    ],
    "REFUSE wrong notebook": [*header(7), ("B", 1), ("16s", CLIENT_ID), ("Q", 7), ("I", 0), ("H", 1)],
}  # fmt: skip


def with_field(name: str, index: int, value: int | bytes) -> bytes:
    fields = list(FIELDS[name])
    fields[index] = (fields[index][0], value)
    return packed(fields)
