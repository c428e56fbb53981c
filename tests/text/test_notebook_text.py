"""The text format, which an older program wrote as well: the notes in it come back as the same entries at each import."""

import tracemalloc
from datetime import datetime, timedelta
from itertools import chain

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.errors import raises
from tests.support.exports import notes
from tests.support.golden import WRITTEN_AT
from tests.support.texts import moments, offsets, texts
from udpnote.errors import InvalidEntry, InvalidImport
from udpnote.model.entry import SEQUENCE_MAX, TEXT_BYTES_MAX, Entry, Kind
from udpnote.text.harmless import harmless_lines
from udpnote.text.jsonl import iso_time
from udpnote.text.notebook_text import TEXT_CLIENT_ID, TextBlock, stored_blocks, text_block, text_blocks, text_entries

GOLDEN = """\
2019/05/09 16:37:08
我是一个中文

2019/05/09 16:37:21
buy milk

and eggs:
  - six

"""
WRITTEN = datetime(2019, 5, 9, 16, 37, 8)
GOLDEN_BLOCKS = [
    TextBlock(1, WRITTEN, "我是一个中文"),
    TextBlock(4, WRITTEN + timedelta(seconds=13), "buy milk\n\nand eggs:\n  - six"),
]
STAMP = "2019/05/09 16:37:08\n"
SECOND, NEXT_SECOND = f"{STAMP}milk\n\n", "2019/05/09 16:37:09\nmilk\n\n"
BLANK_KIB = " " * 1023 + "\n"


def read(content: str) -> list[TextBlock]:
    return list(text_blocks(content.splitlines(keepends=True), _raise))


def _raise(error: InvalidImport) -> None:
    raise error


def entries_of(content: str) -> list[Entry]:
    def localize(written: datetime) -> tuple[int, int]:
        return (written - datetime(1970, 1, 1)) // timedelta(microseconds=1) - 480 * 60_000_000, 480

    return [each.entry for each in text_entries(read(content), "小明", localize, _raise)]


def test_a_golden_text_file_is_written_and_read() -> None:
    written = [(WRITTEN_AT, "我是一个中文"), (WRITTEN_AT + 13_999_999, "buy milk\n\nand eggs:\n  - six\n")]
    assert "".join(text_block(moment, 480, text) for moment, text in written) == GOLDEN
    ends, spaced = (GOLDEN, GOLDEN.rstrip(), GOLDEN + "\n \n\n\u3000\n"), GOLDEN.replace("08\n", "08 \t\n")
    for content in (*ends, spaced, "\ufeff" + GOLDEN, GOLDEN.replace("\n", "\r\n")):
        assert read(content) == GOLDEN_BLOCKS
    for content in ("", "\n\n", "\ufeff", STAMP.rstrip()):
        assert read(content) == []


paragraphs = st.lists(texts | st.sampled_from([f"{STAMP[:-1]}", f"  {STAMP[:-1]}"]), min_size=1, max_size=4).map("\n".join)


@given(st.lists(st.tuples(moments, offsets, paragraphs.filter(lambda text: "\r\n" not in text)), max_size=5))
@example([(0, 0, "0\r")])
def test_written_notes_come_back_without_parts_of_seconds_and_blank_ends(entries: list[tuple[int, int, str]]) -> None:
    content = "".join(text_block(*entry) for entry in entries)
    blocks = list(text_blocks((f"{line}\n" for line in content.split("\n")), _raise))
    assert [block.written.isoformat() for block in blocks] == [iso_time(*entry[:2])[:19] for entry in entries]
    for block, (_, _, written) in zip(blocks, entries, strict=True):
        text = harmless_lines(written.rstrip("\r\n"))
        assert text.startswith(block.text)
        assert not text[len(block.text) :].strip()


@pytest.mark.parametrize("character", ["\x9f", "\u200b"])
def test_a_note_that_its_escapes_would_make_too_long_can_be_imported_again_and_is_found(character: str) -> None:
    text = f"\u0628\u200c{character * (TEXT_BYTES_MAX // len(character.encode()) - 50)}\n{STAMP}"
    log = notes(text)
    exported = text_block(log.entries[0].entry.written_at, 480, text)
    [(entry, key, _)] = text_entries(read(exported), "小明", lambda _: (0, 0), _raise)
    assert entry.text.startswith("\u0628\u200c?????") and entry.text.endswith(f"?\n{STAMP[:-1]}")
    assert stored_blocks(log.entries, {key}) == {key: 1}


def test_an_invalid_time_and_a_time_right_below_another_are_text() -> None:
    lines = ("2019/13/45 16:37:08", "2019/05/09 24:00:00", "0000/01/01 00:00:00", f"\u3000{STAMP[:-1]}")
    for text in (*(f"milk\n\n{line}" for line in lines), f"{STAMP}or so"):
        assert read(f"{STAMP}{text}\n\n") == [TextBlock(1, WRITTEN, text)]


def test_a_time_that_no_entry_can_have_is_refused() -> None:
    for stamp in ("0001/01/01 12:00:00", "9999/12/31 12:00:00"):
        with raises(InvalidImport, "text_block_invalid", line=4):
            entries_of(f"{STAMP}milk\n\n{stamp}\neggs\n")
    assert len(entries_of("0001/01/03 12:00:00\nmilk\n\n9999/12/30 12:00:00\neggs\n")) == 2


def test_text_before_the_first_time_is_refused() -> None:
    for content, line in (("milk\n", 1), (f"\n \nmilk\n\n{STAMP}eggs\n", 3), ("\ufeff2019/5/9 16:37:08\nmilk\n", 1)):
        with raises(InvalidImport, "text_before_first_time", line=line):
            read(content)


def test_notes_need_no_blank_line_between_them_as_a_line_that_looks_like_a_time_gets_a_space() -> None:
    old = GOLDEN.replace("文\n\n", "文\n")
    assert [block.text for block in read(old)] == [block.text for block in GOLDEN_BLOCKS]
    for text, spaced in (
        (f"we met\n{STAMP}or so", f"we met\n {STAMP}or so"),
        (f"{STAMP}\n\n  {STAMP}x", f" {STAMP}\n\n   {STAMP}x"),
        (f"at\n2019/13/45 16:37:08\r\n {STAMP[:-1]}", f"at\n 2019/13/45 16:37:08\r\n  {STAMP[:-1]}"),
    ):
        content = text_block(WRITTEN_AT, 480, text)
        assert content == f"{STAMP}{spaced}\n\n"
        assert read(2 * content)[0] == TextBlock(1, WRITTEN, text.replace("\r", ""))


def test_the_notes_that_an_exported_file_has_are_found_in_the_notebook_with_each_of_their_texts() -> None:
    log = notes("kept", f"milk\x1b\r\n{STAMP}\u200b\n \n", "gone", "new")
    log.revise(1, "kept, revised")
    log.revise(5, "kept")
    log.revise(1, "kept, by another")
    log.delete(3)
    exported = [text_block(each.entry.written_at, 480, each.entry.text) for each in log.entries[:4]]
    revised = (text_block(log.entries[0].entry.written_at, 480, text) for text in ("kept, revised", "kept, by another"))
    elsewhere = text_block(log.entries[3].entry.written_at, 420, "new")
    blocks = list(text_entries(read("".join([*exported, *revised, elsewhere])), "小明", lambda _: (0, 0), _raise))
    counts = stored_blocks(reversed(log.entries), {each.key for each in blocks})
    assert [counts[each.key] for each in blocks] == [1, 1, 1, 1, 1, 1, 0]
    twice = [*log.entries, log.entries[3]._replace(number=9)]
    assert stored_blocks(reversed(twice), {blocks[3].key}) == {blocks[3].key: 2}


def test_blank_blocks_are_passed_over_and_a_line_may_come_in_pieces() -> None:
    blocks = text_blocks([STAMP, "\n", " \n", "2019/05/09 16:37:09\n", "milk\n", "\n", "2019/05/09 16:37:10"], _raise)
    assert [block.text for block in blocks] == ["milk"]
    assert [block.text for block in read(SECOND + BLANK_KIB * 2048 + NEXT_SECOND)] == ["milk", "milk"], (
        "blank lines do not count"
    )
    pieces = [STAMP, "mi", "lk \n", "  ", "eggs\n", " ", "\n", "2019/05/09 16:37:09\n", "x\n"]
    assert [(block.line, block.text) for block in text_blocks(pieces, _raise)] == [(1, "milk \n  eggs"), (5, "x")]
    with pytest.raises(InvalidImport):
        list(text_blocks([STAMP, "x" * (TEXT_BYTES_MAX + 2), "x\n"], _raise))


def test_a_block_that_cannot_be_an_entry_is_reported_and_not_kept_and_the_others_go_on() -> None:
    errors: list[InvalidImport] = []
    gb18030 = "中文\n".encode("gb18030").decode(errors="surrogateescape")
    lines = chain([STAMP], ["x" * 1023 + "\n"] * 1100, ["\n"], [STAMP], ["milk\n", "\n"], [STAMP, gb18030])
    assert [block.text for block in text_blocks(lines, errors.append)] == ["milk"]
    assert [each.notice.values["line"] for each in errors] == [1, 1106]
    reasons = [each.notice.values["error"] for each in errors]
    assert [each.notice.kind for each in reasons if isinstance(each, InvalidEntry)] == ["text_longer_than", "text_not_unicode"]
    endless = chain([STAMP], ("x" * 65_535 + "\n" for _ in range(1024)))
    tracemalloc.start()
    try:
        assert list(text_blocks(endless, lambda _: None)) == []
        assert tracemalloc.get_traced_memory()[1] < 8 * TEXT_BYTES_MAX
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_block_is_kept_to_the_last_byte_that_an_entry_holds(newline: str) -> None:
    most = TEXT_BYTES_MAX
    kept = ("x" * most, "中" * (most // 3) + "x", "x" * (most - 2) + "\ny", BLANK_KIB * 1023 + " " * 1023 + "y")
    too_long = ("x" * (most + 1), "中" * (most // 3 + 1), "x" * (most - 1) + "\ny", "x" * most + "\ny", BLANK_KIB * 1024 + "y")
    for text in (*kept, *too_long, BLANK_KIB * 1025 + "milk"):
        errors: list[InvalidImport] = []
        content = f"{STAMP}{text}\n\n\n".replace("\n", newline)
        blocks = [block.text for block in text_blocks(content.splitlines(keepends=True), errors.append)]
        assert (blocks == [text], len(errors)) == ((True, 0) if text in kept else (False, 1))


def test_identities_never_change_from_version_to_version() -> None:
    first, second = entries_of(GOLDEN)
    assert first == Entry(TEXT_CLIENT_ID, 8828042990532997471, Kind.NOTE, WRITTEN_AT, 480, "小明", "我是一个中文")
    assert second[1:5] == (6207586368568038661, Kind.NOTE, WRITTEN_AT + 13_000_000, 480)
    assert TEXT_CLIENT_ID.hex() == "9b6b67e632ed8dea573640e609c9cade"


def test_texts_that_come_again_after_later_ones_are_the_same_entries() -> None:
    once = entries_of(SECOND + NEXT_SECOND)
    assert set(entries_of(2 * (SECOND + NEXT_SECOND))) == set(once)
    assert entries_of(SECOND + NEXT_SECOND + GOLDEN)[:2] == once


def test_equal_texts_within_one_second_are_several_entries() -> None:
    entries = entries_of(SECOND + SECOND.replace("milk", "eggs") + SECOND + SECOND)
    assert len(entries) == len({entry.sequence for entry in entries}) == 4
    assert all(0 < entry.sequence <= SEQUENCE_MAX for entry in entries)
