"""The plain text format of udpnote's predecessor, for import and export.

For each entry, such a file has a line with the local time, then the text, then a blank line. The predecessor wrote no blank
line. If a line of the text looks like a time, a space is put before it.

The format has no authors, client ids and sequence numbers. `text_entries` computes the identity of an entry (its client id and
sequence number) from its time and text, so importing a file a second time adds nothing. `stored_blocks` finds the entries of a
file that are notes in the notebook already, so importing an exported file adds nothing, either.
"""

import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from udpnote.errors import InvalidEntry, InvalidImport
from udpnote.model.entry import (
    CLIENT_ID_BYTES,
    SEQUENCE_MAX,
    TEXT_BYTES_MAX,
    Entry,
    Kind,
    StoredEntry,
    check_text,
    is_writing_time,
)
from udpnote.text.harmless import harmless_lines, harmless_lines_no_longer
from udpnote.text.jsonl import BYTE_ORDER_MARK, iso_time

TEXT_CLIENT_ID = sha256(b"udpnote text import").digest()[:CLIENT_ID_BYTES]
"""The client id of all entries that are imported from text files.

It is fixed, so that an entry of a file gets the same identity on each machine and at each import.
"""

_TIME = r"([0-9]{4})/([0-9]{2})/([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})"
_STAMP = re.compile(rf"{_TIME}\s*")
_SPACED_STAMP = re.compile(rf" +{_TIME}\s*")
_STAMP_IN_TEXT = re.compile(rf"^(?= *{_TIME}[^\S\n]*$)", re.MULTILINE)


class TextBlock(NamedTuple):
    """One entry of a text file: the number of the line with its time (from 1), that local time, and its text.

    `written` has no time zone. `text` is the text below the time in the file, without the blank lines at its end, and without
    the space that `text_block` puts before a line that looks like a time.
    """

    line: int
    written: datetime
    text: str


def text_blocks(lines: Iterable[str], on_bad: Callable[[InvalidImport], None]) -> Iterator[TextBlock]:
    """Yield the blocks of a text file. A block is a line that is only a time, and the text below it.

    `lines` are the lines of the file with their newlines. A long line may come in several pieces; only the last of them has a
    newline.

    A line that looks like a time is text if it is directly below the time of a block, or if its date does not exist, such as
    February 30. A block without text is skipped. A block that cannot be an entry is skipped, too: `on_bad` is called with an
    `InvalidImport` that says why, and may raise it. If a block is too long for an entry, only its beginning is kept in memory.

    Raises `InvalidImport` if there is text before the first time.
    """
    for block, is_long in _blocks(lines):
        if block.text or is_long:
            error = InvalidEntry("text_longer_than", bytes_max=TEXT_BYTES_MAX) if is_long else _objection_to(block.text)
            if error is None:
                yield block
            else:
                on_bad(InvalidImport("text_block_invalid", line=block.line, error=error))


def _blocks(lines: Iterable[str]) -> Iterator[tuple[TextBlock, bool]]:
    """Yield each block of a text file, and whether its text is too long, and was cut. For `lines` see `text_blocks`."""
    start: tuple[int, datetime] | None = None  # of the block that is read; `pieces` are its text
    pieces: list[str] = []
    number, is_start, characters, is_long = 1, True, 0, False  # `is_start`: whether the next piece begins a line
    for piece in lines:
        line = piece.removeprefix(BYTE_ORDER_MARK) if number == 1 and is_start else piece
        is_below_time = start is not None and start[0] == number - 1  # even a line that is only a time is text there
        written = _stamp(line) if is_start and not is_below_time else None
        text = (line[1:] if is_start and _SPACED_STAMP.fullmatch(line) else line).replace("\r\n", "\n")
        is_blank = not text.strip()
        if written is not None:
            if start is not None:
                yield TextBlock(*start, _without_blank_end("".join(pieces))), is_long
            start, pieces, characters, is_long = (number, written), [], 0, False
        elif start is None and not is_blank:
            raise InvalidImport("text_before_first_time", line=number, text=text.strip())
        elif characters <= TEXT_BYTES_MAX:
            pieces.append(text)
            characters += len(text)
        elif not is_blank:  # blank lines at the end of a block do not count
            is_long = True
        is_start = piece.endswith("\n")
        number += is_start
    if start is not None:
        yield TextBlock(*start, _without_blank_end("".join(pieces))), is_long


def begins_text_file(line: str) -> bool:
    """Whether `line` can be the first line of a file in this format: it is only a time."""
    return _stamp(line.removeprefix(BYTE_ORDER_MARK)) is not None


def text_block(written_at: int, utc_offset: int, text: str) -> str:
    """An entry in the plain text format: a line with the writer's local time, the text, and a blank line.

    `written_at` is in microseconds since 1970 UTC, `utc_offset` in minutes east of UTC. Characters of `text` that could harm a
    terminal are replaced (see `_harmless`), and trailing line ends are left out. A space is put before each line that looks
    like a time, even an indented one. `text_blocks` removes this space.
    """
    written = _STAMP_IN_TEXT.sub(" ", _harmless(text))
    return f"{_as_stamp(iso_time(written_at, utc_offset))}\n{written}\n\n"


class TextEntry(NamedTuple):
    """The `entry` of a block of a text file, and what `stored_blocks` needs to find it in a notebook.

    `key` is the same for all blocks with the same time and text, and different for others. `copies` is the number of earlier
    blocks with this key. It counts back only to the last block with another time.
    """

    entry: Entry
    key: int
    copies: int


def text_entries(
    blocks: Iterable[TextBlock],
    author: str,
    localize: Callable[[datetime], tuple[int, int]],
    on_bad: Callable[[InvalidImport], None],
) -> Iterator[TextEntry]:
    """Yield an entry of `author` for each block. The same blocks always give the same identities, so a second import adds none.

    If several blocks have the same time and text, and no block of another time is between them, each gets its own identity. If
    a block of another time is between two of them, the file repeats itself, for example because two copies of a notebook were
    joined. Then both get the same identity, and an import stores only one entry.

    `localize` converts a local time without a time zone to (microseconds since 1970 UTC, UTC offset in minutes east). If no
    entry can have that time, this calls `on_bad` instead.
    """
    second: datetime | None = None
    seen: dict[int, int] = {}
    for line, written, text in blocks:
        written_at, utc_offset = localize(written)
        if not is_writing_time(written_at):
            on_bad(InvalidImport("text_block_invalid", line=line, error=InvalidEntry("time_of_no_entry")))
            continue
        if written != second:
            second, seen = written, {}
        stamp, digest = _as_stamp(written.isoformat()), _digest(text)
        key = _sequence(stamp, digest, 0)
        copies = seen.get(key, 0)
        seen[key] = copies + 1
        sequence = _sequence(stamp, digest, copies) if copies else key
        yield TextEntry(Entry(TEXT_CLIENT_ID, sequence, Kind.NOTE, written_at, utc_offset, author, text), key, copies)


def stored_blocks(log: Iterable[StoredEntry], keys: Container[int]) -> Counter[int]:
    """Count, for each key in `keys` (see `TextEntry`), the notes that have, or once had, a text with this key.

    `log` has all entries of the notebook, the newest first. Deleted notes count, too: importing a file that has a deleted note
    does not bring it back.
    """
    counts: Counter[int] = Counter()
    later: dict[int, set[bytes]] = {}  # for the number of an entry: the digests of the later texts of its note
    for number, _, entry, _ in log:
        digests = later.pop(number, set())
        if entry.kind is not Kind.DELETION:
            digests.add(_digest(_as_imported(entry.text)))
        if entry.kind is Kind.NOTE:
            stamp = _as_stamp(iso_time(entry.written_at, entry.utc_offset))
            counts.update(key for digest in digests if (key := _sequence(stamp, digest, 0)) in keys)
        else:
            later.setdefault(entry.revises, set()).update(digests)
    return counts


def _as_stamp(iso: str) -> str:
    """Convert the ISO 8601 time `iso` to the form in text files: `2019/05/09 16:37:08`."""
    return iso[:19].replace("-", "/").replace("T", " ")


def _stamp(line: str) -> datetime | None:
    """The local time in `line`. None if `line` has any other text, or a date or time that does not exist."""
    match = _STAMP.fullmatch(line)
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.groups())
    try:
        return datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None


def _objection_to(text: str) -> InvalidEntry | None:
    """The error that `check_text` raises for `text`; None if it raises none."""
    try:
        check_text(text)
    except InvalidEntry as error:
        return error
    return None


def _without_blank_end(text: str) -> str:
    """`text` without the blank lines at its end, and without the newline of its last line that is not blank."""
    written = text.rstrip()
    end_of_line = text.find("\n", len(written))
    if not written:
        return ""
    return text if end_of_line < 0 else text[:end_of_line]


def _as_imported(text: str) -> str:
    """The text that `text_blocks` reads from the block that `text_block` writes for `text`."""
    return _without_blank_end(_harmless(text).replace("\r\n", "\n"))


def _harmless(text: str) -> str:
    """`text` without line ends at its end, and with its harmful and invisible characters replaced.

    If `harmless_lines` would make the result too long for an entry, each of these characters becomes `?`.
    """
    written = text.rstrip("\r\n")
    replaced = harmless_lines(written)
    return replaced if len(replaced.encode()) <= TEXT_BYTES_MAX else harmless_lines_no_longer(written)


def _digest(text: str) -> bytes:
    return sha256(text.encode()).digest()


def _sequence(stamp: str, digest: bytes, copies: int) -> int:
    """The sequence number of an entry of a text file: 63 bits of a hash of the arguments, never 0.

    `stamp` is the entry's local time, and `digest` the digest of its text. For `copies` see `TextEntry`.
    """
    content = f"{stamp}\n{copies}\n".encode() + digest
    return int.from_bytes(sha256(content).digest()[:8]) % SEQUENCE_MAX + 1
