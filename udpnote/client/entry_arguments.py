"""Checks arguments that a program passes to the library: entries, numbers of entries, and how many results it asks for."""

from collections.abc import Iterable, Sequence

from udpnote.errors import InvalidEntry, InvalidQuery
from udpnote.model.argument_types import check_several, check_type, wrong_type
from udpnote.model.entry import (
    CLIENT_ID_BYTES,
    NOTHING_SEEN,
    SEQUENCE_MAX,
    Entry,
    Kind,
    SeenEntry,
    StoredEntry,
    WritingTime,
    check_author,
    check_text,
    check_writing_time,
)


def check_selection(numbers: Sequence[int], limit: int | None, start: int | None = None) -> None:
    """Check three arguments of a reading method: the `numbers` of entries, `limit` and `start`.

    `limit` is the most results, and `start` the number from which to read; both may be None. Raises `TypeError` for a value of
    another type, and `InvalidQuery` for a number that no entry can have or a negative `limit`.
    """
    check_numbers("numbers", numbers)
    if limit is not None:
        check_number("limit", limit, least=0)
    if start is not None:
        check_number("start", start)


def check_numbers(name: str, numbers: Iterable[int]) -> list[int]:
    """Return `numbers`, the value of the argument called `name`, as a list, after checking each number with `check_number`.

    Raises the errors of `check_number`, and `TypeError` if `numbers` is a str, bytes or no iterable.
    """
    check_several(name, numbers, "a sequence of ints")
    checked = list(numbers)
    for number in checked:
        check_number(f"each of {name}", number)
    return checked


def check_number(name: str, number: int, *, least: int = 1) -> None:
    """Check that `number`, the value of the argument called `name`, is an int from `least` to `SEQUENCE_MAX`, both included.

    `SEQUENCE_MAX` is the highest number that an entry can have. Raises `TypeError` for another type, and `InvalidQuery` for a
    number out of range.
    """
    check_type(name, number, int)
    if not least <= number <= SEQUENCE_MAX:
        raise InvalidQuery("argument_out_of_range", name=name, number=number, least=least, most=SEQUENCE_MAX)


def check_written(written: WritingTime) -> None:
    """Check the argument `written` of `Client.send_many`.

    Raises `TypeError` for another type, and `InvalidEntry` for a time out of range.
    """
    check_type("written", written, WritingTime)
    check_writing_time(written)


def seen_entry(seen: StoredEntry | SeenEntry | None) -> SeenEntry | None:
    """The argument `seen` of `Client.revise` as a `SeenEntry`; None if it is None.

    Raises `TypeError` if `seen` or one of its fields has another type, and `InvalidQuery` for a number out of range.
    """
    if seen is None:
        return None
    check_type("seen", seen, StoredEntry, SeenEntry)
    as_seen = seen.as_seen if isinstance(seen, StoredEntry) else seen
    check_number("seen.number", as_seen.number)
    check_type("seen.client_id", as_seen.client_id, bytes)
    check_number("seen.sequence", as_seen.sequence)
    return as_seen


def check_entry(entry: Entry) -> None:
    """Check that the fields of `entry` are valid. The notebook is not asked: it may refuse even a valid entry.

    Raises `InvalidEntry` for an invalid text, author or time, a note with `revises` or a deletion with a text. Raises
    `InvalidQuery` for a number or sequence out of range (see `check_number`) or a client id of a wrong length, and `TypeError`
    for a field of a wrong type.
    """
    check_type("each of entries", entry, Entry)
    _check_client_id("client_id", entry.client_id)
    check_number("sequence", entry.sequence)
    check_type("kind", entry.kind, Kind)
    if entry.kind is Kind.ERASED:  # no client writes it
        raise wrong_type("kind", "Kind.NOTE, Kind.REVISION or Kind.DELETION", entry.kind)
    check_writing_time(WritingTime(entry.written_at, entry.utc_offset))
    check_author(entry.author)
    check_number("revises", entry.revises, least=int(entry.kind is not Kind.NOTE))
    if entry.kind is Kind.NOTE and entry.revises:
        raise InvalidEntry("note_with_revises")
    if entry.kind is not Kind.DELETION:
        check_text(entry.text)
    elif entry.text:
        raise InvalidEntry("deletion_with_text", value=entry.text)
    check_type("seen", entry.seen, SeenEntry)
    if entry.seen != NOTHING_SEEN:
        check_number("seen.number", entry.seen.number)
        _check_client_id("seen.client_id", entry.seen.client_id)
        check_number("seen.sequence", entry.seen.sequence)


def checked_entries(entries: Iterable[Entry]) -> list[Entry]:
    """Return `entries` as a list, after checking each one with `check_entry`, whose errors this function raises.

    Raises `TypeError` if `entries` is not iterable.
    """
    check_several("entries", entries, "a sequence of entries")
    checked = list(entries)
    for entry in checked:
        check_entry(entry)
    return checked


def _check_client_id(name: str, client_id: bytes) -> None:
    check_type(name, client_id, bytes)
    if len(client_id) != CLIENT_ID_BYTES:
        raise InvalidQuery(
            "argument_out_of_range",
            name=f"len({name})",
            number=len(client_id),
            least=CLIENT_ID_BYTES,
            most=CLIENT_ID_BYTES,
        )
