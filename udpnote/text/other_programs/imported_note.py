"""A note of another program, and what its reader needs from the caller.

Each reader yields `ImportedNote`s, calls `on_bad` for what cannot be a note, and counts in a `Counter` what a notebook does not
keep (`LeftOut`). The identity of a note depends only on its source, so the same source always gives the same identities.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import Enum
from hashlib import sha256
from typing import Any, NamedTuple

from udpnote.errors import InvalidEntry, InvalidImport, StorageError
from udpnote.model.entry import CLIENT_ID_BYTES, SEQUENCE_MAX, check_author, check_text, is_writing_time
from udpnote.text.search_terms import parse_tag, tags

STARRED = "starred"
"""The tag of a note that is starred in jrnl or Day One."""


class LeftOut(Enum):
    """What a notebook does not keep of the data of other programs. The values are the keys in `udpnote import --json`."""

    PICTURES = "pictures"
    RECORDINGS = "recordings"
    ATTACHMENTS = "attachments"
    PLACES = "places"
    DETAILS = "details"
    """Weather, music and activity in Day One."""

    RELATIONS = "relations"
    """Reactions to memos, and links: those from a memo to another memo, and those from a comment to its memo. The texts of
    comments are kept."""

    PRIVACY = "privacy"
    """Notes that only their writer could read in the other program. In the notebook, everybody can read them."""

    PROPERTIES = "properties"
    """Properties in the front matter of Markdown other than title, date, tags and author."""

    DATE_PROPERTIES = "date_properties"
    """Files of Markdown whose date in the front matter was not understood. Their notes have another time: see
    `markdown_notes`."""

    EMPTY = "empty"
    """Notes and files without text."""

    FILES = "files"
    """Files of a folder whose names do not end with .md, .markdown or .txt."""

    OTHER_TEXTS = "other_texts"
    """Texts in the folder of a jrnl journal that are not named as its days are, such as `2026/11/23.txt`."""

    SPECIAL_FILES = "special_files"
    """Pipes, sockets and devices in a folder, whatever their names are."""

    HIDDEN = "hidden"
    """Files and folders whose names begin with a dot, symbolic links, which are not followed, and the backups of Logseq."""

    DATES_NOT_READ = "dates_not_read"
    """Lines of a jrnl text that seem to begin an entry, but whose date was not understood. They become text of the entry
    before."""


class Place(NamedTuple):
    """Where a note is in its source: the line `line`, or the record `position`, of the file `path`.

    Lines and positions count from 1. `path` is empty if there is only one file. A source has either lines or records; the
    number of the other kind is 0.
    """

    path: str = ""
    line: int = 0
    position: int = 0


class ImportedNote(NamedTuple):
    """A note of another program.

    `identity` distinguishes the note from all other notes of this kind of source. If `may_change` is true, the note keeps its
    identity when its text is changed in the other program. If it is false, the identity depends on the text. If `may_move` is
    true, the identity depends on the path of a file. Then a note with another identity but the same time and text is the same
    note, in a file that was renamed.

    `written_at` and `changed_at` are in microseconds since 1970 UTC, and `utc_offset` is in minutes east. `changed_at` is 0 if
    it is unknown, and `author` is empty if the source does not name an author.
    """

    place: Place
    identity: str
    may_change: bool
    written_at: int
    utc_offset: int
    text: str
    author: str = ""
    changed_at: int = 0
    may_move: bool = False


class Zones(NamedTuple):
    """The time zones of the machine that imports.

    `localize` converts a local time of this machine, without a time zone, to (microseconds since 1970 UTC, minutes east of
    UTC). `offset` takes a time (microseconds since 1970 UTC) and the IANA name of a zone, such as `Asia/Shanghai`, and returns
    the zone's UTC offset at that time in minutes east. If the name is empty or unknown, it uses this machine's zone.
    """

    localize: Callable[[datetime], tuple[int, int]]
    offset: Callable[[int, str], int]


class Reading(NamedTuple):
    """What a reader needs, and where it reports to.

    If something cannot be a note, the reader calls `on_bad` with an `InvalidImport`, and `on_bad` may raise it. If one of
    several files cannot be read, the reader calls `on_bad` with a `StorageError`. `left_out` counts what a notebook does not
    keep. `date_format` is the format of dates in a jrnl text, as for `datetime.strptime`. If it is empty, dates must have the
    order year, month, day.
    """

    zones: Zones
    on_bad: Callable[[InvalidImport | StorageError], None]
    left_out: Counter[LeftOut]
    date_format: str = ""

    def accepts(self, note: ImportedNote) -> bool:
        """Return whether `note` can be an entry.

        If it has no text, count it in `left_out`. If it has another fault, call `on_bad`, which may raise the error.
        """
        if not note.text.strip():
            self.left_out[LeftOut.EMPTY] += 1
            return False
        try:
            check_text(note.text)
            check_author(note.author or "-")
            if not is_writing_time(note.written_at):
                raise InvalidEntry("time_of_no_entry")
        except InvalidEntry as error:
            self.on_bad(error_at(note.place, error))
            return False
        return True

    def leave_out(self, counts: Mapping[LeftOut, int]) -> None:
        """Count what a note of the other program has and a notebook does not keep: `counts`, in which 0 stands for nothing."""
        self.left_out.update({what: int(count) for what, count in counts.items() if count})


def error_at(place: Place, problem: Exception) -> InvalidImport:
    """The error for `problem`. It names the place in the source."""
    if place.path and place.position:
        return InvalidImport("bad_import_record_in_file", path=place.path, position=place.position, problem=problem)
    if place.path:
        return InvalidImport("bad_import_in_file", path=place.path, line=place.line, problem=problem)
    if place.line:
        return InvalidImport("bad_import_line", line=place.line, problem=problem)
    return InvalidImport("bad_import_record", position=place.position, problem=problem)


def source_client_id(source: str) -> bytes:
    """The client id of all notes that are imported from this kind of source, such as `jrnl`.

    It is fixed, so that a note gets the same identity on each machine and at each import.
    """
    return sha256(f"udpnote import from {source}".encode()).digest()[:CLIENT_ID_BYTES]


def sequence_of(identity: str) -> int:
    """The sequence number for an `identity`: 63 bits of its hash, never 0."""
    return int.from_bytes(sha256(_to_bytes(identity)).digest()[:8]) % SEQUENCE_MAX + 1


def digest_of(text: str) -> bytes:
    """A digest of `text` with 16 bytes: different texts have different digests."""
    return sha256(_to_bytes(text)).digest()[:16]


def _to_bytes(text: str) -> bytes:
    """Encode `text` as UTF-8. It may have lone surrogates: JSON may contain any of them, and a surrogate from U+DC80 to U+DCFF
    may also stand for a byte of a file or of its name that is not valid UTF-8.
    """
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return text.encode(errors="surrogatepass")


def with_tags(text: str, names: Iterable[str]) -> str:
    """Add a last line to `text` with the tags in `names` that `text` lacks, such as `#work #travel-plans`.

    If a name is not a tag, its white space and most of its signs are replaced by `-` (see `_as_tag`). If the result is still
    not a tag, such as a number, it is added nevertheless, with a `#`.
    """
    present = set(tags(text))
    added: dict[str, None] = {}
    for name in names:
        spelled = _as_tag(name)
        folded = parse_tag(spelled) or spelled
        if spelled and folded not in present:
            present.add(folded)
            added[f"#{spelled}"] = None
    return "\n\n".join(filter(None, [text.rstrip(), " ".join(added)]))


def _as_tag(name: str) -> str:
    """`name` as a tag, without the signs before it (`#`, `@` …).

    If it is not a tag as it is, only its letters, digits, `_`, `.` and `/` stay, and whatever is between them becomes one `-`:
    `travel-plans` for `travel plans`. The result is empty if nothing stays, and may be no tag: for example, a number.
    """
    bare = name.strip().strip('"').lstrip("#＃@+-*/").strip()
    if not bare or parse_tag(bare):
        return bare
    return "-".join("".join(sign if sign.isalnum() or sign in "_/." else " " for sign in bare).split())


def text_in(fields: dict[str, Any], *keys: str) -> str:
    """The first string in `fields` under one of `keys` that is not empty; the empty string if there is none."""
    return next((value for key in keys if isinstance(value := fields.get(key), str) and value), "")


def texts_in(fields: dict[str, Any], key: str) -> list[str]:
    """The strings in the list in `fields` under `key`; none if there is no list."""
    found = fields.get(key)
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def amount_in(fields: dict[str, Any], *keys: str) -> int:
    """The number of elements of all lists in `fields` under `keys`."""
    return sum(len(value) for key in keys if isinstance(value := fields.get(key), list))
