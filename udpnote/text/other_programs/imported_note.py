"""A note of another program, and what its reader needs from the caller.

Each reader yields `ImportedNote`s, calls `on_bad` for what cannot be a note, and counts in a `Counter` what a notebook does not
keep (`LeftOut`). The identity of a note comes from its source alone, so the same source always gives the same identities.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from enum import Enum
from hashlib import sha256
from typing import Any, NamedTuple

from udpnote.errors import InvalidEntry, InvalidImport
from udpnote.model.entry import CLIENT_ID_BYTES, SEQUENCE_MAX, check_author, check_text
from udpnote.text.search_terms import parse_tag, tags

STARRED = "starred"
"""The tag of a note that is starred in jrnl or Day One."""


class LeftOut(Enum):
    """What a notebook does not keep of another program's notes. The values are the keys in `udpnote import --json`."""

    PICTURES = "pictures"
    RECORDINGS = "recordings"
    ATTACHMENTS = "attachments"
    PLACES = "places"
    DETAILS = "details"
    """Weather, music and activity in Day One."""

    RELATIONS = "relations"
    """Comments, reactions and references between memos: the texts are kept, but not to which memo they belong."""

    PRIVACY = "privacy"
    """Notes that only their writer could read there: everybody who reads the notebook can read them now."""

    PROPERTIES = "properties"
    """Values in the front matter of Markdown, other than title, date and tags."""

    EMPTY = "empty"
    """Notes and files without text."""

    FILES = "files"
    """Files of a folder that are not Markdown."""

    HIDDEN = "hidden"
    """Files and folders whose name begins with a dot, and symbolic links, which are not followed."""

    DATES_NOT_READ = "dates_not_read"
    """Lines of a jrnl text that seem to begin an entry, but have a date that was not understood; they became text."""


class Place(NamedTuple):
    """Where a note is in its source: in the file `path` of several, at `line`, or the record with this `position`.

    Lines and positions count from 1; 0 and the empty string stand for what does not apply.
    """

    path: str = ""
    line: int = 0
    position: int = 0


class ImportedNote(NamedTuple):
    """A note of another program.

    `identity` tells it from all other notes of this kind of source. If `may_change`, the note keeps its identity when its text
    is changed there; otherwise the identity depends on the text. If `may_move`, the identity depends on the path of a file:
    then a note with another identity, but the same time and text, is the same note in a file that was renamed.

    `written_at`, and `changed_at` if it is known (else 0), are in microseconds since 1970 UTC, `utc_offset` is in minutes east.
    `author` is empty if the source does not name one.
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

    `localize` turns a local time of this machine, without a time zone, into (microseconds since 1970 UTC, minutes east of UTC).
    `offset` gives the minutes east of UTC at a time (microseconds since 1970 UTC) in the zone with an IANA name such as
    `Asia/Shanghai`; in this machine's zone if the name is empty or not known.
    """

    localize: Callable[[datetime], tuple[int, int]]
    offset: Callable[[int, str], int]


class Reading(NamedTuple):
    """What a reader needs, and where it reports to.

    `on_bad` is called with an `InvalidImport` for what cannot be a note, and may raise it. `left_out` counts what a notebook
    does not keep. `date_format` is how a jrnl text writes its dates, as for `datetime.strptime`; empty: year, month, day.
    """

    zones: Zones
    on_bad: Callable[[InvalidImport], None]
    left_out: Counter[LeftOut]
    date_format: str = ""

    def accepts(self, note: ImportedNote) -> bool:
        """Whether `note` can be an entry. If it has no text, it is counted; if it has another fault, `on_bad` is called."""
        if not note.text.strip():
            self.left_out[LeftOut.EMPTY] += 1
            return False
        try:
            check_text(note.text)
            check_author(note.author or "-")
        except InvalidEntry as error:
            self.on_bad(error_at(note.place, error))
            return False
        return True


def error_at(place: Place, problem: Exception) -> InvalidImport:
    """The error that says where in the source the `problem` is."""
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
    return int.from_bytes(sha256(identity.encode(errors="surrogateescape")).digest()[:8]) % SEQUENCE_MAX + 1


def digest_of(text: str) -> bytes:
    """16 bytes that tell `text` from other texts."""
    return sha256(text.encode(errors="surrogateescape")).digest()[:16]


def with_tags(text: str, names: Iterable[str]) -> str:
    """`text` with a last line of those tags in `names` that it does not have already, such as `#work #travel-plans`.

    Signs that a tag cannot have become `-`. A name that cannot be a tag, such as a number, gets its `#` as well.
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
    """`name` without its sign (`#`, `@` …), and with `-` instead of what a tag cannot have."""
    bare = name.strip().strip('"').lstrip("#＃@+-*/").strip()
    if not bare or parse_tag(bare):
        return bare
    return "-".join("".join(sign if sign.isalnum() or sign in "_/." else " " for sign in bare).split())


def text_in(fields: dict[str, Any], *keys: str) -> str:
    """The first string under one of `keys` that is not empty; otherwise the empty string."""
    return next((value for key in keys if isinstance(value := fields.get(key), str) and value), "")


def amount_in(fields: dict[str, Any], *keys: str) -> int:
    """How many elements the lists under `keys` have together."""
    return sum(len(value) for key in keys if isinstance(value := fields.get(key), list))
