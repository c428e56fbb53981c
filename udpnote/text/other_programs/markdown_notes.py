"""Reads Markdown files. Each file is one note, or one note for each heading with a date or a time.

The time of a note comes from its heading. Without one, it comes from the front matter, from the name of the file, or from the
time at which the file was changed. A heading with a time alone, such as `## 09:15 Tea`, needs a date before it: in a heading,
in the name or in the front matter.

A note is identified by the path of its file, by the date or time in its heading, and by how many notes before it in the file
have the same date or time. So if a text was changed between two imports, it is a new version of the same note. If a file was
renamed, its notes are recognized by their text and time.
"""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from udpnote.text.jsonl import BYTE_ORDER_MARK
from udpnote.text.other_programs.front_matter import Properties, split_properties
from udpnote.text.other_programs.imported_note import ImportedNote, LeftOut, Place, Reading, with_tags
from udpnote.text.other_programs.note_times import Stamp, stamp_at_start, stamp_in_name, stamp_of

SOURCE = "markdown"

_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+(.*?)[ \t]*#*[ \t]*$")
_CODE = re.compile(r" {0,3}(```|~~~)")
_LETTER = re.compile(r"[^\W\d_]")
_DATES = ("date", "created", "creation date", "created_at", "created-at", "date created", "createdat", "日期", "创建时间")
_TAGS = ("tags", "tag", "categories", "category", "标签")
_AUTHORS = ("author", "作者")
_TITLES = ("title", "标题")


class MarkdownFile(NamedTuple):
    """A file: the name of the imported folder, the path in this folder with `/`, the text, and when the file was changed.

    `changed_at` is in microseconds since 1970 UTC.
    """

    folder: str
    path: str
    text: str
    changed_at: int


class _Section(NamedTuple):
    """A part of a file: the number of its first line (from 1), the time in its heading (None if it has none), and its text."""

    line: int
    stamp: Stamp | None
    text: str


def markdown_notes(file: MarkdownFile, reading: Reading) -> Iterator[ImportedNote]:
    """Yield the notes in `file`, in the order of the file.

    This counts in `reading.left_out` the properties that a notebook does not keep, and the file itself if it has no note.
    """
    properties = split_properties(file.text.removeprefix(BYTE_ORDER_MARK).replace("\r\n", "\n"))
    path = re.sub(r"\.\w+$", "", file.path.encode(errors="replace").decode())  # the path need not be UTF-8
    in_name = stamp_in_name(path)
    dates = [value for name in _DATES if (value := properties.first(name))]
    stamp = next((stamp for value in dates if (stamp := stamp_of(value)) is not None), None)
    reading.left_out[LeftOut.DATE_PROPERTIES] += bool(dates) and stamp is None
    stamp_of_file = stamp or (in_name[0] if in_name is not None else None)
    title = _title(properties, in_name[1] if in_name is not None else path.rpartition("/")[2])
    reading.left_out[LeftOut.PROPERTIES] += sum(key not in (*_DATES, *_TAGS, *_TITLES, *_AUTHORS) for key in properties.values)
    seen: Counter[str] = Counter()  # how many notes of the file have the same date or time in their headings
    for section in _sections(properties, stamp_of_file.day if stamp_of_file is not None else None):
        text = _titled(section.text, title) if section.stamp is None else section.text
        if not text.strip():
            continue
        heading = str(section.stamp or "")
        identity = f"{file.folder}/{file.path}\n{heading}\n{seen[heading]}"
        seen[heading] += 1
        tagged = with_tags(text, properties.all(*_TAGS))
        note = _note(file, section, section.stamp or stamp_of_file, identity, tagged, reading)
        note = note._replace(author=properties.first(*_AUTHORS))
        if reading.accepts(note):
            yield note
    if not seen:
        reading.left_out[LeftOut.EMPTY] += 1


def _note(
    file: MarkdownFile, section: _Section, stamp: Stamp | None, identity: str, text: str, reading: Reading
) -> ImportedNote:
    """The note with this `text` and `identity`, in a `section` of `file`.

    Its time is `stamp` or, if that is None or has no date, the time at which the file was changed.
    """
    if stamp is None or stamp.day is None:
        written_at, utc_offset = file.changed_at, reading.zones.offset(file.changed_at, "")
    else:
        written_at, utc_offset = stamp.moment(reading.zones)
    return ImportedNote(
        place=Place(file.path, section.line),
        identity=identity,
        may_change=True,
        written_at=written_at,
        utc_offset=utc_offset,
        text=text,
        changed_at=file.changed_at,
        may_move=True,
    )


def _sections(properties: Properties, day: date | None) -> list[_Section]:
    """Divide the text below the `properties` at headings with a date or time. `day` is the date of the file, or None.

    Text before the first such heading is a section of its own, with the headings there. If only headings stand there, they
    belong to the section of the first dated heading. A heading that is only a date or time, with no text below it, begins no
    section: its date is used for the headings below it. The last section may have no text.
    """
    sections: list[_Section] = []
    lines: list[str] = []
    start, stamp, is_code, has_text = properties.lines + 1, None, False, False
    for number, line in enumerate(properties.body.split("\n"), properties.lines + 1):
        is_code ^= _CODE.match(line) is not None
        heading = _HEADING.match(line) if not is_code else None
        found = _heading_stamp(heading[1], day) if heading is not None else None
        if found is None:
            lines.append(line)
            has_text |= bool(line.strip()) and heading is None
            continue
        is_section = has_text if stamp is None else any(map(str.strip, lines))
        if is_section:
            sections.append(_Section(start, stamp, "\n".join(lines)))
        if is_section or stamp is not None:  # else `lines` are headings that belong to the section that begins here
            lines = []
        (stamp, rest), start, has_text = found, number, False
        day = stamp.day
        lines += [rest] if rest else []
    sections.append(_Section(start, stamp, "\n".join(lines)))
    return [section._replace(text=section.text.strip("\n").rstrip()) for section in sections]


def _heading_stamp(heading: str, day: date | None) -> tuple[Stamp, str] | None:
    """The time with which a `heading` begins, and the rest of the heading. None if it begins with no time.

    `day` is used if the heading has no date. If `day` is None, the heading needs a date.
    """
    found = stamp_at_start(heading.lstrip("*_[< "), may_lack_date=day is not None)
    if found is None:
        return None
    stamp, rest = found
    return stamp._replace(day=stamp.day or day), rest.strip(" *_[]<>-–—:：·|,，")


def _title(properties: Properties, name: str) -> str:
    """The title in the `properties` or, if there is none, `name`: the file's name without a date.

    Empty if there is no title, and `name` has no letter.
    """
    return properties.first(*_TITLES) or (name if _LETTER.search(name) else "")


def _titled(text: str, title: str) -> str:
    """Put `title` before `text` as its first line, unless the first line has it already. Empty if `text` is blank."""
    if not text.strip():
        return ""
    first, _, _ = text.strip().partition("\n")
    return text if _letters(title) in _letters(first) else f"{title}\n\n{text}"


def _letters(text: str) -> str:
    return "".join(sign for sign in text.casefold() if sign.isalnum())
