"""`udpnote list` and `udpnote search`: print many notes, a line for each or whole."""

import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from itertools import chain, islice
from shlex import quote
from typing import Annotated, NamedTuple

from udpnote.cli import exit_codes
from udpnote.cli.client_options import NO_OPTIONS, ClientOptions
from udpnote.cli.declared_command import Argument, DeclaredCommands, as_command
from udpnote.cli.filters import NO_FILTERS, FilterOptions, Filters
from udpnote.cli.open_notebook import opened
from udpnote.cli.options import LISTED_NOTES, All, Full, Json, Limit, NoPager, NotebookFile, ReadingClient, Reverse
from udpnote.cli.terminal.note_list import NoteList, revision_mark
from udpnote.cli.terminal.pager import paged
from udpnote.cli.terminal.printer import Printer
from udpnote.cli.terminal.streams import say
from udpnote.cli.terminal.text import in_json, local_time
from udpnote.client.filters import Filters as ParsedFilters
from udpnote.client.notebook_reader import NotebookReader
from udpnote.errors import InvalidSetting
from udpnote.model.entry import StoredEntry
from udpnote.text.harmless import harmless

PORTION_NOTES = 100
"""How many notes `--all` prints at a time: they are in memory together, and their columns are aligned."""

app = DeclaredCommands()


class Selection(NamedTuple):
    """Which notes are printed, and in which order.

    These are the notes that the `filters` choose and that contain all of `words`: all of them if `is_all`, else the latest
    `limit` (None: `LISTED_NOTES`). The order is reversed if `newest_first`.
    """

    filters: FilterOptions
    words: Sequence[str]
    limit: int | None
    is_all: bool
    newest_first: bool


class Form(NamedTuple):
    """How notes are printed: as JSON, or with their whole texts (`is_full`), and whether in a pager if they are many."""

    as_json: bool
    is_full: bool
    is_paged: bool


@app.command("list")
@as_command
def list_notes(
    limit: Limit = None,
    filters: Filters = NO_FILTERS,
    is_all: All = False,
    reverse: Reverse = False,
    full: Full = False,
    options: ReadingClient = NO_OPTIONS,
    file: NotebookFile = None,
    as_json: Json = False,
    no_pager: NoPager = False,
) -> int:
    """List the latest notes.

    The notes come in the order in which they were written; the newest is last. On a terminal they are listed day by day, and
    `*` marks a revised note. In a pipe each note is one line with its date and whole text. Output that is longer than the
    screen is shown in $PAGER. The exit code is 0 even if there are no notes.

    Examples:

        udpnote list

        udpnote list --on yesterday --author lin

        udpnote list --full --tag recipe

        udpnote list --all --tag milk | wc -l
    """
    selection = Selection(filters, (), limit, is_all, reverse)
    advice = (
        "nothing found: try other filters"
        if filters.are_given
        else 'there are no notes yet: `udpnote send "some text"` writes the first'
    )
    return _list(selection, options, file, Form(as_json, full, not no_pager), advice=advice)


@app.command()
@as_command
def search(
    words: Annotated[list[str], Argument(metavar="WORDS...", help='What to search for; quote a phrase: "oat milk".')],
    limit: Limit = None,
    filters: Filters = NO_FILTERS,
    is_all: All = False,
    reverse: Reverse = False,
    full: Full = False,
    options: ReadingClient = NO_OPTIONS,
    file: NotebookFile = None,
    as_json: Json = False,
    no_pager: NoPager = False,
) -> int:
    """Search for the notes that contain all of the words.

    Letter case and accents do not matter. Words match whole, with the signs in them: `C++` does not find `C`. With `*` at its
    end, a word also finds longer words. The exit code is 0 even if no note is found.

    Examples:

        udpnote search milk

        udpnote search "mil*"

        udpnote search "oat milk" --since "last month"

        udpnote search 开会 --author lin
    """
    from udpnote.text.search_terms import parse_words  # here, because `list` searches for no words

    selection = Selection(filters, parse_words(words), limit, is_all, reverse)
    return _list(selection, options, file, Form(as_json, full, not no_pager), advice=_advice_on(selection.words[-1]))


def _advice_on(word: str) -> str:
    """What to say if a search whose last word is `word` finds nothing: also how it finds longer words, if there may be such."""
    from udpnote.text.search_terms import terms  # here, because `list` searches for no words

    advice = "nothing found: a note must contain all of the words, whole and with their signs"
    has_longer_words = word[-1].isalnum() and (word[-1].isascii() or len(terms(word)[-1]) > 1)  # a Chinese character is a term
    return f"{advice}; {quote(f'{word}*')} also finds longer words" if has_longer_words else advice


def _list(selection: Selection, options: ClientOptions, file: str | None, form: Form, *, advice: str) -> int:
    """Print the selected notes or, if there are none, the message `advice`; return the exit code DONE.

    `file` or `options` say which notebook is read (see `opened`). Raises `InvalidSetting` if `selection` has a limit and also
    all notes, or if its filters are wrong.
    """
    if selection.is_all and selection.limit is not None:
        raise InvalidSetting("limit_and_all")
    filters = selection.filters.parsed()
    with (
        paged(is_wanted=form.is_paged),
        opened(options, file) as (notebook, printer),
        closing(_portions(notebook, selection, filters)) as portions,
    ):
        first = next(portions, [])
        if first:
            _print(printer, chain([first], portions), selection.words, form)
        else:
            say(advice)
        sys.stdout.flush()
    return exit_codes.DONE


def _portions(notebook: NotebookReader, selection: Selection, filters: ParsedFilters) -> Generator[list[StoredEntry]]:
    """Yield the selected notes, with their latest text, in lists, in the order in which they are printed.

    This is the order of `StoredEntry.noted_at`, and the latest notes are the last ones in this order.
    """
    words = selection.words
    if selection.is_all:
        notes = notebook.entries(words=words, newest_first=selection.newest_first, **filters)
        while portion := list(islice(notes, PORTION_NOTES)):
            yield portion
        return
    limit = selection.limit or LISTED_NOTES
    latest = list(notebook.entries(words=words, newest_first=True, limit=limit, **filters))
    if latest:
        yield latest if selection.newest_first else latest[::-1]


def _print(printer: Printer, portions: Iterator[list[StoredEntry]], words: Sequence[str], form: Form) -> None:
    """Print the notes of all `portions`: as JSON, day by day on a terminal or if they are whole, or else as a line for each.

    On a terminal the `words` of a search are highlighted.
    """
    if form.as_json:
        from udpnote.cli.json_output import note_object

        for stored in chain.from_iterable(portions):
            sys.stdout.write(in_json(note_object(stored)) + "\n")
    elif printer.is_terminal or form.is_full:
        notes = NoteList(printer, words, is_full=form.is_full)
        for portion in portions:
            notes.print(portion)
    else:
        for stored in chain.from_iterable(portions):
            sys.stdout.write(_line(stored) + "\n")


def _line(stored: StoredEntry) -> str:
    """A note with its date and its whole text as one line, without a newline, for a program that reads lines."""
    entry = stored.entry
    number = f"#{stored.number}{revision_mark(stored)}"
    return f"{local_time(entry.written_at)}  {number}  {harmless(entry.author)}  {harmless(entry.text)}"
