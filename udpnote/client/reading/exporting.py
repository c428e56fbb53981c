"""Makes the text of an export of a notebook, in pieces."""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Literal

from udpnote.client.reading.filters import Filters
from udpnote.client.reading.notebook_reader import NotebookReader
from udpnote.model.entry import StoredEntry
from udpnote.text.export_formats import csv_table, markdown, web_page
from udpnote.text.jsonl import jsonl_line
from udpnote.text.notebook_text import text_block

Form = Literal["jsonl", "markdown", "text", "csv", "html"]


def export_pieces(
    notebook: NotebookReader,
    form: Form,
    filters: Filters,
    *,
    for_file: bool,
    on_written: Callable[[list[StoredEntry]], None] = lambda _: None,
) -> Iterator[bytes]:
    """Yield an export of the entries in `notebook` that `filters` choose, in the format `form`: its text in UTF-8, in pieces.

    The format `jsonl` has all versions of the notes, the other formats only their latest texts. `for_file` says that the text
    is for a file, not for standard output (see `csv_table`). Entries are read in portions. When the caller has taken the text
    of one portion and asks for more, `on_written` is called with the entries of this portion. Raises the errors of reading (see
    `NotebookReader`).
    """

    def counted(portions: Iterator[list[StoredEntry]]) -> Iterator[list[StoredEntry]]:
        for portion in portions:
            yield portion
            on_written(portion)

    if form == "jsonl":
        return map(_json_lines, counted(notebook.log_portions(**filters)))
    return map(str.encode, _text_pieces(notebook, form, counted(notebook.note_portions(**filters)), for_file=for_file))


def _text_pieces(
    notebook: NotebookReader, form: Form, portions: Iterator[list[StoredEntry]], *, for_file: bool
) -> Iterator[str]:
    """Yield an export of `portions`, the notes of `notebook`, in pieces, in the format `form`, which is not `jsonl`."""
    if form == "text":
        return ("".join(map(_text_block, portion)) for portion in portions)
    notes = chain.from_iterable(portions)
    if form == "csv":
        return csv_table(notes, for_file=for_file)
    make = markdown if form == "markdown" else web_page
    return make(notebook.name, notes)


def _json_lines(entries: list[StoredEntry]) -> bytes:
    """The lines of `entries` in UTF-8.

    Each line is encoded by itself: Python encodes ASCII much faster than other text, and most lines are ASCII.
    """
    return b"".join([jsonl_line(stored).encode() for stored in entries])


def _text_block(stored: StoredEntry) -> str:
    """A note in the format `text`: the time at which it was written, then its latest text."""
    return text_block(stored.entry.written_at, stored.entry.utc_offset, stored.entry.text)
