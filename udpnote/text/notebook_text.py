"""The plain text format of udpnote's predecessor, for import and export.

For each entry, such a file has a line with the local time, the text, and a blank line. It has no client ids and sequence
numbers, so `text_entries` computes the identity of an entry from its time and text. Therefore importing a file a second time
adds nothing. `detect_format` decides whether a file has this format or JSON lines.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from enum import Enum
from hashlib import sha256
from typing import NamedTuple

from udpnote.errors import InvalidEntry, InvalidImport
from udpnote.model.entry import CLIENT_ID_BYTES, SEQUENCE_MAX, TEXT_BYTES_MAX, Entry, Kind, check_text
from udpnote.text.harmless import harmless_lines
from udpnote.text.jsonl import BYTE_ORDER_MARK, iso_time

TEXT_CLIENT_ID = sha256(b"udpnote text import").digest()[:CLIENT_ID_BYTES]
"""The client id of all entries that are imported from text files.

It is fixed, so that an entry of a file gets the same identity on each machine and at each import.
"""

_STAMP = re.compile(r"([0-9]{4})/([0-9]{2})/([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})\s*")


class Format(Enum):
    """The formats of files that can be imported: JSON lines (see `jsonl`), and the text format of this module."""

    JSONL = "jsonl"
    TEXT = "text"


class TextBlock(NamedTuple):
    """One entry of a text file: the number of the line with its time (from 1), that local time, and its text.

    `written` has no time zone. `text` is below the time in the file, without the blank lines at its end.
    """

    line: int
    written: datetime
    text: str


class TextBlocks:
    """Iterates over the blocks of a text file, as `TextBlock`s. A block is a line with a time and the text below it.

    `lines` are the lines of the file with their newlines. A long line may come in several pieces, of which only the last has a
    newline. A block begins with a time that is alone on its line, if that line is the first of the file or follows a blank
    line. A date that does not exist, such as February 30, counts as text. A block without text is skipped. A block that cannot
    be an entry is skipped, too: `on_bad` is called with the `InvalidImport` that says why, and may raise it. Of a block that is
    too long, little more than the longest possible entry is kept in memory.

    Iterating raises `InvalidImport` if there is text before the first time.
    """

    def __init__(self, lines: Iterable[str], on_bad: Callable[[InvalidImport], None]) -> None:
        self._lines = lines
        self._on_bad = on_bad
        self._stamp: tuple[int, datetime] | None = None
        self._pieces: list[str] = []
        self._characters = 0
        self._is_long = False

    def __iter__(self) -> Iterator[TextBlock]:
        number, is_start, follows_blank = 1, True, True
        for piece in self._lines:
            line = piece.removeprefix(BYTE_ORDER_MARK) if number == 1 and is_start else piece
            written = _stamp(line) if is_start and follows_blank else None
            if written is not None:
                yield from self._finish()
                self._stamp = number, written
            else:
                self._keep(line.replace("\r\n", "\n"), number)
            follows_blank = (follows_blank or is_start) and not line.strip()
            is_start = piece.endswith("\n")
            number += is_start
        yield from self._finish()

    def _keep(self, piece: str, number: int) -> None:
        """Add `piece`, of line `number`, to the text of the present block. Raises `InvalidImport` if no block has begun."""
        is_blank = not piece.strip()
        if self._stamp is None and is_blank:
            return
        if self._stamp is None:
            raise InvalidImport("text_before_first_time", line=number, text=piece.strip())
        if self._characters <= TEXT_BYTES_MAX:
            self._pieces.append(piece)
            self._characters += len(piece)
        elif not is_blank:  # blank lines at the end of a block do not count
            self._is_long = True

    def _finish(self) -> Iterator[TextBlock]:
        """Yield the block that has just ended, if it has text and can be an entry. If it cannot be one, call `on_bad`."""
        text, is_long = _without_blank_end("".join(self._pieces)), self._is_long
        self._pieces, self._characters, self._is_long = [], 0, False
        if self._stamp is None or (not text and not is_long):
            return
        error = InvalidEntry("text_longer_than", bytes_max=TEXT_BYTES_MAX) if is_long else _objection_to(text)
        if error is None:
            yield TextBlock(*self._stamp, text)
        else:
            self._on_bad(InvalidImport("text_block_invalid", line=self._stamp[0], error=error))


def detect_format(first_line: str) -> Format:
    """The format of a file to import, by its first line that is not blank, `first_line`.

    The caller must have decoded the line with `errors="surrogateescape"`. Raises `InvalidImport` if the line is of neither
    format.
    """
    line = first_line.removeprefix(BYTE_ORDER_MARK)
    if line.lstrip().startswith("{"):
        return Format.JSONL
    if _stamp(line) is not None:
        return Format.TEXT
    if not _is_unicode(line):
        raise InvalidImport("import_not_unicode")
    raise InvalidImport("import_format_unknown", text=line.strip())


def text_block(written_at: int, utc_offset: int, text: str) -> str:
    """An entry in the plain text format: a line with the writer's local time, the text, and a blank line.

    `written_at` is in microseconds since 1970 UTC, `utc_offset` in minutes east. In `text`, characters that could harm a
    terminal are replaced, and line ends at its end are left out. If a line of the text follows a blank line and looks like a
    time, an import takes the text for two entries: the format cannot tell the difference.
    """
    written = harmless_lines(text.rstrip("\r\n"))
    return f"{_as_stamp(iso_time(written_at, utc_offset))}\n{written}\n\n"


def text_entries(blocks: Iterable[TextBlock], author: str, localize: Callable[[datetime], tuple[int, int]]) -> Iterator[Entry]:
    """Yield an entry of `author` for each block. The same blocks always give the same identities, so a second import adds none.

    If a text occurs several times in successive blocks of the same second, each of these blocks gets an identity of its own.
    But if a block of another second comes between two blocks with the same time and text, both get the same identity, and an
    import stores one: then the file repeats itself, as when two copies of a notebook were joined. `localize` converts a local
    time without a time zone to (microseconds since 1970 UTC, UTC offset in minutes east).
    """
    second: datetime | None = None
    seen: dict[int, int] = {}
    for _, written, text in blocks:
        if written != second:
            second, seen = written, {}
        first = _sequence(written, text, 0)
        count = seen.get(first, 0)
        seen[first] = count + 1
        written_at, utc_offset = localize(written)
        sequence = _sequence(written, text, count) if count else first
        yield Entry(TEXT_CLIENT_ID, sequence, Kind.NOTE, written_at, utc_offset, author, text)


def _as_stamp(iso: str) -> str:
    """The ISO 8601 time `iso` as a text file has it: `2019/05/09 16:37:08`."""
    return iso[:19].replace("-", "/").replace("T", " ")


def _stamp(line: str) -> datetime | None:
    """The local time that `line` consists of; None if `line` has other text, or a date or time that does not exist."""
    match = _STAMP.fullmatch(line)
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.groups())
    try:
        return datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None


def _objection_to(text: str) -> InvalidEntry | None:
    """The error that `check_text` raises for `text`; None if an entry can have this text."""
    try:
        check_text(text)
    except InvalidEntry as error:
        return error
    return None


def _without_blank_end(text: str) -> str:
    """`text` without the blank lines at its end, and without the newline of its last line that is not blank."""
    written = text.rstrip()
    end_of_line = text.find("\n", len(written))
    return "" if not written else text if end_of_line < 0 else text[:end_of_line]


def _sequence(written: datetime, text: str, count: int) -> int:
    """The sequence number of an entry of a text file: 63 bits of a hash of the arguments, never 0.

    `count` is the number of blocks with the same time and text before it, without a block of another second between.
    """
    content = f"{_as_stamp(written.isoformat())}\n{count}\n{text}"
    return int.from_bytes(sha256(content.encode()).digest()[:8]) % SEQUENCE_MAX + 1


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
