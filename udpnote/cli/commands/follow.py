"""`udpnote follow`: prints entries as they are stored, until Ctrl-C."""

import sys
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from typing import Annotated

from udpnote.cli.client_options import NO_OPTIONS
from udpnote.cli.declared_command import DeclaredCommands, Option, OptionGroup, as_command
from udpnote.cli.filters import NO_FILTERS, By, FilterOptions, Tag
from udpnote.cli.json_output import log_object
from udpnote.cli.open_notebook import opened
from udpnote.cli.options import ENTRIES_MAX, Json, NotebookFile, ReadingClient
from udpnote.cli.terminal.live_entries import LiveEntries
from udpnote.cli.terminal.text import in_json
from udpnote.client.notebook_reader import NotebookReader
from udpnote.errors import UdpnoteError
from udpnote.model.entry import Kind, StoredEntry

FOLLOWED_ENTRIES = 10
"""How many of the latest entries are printed first by default: enough to see what the next entry is about."""

app = DeclaredCommands()


@app.command()
@as_command
def follow(
    last: Annotated[
        int,
        Option("-n", metavar="NUMBER", smallest=0, largest=ENTRIES_MAX, help="How many of the latest entries to print first."),
    ] = FOLLOWED_ENTRIES,
    filters: Annotated[FilterOptions, OptionGroup(author=By, tags=Tag)] = NO_FILTERS,
    options: ReadingClient = NO_OPTIONS,
    file: NotebookFile = None,
    as_json: Json = False,
) -> int:
    """Print entries as they are stored.

    Revisions and deletions are printed too. On a terminal each day is a heading, long texts are
    wrapped, and each author has a colour; in a pipe each entry is one line. Ctrl-C ends it, with exit code 130.

    Examples:

        udpnote follow

        udpnote follow -n 0 --tag alarm
    """
    parsed = filters.parsed()
    with (
        opened(options, file, delivers_first=True) as (notebook, _),
        closing(_lines(notebook, notebook.follow(last=last, **parsed), as_json=as_json)) as lines,
    ):
        for each in lines:
            sys.stdout.write(each)
            sys.stdout.flush()
    raise AssertionError("`follow` reads until it is interrupted")


app.command("tail", help="The same as follow.\n\nExamples:\n\n    udpnote tail -n 0\n")(follow)


def _lines(notebook: NotebookReader, entries: Iterator[StoredEntry], *, as_json: bool) -> Generator[str]:
    """Yield the text that is printed for each of `entries`: a line of JSON if `as_json`, else what `LiveEntries` makes."""
    live = LiveEntries()
    for stored in entries:
        if as_json:
            yield in_json(log_object(stored)) + "\n"
        else:
            yield live.lines(stored.number, stored.entry, _note_number(notebook, stored))


def _note_number(notebook: NotebookReader, stored: StoredEntry) -> int:
    """The number of the note that `stored` revises or deletes; 0 if `stored` is a note, or if the server does not say it."""
    if stored.entry.kind is not Kind.NOTE:
        with suppress(UdpnoteError):  # the entry is printed without it
            for note in notebook.log(numbers=[stored.entry.revises], limit=1):
                return note.number
    return 0
