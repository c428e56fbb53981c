"""Reading a notebook through its server."""

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from udpnote.client.connection import Station
from udpnote.client.notebook_reader import NONSENSE, Reads, histories, overtaken
from udpnote.client.read_session import Reader
from udpnote.errors import BadAnswer, InvalidQuery, OldKey, ServerNotFound
from udpnote.lan.udp_socket import format_host
from udpnote.model.entry import StoredEntry
from udpnote.model.notebook import KnownNotebook, address_of
from udpnote.model.query import Item, Query
from udpnote.protocol.codec_reading import QUERY_BYTES_MAX, query_bytes
from udpnote.protocol.rediscovery import RediscoveryEvent, ServerMoved
from udpnote.protocol.server_contact import KeyChanged
from udpnote.text.messages.reasons import called, old_key_reason, sealed_hint
from udpnote.text.search_terms import check_query


class Overtaken(NamedTuple):
    """The revision `number` of the entry `entry` was replaced by a version whose writer had not seen it."""

    entry: int
    number: int
    by: StoredEntry


def read(
    station: Station,
    query: Query,
    *,
    limit: int,
    follows: bool,
    start: int | None,
    locate_seconds: float,
    patience_seconds: float,
    on_event: Callable[[RediscoveryEvent], None],
    on_indexing: Callable[[int, int], None],
) -> Iterator[Item]:
    """What `query` finds in the notebook that is meant; see `Reader`.

    It is searched for up to `locate_seconds`, and given up after `patience_seconds` of silence. Raises `InvalidQuery`,
    `ServerNotFound`, `SeveralNotebooks` or `WrongNotebook`; of a sealed notebook `KeyMissing`, `OldKey` or `NotSealed`.
    """
    check_query(query)
    if len(query_bytes(query)) > QUERY_BYTES_MAX:
        raise InvalidQuery("this asks for too much at once: use fewer or shorter words")
    with station.turn():
        located = station.locate(time.monotonic() + locate_seconds)
        reader = Reader(
            located.notebook,
            query,
            random=station.random,
            now=time.monotonic(),
            envelope=station.keyring.envelope(located.notebook),
            limit=limit,
            follows=follows,
            start=start,
            round_trip_seconds=located.round_trip_seconds,
        )
        station.join(reader)
    try:
        while not reader.is_ended:
            _go_on(station, reader, patience_seconds, on_event)
            if reader.indexing is not None:
                on_indexing(*reader.indexing)
            yield from reader.items()
        yield from reader.items()  # what another call of this client has received for it
    finally:
        station.leave(reader)
    if reader.is_nonsense:
        raise BadAnswer(NONSENSE)
    if reader.is_refused:
        raise InvalidQuery("the server cannot answer this query: is its udpnote older than this one?")


def overtaken_revisions(reads: Reads, station: Station) -> list[Overtaken]:
    """Revisions from here that somebody has replaced without having seen them; these are then watched no longer.

    Raises what reading does.
    """
    with station.turn():
        notebook = station.known()
        watched = station.outbox.watched_revisions(notebook.notebook_id) if notebook is not None else []
    if notebook is None or not watched:
        return []
    found, settled = [], []
    for root, history in histories(list(reads.log(numbers=watched))).items():
        versions = {version.number for version in history}
        for number in versions.intersection(watched):
            by = overtaken(history, number)
            if by is not None:
                found.append(Overtaken(root, number, by))
            if by is not None or number < history[-1].number:  # replaced by somebody who had seen it: all is well
                settled.append(number)
    with station.turn():
        station.outbox.forget_revisions(notebook.notebook_id, settled)
    return sorted(found)


def _go_on(station: Station, reader: Reader, patience_seconds: float, on_event: Callable[[RediscoveryEvent], None]) -> None:
    """Go on with the network for a moment; raises `ServerNotFound` if the server has been silent for too long."""
    with station.turn():
        given_up_at = reader.progressed_at + patience_seconds
        station.exchange(reader, given_up_at)
        for event in reader.events():
            if isinstance(event, KeyChanged):
                raise OldKey(old_key_reason(reader.notebook, station.keyring.known()))
            if isinstance(event, ServerMoved):
                station.outbox.remember(reader.notebook)
            on_event(event)
        if time.monotonic() >= given_up_at and reader.progressed_at + patience_seconds <= given_up_at:
            raise ServerNotFound(_unread(reader.notebook, station.keyring.known()))


def _unread(notebook: KnownNotebook, known: list[KnownNotebook]) -> str:
    """Why nothing can be read from a server that does not answer."""
    where = format_host(address_of(notebook))
    return (
        f"no answer from {called(notebook, known)} at {where}: is `udpnote serve` running there? On its host, "
        f"`--notebook FILE` reads its file{sealed_hint(notebook)}"
    )
