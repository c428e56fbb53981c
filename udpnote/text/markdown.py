"""Exports a notebook as Markdown for people to read: a heading for each day, a list item for each note.

A note is plain text, not Markdown. In the export it must look as it was written, and it must not end its list item, begin a
heading, or hide the rest of the file in an unfinished comment. So a backslash is put before each character that CommonMark or
GitHub reads as markup, anywhere or at the beginning of a line (CommonMark §2.4). Each line of a paragraph but the last ends
with a backslash, which keeps the line break (§6.7). Spaces at the beginning of a line become no-break spaces (U+00A0), because
CommonMark removes ordinary spaces there, or makes a code block of the line. If each note were a code block instead, it would
need no backslashes, but long lines would not wrap.
"""

import re
from collections.abc import Iterable, Iterator

from udpnote.model.entry import StoredEntry
from udpnote.text.harmless import harmless_lines
from udpnote.text.jsonl import iso_time

_BACKSLASH = "\\"

_ANYWHERE = re.compile(r"[\\`*\[<~$]|&(?=#?\w+;)|(?<![^\W_])_|_(?![^\W_])")
"""A character that Markdown reads as markup anywhere in a line."""

_AT_LINE_START = re.compile(r"[-+=#>:|]|[0-9]{1,9}[.)](?=\s|$)")
"""Characters that Markdown reads as markup at the beginning of a line. The backslash is put before the last of them."""


def markdown(name: str, notes: Iterable[StoredEntry]) -> Iterator[str]:
    """The `notes` of the notebook `name` as Markdown, in pieces that the caller writes one after the other.

    The pieces are the title and the notes in the given order. A heading comes before each note whose day differs from that of
    the note before. Days and times are in the time zone in which each note was written.
    """
    heading = _escaped(name).replace("#", "\\#")
    yield f"# {heading}\n"
    day = ""
    for number, _, entry, _ in notes:
        day_of_note, time_of_day = iso_time(entry.written_at, entry.utc_offset)[:19].split("T")
        if day_of_note != day:
            day = day_of_note
            yield f"\n## {day}\n"
        yield f"\n- **{time_of_day}** {_escaped(entry.author)} · #{number}\n\n{_item_text(entry.text)}"


def _item_text(text: str) -> str:
    """Convert the text of a note to the paragraphs of a Markdown list item: escaped, each line indented by two spaces."""
    lines = [_escaped_line(line) for line in text.splitlines()]
    following = [*lines[1:], ""]
    return "".join(
        f"  {line}{_BACKSLASH if after else ''}\n" if line else "\n" for line, after in zip(lines, following, strict=False)
    )


def _escaped_line(line: str) -> str:
    """Convert a line of a note to a line of a Markdown paragraph that looks the same. Empty if it has only white space."""
    line = harmless_lines(line)
    text = line.strip()
    if not text:
        return ""
    indent = line[: len(line) - len(line.lstrip())].replace("\t", "    ").replace(" ", "\u00a0")
    escaped = _escaped(text)
    marker = _AT_LINE_START.match(escaped)
    if marker:
        escaped = f"{escaped[: marker.end() - 1]}\\{escaped[marker.end() - 1 :]}"
    return indent + escaped


def _escaped(text: str) -> str:
    """`text` as one line, with harmful characters replaced, and with a backslash before each `_ANYWHERE` character."""
    return _ANYWHERE.sub(r"\\\g<0>", harmless_lines(" ".join(text.splitlines())))
