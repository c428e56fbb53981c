"""`udpnote follow`: prints entries as they are stored, until Ctrl-C."""

import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from typing import Annotated

from udpnote.cli.command_line.declared_command import DeclaredCommands, Option, OptionGroup
from udpnote.cli.json_output import log_object
from udpnote.cli.open_notebook import opened
from udpnote.cli.options.client_options import NO_OPTIONS
from udpnote.cli.options.declared import ENTRIES_MAX, Json, NotebookFile, ReadingClient
from udpnote.cli.options.filters import NO_FILTERS, By, FilterOptions, Tag
from udpnote.cli.terminal.interruption import ending_in_order
from udpnote.cli.terminal.live_entries import LiveEntries
from udpnote.cli.terminal.text import in_json
from udpnote.client.reading.notebook_reader import NotebookReader
from udpnote.errors import UdpnoteError
from udpnote.model.entry import Kind, StoredEntry

FOLLOWED_ENTRIES = 10
"""How many of the latest entries are printed first by default: enough to see what the next entries are about."""

app = DeclaredCommands()


@app.command()
def follow(
    last: Annotated[
        int | None,
        Option(
            "-n",
            metavar="NUMBER",
            smallest=0,
            largest=ENTRIES_MAX,
            help=f"How many of the latest entries to print first.  [default: {FOLLOWED_ENTRIES}; with --exec: 0]",
        ),
    ] = None,
    command: Annotated[
        str | None, Option("--exec", metavar="COMMAND", help="Run this command for each entry, without a shell.")
    ] = None,
    filters: Annotated[FilterOptions, OptionGroup(author=By, tags=Tag)] = NO_FILTERS,
    options: ReadingClient = NO_OPTIONS,
    file: NotebookFile = None,
    as_json: Json = False,
) -> int:
    """Print entries as they are stored.

    Revisions and deletions are printed too. On a terminal each day is a heading, long texts are wrapped, and each author has a
    colour; in a pipe each entry is one line. Ctrl-C ends it, with exit code 130.

    `--exec` runs COMMAND for each entry that is printed, one after the other. COMMAND gets the text on its standard input, and
    these environment variables: NOTE_NUMBER, NOTE_AUTHOR, NOTE_TIME, NOTE_KIND (note, revision or deletion) and NOTE_REVISES
    (the number of the version that a revision or deletion replaces).

    Examples:

        udpnote follow

        udpnote follow -n 0 --tag alarm

        udpnote follow --exec ~/bin/notify-note
    """
    parsed = filters.parsed()
    run = _runner(command)
    if last is None:
        last = FOLLOWED_ENTRIES if command is None else 0
    with (
        ending_in_order(),
        opened(options, file, delivers_first=True) as (notebook, _),
        closing(_shown(notebook, notebook.follow(last=last, **parsed), as_json=as_json)) as entries,
    ):
        for stored, text in entries:
            sys.stdout.write(text)
            sys.stdout.flush()
            run(stored)
    raise AssertionError("`follow` reads until it is interrupted")


app.command("tail", help="The same as follow.\n\nExamples:\n\n    udpnote tail -n 0\n")(follow)


def _runner(command: str | None) -> Callable[[StoredEntry], None]:
    """Return a function that runs `command` for an entry (see `EntryCommand`), or does nothing if `command` is None."""
    if command is None:
        return lambda _stored: None
    from udpnote.cli.entry_command import EntryCommand  # here, because subprocess is slow to import

    return EntryCommand(command).run


def _shown(notebook: NotebookReader, entries: Iterator[StoredEntry], *, as_json: bool) -> Generator[tuple[StoredEntry, str]]:
    """Yield each of `entries`, and the text to print for it: JSON with `as_json`, else the lines that `LiveEntries` makes."""
    live = LiveEntries()
    for stored in entries:
        if as_json:
            yield stored, in_json(log_object(stored)) + "\n"
        else:
            yield stored, live.lines(stored.number, stored.entry, _note_number(notebook, stored))


def _note_number(notebook: NotebookReader, stored: StoredEntry) -> int:
    """Read in `notebook` which note `stored` revises or deletes, and return its number. Return 0 if `stored` is a note itself,
    or if the notebook cannot be read.
    """
    if stored.entry.kind is not Kind.NOTE:
        with suppress(UdpnoteError):  # the entry is printed without the number of its note
            for note in notebook.log(numbers=[stored.entry.revises], limit=1):
                return note.number
    return 0
