"""`udpnote list` and `udpnote search`: print many notes, each as one line or as a whole."""

import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain, islice
from typing import TYPE_CHECKING, Annotated, NamedTuple

from udpnote.cli import exit_codes
from udpnote.cli.command_line.declared_command import Argument, DeclaredCommands, Option
from udpnote.cli.open_notebook import opened
from udpnote.cli.options.client_options import NO_OPTIONS, ClientOptions
from udpnote.cli.options.declared import ENTRIES_MAX, Json, NoPager, NotebookFile, ReadingClient
from udpnote.cli.options.filters import NO_FILTERS, AllFilters
from udpnote.cli.terminal.note_list import NoteList, revision_mark
from udpnote.cli.terminal.pager import paged
from udpnote.cli.terminal.streams import say
from udpnote.cli.terminal.styles import Printer
from udpnote.cli.terminal.text import in_json, local_time
from udpnote.client.reading.filters import Filters
from udpnote.client.reading.notebook_reader import NotebookReader
from udpnote.errors import InvalidSetting, Notice
from udpnote.model.entry import StoredEntry
from udpnote.text.harmless import harmless

if TYPE_CHECKING:
    from udpnote.text.query_words import QueryWords

LISTED_NOTES = 20
"""How many notes `list` and `search` print by default: about as many as fit on a screen."""

PORTION_NOTES = 100
"""How many notes `--all` reads and prints at a time. They are in memory together, and their columns are aligned."""

Limit = Annotated[
    int | None,
    Option(
        "-n",
        metavar="NUMBER",
        smallest=1,
        largest=ENTRIES_MAX,
        help=f"How many of the latest notes, at most {ENTRIES_MAX:,}.  [default: {LISTED_NOTES}]",
    ),
]
All = Annotated[bool, Option("--all", help="All notes, not only the latest.")]
Reverse = Annotated[bool, Option("--reverse", help="Print the newest notes first.")]
Full = Annotated[bool, Option("--full", help="Whole texts, not only as much as fits on a line.")]

app = DeclaredCommands()


class Selection(NamedTuple):
    """Which notes are printed, and in which order.

    The notes match the `filters` and, if there are any, the `words` of a search. With `is_all`, all of these notes are printed.
    Without it, only the latest `limit` of them are, or the latest `LISTED_NOTES` if `limit` is None. The oldest comes first;
    with `newest_first`, the newest does. The words and phrases in `highlighted` are highlighted in the output.
    """

    filters: Filters
    words: Sequence[str]
    highlighted: Sequence[str]
    limit: int | None
    is_all: bool
    newest_first: bool


class Layout(NamedTuple):
    """How notes are printed: as JSON, with their whole texts (`is_full`), and in a pager if the output is long (`is_paged`)."""

    as_json: bool
    is_full: bool
    is_paged: bool


@app.command("list")
def list_notes(
    limit: Limit = None,
    filters: AllFilters = NO_FILTERS,
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
    selection = Selection(filters.parsed(), (), (), limit, is_all, reverse)
    advice = Notice("filters_find_nothing" if filters.are_given else "no_notes_yet")
    layout = Layout(as_json, full, not no_pager)
    with _opened(selection, options, file, layout) as (notebook, printer):
        if not _show(notebook, printer, selection, layout):
            say(advice)
    return exit_codes.DONE


@app.command(takes_query=True)
def search(
    words: Annotated[
        list[str], Argument(metavar="WORDS...", help='What to search for, after all options; quote a phrase: "oat milk".')
    ],
    limit: Limit = None,
    filters: AllFilters = NO_FILTERS,
    is_all: All = False,
    reverse: Reverse = False,
    full: Full = False,
    options: ReadingClient = NO_OPTIONS,
    file: NotebookFile = None,
    as_json: Json = False,
    no_pager: NoPager = False,
) -> int:
    """Search for the notes that contain all of the words.

    `OR` between two words finds notes with either; `-` before a word leaves out notes with it. udpnote finds whole words:
    `mil` does not find `milk`, but `mil*` does. If a word finds nothing, udpnote adds the `*` by itself. Signs that you type
    must be in the note, too: `C++` does not find `C`, and `#c` finds the tag. Letter case, accents, and simplified or
    traditional characters do not matter. The exit code is 0 even if no note is found.

    Examples:

        udpnote search milk

        udpnote search milk OR cream -tea

        udpnote search "mil*"

        udpnote search --since "last month" "oat milk"

        udpnote search --author lin 开会
    """
    from udpnote.text.query_words import parse_words  # here, because `list` searches for no words

    query = parse_words(words)
    selection = Selection(filters.parsed(), query.as_typed, query.wanted, limit, is_all, reverse)
    layout = Layout(as_json, full, not no_pager)
    with _opened(selection, options, file, layout) as (notebook, printer):
        if not _show(notebook, printer, selection, layout):
            _show_beginnings(notebook, printer, selection, query, layout)
    return exit_codes.DONE


def _show_beginnings(
    notebook: NotebookReader,
    printer: Printer,
    selection: Selection,
    query: "QueryWords",
    layout: Layout,
) -> None:
    """Repeat the search for a `query` that has found nothing, with a `*` after each of its words that is in no note. `mil*`
    also finds longer words, such as `milk`.

    Print which words got a `*`, and the notes that are found. If nothing is found, print that. If the query has `OR` or
    `-` inside quotation marks, print in that case also that it is ordinary text there.
    """
    tried = _words_that_find_nothing(notebook, query, selection.filters)
    widened = query.with_beginnings(tried)
    selection = selection._replace(words=widened.as_typed, highlighted=widened.wanted)
    if tried and _show(notebook, printer, selection, layout, notice=Notice("beginnings_found", words=tried)):
        return
    say(Notice("no_beginnings_found", words=tried) if tried else Notice("no_note_found"))
    if query.has_sign_in_phrase:
        say(Notice("sign_in_phrase"))


def _words_that_find_nothing(notebook: NotebookReader, query: "QueryWords", filters: Filters) -> list[str]:
    """Search for each word of `query` alone in the notes that match `filters`, and return the words that are in no note.

    Words after which a `*` finds nothing more are left out (see `QueryWords.possible_beginnings`). The result has at most as
    many words as may still get a `*` (see `QueryWords.beginnings_left`).
    """
    from udpnote.text.query_words import QueryWords  # here, as in `search`

    def is_found(word: str) -> bool:
        return any(notebook.entries(words=QueryWords((word,)).as_typed, newest_first=True, limit=1, **filters))

    return list(islice((word for word in query.possible_beginnings if not is_found(word)), query.beginnings_left))


@contextmanager
def _opened(
    selection: Selection, options: ClientOptions, file: str | None, layout: Layout
) -> Iterator[tuple[NotebookReader, Printer]]:
    """Open the notebook that `file` or `options` name, as `opened` does. The block gets the reader and the printer. What the
    block prints goes through a pager if `layout` asks for it.

    Raises `InvalidSetting` if `selection` has a limit and also `is_all`.
    """
    if selection.is_all and selection.limit is not None:
        raise InvalidSetting("limit_and_all")
    with (
        paged(is_wanted=layout.is_paged, starts_at_end=not (selection.is_all or selection.newest_first)),
        opened(options, file) as (notebook, printer),
    ):
        yield notebook, printer


def _show(
    notebook: NotebookReader,
    printer: Printer,
    selection: Selection,
    layout: Layout,
    *,
    notice: Notice | None = None,
) -> bool:
    """Print the notes of `selection`. If there are any, print `notice` before them. Return whether there are any."""
    with closing(_portions(notebook, selection)) as portions:
        first = next(portions, [])
        if first:
            if notice is not None:
                say(notice)
            _print(printer, chain([first], portions), selection.highlighted, layout)
    sys.stdout.flush()
    return bool(first)


def _portions(notebook: NotebookReader, selection: Selection) -> Generator[list[StoredEntry]]:
    """Yield the notes of `selection`, with their latest text, in lists, in the order in which they are to be printed.

    They are ordered by their time, `StoredEntry.noted_at`: the earliest is first, or with `selection.newest_first` the latest.
    Without `selection.is_all`, only the latest notes are yielded.
    """
    words, filters = selection.words, selection.filters
    if selection.is_all:
        notes = notebook.entries(words=words, newest_first=selection.newest_first, **filters)
        while portion := list(islice(notes, PORTION_NOTES)):
            yield portion
        return
    limit = selection.limit or LISTED_NOTES
    latest = list(notebook.entries(words=words, newest_first=True, limit=limit, **filters))
    if latest:
        yield latest if selection.newest_first else latest[::-1]


def _print(printer: Printer, portions: Iterator[list[StoredEntry]], words: Sequence[str], layout: Layout) -> None:
    """Print the notes of all `portions`. On a terminal, the `words` of a search are highlighted.

    If `layout` asks for JSON, each note is an object. If it asks for whole texts, or on a terminal, the notes of a day stand
    under a heading. In any other case, each note is one line.
    """
    if layout.as_json:
        from udpnote.cli.json_output import note_object

        for stored in chain.from_iterable(portions):
            sys.stdout.write(in_json(note_object(stored)) + "\n")
    elif printer.is_terminal or layout.is_full:
        notes = NoteList(printer, words, is_full=layout.is_full)
        for portion in portions:
            notes.print(portion)
    else:
        for stored in chain.from_iterable(portions):
            sys.stdout.write(_line(stored) + "\n")


def _line(stored: StoredEntry) -> str:
    """A note as one line with its date and whole text, without a newline, for programs that read lines."""
    entry = stored.entry
    number = f"#{stored.number}{revision_mark(stored)}"
    return f"{local_time(entry.written_at)}  {number}  {harmless(entry.author)}  {harmless(entry.text)}"
