"""Makes the text of an export of a notebook, in pieces."""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Literal

from udpnote.client.filters import Filters
from udpnote.client.notebook_reader import NotebookReader
from udpnote.model.entry import StoredEntry
from udpnote.text.jsonl import jsonl_line
from udpnote.text.markdown import markdown
from udpnote.text.notebook_text import text_block
from udpnote.text.spreadsheet import csv_table
from udpnote.text.web_page import web_page

CHUNK_ENTRIES = 512
CHUNK_CHARACTERS = 1 << 20
"""A portion of an export ends at `CHUNK_ENTRIES` entries or at this many characters, so that few writes are needed."""

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
    is for a file, not for standard output. `on_written` is called for each portion of entries, with these entries, when the
    caller asks for what follows the portion. Raises the errors of reading (see `NotebookReader`).
    """

    def counted(entries: Iterator[StoredEntry]) -> Iterator[list[StoredEntry]]:
        for chunk in _portions(entries):
            yield chunk
            on_written(chunk)

    if form == "jsonl":
        return (_json_lines(chunk) for chunk in counted(notebook.log(**filters)))
    return map(
        str.encode, _text_pieces(notebook, form, counted(notebook.entries(by_number=True, **filters)), for_file=for_file)
    )


def _text_pieces(notebook: NotebookReader, form: Form, chunks: Iterator[list[StoredEntry]], *, for_file: bool) -> Iterator[str]:
    """Yield the text of an export of the notes in `chunks` in pieces, in any format other than `jsonl`."""
    if form == "text":
        return ("".join(map(_text_block, chunk)) for chunk in chunks)
    notes = chain.from_iterable(chunks)
    if form == "csv":
        return csv_table(notes, for_file=for_file)
    make = markdown if form == "markdown" else web_page
    return make(notebook.name, notes)


def _portions(entries: Iterator[StoredEntry]) -> Iterator[list[StoredEntry]]:
    """Yield `entries` in lists of at most `CHUNK_ENTRIES`, so that few are in memory at a time.

    A list ends earlier as soon as its texts together have `CHUNK_CHARACTERS` characters or more.
    """
    portion: list[StoredEntry] = []
    characters = 0
    for stored in entries:
        portion.append(stored)
        characters += len(stored.entry.text)
        if len(portion) == CHUNK_ENTRIES or characters >= CHUNK_CHARACTERS:
            yield portion
            portion, characters = [], 0
    if portion:
        yield portion


def _json_lines(entries: list[StoredEntry]) -> bytes:
    """The lines of `entries` in UTF-8.

    Each line is encoded by itself: Python encodes ASCII much faster than other text, and most lines are ASCII.
    """
    return b"".join([jsonl_line(stored).encode() for stored in entries])


def _text_block(stored: StoredEntry) -> str:
    """The latest text of a note, with its time, in the format `text`."""
    return text_block(stored.entry.written_at, stored.entry.utc_offset, stored.entry.text)
