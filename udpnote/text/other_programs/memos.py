"""Reads memos of usememos/memos: what its API answers to `GET /api/v1/memos`, and the rows of its database.

The API of version 0.22 and later returns an object with the array `memos`, and its times have names such as `createTime`.
Earlier versions return an array, and their times have names such as `createdTs`. `storage.memos_file` reads a database as
objects of the earlier kind.
"""

from typing import Any

from udpnote.errors import InvalidImport
from udpnote.text.other_programs.imported_note import (
    ImportedNote,
    LeftOut,
    Place,
    Reading,
    amount_in,
    error_at,
    text_in,
    texts_in,
    with_tags,
)
from udpnote.text.other_programs.note_times import utc_moment

SOURCE = "memos"
JSON_ARRAYS = ("memos", "data")

NEXT_PAGE = "nextPageToken"
"""The field with which the API asks for the next page of memos. It is empty on the last page."""


def is_memos_record(fields: dict[str, Any]) -> bool:
    """Whether a JSON object is a memo."""
    return "content" in fields and ("createTime" in fields or "createdTs" in fields)


def memos_note(fields: dict[str, Any], place: Place, reading: Reading) -> ImportedNote | None:
    """Convert a memo, which is at `place` in the file, to a note; None if the memo is bad or has no text.

    This counts in `reading.left_out` what a notebook does not keep of the memo. A memo without text is counted there, too. If
    the memo is bad, this calls `reading.on_bad`.
    """
    written_at = _time(fields, "createTime", "createdTs")
    identity = _identity(fields, written_at)
    if written_at is None or not identity:
        missing = "name" if written_at is not None else "createTime"
        reading.on_bad(error_at(place, InvalidImport("record_without_time", program="memos", field=missing)))
        return None
    text = text_in(fields, "content").replace("\r\n", "\n").strip()
    reading.leave_out(
        {
            LeftOut.ATTACHMENTS: amount_in(fields, "attachments", "resources", "resourceList"),
            LeftOut.RELATIONS: amount_in(fields, "relations", "relationList", "reactions"),
            LeftOut.PLACES: bool(fields.get("location")),
            LeftOut.PRIVACY: text_in(fields, "visibility") == "PRIVATE",
        }
    )
    names = texts_in(fields, "tags")
    if fields.get("pinned") == 1:  # in the JSON it is true, which equals 1
        names.append("pinned")
    if "ARCHIVED" in _states(fields):
        names.append("archived")
    note = ImportedNote(
        place=place,
        identity=identity,
        may_change=True,
        written_at=written_at,
        utc_offset=reading.zones.offset(written_at, ""),
        text=with_tags(text, names) if text else "",
        author=_author(fields),
        changed_at=_time(fields, "updateTime", "updatedTs") or 0,
    )
    return note if reading.accepts(note) else None


def _states(fields: dict[str, Any]) -> set[str]:
    return {text_in(fields, "state"), text_in(fields, "rowStatus")}


def _identity(fields: dict[str, Any], written_at: int | None) -> str:
    """A text that identifies a memo among those of all installations: its random id or, in old versions, its number and time.

    Empty if the memo has neither an id nor a number. `written_at` is its time in microseconds since 1970 UTC, or None.
    """
    uid = text_in(fields, "uid") or text_in(fields, "name").rpartition("/")[2] or str(fields.get("id") or "")
    return f"{uid}\n{written_at}" if uid.isdecimal() else uid


def _author(fields: dict[str, Any]) -> str:
    """The name of the memo's writer. Empty if the memo has only the number of an account."""
    name = text_in(fields, "creatorUsername") or text_in(fields, "creator").rpartition("/")[2]
    return "" if name.isdecimal() else name


def _time(fields: dict[str, Any], text_key: str, number_key: str) -> int | None:
    """The time in the field `text_key` or `number_key`, in microseconds since 1970 UTC. None if neither has a time.

    `text_key` has the time as text, `number_key` as a number of seconds since 1970.
    """
    seconds = fields.get(number_key)
    if type(seconds) is int and abs(seconds) < 1 << 38:
        return seconds * 1_000_000
    return utc_moment(text_in(fields, text_key))
