"""Floods from one host: the datagrams of each, at rates that once stopped a server or its readers."""

from collections.abc import Callable, Iterator
from itertools import cycle, pairwise
from random import Random
from typing import NamedTuple

from udpnote.model.entry import TEXT_BYTES_MAX, Entry, Kind, Part, Restored, split
from udpnote.model.query import FIRST, LAST, Query, View
from udpnote.protocol.codec.codec import append_body, encode, part_bytes_max
from udpnote.protocol.envelope import OPEN
from udpnote.protocol.messages import Append
from udpnote.protocol.paging.paging import PAGES_MAX
from udpnote.protocol.reading_messages import Read

STORED_LONG_ENTRIES = 6
AUTHOR = "mallory@host"
CLIENT_ID = b"mallory's client"
TOKEN = b"mallory!"

WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu")
"""Words that every entry of the notebook has (see `fill_notebook`)."""

REVERSED_WORDS = tuple(f"{second} {first}" for first, second in pairwise(WORDS))
"""Phrases that no entry has, made of words that every entry has."""

FAR_NUMBERS = tuple(range(2**62, 2**62 + 100))
"""As many numbers as a READ has room for, none of which is in the notebook."""

SLOW_QUERIES = [
    Query(words=REVERSED_WORDS, newest_first=True),
    Query(View.LOG, author="nobody"),
    Query(words=REVERSED_WORDS[:1], author="somebody", until=0),
]
"""Queries that look at the whole notebook and find next to nothing."""


class Flood(NamedTuple):
    """A flood: `per_second` of the datagrams that `make` yields, from `ports` ports of one host.

    `troubles` is the request of other hosts that such a flood once held up.
    """

    make: Callable[[Random, bytes], Iterator[bytes]]
    per_second: int
    ports: int = 64
    troubles: str = "send"


def long_entry(sequence: int) -> Entry:
    return Entry(CLIENT_ID, sequence, Kind.NOTE, sequence, 0, AUTHOR, f"{sequence:<8}" * (TEXT_BYTES_MAX // 8))


def parts_of(entry: Entry) -> list[Part]:
    return split(entry, part_bytes_max(entry.author))


def long_noise(random: Random, _notebook_id: bytes) -> Iterator[bytes]:
    """Random bytes, many times the length of a datagram of the protocol."""
    return cycle([random.randbytes(65_000) for _ in range(8)])


def noise(random: Random, _notebook_id: bytes) -> Iterator[bytes]:
    return cycle([random.randbytes(random.randrange(1, 1200)) for _ in range(1000)])


def every_other_byte(_random: Random, notebook_id: bytes) -> Iterator[bytes]:
    """Parts of one byte, those at the even offsets of an entry. Servers do not accept such parts."""
    whole = long_entry(99).text.encode()
    part = parts_of(long_entry(99))[0]
    return cycle([OPEN.wrap(_one_byte(notebook_id, part, offset, whole)) for offset in range(0, 20_000, 2)])


def unfinished_entry(_random: Random, notebook_id: bytes) -> Iterator[bytes]:
    """All parts but the last one of an entry, again and again."""
    return cycle([encode(Append(notebook_id, TOKEN, 1, part)) for part in parts_of(long_entry(98))[:-1]])


def parts_of_stored_entries(_random: Random, notebook_id: bytes) -> Iterator[bytes]:
    """A part of each of six entries in turn, which are stored already."""
    entries = [parts_of(long_entry(sequence)) for sequence in range(1, STORED_LONG_ENTRIES + 1)]
    in_turn = [encode(Append(notebook_id, TOKEN, 1, part)) for parts in zip(*entries, strict=True) for part in parts]
    return cycle(in_turn)


def another_notebook(random: Random, _notebook_id: bytes) -> Iterator[bytes]:
    part = Part(CLIENT_ID, 1, Kind.NOTE, 0, 0, AUTHOR, 4, 0, b"text")
    return cycle([encode(Append(random.randbytes(16), TOKEN, 1, part)) for _ in range(1000)])


def early_restores(_random: Random, notebook_id: bytes) -> Iterator[bytes]:
    """Imported notes whose predecessors never come."""
    missing = Restored(0, b"a missing client", 1)
    parts = [Part(CLIENT_ID, number, Kind.NOTE, 0, 0, AUTHOR, 4, 0, b"text", restored=missing) for number in range(1000, 2000)]
    return cycle([encode(Append(notebook_id, TOKEN, 1, part)) for part in parts])


def reads(random: Random, notebook_id: bytes) -> Iterator[bytes]:
    """READs each of which lets the server make as many pages as it makes for any."""
    while True:
        yield encode(Read(notebook_id, random.randbytes(8), 1, FIRST, 0, 0, Query(View.LOG), pages=PAGES_MAX))


def searches(random: Random, notebook_id: bytes) -> Iterator[bytes]:
    """Searches of forty kinds in turn, more than a server keeps answers of."""
    while True:
        words = ("alpha beta", f"{random.choice('bcdg')}{random.randrange(10)}")
        yield encode(Read(notebook_id, random.randbytes(8), 1, FIRST, 0, 0, Query(words=words)))


def waiting_reads(random: Random, notebook_id: bytes) -> Iterator[bytes]:
    """READs of ever new streams that wait for entries that never come."""
    while True:
        for query in (Query(View.LOG, author="nobody"), Query(View.LOG, numbers=FAR_NUMBERS)):
            yield encode(Read(notebook_id, random.randbytes(8), 1, FIRST, 0, 60_000, query))


def slow_reads(random: Random, notebook_id: bytes) -> Iterator[bytes]:
    """READs that take the server long to answer."""
    for query in cycle(SLOW_QUERIES):
        start = LAST if query.newest_first else FIRST
        yield encode(Read(notebook_id, random.randbytes(8), 1, start, 0, 0, query, pages=PAGES_MAX))


def _one_byte(notebook_id: bytes, part: Part, offset: int, whole: bytes) -> bytes:
    return append_body(Append(notebook_id, TOKEN, 1, part._replace(offset=offset, data=whole[offset : offset + 1])))


FLOODS = {
    "200 long datagrams of noise a second": Flood(long_noise, 200),
    "2,000 long datagrams of noise a second": Flood(long_noise, 2000),
    "every other byte of an entry": Flood(every_other_byte, 485),
    "all but one part of an entry": Flood(unfinished_entry, 971),
    "parts of six stored entries": Flood(parts_of_stored_entries, 971),
    "notes for another notebook": Flood(another_notebook, 114_000),
    "imported notes that come too early": Flood(early_restores, 118_000),
    "noise": Flood(noise, 96_000),
    "reads of one port": Flood(reads, 2000, ports=1, troubles="list"),
    "searches of 16 ports": Flood(searches, 400, ports=16, troubles="search"),
    "reads that wait": Flood(waiting_reads, 1024, troubles="list"),
    "slow reads": Flood(slow_reads, 4000),
}
