"""Reads the JSON export of Day One: an object with the array `entries`, also in the zip file that Day One makes.

Each entry has a UUID, a time in UTC with the name of the writer's time zone, tags, and a text in Markdown. The text refers to
pictures and recordings as `![](dayone-moment://IDENTIFIER)`. These references become the names of the files in the export.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from udpnote.errors import InvalidImport
from udpnote.text.other_programs.imported_note import (
    STARRED,
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

SOURCE = "day-one"
JSON_ARRAY = "entries"

_MOMENT = re.compile(r"!\[\]\(dayone-moment:/*(?:\w+/)?([0-9A-Za-z-]+)\)")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_FENCE = re.compile(r"(^```.*?^```[^\n]*$)", re.MULTILINE | re.DOTALL)
_FOLDERS = {"photos": "jpeg", "videos": "mp4", "audios": "m4a", "pdfAttachments": "pdf"}
"""The fields of an entry that list files, each with the extension of file names to use where the list gives none."""

_FOLDER_NAMES = {"pdfAttachments": "pdfs"}
"""For a field of `_FOLDERS`: the folder in the export with its files, if the folder does not have the name of the field."""

_OBJECT_REPLACEMENT = "\ufffc"
"""Day One writes this character for a picture, in addition to the reference to it."""


def is_day_one_record(fields: dict[str, Any]) -> bool:
    """Whether a JSON object is an entry of Day One."""
    return {"uuid", "creationDate"} <= fields.keys()


def day_one_note(fields: dict[str, Any], place: Place, reading: Reading) -> ImportedNote | None:
    """Convert an entry of Day One, which is at `place` in the file, to a note; None if the entry is bad or has no text.

    This counts in `reading.left_out` what a notebook does not keep of the entry. An entry without text is counted there, too.
    If the entry is bad, this calls `reading.on_bad`.
    """
    uuid, written_at = text_in(fields, "uuid"), utc_moment(text_in(fields, "creationDate"))
    if not uuid or written_at is None:
        missing = "creationDate" if uuid else "uuid"
        reading.on_bad(error_at(place, InvalidImport("record_without_time", program="Day One", field=missing)))
        return None
    reading.leave_out(
        {
            LeftOut.PICTURES: amount_in(fields, "photos"),
            LeftOut.RECORDINGS: amount_in(fields, "videos", "audios"),
            LeftOut.ATTACHMENTS: amount_in(fields, "pdfAttachments"),
            LeftOut.PLACES: bool(fields.get("location")),
            LeftOut.DETAILS: any(fields.get(key) for key in ("weather", "music", "userActivity")),
        }
    )
    text = _text(fields)
    names = [*texts_in(fields, "tags"), *([STARRED] if fields.get("starred") is True else [])]
    note = ImportedNote(
        place=place,
        identity=uuid.replace("-", "").upper(),
        may_change=True,
        written_at=written_at,
        utc_offset=reading.zones.offset(written_at, text_in(fields, "timeZone")),
        text=with_tags(text, names) if text.strip() else "",
        changed_at=utc_moment(text_in(fields, "modifiedDate")) or 0,
    )
    return note if reading.accepts(note) else None


def _text(fields: dict[str, Any]) -> str:
    """The text of an entry: its Markdown or, if there is none, the characters of its rich text.

    If the entry has rich text, Day One made the Markdown from it, and put a backslash before each sign that Markdown might read
    as markup. These backslashes are removed, except in blocks of code.
    """
    text = text_in(fields, "text").replace("\r\n", "\n").replace("\u2028", "\n").replace(_OBJECT_REPLACEMENT, "")
    rich = text_in(fields, "richText")
    if not text:
        return "".join(_rich_pieces(rich)).replace(_OBJECT_REPLACEMENT, "").strip()
    if rich:
        pieces = _FENCE.split(text)
        text = "".join(piece if place % 2 else _ESCAPED.sub(r"\1", piece) for place, piece in enumerate(pieces))
    files = _files(fields)
    return _MOMENT.sub(lambda match: f"![]({files[match[1]]})" if match[1] in files else match[0], text).strip()


def _files(fields: dict[str, Any]) -> dict[str, str]:
    """The path in the export of each file of an entry, by the identifier that the entry's text uses for the file."""
    files = {}
    for array, ending in _FOLDERS.items():
        listed = fields.get(array)
        for each in listed if isinstance(listed, list) else []:
            if isinstance(each, dict) and text_in(each, "md5"):
                name = f"{text_in(each, 'md5')}.{text_in(each, 'type') or ending}"
                files[text_in(each, "identifier")] = f"{_FOLDER_NAMES.get(array, array)}/{name}"
    return files


def _rich_pieces(rich: str) -> Iterator[str]:
    """Yield the pieces of text in `rich`, the JSON of an entry's rich text. Yield none if `rich` is not valid JSON."""
    try:
        fields = json.loads(rich or "{}")
    except (ValueError, RecursionError):
        return
    contents = fields.get("contents") if isinstance(fields, dict) else None
    for each in contents if isinstance(contents, list) else []:
        if isinstance(each, dict):
            yield text_in(each, "text")
