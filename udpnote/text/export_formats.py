"""Exports notes for people and their programs: as Markdown, as a web page, and as CSV, a table for spreadsheets.

In all of these formats a note must look as it was written, and nothing in a note may have an effect: it is no markup, no script
and no formula.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from html import escape

from udpnote.model.entry import StoredEntry
from udpnote.text.harmless import harmless, harmless_lines
from udpnote.text.jsonl import BYTE_ORDER_MARK, iso_time

_BACKSLASH = "\\"

_MARKUP_ANYWHERE = re.compile(r"[\\`*\[<~$]|&(?=#?\w+;)|(?<![^\W_])_|_(?![^\W_])")
"""A character that Markdown reads as markup anywhere in a line."""

_MARKUP_AT_LINE_START = re.compile(r"[-+=#>:|]|[0-9]{1,9}[.)](?=\s|$)")
"""Characters that Markdown reads as markup at the beginning of a line. The backslash is put before the last of them."""


def markdown(name: str, notes: Iterable[StoredEntry]) -> Iterator[str]:
    """The `notes` of the notebook `name` as Markdown, in pieces that the caller writes one after the other.

    The pieces are the title and the notes in the given order, each as a list item. A heading comes before each note whose day
    differs from that of the note before. Days and times are in the time zone in which each note was written.

    A note is plain text, not Markdown. It must not end its list item, begin a heading, or hide the rest of the file in an
    unfinished comment. So a backslash is put before each character that CommonMark or GitHub reads as markup, anywhere or at
    the beginning of a line (CommonMark §2.4). Each line of a paragraph but the last ends with a backslash, which keeps the line
    break (§6.7). Spaces at the beginning of a line become no-break spaces (U+00A0), because CommonMark removes ordinary spaces
    there, or makes a code block of the line. If each note were a code block instead, it would need no backslashes, but long
    lines would not wrap.
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
    marker = _MARKUP_AT_LINE_START.match(escaped)
    if marker:
        escaped = f"{escaped[: marker.end() - 1]}\\{escaped[marker.end() - 1 :]}"
    return indent + escaped


def _escaped(text: str) -> str:
    """`text` as one line, with harmful characters replaced, and with a backslash before each `_MARKUP_ANYWHERE` character."""
    return _MARKUP_ANYWHERE.sub(r"\\\g<0>", harmless_lines(" ".join(text.splitlines())))


_LANGUAGES = (
    (re.compile("[\u3040-\u30ff\u31f0-\u31ff]"), "ja"),
    (re.compile("[\u1100-\u11ff\uac00-\ud7af]"), "ko"),
    (re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"), "zh"),
)
"""The letters by which a language is recognized. Chinese is last, because its characters are in Japanese and Korean texts,
too."""

_PAGE_HEAD = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 0 auto; max-width: 42em; padding: 1em; font: 1em/1.5 system-ui, sans-serif; }}
h1, h2, p {{ overflow-wrap: anywhere; unicode-bidi: plaintext; }}
h2 {{ margin: 2em 0 0; font-size: 1em; }}
article {{ margin: 1em 0; }}
article p {{ margin: 0; white-space: pre-wrap; }}
header {{ font-size: .85em; opacity: .75; overflow-wrap: anywhere; }}
header a {{ color: inherit; }}
</style>
</head>
<body>
<h1{lang}>{title}</h1>
"""
_PAGE_NOTE = """\
<article id="n{number}">
<header><time datetime="{iso}">{time}</time> <bdi>{author}</bdi> <a href="#n{number}">#{number}</a></header>
<p{lang}>{text}</p>
</article>
"""


def web_page(name: str, notes: Iterable[StoredEntry]) -> Iterator[str]:
    """The `notes` of the notebook `name` as a web page, in pieces that the caller writes one after the other.

    The pieces are the beginning with the title, the notes in the given order, and the end. A heading comes before each note
    whose day differs from that of the note before. Days and times are in the time zone in which each note was written. A text
    in Chinese, Japanese or Korean is marked with its language, so that the browser shows the forms of that language.

    The page is one HTML file that needs no other file, for screens of any width. It has no script, and its policy (Content
    Security Policy, level 3) forbids browsers to run or load anything. So even if this module has an error, a note cannot run
    anything in the reader's browser.
    """
    yield _PAGE_HEAD.format(title=escape(harmless(name)), lang=_lang(name))
    day = ""
    for number, _, entry, _ in notes:
        iso = iso_time(entry.written_at, entry.utc_offset)
        if iso[:10] != day:
            day = iso[:10]
            yield f"<h2>{day}</h2>\n"
        yield _PAGE_NOTE.format(
            number=number,
            iso=iso,
            time=iso[11:19],
            author=escape(harmless(entry.author)),
            lang=_lang(entry.text),
            text=escape(harmless_lines(entry.text)),
        )
    yield "</body>\n</html>\n"


def _lang(text: str) -> str:
    """The attribute `lang` for an element with this `text`, after a space. Empty if the letters do not show the language."""
    language = next((name for letters, name in _LANGUAGES if letters.search(text)), None)
    return "" if language is None else f' lang="{language}"'


CSV_HEADINGS = ("number", "written", "time_zone", "author", "text")

_FORMULA_SIGN = "[=+\\-@\uff1d\uff0b\uff0d\uff20]"
"""The signs with which a formula begins, including their wide forms, which Chinese and Japanese keyboards type."""

_BEFORE_FORMULA_SIGN = re.compile(rf"(?<![\s\";])[\s\";]*+(?={_FORMULA_SIGN})")
"""All white space, quotation marks and semicolons before such a sign, perhaps none. A match begins only at the first of them,
and gives none back. So this takes linear time, also in a text of a million line ends, which anybody may write."""


def csv_table(notes: Iterable[StoredEntry], *, for_file: bool) -> Iterator[str]:
    """The `notes` as CSV (RFC 4180): a row of `CSV_HEADINGS`, then one for each note. The caller writes the pieces in order.

    A row has the note's number, the writer's local time (`2026-05-09 16:37:08`) and time zone (`UTC+08:00`), the author and the
    text. Rows end with CR LF. If `for_file` is true, the table begins with a byte order mark. Without it, Excel expects another
    encoding than UTF-8 and shows Chinese wrongly. Characters that could harm a terminal are replaced.

    A spreadsheet treats a cell that begins with `=`, `+`, `-` or `@` as a formula, and a formula can start programs or send
    other cells away. Anybody on the LAN may write such a note. Therefore an apostrophe is put before such a sign at the
    beginning of an author or a text: then the spreadsheet treats the cell as text.

    Some spreadsheets, as in Germany, expect semicolons or tabs between cells. They divide this table at these characters, and
    begin a row at each line of a text. So a `=`, `+`, `-` or `@` after a semicolon or tab, or at the beginning of a line, also
    gets an apostrophe if `(` or `|` follows on the line. Without these, a formula does no harm; and a list with `-` should
    stay as it is.
    """
    writer = csv.writer(_Returned())
    yield (BYTE_ORDER_MARK if for_file else "") + writer.writerow(CSV_HEADINGS)
    for number, _, entry, _ in notes:
        iso = iso_time(entry.written_at, entry.utc_offset)
        cells = (number, f"{iso[:10]} {iso[11:19]}", f"UTC{iso[26:]}", _as_text(entry.author), _as_text(entry.text))
        yield writer.writerow(cells)


class _Returned:
    """A file object for `csv.writer` whose `write` returns its argument.

    So `writerow` returns the row instead of writing it.
    """

    def write(self, row: str) -> str:
        """Return `row`."""
        return row


def _as_text(value: str) -> str:
    """`value` with apostrophes where a spreadsheet would see a formula, and without characters that could harm a terminal."""
    text = harmless_lines(value)
    line_end = last_bracket = -1  # of the line with the latest sign

    def with_apostrophe(before: re.Match[str]) -> str:
        nonlocal line_end, last_bracket
        is_first = before.start() == 0 and ";" not in before[0]
        if not is_first and not any(sign in before[0] for sign in ";\t\n"):
            return before[0]
        if before.end() > line_end:
            line_end = text.find("\n", before.end())
            line_end = len(text) if line_end < 0 else line_end
            last_bracket = max(text.rfind(sign, before.end(), line_end) for sign in "(|")
        return f"{before[0]}'" if is_first or before.end() < last_bracket else before[0]

    return _BEFORE_FORMULA_SIGN.sub(with_apostrophe, text)
