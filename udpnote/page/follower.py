"""Follows a notebook in a thread, for all browsers that get its entries live.

The follower keeps only the latest entries, and wakes the streams of the browsers. Each stream knows up to which entry its
browser has got entries. If the follower does not have all entries after that one any more, the stream reads them from the
notebook. So a slow stream loses nothing and costs no memory.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from udpnote.client.client import Client
from udpnote.client.finding.answers import LOOKING_KINDS
from udpnote.client.reading.notebook_reader import NotebookReader
from udpnote.errors import ClientClosed, Notice, UdpnoteError
from udpnote.model.entry import NOTHING_SEEN, Kind, SeenEntry, StoredEntry
from udpnote.page.json_objects import event_object
from udpnote.page.page_notebook import PageNotebook
from udpnote.page.responses import encoded

KEPT_EVENTS_MAX = 256
"""How many of the latest entries the follower keeps: as many as a busy notebook gets in a few seconds."""

RETRY_SECONDS = 1.0
"""How long after an error the follower begins again."""


class StoredEvent(NamedTuple):
    """An entry that was stored: `seen` identifies it, and `data` is the JSON that browsers get for it."""

    seen: SeenEntry
    data: bytes


class Follower:
    """Follows `notebook` from `start` until `stop`. It calls `on_change`, in the page's event loop, when there are new entries
    and when an older copy has replaced the notebook.

    `newest` identifies the newest entry that the follower has got, or is None if it has got none yet from this copy of the
    notebook. `restorations` counts how often an older copy has replaced the notebook since the follower started. After such a
    replacement, the same number may belong to another entry than before.
    """

    def __init__(self, notebook: PageNotebook, on_change: Callable[[], None]) -> None:
        self._notebook, self._server, self._on_change = notebook, notebook.server, on_change
        self._loop = asyncio.get_running_loop()
        self._stopping = threading.Event()
        self._client: Client | None = None
        self._is_silent = False
        """Whether the server counts as silent for `_client`."""
        self._lock = threading.Lock()
        self._events: deque[StoredEvent] = deque(maxlen=KEPT_EVENTS_MAX)
        self.newest: SeenEntry | None = None
        self.restorations = 0

    def start(self) -> None:
        """Start the thread that follows the notebook."""
        threading.Thread(target=self._run, name="udpnote page follower", daemon=True).start()

    def stop(self) -> None:
        """Let the thread end soon. Do not wait for it."""
        self._stopping.set()
        self._end_reading()

    def renew(self) -> None:
        """If the follower's client takes the server for silent, let the thread go on with a new client.

        Call this when the server answers other clients again: the old client would ask a server that was silent for long only
        once in ten seconds.
        """
        if self._is_silent:
            self._is_silent = False
            self._end_reading()

    def _end_reading(self) -> None:
        """Close the client, which ends its reading. `_lock` is not held meanwhile, because the reading may wait for it."""
        with self._lock:
            client = self._client
        if client is not None:
            client.close()

    def forget(self) -> None:
        """Drop the kept events, so that streams read their next entries from the notebook."""
        with self._lock:
            self._events.clear()

    def events_after(self, number: int, restorations: int) -> list[StoredEvent] | None:
        """Return the events of all entries after the entry with this `number`, which may be none. Return None if the follower
        has perhaps dropped some of them.

        `restorations` is the value that the attribute `restorations` had when the caller learned `number`. If it has changed
        since, return None.
        """
        with self._lock:
            is_kept = bool(self._events) and self._events[0].seen.number <= number + 1
            if not is_kept or restorations != self.restorations:
                return None
            return [event for event in self._events if event.seen.number > number]

    def _run(self) -> None:
        """Follow the notebook until `stop`, and begin again after an error. This runs in the follower's thread."""
        while not self._stopping.is_set():
            try:
                with self._notebook.open_client(self._take_notice) as client:
                    with self._lock:
                        self._client = client
                    self._is_silent = False
                    if not self._stopping.is_set():
                        self._follow(client)
            except ClientClosed:
                pass  # by `stop` or `renew`
            except UdpnoteError as error:
                self._tell(lambda error=error: self._record_error(error))  # type: ignore[misc]
            self._stopping.wait(RETRY_SECONDS)

    def _follow(self, client: Client) -> None:
        """Keep the event of each entry as soon as it is stored, and wake the streams. Ends only by an error of the client."""
        if self.newest is not None and not has_entry(client, self.newest):
            self._restart()
        self.forget()  # between the kept events and the next ones, entries may be missing
        for stored in client.follow(last=1):  # begins with the newest entry, so that `newest` is known at once
            self._server.check_key(client)
            event = StoredEvent(stored.as_seen, encoded(event_object(stored, note_number(client, stored))))
            with self._lock:
                if self._events and self._events[-1].seen.number >= stored.number:
                    self._events.clear()  # an older copy goes on at a lower number; the kept events stay in order
                self._events.append(event)
                self.newest = stored.as_seen
            self._is_silent = False
            self._tell(self._record_entry)

    def _take_notice(self, notice: Notice) -> None:
        """Pass on what a notice of the following client says: the notebook was restored, its server is silent, or its server
        answers again. The client calls this in the follower's thread.
        """
        if notice.kind == "notebook_restored":
            self._restart()
        elif notice.kind == "server_found_again":
            self._is_silent = False
            self._tell(self._server.record_answer)
        elif notice.kind in LOOKING_KINDS:
            self._is_silent = True
            self._tell(self._server.suspect)

    def _restart(self) -> None:
        """Record in `newest` and `restorations` that an older copy has replaced the notebook, and wake the streams.

        Drop the kept entries, because their numbers may belong to other entries now.
        """
        with self._lock:
            self._events.clear()
            self.newest = None
            self.restorations += 1
        self._tell(self._on_change)

    def _record_entry(self) -> None:
        self._server.record_answer()
        self._on_change()

    def _record_error(self, error: UdpnoteError) -> None:
        self._server.record_error(error)
        self._server.suspect()

    def _tell(self, callback: Callable[[], None]) -> None:
        """Let the page's event loop call `callback`, unless the loop has ended."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback)


def has_entry(reader: NotebookReader, seen: SeenEntry) -> bool:
    """Return whether the notebook has the entry `seen` under its number, or has erased it there. Return True for
    `NOTHING_SEEN`.
    """
    if seen == NOTHING_SEEN:
        return True
    found = reader.log(numbers=[seen.number], start=seen.number, limit=1)
    return any(stored.as_seen == seen for stored in found)


def newest_entry(reader: NotebookReader) -> SeenEntry:
    """Return what identifies the newest entry of the notebook that is not erased; `NOTHING_SEEN` if there is none."""
    return next((stored.as_seen for stored in reader.log(newest_first=True, limit=1)), NOTHING_SEEN)


def read_events(reader: NotebookReader, after: SeenEntry, limit: int) -> list[StoredEvent] | None:
    """Read the first `limit` entries after the entry `after`, and return their events. Return None if the notebook does not
    have the entry `after`.
    """
    entries = list(reader.log(start=after.number + 1, limit=limit))
    if not has_entry(reader, after):  # checked after the reading, so the entries are from the same copy of the notebook
        return None
    return [StoredEvent(each.as_seen, encoded(event_object(each, note_number(reader, each)))) for each in entries]


def note_number(reader: NotebookReader, stored: StoredEntry) -> int | None:
    """Return the number of the note that the entry `stored` adds or changes. Return None if the notebook cannot be read, or has
    no entry with the number that `stored` revises.
    """
    if stored.entry.kind is Kind.NOTE:
        return stored.number
    with suppress(UdpnoteError):  # the browser then reads its notes again
        for note in reader.log(numbers=[stored.entry.revises], limit=1):
            return note.number
    return None
