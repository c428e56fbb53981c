"""Measurements of sealing: what it costs clients with the key, and what datagrams without the key cost a server."""

import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.benchmarks.measures import ROUNDS, Row, alternate, at_most, rate_ratio
from tests.benchmarks.writing import entry_rates
from udpnote.model.address import Address
from udpnote.protocol.codec.codec import encode
from udpnote.protocol.discovery import Offerer
from udpnote.protocol.examination import Reporter
from udpnote.protocol.messages import ANY_NOTEBOOK, Discover
from udpnote.protocol.paging.paging import Pager
from udpnote.protocol.reception import Envelopes, Reception
from udpnote.protocol.sealed_envelope import client_envelope, server_envelope
from udpnote.storage.key_file import EARLIER_KEYS_MAX

STRANGER_MICROSECONDS_MAX = 15.0
"""The most that a datagram that does not authenticate may cost a server with as many keys as it keeps."""

STRANGER: Address = ("10.0.0.9", 5000)
DATAGRAMS = 50_000


def sealed_sustained(folder: Path) -> Iterator[Row]:
    """Measure one client of a sealed notebook with 1,024 notes in flight, against one of an open notebook."""
    what = "sealed entries, 1,024 in flight"
    rate = partial(entry_rates, folder, depth=1024)
    rates = alternate(what, {"sealed": partial(rate, is_sealed=True), "open": rate})
    yield rate_ratio(f"{what} / open entries", rates["sealed"], rates["open"], 0.8)


def strangers(folder: Path) -> Iterator[Row]:
    """Measure the server's time for datagrams that do not authenticate, with one key and with as many as a server keeps."""
    del folder
    for keys in (1, 1 + EARLIER_KEYS_MAX):
        known, foreign = [os.urandom(16) for _ in range(keys)], os.urandom(16)
        envelopes = Envelopes(tuple(server_envelope(key, os.urandom) for key in known))
        mine = encode(Discover(bytes(8), ANY_NOTEBOOK), client_envelope(known[-1], os.urandom))
        kinds = {
            "in the open": encode(Discover(bytes(8), ANY_NOTEBOOK)),
            "under another key": client_envelope(foreign, os.urandom).wrap(b"UN\1\3" + bytes(1156)),
            "forged": mine[:-1] + bytes((mine[-1] ^ 1,)),
        }
        for kind, datagram in kinds.items():
            figures = [_microseconds(envelopes, datagram) for _ in range(ROUNDS)]
            what = f"a stranger's datagram, {kind}, {keys} key{'s' * (keys > 1)}: µs"
            yield at_most(what, figures, STRANGER_MICROSECONDS_MAX, "server time")


def _microseconds(envelopes: Envelopes, datagram: bytes) -> float:
    """Return the microseconds that a server's reception needs for one such datagram, on average."""
    notebook_id = bytes(range(16))
    offerer = Offerer(notebook_id=notebook_id, name="benchmark", version="0", server_id=bytes(8))
    reception = Reception(
        notebook_id,
        offerer=offerer,
        reporter=Reporter(notebook_id=notebook_id, server_id=bytes(8)),
        pager=Pager(notebook_id),
        envelopes=envelopes,
    )
    started = time.process_time()
    for _ in range(DATAGRAMS):
        reception.receive_datagram(datagram, STRANGER, entries=0)
    elapsed = time.process_time() - started
    assert reception.drops().total() == DATAGRAMS, "the server accepted a stranger's datagram"
    assert not reception.datagrams_to_send(), "a stranger got an answer"
    return 1_000_000 * elapsed / DATAGRAMS
