"""Live events: browsers get each entry as soon as it is stored, by server-sent events (WHATWG HTML, section 9.2).

A stream is an answer that does not end: through it, one browser gets the events of one notebook.
"""

import asyncio
from collections.abc import AsyncIterator

from udpnote.errors import Notice
from udpnote.model.entry import CLIENT_ID_BYTES, NOTHING_SEEN, SEQUENCE_MAX, SeenEntry
from udpnote.page.follower import RETRY_SECONDS, Follower, has_entry, newest_entry, read_events
from udpnote.page.page_notebook import PageNotebook
from udpnote.page.responses import Refusal, encoded, kind_and_reason, malformed

STREAMS_MAX = 64
"""The most streams at a time, for all notebooks and keys together."""

HEARTBEAT_SECONDS = 15.0
"""How often a stream without events sends a comment. It keeps routers from closing the connection, and shows whether the
browser is still there.
"""

PAUSE_SECONDS = 0.05
"""How long a stream waits after it has sent events. Entries that are stored at nearly the same time are then sent together,
which costs much less than sending each by itself. Nobody notices the delay.
"""

EVENTS_PER_READING = 100
"""How many entries a stream reads from the notebook at a time."""

MISSED_ENTRIES_MAX = 2000
"""A browser that has missed more entries than this loads its notes again, which is faster than getting each entry."""

RECONNECT_MILLISECONDS = 1000
"""How long after its stream was cut off a browser connects again."""


def cursor_text(seen: SeenEntry) -> str:
    """Return the id of the event for the entry that `seen` identifies. `parse_cursor` reads it."""
    return f"{seen.number}-{seen.client_id.hex()}-{seen.sequence}"


def parse_cursor(text: str) -> SeenEntry:
    """Return what identifies the entry whose event has the id `text`. Raises a `Refusal` if `text` is not such an id."""
    try:
        number, client_id, sequence = text.split("-")
        if not all(each.isascii() and each.isdigit() and len(each) < 20 for each in (number, sequence)):
            raise ValueError
        seen = SeenEntry(int(number), bytes.fromhex(client_id), int(sequence))
        if len(seen.client_id) != CLIENT_ID_BYTES or max(seen.number, seen.sequence) > SEQUENCE_MAX:
            raise ValueError
        if seen.number == 0 and seen != NOTHING_SEEN:  # no notebook can be asked for it
            raise ValueError
    except ValueError:
        raise malformed("Last-Event-ID") from None
    return seen


class LiveEvents:
    """The streams of one notebook. All of them get new entries from one `Follower`. The first stream starts it, together with a
    task that watches the notebook's server (see `ServerWatch.watch`).
    """

    def __init__(self, notebook: PageNotebook) -> None:
        self._notebook, self._server = notebook, notebook.server
        self._changed = asyncio.Event()
        self._follower: Follower | None = None
        self._watching: asyncio.Task[None] | None = None
        self._served = self._server.served
        self._was_absent = self._server.absence is not None
        self._is_ending = False
        self._server.on_change.append(self._record_change)

    def end(self) -> None:
        """End all streams. Call this when the page's process ends, or when no browser has the notebook's key any more."""
        self._is_ending = True
        if self._follower is not None:
            self._follower.stop()
        if self._watching is not None:
            self._watching.cancel()
        self._wake()

    async def stream(self, cursor: SeenEntry | None) -> AsyncIterator[bytes]:
        """Yield the bytes of a stream. It sends the entries after the entry `cursor`. If `cursor` is None, it sends those that
        are stored from now on.

        The stream also tells the browser when the notebook's server falls silent and when it answers again. It ends when the
        browser may not use the notebook any more.
        """
        yield f"retry: {RECONNECT_MILLISECONDS}\n\n".encode()
        reader = _StreamReader(self._notebook, self._started_follower(), cursor)
        absence: Notice | None = None
        while not self._is_ending:
            changed, seconds = self._changed, HEARTBEAT_SECONDS  # read before the checks, so that no change is missed
            if self._server.ended is not None or self._server.needs_session:
                yield _event("session_ended", kind_and_reason(self._server.ended or Notice("page_needs_code")))
                return
            before, absence = absence, self._server.absence
            if (before is None) != (absence is None):
                yield _event("back", {}) if absence is None else _event("away", kind_and_reason(absence))
            if absence is None:
                try:
                    async for event in reader.events():
                        yield event
                        await asyncio.sleep(PAUSE_SECONDS)
                except Refusal:  # the server is silent, which the next round of the loop reports, or too many calls wait
                    seconds = RETRY_SECONDS
            try:
                await asyncio.wait_for(changed.wait(), seconds)
            except TimeoutError:
                yield b": still here\n\n"

    def _started_follower(self) -> Follower:
        """Return the follower. The first call starts it, and begins to watch the notebook's server."""
        if self._follower is None:
            self._follower = Follower(self._notebook, self._wake)
            self._follower.start()
            self._watching = asyncio.create_task(self._server.watch())
        return self._follower

    def _record_change(self) -> None:
        """Wake all streams after a change that `ServerWatch.on_change` reports. If the server was started again, drop the kept
        events first. If it answers again, renew the follower.
        """
        if self._served != self._server.served and self._follower is not None:
            self._follower.forget()  # notes may have been erased while no server ran
        self._served = self._server.served
        was_absent, self._was_absent = self._was_absent, self._server.absence is not None
        if was_absent and not self._was_absent and self._follower is not None:
            self._follower.renew()
        self._wake()

    def _wake(self) -> None:
        """Let all streams look at once for what they must send. Each of them waits for `_changed`."""
        self._changed.set()
        self._changed = asyncio.Event()


class _StreamReader:
    """Finds what one stream must send. Its browser has all entries up to the entry `cursor`. If `cursor` is None, the browser
    has loaded no notes yet.
    """

    def __init__(self, notebook: PageNotebook, follower: Follower, cursor: SeenEntry | None) -> None:
        self._notebook, self._follower, self._position = notebook, follower, cursor
        self._restorations = follower.restorations
        self._served: str | None = None
        self._is_ready = False

    async def events(self) -> AsyncIterator[bytes]:
        """Yield the events that must be sent now. Raises a `Refusal` if the notebook cannot be read."""
        is_current = self._restorations == self._follower.restorations and self._served == self._notebook.server.served
        if not self._is_ready or not is_current:
            yield await self._start()
        while (newest := self._follower.newest) is not None and newest.number > self._place.number:
            if newest.number - self._place.number > MISSED_ENTRIES_MAX:
                yield await self._jump("far_behind")
                return
            events = self._follower.events_after(self._place.number, self._restorations)
            if events is None:
                place = self._place
                events = await self._notebook.read(lambda client: read_events(client, place, EVENTS_PER_READING))  # noqa: B023
            if events is None:
                yield await self._jump("restored")
                return
            if not events:
                return  # the newest entries were erased
            self._position = events[-1].seen
            yield b"".join(_event("entry", event.data, event.seen) for event in events)

    @property
    def _place(self) -> SeenEntry:
        assert self._position is not None, "a stream without a position would send all entries of the notebook"
        return self._position

    async def _start(self) -> bytes:
        """Find the entry after which the stream must go on. Return the event that tells the browser this entry.

        A stream calls this at its beginning, and again whenever the notebook was restored from an older copy or its server was
        started again.
        """
        restorations, position, served = self._follower.restorations, self._position, self._notebook.server.served
        if position is not None and not await self._notebook.read(lambda client: has_entry(client, position)):
            event = await self._jump("restored")
        else:
            if position is None:
                self._position = await self._notebook.read(newest_entry)
            event = _event("ready", {"newest": self._place.number, "served": served}, self._place)
        self._restorations, self._served, self._is_ready = restorations, served, True
        return event

    async def _jump(self, cause: str) -> bytes:
        """Go on after the newest entry. Return an event that tells the browser to load its notes again, and the `cause`."""
        self._position = await self._notebook.read(newest_entry)
        return _event("restored", {"cause": cause}, self._position)


def _event(name: str, data: object, seen: SeenEntry | None = None) -> bytes:
    """Return the bytes of the event `name`, with `data` as JSON. If `data` is bytes, these are the JSON already.

    If `seen` is given, the event's id says that the browser now has all entries up to the entry `seen`.
    """
    head = f"event: {name}\n" if seen is None else f"event: {name}\nid: {cursor_text(seen)}\n"
    return head.encode() + b"data: " + (data if isinstance(data, bytes) else encoded(data)) + b"\n\n"
