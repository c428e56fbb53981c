"""The format of a file to import: told by its beginning, or refused with the reason."""

import gzip

import pytest

from tests.support.errors import raises
from tests.support.other_programs import SAMPLES, reader_of
from udpnote.errors import InvalidImport
from udpnote.text.import_format import Format, format_of_binary, format_of_text, unknown_format

STAMP = "2019/05/09 16:37:08"


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ('{"number": 42, "kind": "note"}\n', Format.JSONL),
        ('\ufeff {"number": 42, "kind"', Format.JSONL),
        ('{\n "a": 1}', Format.JSONL),
        ("[1, 2]", None),
        (STAMP, Format.TEXT),
        (f"\ufeff{STAMP} \r\n", Format.TEXT),
        ("[2026-11-23 07:52] 早\n", Format.JRNL),
        *(((SAMPLES / f"{name}.json").read_text(), Format(name)) for name in ("jrnl", "day-one", "memos")),
        ('[{"id": 1, "createdTs": 5, "content": "a"}]', Format.MEMOS),
        *((text, None) for text in ("milk\n", "2019/13/45 16:37:08", "# Notes", "[a] b", f"{STAMP} milk")),
    ],
)
def test_the_beginning_tells_the_format(text: str, form: Format | None) -> None:
    assert format_of_text(text.partition("\n")[0], reader_of(text), "") is form


def test_other_orders_of_dates_are_recognized_by_their_format() -> None:
    line = "[09.06.2013 15:39] Eins"
    assert format_of_text(line, reader_of(line), "%d.%m.%Y %H:%M") is Format.JRNL
    assert format_of_text(line, reader_of(line), "") is None


def test_binary_files_are_recognized_by_their_first_bytes() -> None:
    assert format_of_binary(b"SQLite format 3\x00\x10") is Format.MEMOS
    assert format_of_binary(b"PK\x03\x04") is Format.DAY_ONE
    assert format_of_binary(b"{") is None
    with raises(InvalidImport, "import_compressed"):
        format_of_binary(gzip.compress(b"{"))


@pytest.mark.parametrize("data", [b"milk", b"x" * 1000, "今日记录".encode("gb18030")])
def test_an_unknown_format_is_refused_in_a_short_message(data: bytes) -> None:
    error = unknown_format(data.decode(errors="surrogateescape"))
    assert error.notice.kind == ("import_format_unknown" if data.isascii() else "import_not_unicode")
    assert len(str(error)) < 250
