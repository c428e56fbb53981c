"""`udpnote list` and `udpnote search`: many notes, a line for each."""

import sys
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from itertools import chain, islice
from typing import Any

from udpnote.cli import exit_codes
from udpnote.cli.filters import Selection
from udpnote.cli.open_notebook import opened
from udpnote.cli.options import LISTED_NOTES
from udpnote.cli.terminal.calendar import heading
from udpnote.cli.terminal.printer import Paper
from udpnote.cli.terminal.streams import say
from udpnote.cli.terminal.text import harmless, local_time, padded, shortened
from udpnote.client.notebook_reader import Filters, Reads
from udpnote.model.entry import StoredEntry

PORTION_NOTES = 100
"""How many notes of a list without end are aligned with each other: as many as are kept in memory."""

AUTHOR_CELLS_MAX = 20
"""A longer author is shortened, so that there is room for the text; on a narrow terminal, to a quarter of it."""

TEXT_CELLS_MIN = 10
"""Of the text, so much is shown on the narrowest terminal."""


def list_notes(flags: dict[str, Any], file: str | None, selection: Selection, *, as_json: bool) -> int:
    """List the notes that were kept last."""
    advice = (
        "nothing found: try other filters"
        if selection.has_filters
        else 'there are no notes yet: `udpnote send "some text"` writes the first'
    )
    return _list(flags, file, selection, (), as_json=as_json, advice=advice)


def search(arguments: list[str], flags: dict[str, Any], file: str | None, selection: Selection, *, as_json: bool) -> int:
    """List the notes in which all of the words occur."""
    from udpnote.text.search_terms import parse_words

    advice = "nothing found: a note must have all of the words; try fewer, or other filters"
    return _list(flags, file, selection, parse_words(arguments), as_json=as_json, advice=advice)


def _list(
    flags: dict[str, Any], file: str | None, selection: Selection, words: Sequence[str], *, as_json: bool, advice: str
) -> int:
    filters = selection.filters()
    with opened(flags, file) as (notebook, paper), closing(_portions(notebook, selection, words, filters)) as portions:
        first = next(portions, [])
        if first:
            _print(paper, chain([first], portions), words, as_json=as_json)
        else:
            say(advice)
        sys.stdout.flush()
    return exit_codes.DONE


def _portions(notebook: Reads, selection: Selection, words: Sequence[str], filters: Filters) -> Generator[list[StoredEntry]]:
    """The notes, in the order in which they are shown: the ones kept last in the order of writing, or all as they were kept."""
    if selection.is_all:
        notes = notebook.entries(words=words, newest_first=selection.is_reversed, **filters)
        while portion := list(islice(notes, PORTION_NOTES)):
            yield portion
        return
    limit = selection.limit or LISTED_NOTES
    latest = list(notebook.entries(words=words, newest_first=True, limit=limit, **filters))
    if latest:
        yield sorted(latest, key=lambda stored: (stored.entry.written_at, stored.number), reverse=selection.is_reversed)


def _print(paper: Paper, portions: Iterator[list[StoredEntry]], words: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        from udpnote.cli.json_output import in_one_line, note_object

        for stored in chain.from_iterable(portions):
            sys.stdout.write(in_one_line(note_object(stored)) + "\n")
    elif paper.is_terminal:
        _print_days(paper, portions, words)
    else:
        for stored in chain.from_iterable(portions):
            sys.stdout.write(_line(stored) + "\n")


def _line(stored: StoredEntry) -> str:
    """A note for a program that works line by line: all of it, with its date."""
    entry = stored.entry
    return f"{local_time(entry.written_at)}  #{stored.number}{_mark(stored)}  {harmless(entry.author)}  {harmless(entry.text)}"


def _print_days(paper: Paper, portions: Iterator[list[StoredEntry]], words: Sequence[str]) -> None:
    """Print notes day by day, in columns that do not become narrower."""
    from rich.cells import cell_len

    from udpnote.cli.terminal.snippets import snippet

    day = ""
    number_cells = author_cells = 0
    author_cells_max = max(min(AUTHOR_CELLS_MAX, paper.width // 4), 1)
    for portion in portions:
        number_cells = max(number_cells, *(len(f"#{stored.number}") for stored in portion))
        authors = [shortened(stored.entry.author, author_cells_max) for stored in portion]
        author_cells = max(author_cells, *map(cell_len, authors))
        text_cells = max(paper.width - number_cells - author_cells - len("*  00:00    "), TEXT_CELLS_MIN)
        for stored, author in zip(portion, authors, strict=True):
            written = time.localtime(stored.entry.written_at // 1_000_000)
            if (today := heading(written)) != day:
                if day:
                    paper.print()
                paper.print((today, "bold"))
                day = today
            paper.print(
                (f"#{stored.number}".rjust(number_cells), "cyan"), (_mark(stored) or " ", "yellow"),
                (time.strftime("  %H:%M  ", written), "dim"), (padded(author, author_cells), "green"), "  ",
                snippet(stored.entry.text, words, text_cells),
            )  # fmt: skip


def _mark(stored: StoredEntry) -> str:
    """What says that a note was revised."""
    return "" if stored.version == stored.number else "*"
