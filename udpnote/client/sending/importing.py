"""Imports entries into a notebook: through its server, or into its file if no server runs.

An imported entry keeps its identity (client id and sequence) and the time at which it was stored. So importing a file again
adds nothing: after an interruption the user imports the file again, and no entry needs to be in the outbox.

The server stores each entry only after the entry before it in the file, even if the network loses datagrams. So the new numbers
have the same order as the numbers in the file. In an empty notebook they are the same numbers, unless some are missing in the
file. A revision in the file names the number that the revised entry has there. The revised entry may get another number in the
notebook, so the revision is sent only when this new number is known.
"""

import os
from collections.abc import Collection, Iterable, Iterator
from itertools import groupby

from udpnote.client.driver import Driver
from udpnote.client.sending.import_queue import Imported, ImportQueue, Prepared
from udpnote.client.session import Peer, Session, delivery_to
from udpnote.errors import NotebookInUse, ServerNotFound
from udpnote.machine.clock import wall_microseconds
from udpnote.machine.names import host_name
from udpnote.model.entry import (
    TEXT_BYTES_MAX,
    Bundle,
    Kind,
    Part,
    Status,
    StoredEntry,
    Verdict,
    split,
)
from udpnote.protocol.codec.runs import RUN_NOTES_MAX
from udpnote.protocol.delivery.events import Rejected, Stored, verdicts
from udpnote.protocol.delivery.payloads import SHORT_NOTE_BYTES_MAX
from udpnote.settings import find_places
from udpnote.storage.database import make_own_folder
from udpnote.storage.notebook.notebook import Notebook

_GIVEN_UP = object()
"""Stands for the next round of `Driver.drive` if there is none, because the session has made no progress for too long."""


class ImportSession(Session[Stored | Rejected]):
    """Delivers to `peer` entries that a `Renumbering` has prepared. Each occurs in one event: `Stored` or `Rejected`."""

    def __init__(self, peer: Peer) -> None:
        self._delivery = delivery_to(peer)
        super().__init__(peer, self._delivery)
        self._added: list[Prepared] = []
        self._has_begun_entries = False

    @property
    def outstanding(self) -> int:
        """How many of the entries that `prepare` began to deliver are neither stored nor rejected yet."""
        return self._delivery.outstanding

    @property
    def may_wait(self) -> bool:
        """Whether the driver may wait for the next datagram or timer in this round.

        False if there are events that the driver has not taken yet. Also False if `prepare` has begun to deliver entries,
        because the caller may have more entries to add.
        """
        return super().may_wait and not self._has_begun_entries

    def add(self, prepared: list[Prepared]) -> None:
        """Let the next `prepare` begin to deliver these entries. A second `add` before that would replace them."""
        self._added = prepared

    def prepare(self, now: float) -> None:
        """Begin to deliver the entries that were added since the last call."""
        added, self._added = self._added, []
        self._has_begun_entries = bool(added)
        self._delivery.add_restored(added, now)


def import_through(
    driver: Driver, entries: Iterable[StoredEntry], revised: Collection[int], *, before: int, wait_seconds: float
) -> Iterator[Imported]:
    """Import `entries`, in order, through the server of the client's notebook, and yield an `Imported` for each, in order.

    `revised` are all numbers that revisions and deletions among `entries` name. `before` is the notebook's last number. Raises
    `ServerNotFound` if the server does not answer for `wait_seconds`, the errors of `Client.deliver` if the notebook cannot be
    found or used, and those of `ImportQueue.finished`. After any error, importing all entries again imports the rest. At the
    end, saves the round-trip time in the outbox.
    """
    with driver.connection.lock():
        session = ImportSession(driver.peer(driver.locate(wait_seconds)))
        driver.connection.add_listener(session)
    try:
        yield from _import_all(driver, session, ImportQueue(entries, revised, before=before), wait_seconds)
    finally:
        driver.connection.remove_listener(session)


def _import_all(driver: Driver, session: ImportSession, queue: ImportQueue, wait_seconds: float) -> Iterator[Imported]:
    """Do the work of `import_through`: import the entries of `queue` through `session`, and yield an `Imported` for each.

    Raises `ServerNotFound` if the server does not answer for `wait_seconds`, and the errors of `Driver.round` and
    `ImportQueue.finished`.
    """

    def record_verdicts(events: list[Stored | Rejected]) -> None:
        for entry, verdict in verdicts(events):
            queue.record_verdict(entry, verdict)

    rounds = driver.drive(session, started=driver.now(), patience_seconds=wait_seconds, on_events=record_verdicts)
    while not queue.is_done:
        session.add(queue.take())
        if queue.has_pending and next(rounds, _GIVEN_UP) is _GIVEN_UP:
            with driver.connection.lock():
                raise ServerNotFound("no_answer_to_import", server=driver.silent_server(session))
        yield from queue.finished()
    with driver.connection.lock():
        driver.remember_round_trip(session)


def import_into_file(path: str, entries: Iterable[StoredEntry], revised: Collection[int]) -> Iterator[Imported]:
    """Import `entries`, in order, into the notebook file `path`, and yield an `Imported` for each, in order.

    If `path` does not exist, this makes the file, and its folder if necessary. A notebook that has no name yet gets the name of
    this machine. `revised` are all numbers that revisions and deletions among `entries` name. Raises `NotebookInUse` if a
    server uses the file, `StorageError`, `NoSpace` or `EntryRefused`.
    """
    make_own_folder(path, find_places(os.environ).folders)
    try:
        notebook = Notebook(path)
    except NotebookInUse:
        raise NotebookInUse("import_into_served_file", path=path) from None
    try:
        if not notebook.name:
            notebook.rename(host_name())
        queue = ImportQueue(entries, revised, before=notebook.last_number)
        while not queue.is_done:
            chunk = queue.take()
            for prepared, verdict in zip(chunk, _store(notebook, chunk, wall_microseconds()), strict=True):
                if verdict is None:
                    break  # an entry before it was refused: `finished` raises there
                queue.record_verdict(prepared.entry, verdict)
            yield from queue.finished()
            assert not queue.has_pending, "an entry without a verdict would never be imported, and the loop would not end"
    finally:
        notebook.close()


def _store(notebook: Notebook, chunk: list[Prepared], now: int) -> Iterator[Verdict | None]:
    """Store the entries of `chunk`, and yield the verdict on each, in order. It is None if an earlier entry was refused, so
    that this one was not tried (see `Notebook.store`).

    `now` is the time of storing, in microseconds since 1970 UTC. Consecutive short notes are stored together as a `Bundle`, in
    half of the time that single notes take.
    """
    groups: list[list[Prepared]] = []
    for is_short, same in groupby(chunk, _is_short_note):
        entries = list(same)
        size = RUN_NOTES_MAX if is_short else 1
        groups += [entries[start : start + size] for start in range(0, len(entries), size)]
    arrivals = [_bundle_of(group) if len(group) > 1 else _whole(group[0]) for group in groups]
    for group, verdict in zip(groups, notebook.store(arrivals, now) if arrivals else [], strict=True):
        if verdict is not None and verdict.status is Status.SPLIT:  # no single verdict is true of all entries in the bundle
            yield from notebook.store(list(map(_whole, group)), now)
        elif verdict is not None and verdict.number:
            yield from [Verdict(verdict.status, verdict.number + place) for place in range(len(group))]
        else:
            yield from [verdict] * len(group)


def _is_short_note(prepared: Prepared) -> bool:
    """Whether this entry may be stored in a bundle: True for a short note whose text is not blank.

    A blank text must be refused, but a notebook that stores a bundle does not check for blank texts.
    """
    entry = prepared.entry
    return entry.kind is Kind.NOTE and bool(entry.text.strip()) and len(entry.text.encode()) <= SHORT_NOTE_BYTES_MAX


def _bundle_of(group: list[Prepared]) -> Bundle:
    """Make a bundle of the entries in `group`, each of which names the entry before it as its predecessor."""
    entries, restored = zip(*group, strict=True)
    return Bundle(entries, tuple([each.stored_at for each in restored]), *restored[0][1:])


def _whole(prepared: Prepared) -> Part:
    """The entry as a single `Part`, with its whole text."""
    [part] = split(prepared.entry, TEXT_BYTES_MAX, prepared.restored)
    return part
