"""Reads the notebook to find what an import has to add to it, also in a rehearsal (`--dry-run`), which adds nothing."""

from collections.abc import Collection, Iterable, Iterator
from itertools import chain, count, islice

from udpnote.cli.terminal.progress import shown_percentage
from udpnote.client.reading.notebook_reader import NotebookReader
from udpnote.client.sending.import_queue import Imported, ImportOutcome
from udpnote.errors import Notice
from udpnote.model.entry import Identity, Kind, StoredEntry
from udpnote.text.query_check import QUERY_NUMBERS_MAX


def log_to_compare(notebook: NotebookReader, *, newest_first: bool = False) -> Iterator[StoredEntry]:
    """Yield all entries of `notebook` as they were stored, so that the caller can compare them with the file to import.

    The order is that of their numbers, reversed with `newest_first`. On a terminal, this shows which percentage has been read.
    """
    log = notebook.log(newest_first=newest_first)
    return shown_percentage(log, notebook.last_number(), lambda percent: Notice("import_comparing", percent=percent))


def rehearsed(entries: Iterable[StoredEntry], revised: Collection[int], notebook: NotebookReader | None) -> Iterator[Imported]:
    """Yield for each of `entries` the outcome that an import into `notebook` would have: NEW, THERE_ALREADY or ERASED. The
    `number` in each outcome is 0.

    `notebook` is None if the notebook's file does not exist yet. `revised` are the numbers of those `entries` that other
    `entries` revise or delete. All client ids and sequences of `notebook` are held in memory.

    Two outcomes of an import are not foreseen: this yields NEW in place of ORPHANED, and THERE_ALREADY in place of DIFFERENT.
    """
    known, erased = identities_in(notebook) if notebook is not None else (set(), set())
    erased_numbers = set[int]()  # only of entries that later ones revise or delete: the others need no memory
    for old in entries:
        identity, outcome = old.entry[:2], ImportOutcome.NEW  # client id and sequence
        if identity in erased or old.entry.revises in erased_numbers:
            outcome = ImportOutcome.ERASED
            if old.number in revised:
                erased_numbers.add(old.number)
        elif identity in known:
            outcome = ImportOutcome.THERE_ALREADY
        yield Imported(old, outcome, 0)
        known.add(identity)


def identities_in(notebook: NotebookReader) -> tuple[set[Identity], set[Identity]]:
    """Read all of `notebook`. Return two sets of identities, which are pairs of client id and sequence: those of the entries in
    `notebook`, and those of the entries that were erased from it.
    """
    known, erased = set[Identity](), set[Identity]()
    missing: list[int] = []
    last = 0
    for stored in log_to_compare(notebook):
        known.add(stored.entry[:2])
        missing += range(last + 1, stored.number)
        last = stored.number
    # `log` yields an erased entry only if its number is asked for: ask for the numbers that are missing so far. The last
    # entries may be erased, too: ask for the numbers after `last`, until none is found. That is the end, because a notebook's
    # numbers have no gaps.
    numbers = chain(missing, count(last + 1))
    while found := list(notebook.log(numbers=list(islice(numbers, QUERY_NUMBERS_MAX)))):
        for stored in found:
            (erased if stored.entry.kind is Kind.ERASED else known).add(stored.entry[:2])
    return known, erased
