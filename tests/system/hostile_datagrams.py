"""Datagrams that a hostile host may send: malformed, forged, altered, overheard, or too many."""

import os
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from random import Random

from tests.support.golden import GOLDEN
from tests.system.floods import WORDS
from udpnote.model.entry import TEXT_BYTES_MAX, Entry, Kind, Part, split
from udpnote.model.join_code import new_key
from udpnote.model.query import Cursor, Query, View
from udpnote.protocol.codec.codec import Message, encode
from udpnote.protocol.envelope import OPEN, SEALED_HEADER, Envelope
from udpnote.protocol.messages import ANY_NOTEBOOK, TOKEN_BYTES, Append, Discover, Offer, Reason, Refuse
from udpnote.protocol.reading_messages import Read
from udpnote.protocol.sealed_envelope import client_envelope, server_envelope
from udpnote.storage.notebook.notebook import Notebook

ENTRIES = 300
"""How many entries the notebook that is attacked has."""


def fill_notebook(path: Path) -> bytes:
    """Make the notebook that is attacked, and return its id."""
    with closing(Notebook(path)) as notebook:
        for number in range(1, ENTRIES + 1):
            entry = Entry(bytes(16), number, Kind.NOTE, number, 480, "amy@host", f"{' '.join(WORDS)} 第{number}条")
            notebook.store(split(entry, TEXT_BYTES_MAX), number)
        return notebook.notebook_id


def malformed(random: Random, notebook_id: bytes) -> Iterator[bytes]:
    """Unwelcome messages, each whole, truncated, altered, and lengthened, and random bytes."""
    for message in _unwelcome_messages(random, notebook_id):
        whole = encode(message)
        at = random.randrange(len(whole))
        yield whole
        yield whole[:at]
        yield whole[:at] + random.randbytes(1) + whole[at + 1 :]
        yield whole + bytes(random.randrange(1, 1200))
        yield whole[:3] + random.randbytes(random.randrange(60))
        yield random.randbytes(random.randrange(1, 1500))
        yield random.randbytes(random.randrange(60_000, 65_000)) if at == 0 else b""


def _unwelcome_messages(random: Random, notebook_id: bytes) -> Iterator[Message]:
    while True:
        yield Discover(random.randbytes(8), random.choice((ANY_NOTEBOOK, notebook_id, random.randbytes(16))))
        yield Append(random.randbytes(16), bytes(TOKEN_BYTES), 1, _part(random, total_bytes=4, data=b"text"))
        yield Append(notebook_id, bytes(TOKEN_BYTES), 1, _part(random, total_bytes=2, data=b"\xff\xfe"))
        yield Append(notebook_id, bytes(TOKEN_BYTES), 1, _part(random, total_bytes=2**32 - 1, data=b"too large"))
        yield Append(notebook_id, bytes(TOKEN_BYTES), 1, _part(random, total_bytes=1 << 20, data=b"never finished" * 70))
        yield Offer(random.randbytes(8), notebook_id, "another one", 1, "0", 0, bytes(8))
        yield Refuse(bytes(TOKEN_BYTES), Reason.WRONG_NOTEBOOK, random.randbytes(16), 1, 0, 1)


def _part(random: Random, *, total_bytes: int, data: bytes) -> Part:
    client_id, sequence = random.randbytes(16), random.randrange(1, 2**63)
    return Part(client_id, sequence, Kind.NOTE, 0, 0, "somebody", total_bytes, 0, data)


def reads_of_the_whole_log(random: Random, notebook_id: bytes) -> Iterator[bytes]:
    """READs whose PAGEs are as full as they can be, most of them sent twice."""
    while True:
        read = encode(Read(notebook_id, random.randbytes(8), 1, Cursor(1, 0), 0, 0, Query(View.LOG)))
        yield from [read] * random.choice((1, 2, 2))


def of_strangers(notebook_id: bytes, requests: list[bytes], answers: list[bytes], random: Random) -> Iterator[bytes]:
    """Datagrams that a host without the key can send after it has overheard these requests and answers, but no such request."""
    envelopes: list[Envelope] = [OPEN]
    for key in (new_key(os.urandom), bytes(16)):
        envelopes += [client_envelope(key, os.urandom), server_envelope(key, os.urandom)]
    messages = (*GOLDEN.values(), Discover(bytes(8), notebook_id), Discover(bytes(8), ANY_NOTEBOOK))
    for message in messages:
        asked = message._replace(notebook_id=notebook_id) if isinstance(message, Append | Read) else message
        yield from (encode(asked, envelope) for envelope in envelopes)
    for data in requests + answers:
        yield from _altered(data, random.choice([each for each in requests if each != data]), random)
    yield from answers
    yield from islice(malformed(random, notebook_id), 300)


def _altered(data: bytes, other: bytes, random: Random) -> Iterator[bytes]:
    """An overheard datagram: truncated, longer, with one bit flipped, spliced with another one, or in the wrong envelope."""
    yield from (data[:size] for size in random.sample(range(len(data)), 20))
    yield from (data + bytes(size) for size in (1, 4, 1200 - len(data)) if size > 0)
    for at in random.sample(range(8 * len(data)), 20):
        yield (int.from_bytes(data) ^ 1 << at).to_bytes(len(data))
    yield data[:24] + other[24:]
    yield data[:4] + random.randbytes(16) + data[20:]
    yield encode(Discover(data[24:32], ANY_NOTEBOOK))[:4] + data[4:]
    yield SEALED_HEADER + data
