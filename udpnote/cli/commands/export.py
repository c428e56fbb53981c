"""`udpnote export`: writes notes as JSON lines or in a format for people, to a file or to standard output."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

from udpnote.cli import exit_codes
from udpnote.cli.command_line.declared_command import DeclaredCommands, Option
from udpnote.cli.open_notebook import opened
from udpnote.cli.options.client_options import NO_OPTIONS
from udpnote.cli.options.declared import NotebookFile, ReadingClient
from udpnote.cli.options.filters import NO_FILTERS, AllFilters
from udpnote.cli.terminal.interruption import interruptible_until_last_step
from udpnote.cli.terminal.progress import Progress
from udpnote.cli.terminal.streams import prepare_for_json, say
from udpnote.client.reading.exporting import Form, export_pieces
from udpnote.client.reading.filters import Filters
from udpnote.client.reading.notebook_reader import NotebookReader
from udpnote.errors import InvalidSetting, Notice
from udpnote.model.entry import StoredEntry
from udpnote.settings import check_path
from udpnote.storage.atomic_file import whole_file

_FORMS: dict[str, Form] = {
    "": "jsonl",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".md": "markdown",
    ".markdown": "markdown",
    ".txt": "text",
    ".csv": "csv",
    ".html": "html",
    ".htm": "html",
}
"""The formats of files by the endings of their names. A name without an ending, and standard output, have an empty ending."""


app = DeclaredCommands()


@app.command()
def export(
    form: Annotated[Form | None, Option("--format", help="The format.  [default: that of FILE's ending, else jsonl]")] = None,
    output: Annotated[
        str | None,
        Option("-o --output", metavar="FILE", help="The file to write; -: standard output.  [default: -]"),
    ] = None,
    filters: AllFilters = NO_FILTERS,
    options: ReadingClient = NO_OPTIONS,
    file: NotebookFile = None,
) -> int:
    """Write notes to a file or to standard output.

    `jsonl` (JSON lines) is complete: it has every revision and deletion, and can be imported. The other formats have the latest
    text of each note, in the order in which the notes were written. In `text`, each note begins with a line that has its time;
    its text and a blank line follow. `text` can be imported, too. `csv` is a table for spreadsheets, and `html` a web page. If
    FILE has another ending than .jsonl, .md, .txt, .csv or .html, `--format` must name the format.

    FILE is replaced only when the export is complete: if it fails or is interrupted, FILE stays as it was.

    Examples:

        udpnote export -o notes.jsonl

        udpnote export --since "last month" -o notes.md

        udpnote export --tag work -o work.csv

        udpnote export --format text | less
    """
    output = None if output == "-" else output
    form = form or _form_of(output or "")
    parsed = filters.parsed()
    if output is not None:
        check_path(output, "-o")
    with opened(options, file) as (notebook, _):
        if output is None:
            if form == "jsonl":
                prepare_for_json()
            return _print(_Export(notebook, form, parsed, prints=True))
        export = _Export(notebook, form, parsed, prints=False)
        with interruptible_until_last_step() as begin_last_step:
            with _reporting_failure(output, export), whole_file(output, before_placing=begin_last_step) as out:
                export.write(out.write)
            say(Notice("entries_exported", entries=export.entries, path=output))
    return exit_codes.DONE


def _form_of(path: str) -> Form:
    """Return the format of the file `path`, according to its ending; `jsonl` if it has none.

    Raises `InvalidSetting` if no format has this ending.
    """
    ending = os.path.splitext(path)[1]
    form = _FORMS.get(ending.lower())
    if form is None:
        raise InvalidSetting("export_ending_unknown", path=path, ending=ending)
    return form


class _Export:
    """Makes the text of an export in the format `form`, in pieces, and shows the progress on a terminal. The export has the
    entries of `notebook` that `filters` choose.

    `entries` is the number of entries in the text so far. `has_begun` says whether `write` was called. `prints` says that the
    text goes to standard output and not to a file.
    """

    def __init__(self, notebook: NotebookReader, form: Form, filters: Filters, *, prints: bool) -> None:
        self._notebook = notebook
        self._form = form
        self._filters = filters
        self._prints = prints
        self._number = 0
        self._progress = Progress(lambda: self._number, notebook.last_number(), prints=prints)
        self.entries = 0
        self.has_begun = False

    def write(self, put: Callable[[bytes], object]) -> None:
        """Read the entries to export. Call `put` with each piece of the text, in order."""
        self.has_begun = True
        with self._progress:
            pieces = export_pieces(self._notebook, self._form, self._filters, for_file=not self._prints, on_written=self._count)
            for piece in pieces:
                put(piece)

    def _count(self, entries: list[StoredEntry]) -> None:
        """Count `entries`, whose text was given to `put`, and update the progress."""
        self.entries += len(entries)
        self._number = max(self._number, entries[-1].number)  # notes come in the order of writing, except in `jsonl`
        self._progress.advance(len(entries))


def _print(export: _Export) -> int:
    """Write the export to standard output, in the terminal's encoding on a terminal, in UTF-8 to a file or pipe.

    Return the exit code: DONE, or INTERRUPTED after Ctrl-C. After Ctrl-C, also print a message.
    """
    try:
        if sys.stdout.isatty():
            export.write(lambda piece: sys.stdout.write(piece.decode()))
        else:
            export.write(sys.stdout.buffer.write)
        sys.stdout.flush()
    except KeyboardInterrupt:
        say(Notice("export_interrupted"))
        return exit_codes.INTERRUPTED
    return exit_codes.DONE


@contextmanager
def _reporting_failure(output: str, export: _Export) -> Iterator[None]:
    """If an error or a signal ends the block, print whether the file `output` still has its old content or was not made. Print
    nothing if `export` has not begun, because the message of the error is enough.
    """
    try:
        yield
    except BaseException:
        if export.has_begun:
            say(Notice("export_cut_short" if os.path.lexists(output) else "export_not_made", path=output))
        raise
