"""The sentences about imports: what was imported, what cannot be imported, and what a notebook does not keep."""

from collections.abc import Sequence

from udpnote.text.joining import all_of, in_clauses, in_sentences, listed
from udpnote.text.language import gettext as _
from udpnote.text.language import ngettext
from udpnote.text.messages.forms import Counted, Sentence, shown


def _import_result(new: int, revised: int, there: int, different: int, named: Sequence[int]) -> str:
    """`new` entries and `revised` ones were stored. `there` entries were in the notebook already. For `different` entries, the
    notebook has the same entry (the same client id and sequence) with another text, time or author: `named` has the numbers
    of the first of them.
    """
    clauses = [ngettext("{count:,} entry imported", "{count:,} entries imported", new).format(count=new)]
    if revised:
        clauses.append(ngettext("{count:,} revised", "{count:,} revised", revised).format(count=revised))
    if there:
        clauses.append(ngettext("{count:,} there already", "{count:,} there already", there).format(count=there))
    if different:
        differing = ngettext(
            "{count:,} has other content in the notebook, which stays as it is: {numbers}",
            "{count:,} have other content in the notebook, which stays as it is: {numbers}",
            different,
        )
        numbers = listed([f"#{number}" for number in named], different - len(named))
        clauses.append(differing.format(count=different, numbers=numbers))
    return in_clauses(clauses)


def _import_interrupted(result: object, unknown: int) -> str:
    return in_sentences(
        _("interrupted: {result}").format(result=result), *_more(unknown), _("To go on, run the same import again")
    )


def _import_cut_short(result: object, unknown: int) -> str:
    return in_sentences(_("so far, {result}").format(result=result), *_more(unknown))


def _more(unknown: int) -> list[str]:
    """The sentence about `unknown` entries that were read, and may be stored. Empty if it is 0."""
    sentence = ngettext(
        "{count:,} more entry may be stored as well", "Up to {count:,} more entries may be stored as well", unknown
    )
    return [sentence.format(count=unknown)] if unknown else []


def _import_rehearsed(result: object, first: str, last: str) -> str:
    """What `import --dry-run` says at its end.

    `result` is the sentence `import_result`. `first` and `last` are the earliest and the latest time of the new entries; both
    are empty if there are none.
    """
    sentences = [_("nothing was stored; an import would end with: {result}").format(result=result)]
    if first:
        sentences.append(_("The new entries were written from {first} to {last}").format(first=first, last=last))
        sentences.append(_("It was not checked whether the notebook can be written, and has disk space for them"))
    return in_sentences(*sentences)


def _import_orphaned(count: int, named: Sequence[tuple[int, int]]) -> str:
    """The notes that `count` entries revise are missing. `named` has (number of the entry, number of the missing note) for the
    first of these entries, which the sentence names.
    """
    entries = [_("#{number} (#{note})").format(number=number, note=note) for number, note in named]
    return ngettext(
        "{count:,} entry is not imported, because the note that it revises (in parentheses) is missing: {entries}. First "
        "import the file that has this note",
        "{count:,} entries are not imported, because the notes that they revise (in parentheses) are missing: {entries}. "
        "First import the file that has these notes",
        count,
    ).format(count=count, entries=listed(entries, count - len(entries)))


_LEFT_OUT = {
    "pictures": Counted(
        "count",
        "{count:,} picture is not imported, because a notebook holds text: it stays in the export",
        "{count:,} pictures are not imported, because a notebook holds text: they stay in the export",
    ),
    "recordings": Counted(
        "count",
        "{count:,} audio or video recording is not imported: it stays in the export",
        "{count:,} audio or video recordings are not imported: they stay in the export",
    ),
    "attachments": Counted(
        "count",
        "{count:,} attached file is not imported, because a notebook holds text",
        "{count:,} attached files are not imported, because a notebook holds text",
    ),
    "properties": Counted(
        "count",
        "{count:,} property of a file is not imported: only title, date, author and tags are",
        "{count:,} properties of files are not imported: only title, date, author and tags are",
    ),
    "files": Counted(
        "count",
        "{count:,} file was not read, because its name does not end with .md, .markdown or .txt",
        "{count:,} files were not read, because their names do not end with .md, .markdown or .txt",
    ),
    "other_texts": Counted(
        "count",
        "{count:,} file was not read, because its name is not a day of the journal: it should be like 2026/11/23.txt",
        "{count:,} files were not read, because their names are not days of the journal: they should be like 2026/11/23.txt",
    ),
    "hidden": Counted(
        "count",
        "{count:,} hidden file or folder, symbolic link or backup of Logseq was not read",
        "{count:,} hidden files or folders, symbolic links or backups of Logseq were not read",
    ),
    "special_files": Counted(
        "count",
        "{count:,} pipe, socket or device was not read, because only files are imported from a folder",
        "{count:,} pipes, sockets or devices were not read, because only files are imported from a folder",
    ),
    "places": Counted(
        "count",
        "{count:,} note has a location, which is not imported",
        "{count:,} notes have a location, which is not imported",
    ),
    "relations": Counted(
        "count",
        "{count:,} reaction, or link from a comment or memo to a memo, is not imported",
        "{count:,} reactions, or links from comments or memos to memos, are not imported",
    ),
    "privacy": Counted(
        "count",
        "{count:,} note was private in the other program. Here everybody who reads the notebook can read it",
        "{count:,} notes were private in the other program. Here everybody who reads the notebook can read them",
    ),
    "empty": Counted(
        "count",
        "{count:,} note or file is not imported, because it has no text",
        "{count:,} notes or files are not imported, because they have no text",
    ),
    "details": Counted(
        "count",
        "weather, music or activity of {count:,} note is not imported",
        "weather, music or activity of {count:,} notes is not imported",
    ),
    "date_properties": Counted(
        "count",
        "{count:,} file has a date that udpnote does not understand, so its notes have the date of its name or last "
        "change. Before an import, write such a date as 2026-11-23 07:52",
        "{count:,} files have dates that udpnote does not understand, so their notes have the dates of their names or "
        "last changes. Before an import, write such dates as 2026-11-23 07:52",
    ),
    "dates_not_read": Counted(
        "count",
        "{count:,} line looks like the beginning of a jrnl entry, but udpnote does not understand its date, and took "
        "the line as text of the entry before it. To mend that, delete this entry if it was imported, and import "
        "again with --date-format and the `timeformat` of jrnl's settings",
        "{count:,} lines look like the beginnings of jrnl entries, but udpnote does not understand their dates, and "
        "took the lines as text of the entries before them. To mend that, delete these entries if they were imported, "
        "and import again with --date-format and the `timeformat` of jrnl's settings",
    ),
}
"""The sentence for each kind of things that a notebook does not keep. The keys are the values of their `LeftOut`."""


def _left_out(what: str, count: int) -> str:
    return _LEFT_OUT[what](count=count)


def _date_format_incomplete(date_format: str, missing: Sequence[str]) -> str:
    """`missing` are the parts of a date that the format lacks, such as `%Y`: at least one."""
    return _(
        "the --date-format {date_format} has no {missing}, but a date has a year, a month and a day. Give the `timeformat` of "
        "jrnl's settings, such as '%d.%m.%Y %H:%M'"
    ).format(date_format=shown(date_format), missing=all_of(missing))


SENTENCES: dict[str, Sentence] = {
    "import_format_unknown": (
        "the file begins with {text_shown}, but no format that udpnote knows begins so. If the file has one of the "
        "formats that `udpnote import --help` names, give the format with --format"
    ),
    "import_of_other_format": "{path} does not have the format {format}: leave out --format, or name another format",
    "import_of_other_kind": (
        "nothing is imported, because this seems to be a file of another program ({problem}). If it has a format "
        "that `udpnote import --help` names, give that with --format"
    ),
    "import_folder_of_other_format": (
        "{path} is a folder, and a folder can only have the format `markdown` or `jrnl`. Name a file in it, or leave out "
        "--format"
    ),
    "import_folder_without_notes": (
        "nothing to import in {path}: no file in it ends with .md, .markdown or .txt. For Day One, name its JSON or zip file"
    ),
    "import_json_damaged": (
        "the JSON is damaged or cut off at character {character:,}, so nothing after that is imported. Get the file again, "
        "and import it again"
    ),
    "import_record_twice": (
        "an entry before it has the same id and another text. Run the same import again: the note then gets this text, and its "
        "history has the other one"
    ),
    "import_compressed": "the file is compressed: unpack it with `gunzip` first, and import the result",
    "import_zip_damaged": (
        "the zip file {path} is encrypted, damaged or cut off. Unpack it with another program, and import the JSON file in it. "
        "If unpacking fails, too, get the zip file again"
    ),
    "import_zip_empty": "the zip file {path} is empty. Export from Day One again, and import the new file",
    "import_zip_without_json": "{path} has no JSON of Day One in it: unpack it, and import a file or folder in it",
    "import_database_unknown": (
        "{path} is a database, but not one of the program memos. If it is a notebook of udpnote, run `udpnote export "
        "--file {path}`, and import the result"
    ),
    "import_memos_damaged": (
        "{path} is damaged ({problem}), so not all memos in this database can be read. Copy it again from the host of memos, "
        "with its log (the file whose name ends with -wal) if there is one, and import the copy"
    ),
    "import_memos_page": (
        "further memos: the API gave only one page of them. To get the next page, add  &pageToken={token}  to the address, and "
        "import that page, too"
    ),
    "import_markdown_from_stream": "Markdown cannot be read from standard input: give the path of its file or folder",
    "import_database_from_stream": "a database cannot be read from standard input: give the path of its file",
    "bad_import_line": "line {line:,}: {problem}",
    "bad_import_record": "entry {position:,}: {problem}",
    "bad_import_record_in_file": "{path}, entry {position:,}: {problem}",
    "bad_import_in_file": "{path}, line {line:,}: {problem}",
    "record_without_time": (
        "the entry has no {field}, or one that udpnote does not understand. {program} writes a {field} in every entry"
    ),
    "text_before_first_date": (
        "{text_shown} stands before the first entry. An entry of jrnl begins with a date in brackets. If jrnl writes "
        "dates in another order than year, month, day, give the `timeformat` of jrnl's settings with --date-format"
    ),
    "date_format_unknown": (
        "no date can be read with the --date-format {date_format!r}. Give the `timeformat` of jrnl's settings, such as "
        "'%d.%m.%Y %H:%M'"
    ),
    "date_format_incomplete": _date_format_incomplete,
    "import_line_too_long": "the line has more than {bytes_max:,} bytes, which is longer than any exported entry",
    "not_imported": "not imported: {problem}",
    "more_not_imported": Counted(
        "count",
        "{count:,} more line or entry was not imported, for reasons like these",
        "{count:,} more lines or entries were not imported, for reasons like these",
    ),
    "import_comparing": "comparing with the notebook: {percent} %",
    "import_result": _import_result,
    "import_rehearsed": _import_rehearsed,
    "import_interrupted": _import_interrupted,
    "import_cut_short": _import_cut_short,
    "import_orphaned": _import_orphaned,
    "left_out": _left_out,
}
