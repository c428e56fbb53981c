"""`udpnote import`: stores the entries of a file or folder in a notebook. Other programs may have made the file or folder."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from typing import Annotated, Literal

from udpnote.cli.command_line.declared_command import Argument, DeclaredCommands, Option
from udpnote.cli.importing.comparison import rehearsed
from udpnote.cli.importing.exports import JsonLines, TextEntries
from udpnote.cli.importing.other_programs import OtherNotes
from udpnote.cli.importing.report import ImportReport
from udpnote.cli.importing.source_file import SourceFile
from udpnote.cli.importing.source_folder import SourceFolder
from udpnote.cli.open_notebook import QueuedDelivery, notebook_path
from udpnote.cli.options.client_options import NO_OPTIONS, ClientOptions
from udpnote.cli.options.declared import Json, ReadingClient
from udpnote.cli.terminal.progress import IndexingProgress, Progress
from udpnote.client.reading.file_reader import FileReader
from udpnote.client.sending.import_queue import Imported
from udpnote.client.sending.importing import import_into_file
from udpnote.errors import InvalidImport, UdpnoteError
from udpnote.settings import check_path, load_settings
from udpnote.text.import_format import Format
from udpnote.text.other_programs.jrnl import check_date_format

Entries = JsonLines | TextEntries | OtherNotes
"""What reads the source of an import and iterates over its entries. If the notebook exists, `compare_with` must be called
before the iteration. `revised` has the numbers of the entries that other entries of the source change.
"""

FormatName = Annotated[
    Literal["jsonl", "text", "jrnl", "day-one", "memos", "markdown"] | None,
    Option("--format", help="The format of PATH.  [default: by its content]"),
]
DateFormat = Annotated[
    str | None,
    Option("--date-format", metavar="FORMAT", help="The `timeformat` of jrnl.  [default: year, month, day, time]"),
]
ImportAuthor = Annotated[
    str | None,
    Option("--author", metavar="NAME", help="Who wrote the notes, where PATH does not say it.  [default: user@host]"),
]
TargetFile = Annotated[
    str | None,
    Option(
        "--file",
        metavar="FILE",
        help="Import into this notebook's file, which no server may be using. It is made if missing.",
    ),
]

app = DeclaredCommands()


@app.command("import", changes=True)
def import_file(
    source_path: Annotated[str, Argument(metavar="PATH", help="The file or folder; -: standard input.")],
    format_name: FormatName = None,
    date_format: DateFormat = None,
    author: ImportAuthor = None,
    options: ReadingClient = NO_OPTIONS,
    file: TargetFile = None,
    dry_run: Annotated[bool, Option("--dry-run", help="Store nothing, but say what would be imported.")] = False,
    as_json: Json = False,
) -> int:
    """Import notes from a file or folder.

    PATH has the format `jsonl` or `text` of `udpnote export`, or it is a journal of jrnl (text or JSON), an export of Day One
    (JSON or zip), memos (JSON of the API, or the database), or Markdown: a file, or a folder of files. Notes keep their times
    and tags, and their authors where PATH names them.

    Importing the same again adds nothing, not even notes that were revised, deleted or erased since. A note whose text was
    changed in Day One, memos or a Markdown file becomes a revision. What a notebook does not keep, such as pictures, is
    counted.

    Exit code 1: some entries could not be imported; messages name them.

    Examples:

        udpnote import notes.jsonl

        udpnote import --author lin old-notebook.txt

        udpnote import --dry-run ~/Documents/vault
    """
    author, date_format = load_settings({"author": author}).author, date_format or ""
    check_date_format(date_format)
    if source_path != "-":
        check_path(source_path, "PATH")
    with closing(_open(source_path, format_name)) as source:
        form = Format(format_name) if format_name else source.form(date_format)
        report = ImportReport(form, is_rehearsal=dry_run)
        entries = _entries(source, form, author, date_format, report)
        with Progress(source.position, source.size, prints=False) as progress:
            try:
                with _importing(entries, report, options, file, is_rehearsal=dry_run) as outcomes:
                    for imported in outcomes:
                        report.count_outcome(imported)
                        progress.advance()
            except KeyboardInterrupt:
                return report.interrupted()
            except UdpnoteError as error:
                report.cut_short(error)
                raise
    return report.conclude(as_json=as_json)


def _open(path: str, format_name: str | None) -> SourceFile | SourceFolder:
    """Open the file or folder at `path`. The caller must close it.

    A single Markdown file is opened as a folder that has only this file. So its notes get the same client ids and sequences as
    in an import of the folder. `format_name` is the value of `--format`.

    Raises `InvalidImport` if `path` is a folder, but `format_name` is a format of single files. Raises it, too, if
    standard input should be read as Markdown. Raises the errors of `SourceFile` and `SourceFolder`.
    """
    if os.path.isdir(path):
        if format_name not in (None, "jrnl", "markdown"):
            raise InvalidImport("import_folder_of_other_format", path=path)
        return SourceFolder(path)
    is_markdown = path.lower().endswith((".md", ".markdown"))
    if format_name == "markdown" and path == "-":
        raise InvalidImport("import_markdown_from_stream")
    if format_name == "markdown" or (format_name is None and is_markdown):
        return SourceFolder(path)
    return SourceFile(path)


def _entries(
    source: SourceFile | SourceFolder, form: Format | None, author: str, date_format: str, report: ImportReport
) -> Entries:
    """Return an object that yields the entries in `source`, and tells `report` which parts of `source` it cannot yield.

    `form` is the format of `source`, or None if `source` is empty. `author` is the author of entries for which `source` names
    none. `date_format` is the value of `--date-format`.
    """
    match source, form:
        case SourceFile(), Format.TEXT:
            return TextEntries(source, author, report.count_bad, report.count_there_already)
        case SourceFile(), Format.JSONL | None:
            return JsonLines(source, report.count_bad)
    assert form is not None, "a folder has a format"
    return OtherNotes(source, form, author, date_format, report)


@contextmanager
def _importing(
    entries: Entries, report: ImportReport, options: ClientOptions, file: str | None, *, is_rehearsal: bool
) -> Iterator[Iterator[Imported]]:
    """Return a context manager for the import of `entries`. Its block gets an iterator, which imports them one after the other
    and yields the outcome of each.

    The entries go into the notebook's file `file`, which need not exist. If `file` is None, a client with `options` sends them
    to its server, and after the block this client also delivers queued entries (see `QueuedDelivery`). `report` learns whether
    there are any entries.

    With `is_rehearsal`, nothing is imported or delivered, and the iterator yields the outcomes that `rehearsed` foresees.

    Raises the errors of `notebook_path`, of reading the notebook and the source, and of `Client.import_entries` or
    `import_into_file`.
    """
    watched = report.watched(entries)
    if file is None:
        delivery = QueuedDelivery()
        with delivery.client(options, IndexingProgress()) as client:
            entries.compare_with(client)
            if is_rehearsal:
                yield rehearsed(watched, entries.revised(), client)
            else:
                yield client.import_entries(watched, revised=entries.revised())
                delivery.run(client)
        return
    path = notebook_path(file, options)
    with FileReader(path) if os.path.exists(path) else nullcontext() as reader:
        if reader is not None:
            entries.compare_with(reader)
        if is_rehearsal:
            yield rehearsed(watched, entries.revised(), reader)
            return
    yield import_into_file(path, watched, entries.revised())
