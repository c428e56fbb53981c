"""Notebooks with many entries, made without a server."""

from contextlib import closing
from itertools import pairwise
from pathlib import Path

from udpnote.model.entry import TEXT_BYTES_MAX, Entry, Kind, split
from udpnote.storage.notebook.notebook import Notebook

WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu")
REVERSED_WORDS = tuple(f"{second} {first}" for first, second in pairwise(WORDS))
"""Phrases that no entry has, made of words that every entry has."""

FIRST_WRITTEN_AT = 1_557_391_028_000_000
CLIENTS = 10
CHUNK_ENTRIES = 1000


def text_of(number: int) -> str:
    return f"{' '.join(WORDS)} 第{number}条 n{number}"


def fill_notebook(path: Path, entries: int, *, with_index: bool = True) -> None:
    """Make a notebook of this many entries, with or without its search index."""
    with closing(Notebook(path)) as notebook:
        notebook.rename("large")
        for first in range(1, entries + 1, CHUNK_ENTRIES):
            numbers = range(first, min(first + CHUNK_ENTRIES, entries + 1))
            parts = [part for number in numbers for part in split(_entry(number), TEXT_BYTES_MAX)]
            notebook.store(parts, FIRST_WRITTEN_AT + first)
        while with_index and not notebook.lookup.index.catch_up(lambda: False):
            pass


def _entry(number: int) -> Entry:
    client, sequence = number % CLIENTS, number // CLIENTS + 1
    author = f"amy@host{client}"
    return Entry(client.to_bytes(16), sequence, Kind.NOTE, FIRST_WRITTEN_AT + number, 480, author, text_of(number))
