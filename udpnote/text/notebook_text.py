"""The plain text of udpnote's predecessor, to import and export: for each entry a local time on a line, the text, a blank line.

Such a file holds times and texts only. The identity of an imported entry depends on nothing else, so importing a file a second
time adds nothing. `detect_format` decides whether a file is such a text or JSON lines.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from enum import Enum
from hashlib import sha256
from typing import NamedTuple

from udpnote.errors import InvalidEntry, InvalidImport
from udpnote.model.entry import CLIENT_ID_BYTES, SEQUENCE_MAX, TEXT_BYTES_MAX, Entry, Kind, check_text
from udpnote.text.jsonl import BYTE_ORDER_MARK, iso_time

TEXT_CLIENT_ID = sha256(b"udpnote text import").digest()[:CLIENT_ID_BYTES]
"""The entries of all text files have this client, so that the same entry is recognized wherever it is imported."""

_STAMP = re.compile(r"([0-9]{4})/([0-9]{2})/([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})\s*")


class Format(Enum):
    """The formats that can be imported."""

    JSONL = "jsonl"
    TEXT = "text"


class TextBlock(NamedTuple):
    """One entry of a text file: the number of its first line, its local time without zone, and its text."""

    line: int
    written: datetime
    text: str


class TextBlocks:
    """The blocks of a text file, one after the other; of a block that is too long, memory holds only the length of an entry.

    `lines` come with their newlines, as a file gives them. A line without newline continues in the next, so a long line may
    come in pieces. A block begins with a time on a line of its own, which is the first line or follows a blank one; an
    impossible time, such as one on February 30, is text. A block without text is skipped. The error of a block that cannot be
    an entry is given to `on_bad`, which may raise it.

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
        """Yield the block that is complete now, if it can be an entry; report one that cannot."""
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
    """The format of the file whose first line that is not blank is `first_line`; raises `InvalidImport` if it has neither.

    Bytes that are not UTF-8 must have become lone surrogates (`surrogateescape`).
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
    """An entry in the format of udpnote's predecessor: the writer's local time, the text, a blank line.

    A text in which a time follows a blank line is read back as two entries: the format cannot express it.
    """
    written = text.rstrip("\r\n")
    return f"{_as_stamp(iso_time(written_at, utc_offset))}\n{written}\n\n"


def text_entries(blocks: Iterable[TextBlock], author: str, localize: Callable[[datetime], tuple[int, int]]) -> Iterator[Entry]:
    """`blocks` as entries of `author`; the same blocks always get the same identities, so a second import adds nothing.

    Equal texts of the same second that follow each other are counted, and are different entries. If another time comes between
    them, they are the same entry: a file that contains everything twice is one notebook. `localize` turns a local time without
    zone into microseconds since 1970 UTC and minutes east of UTC.
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
    """A time of ISO 8601 in the format of udpnote's predecessor, to the second."""
    return iso[:19].replace("-", "/").replace("T", " ")


def _stamp(line: str) -> datetime | None:
    """The local time in `line`, if that holds nothing else."""
    match = _STAMP.fullmatch(line)
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.groups())
    try:
        return datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None


def _objection_to(text: str) -> InvalidEntry | None:
    try:
        check_text(text)
    except InvalidEntry as error:
        return error
    return None


def _without_blank_end(text: str) -> str:
    """`text` without the blank lines at its end, and without its last newline."""
    written = text.rstrip()
    end_of_line = text.find("\n", len(written))
    return "" if not written else text if end_of_line < 0 else text[:end_of_line]


def _sequence(written: datetime, text: str, count: int) -> int:
    """63 bits that identify an entry of a text file; never 0, which is no sequence."""
    content = f"{_as_stamp(written.isoformat())}\n{count}\n{text}"
    return int.from_bytes(sha256(content.encode()).digest()[:8]) % SEQUENCE_MAX + 1


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
