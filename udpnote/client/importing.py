"""Importing into a notebook: through its server, or, where none runs, into its file."""

import platform
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from enum import Enum
from typing import NamedTuple

from udpnote.client.connection import Station
from udpnote.client.import_session import Importer, Prepared, Renumbering
from udpnote.errors import EntryRefused, NoSpace, NotebookInUse, OldKey, ServerNotFound
from udpnote.lan.udp_socket import format_host
from udpnote.model.entry import TEXT_BYTES_MAX, Entry, Status, StoredEntry, Verdict, split
from udpnote.model.notebook import KnownNotebook, address_of
from udpnote.protocol.congestion import WINDOW_MAX
from udpnote.protocol.delivery import Rejected, Stored
from udpnote.protocol.rediscovery import ImpostorFound, LookingForServer, RediscoveryEvent, ServerMoved
from udpnote.protocol.server_contact import KeyChanged
from udpnote.storage.notebook.notebook import Notebook
from udpnote.text.messages.reasons import called, old_key_reason

PENDING_ENTRIES_MAX = 2 * WINDOW_MAX
"""How far reading the file runs ahead of the acknowledgements."""

CHUNK_ENTRIES = 1024
"""How many entries go into one transaction of a file: its fsync then costs each next to nothing."""

CHARACTERS_MAX = 4 << 20
"""How much text is in memory, and goes into one transaction: a few of the longest entries."""

_Identity = tuple[bytes, int]


class Fate(Enum):
    """What became of an entry of the file."""

    NEW = "new"
    THERE_ALREADY = "there already"
    DIFFERENT = "different"
    """Another text is in the notebook under the same identity; that one stays."""

    ORPHANED = "orphaned"
    """It revises an entry that is not in the file before it, or that is a different one in the notebook."""


class Imported(NamedTuple):
    """An entry of the file and what became of it; `number` is the one it has in the notebook, 0 where it is not there."""

    old: StoredEntry
    fate: Fate
    number: int


class _Item:
    """An entry of the file, and the notebook's verdict on it: None while that is not known."""

    __slots__ = ("old", "verdict")

    def __init__(self, old: StoredEntry, verdict: Verdict | None) -> None:
        self.old = old
        self.verdict = verdict


_ORPHANED = Verdict(Status.REFUSED, -1)
"""The verdict on a revision that is not sent at all."""


class _Queue:
    """The entries of a file on their way into a notebook: prepared in order, and told in order once their fate is known.

    `before` is the notebook's last number. New entries get numbers in the order of the file: so one whose number is not above
    all before it was there already, if only from an earlier place in the file.
    """

    def __init__(self, olds: Iterable[StoredEntry], revised: Collection[int], *, before: int) -> None:
        self._olds = iter(olds)
        self._renumbering = Renumbering(revised)
        self._last_number = before
        self._held: StoredEntry | None = None
        self._items: deque[_Item] = deque()
        self._characters = 0
        self._pending: dict[_Identity, _Item] = {}
        self._is_exhausted = False

    @property
    def has_pending(self) -> bool:
        """Whether there is no verdict yet on some entry that was taken."""
        return bool(self._pending)

    @property
    def is_done(self) -> bool:
        """Whether all is told."""
        return self._is_exhausted and not self._items

    def take(self) -> list[Prepared]:
        """The next entries, as many as there is room for; fewer before one that has to wait for another's verdict."""
        taken: list[Prepared] = []
        while len(taken) < CHUNK_ENTRIES and len(self._items) < PENDING_ENTRIES_MAX and self._characters < CHARACTERS_MAX:
            old = self._next()
            if old is None:
                break
            identity = old.entry[:2]
            prepared = self._renumbering.prepare(old) if identity not in self._pending else None
            if prepared is None and self._pending:  # what it revises may be under way, or is the same entry
                self._held = old
                break
            item = _Item(old, None if prepared is not None else _ORPHANED)
            self._items.append(item)
            self._characters += len(old.entry.text)
            if prepared is not None:
                self._pending[identity] = item
                taken.append(prepared)
        return taken

    def settle(self, entry: Entry, verdict: Verdict) -> None:
        """The notebook's verdict on an entry is known."""
        self._pending.pop(entry[:2]).verdict = verdict
        self._renumbering.settle(entry, verdict.number)

    def told(self) -> Iterator[Imported]:
        """Drain the entries whose fate is known, and that of all before them.

        Raises `EntryRefused` or `NoSpace` at one whose followers would fare no better.
        """
        while self._items and (verdict := self._items[0].verdict) is not None:
            old = self._items.popleft().old
            self._characters -= len(old.entry.text)
            yield self._imported(old, verdict)

    def _next(self) -> StoredEntry | None:
        old, self._held = self._held or next(self._olds, None), None
        self._is_exhausted = old is None
        return old

    def _imported(self, old: StoredEntry, verdict: Verdict) -> Imported:
        status, number = verdict
        if verdict is _ORPHANED:
            return Imported(old, Fate.ORPHANED, 0)
        if status is Status.CONFLICT:
            return Imported(old, Fate.DIFFERENT, 0)
        if status is Status.NO_SPACE:
            raise NoSpace("the notebook's disk is full: free some space there, and import the same file again to go on")
        if not number:
            raise EntryRefused(f"the notebook refuses #{old.number} of the file ({status.name.lower().replace('_', ' ')})")
        if number <= self._last_number:
            return Imported(old, Fate.THERE_ALREADY, number)
        self._last_number = number
        return Imported(old, Fate.NEW, number)


def import_through(
    station: Station,
    olds: Iterable[StoredEntry],
    revised: Collection[int],
    *,
    before: int,
    locate_seconds: float,
    patience_seconds: float,
    on_event: Callable[[RediscoveryEvent], None],
) -> Iterator[Imported]:
    """Import `olds`, in order, through the server of the notebook that is meant, and tell the fate of each, in order.

    `revised` are the numbers that revisions among them name, and `before` is the notebook's last number. Raises
    `ServerNotFound` if the server is silent for `patience_seconds`, `NoSpace` or `EntryRefused`: what was not told is then
    imported by importing all again.
    """
    with station.turn():
        located = station.locate(time.monotonic() + locate_seconds)
        importer = Importer(
            located.notebook,
            random=station.random,
            envelope=station.keyring.envelope(located.notebook),
            round_trip_seconds=located.round_trip_seconds,
        )
        station.join(importer)
    queue = _Queue(olds, revised, before=before)
    started = time.monotonic()
    try:
        while not queue.is_done:
            chunk = queue.take()
            if queue.has_pending:
                given_up_at = max(started, importer.answered_at) + patience_seconds
                with station.turn():
                    importer.add(chunk, time.monotonic())
                    station.exchange(importer, 0.0 if chunk else given_up_at)
                    _take_events(station, importer, queue, on_event)
            yield from queue.told()
            if queue.has_pending and time.monotonic() >= max(started, importer.answered_at) + patience_seconds:
                with station.turn():
                    reason = _unanswered(importer.notebook, station.keyring.known())
                raise ServerNotFound(reason)
    finally:
        station.leave(importer)


def import_into_file(path: str, olds: Iterable[StoredEntry], revised: Collection[int]) -> Iterator[Imported]:
    """Import `olds`, in order, into the notebook file `path`, made if it is not there, and tell the fate of each, in order.

    Raises `NotebookInUse` if a server has the file; else as `import_through`, and `StorageError`.
    """
    try:
        notebook = Notebook(path)
    except NotebookInUse:
        raise NotebookInUse(
            f"{path} is in use by its server: import through that, without --notebook, or end it first"
        ) from None
    try:
        if not notebook.name:
            notebook.rename(platform.node() or "notebook")
        queue = _Queue(olds, revised, before=notebook.last_number)
        while not queue.is_done:
            chunk = queue.take()
            parts = [part for prepared in chunk for part in split(prepared.entry, TEXT_BYTES_MAX, prepared.restored)]
            verdicts = notebook.store(parts, time.time_ns() // 1000) if parts else []
            for prepared, verdict in zip(chunk, verdicts, strict=True):
                if verdict is None:
                    break  # what comes after a refused one is not stored; that one is told
                queue.settle(prepared.entry, verdict)
            yield from queue.told()
            assert not queue.has_pending, "an entry that waits for one that is before it here would never be stored"
    finally:
        notebook.close()


def _take_events(station: Station, importer: Importer, queue: _Queue, on_event: Callable[[RediscoveryEvent], None]) -> None:
    for event in importer.events():
        match event:
            case Stored(entry, number):
                queue.settle(entry, Verdict(Status.STORED, number))
            case Rejected(entry, status):
                queue.settle(entry, Verdict(status, 0))
            case ServerMoved():
                station.outbox.remember(importer.notebook)
                on_event(event)
            case LookingForServer() | ImpostorFound():
                on_event(event)
            case KeyChanged():
                raise OldKey(old_key_reason(importer.notebook, station.keyring.known()))


def _unanswered(notebook: KnownNotebook, known: list[KnownNotebook]) -> str:
    return (
        f"no answer from {called(notebook, known)} at {format_host(address_of(notebook))}: is `udpnote serve` running there? "
        "Import the same file again to go on"
    )
