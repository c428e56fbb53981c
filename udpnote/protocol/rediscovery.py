"""Looking for a notebook again whose server has fallen silent: where it answers, and how often it is looked for.

A sealed notebook is looked for in its own envelope only. Beside that the LAN is asked which open notebooks there are: one that
gives itself out as the sealed one is not believed, but told of.
"""

from random import Random
from typing import NamedTuple

from udpnote.model.address import Address
from udpnote.model.notebook import KnownNotebook, address_of
from udpnote.protocol.discovery import Found, Prober, Wanted
from udpnote.protocol.envelope import OPEN, Envelope
from udpnote.protocol.server_contact import KeyChanged

MOVE_PAUSE_SECONDS = 0.5
"""Before a server that was found but has not answered since is searched for again; doubled each time, like the next."""

SEARCH_PAUSE_SECONDS = 3.0
SEARCH_PAUSE_MAX_SECONDS = 60.0
"""Between fruitless searches for a silent server: doubled each time, so that a client left alone is hardly heard."""

POSING_TOLD_MAX = 8
"""Addresses of impostors that the user is told of: one would do."""


class Searching(NamedTuple):
    """The server has fallen silent, and is looked for."""


class Moved(NamedTuple):
    """The notebook's server, which had fallen silent, answers at this address."""

    address: Address


class Posing(NamedTuple):
    """Somebody at `address` gives itself out as the sealed `notebook`, but is not sealed with its key."""

    notebook: KnownNotebook
    address: Address


RediscoveryEvent = Searching | Moved | Posing | KeyChanged


class Rediscovery:
    """Knows where `notebook` answers in `envelope`, and finds out anew after `begin`, until it is found or `end`.

    Feed it (`receive_datagram`, `handle_timeout`), then drain `probes_to_send` (for everybody on the LAN) and `events`. Times
    are seconds of one monotonic clock.
    """

    def __init__(self, notebook: KnownNotebook, *, random: Random, envelope: Envelope = OPEN) -> None:
        assert notebook.key_id == envelope.key_id, "what is for a sealed notebook would travel in the open"
        self.notebook = notebook
        self.address = address_of(notebook)
        self._wanted = [Wanted(envelope, notebook.notebook_id)]
        if envelope.key_id is not None:
            self._wanted.append(Wanted(OPEN))
        self._events: list[RediscoveryEvent] = []
        self._told_of: set[Address] = set()
        self._random = random
        self._prober: Prober[Address] | None = None
        self._search_at: float | None = None
        self._delay = 0.0

    def begin(self, now: float) -> None:
        """The server has fallen silent: look for it, at once if that has not been in vain lately."""
        self._events.append(Searching())
        if self._prober is None:
            self._search_at = now + self._delay

    def end(self) -> None:
        """The server has answered."""
        self._prober = self._search_at = None
        self._delay = 0.0

    def receive_datagram(self, data: bytes, source: Address, now: float) -> Found[Address] | None:
        """Take what has arrived; gives the notebook's server, if this tells where it is, and goes on there."""
        if self._prober is None:
            return None
        self._prober.receive_datagram(data, source, now)
        for found in self._prober.found():
            if found.key_id != self.notebook.key_id:
                self._tell_of(found)
            elif found.has_new_key:
                self.end()
                self._events.append(KeyChanged())
            else:
                self._move(found)
                return found
        return None

    def events(self) -> list[RediscoveryEvent]:
        """Drain what has happened since the last call."""
        events, self._events = self._events, []
        return events

    def handle_timeout(self, now: float) -> None:
        """Act on the timers that have expired by `now`."""
        if self._prober is not None:
            self._prober.handle_timeout(now)
            if now >= self._prober.finished_at:
                self._prober = None
                self._search_at = now + self._longer_delay(SEARCH_PAUSE_SECONDS)
        if self._search_at is not None and self._search_at <= now:
            self._search_at = None
            self._prober = Prober(now, random=self._random, wanted=self._wanted)

    def probes_to_send(self) -> list[bytes]:
        """Drain the probes that are due."""
        return self._prober.datagrams_to_send() if self._prober is not None else []

    def next_timeout(self) -> float | None:
        """When `handle_timeout` is due, or None if nothing is looked for."""
        if self._prober is not None:
            return self._prober.next_timeout()
        return self._search_at

    def _move(self, found: Found[Address]) -> None:
        """Go on at the address where the notebook has answered."""
        notebook = known_notebook(found)
        if notebook != self.notebook:
            self.notebook, self.address = notebook, found.source
        self._prober = self._search_at = None
        self._longer_delay(MOVE_PAUSE_SECONDS)
        self._events.append(Moved(found.source))

    def _tell_of(self, found: Found[Address]) -> None:
        """Tell once of each server that gives itself out as ours."""
        if poses_as(found, self.notebook) and found.source not in self._told_of and len(self._told_of) < POSING_TOLD_MAX:
            self._told_of.add(found.source)
            self._events.append(Posing(self.notebook, found.source))

    def _longer_delay(self, minimum: float) -> float:
        """Double the pause before the next search; an answer ends it."""
        self._delay = min(max(minimum, 2 * self._delay), SEARCH_PAUSE_MAX_SECONDS)
        return self._delay


def known_notebook(found: Found[Address]) -> KnownNotebook:
    """A notebook that has answered, as the outbox remembers it."""
    offer, address = found.offer, found.source
    scope = address[3] if len(address) == 4 else 0
    return KnownNotebook(offer.notebook_id, offer.name, address[0], address[1], scope, found.key_id)


def poses_as(found: Found[Address], notebook: KnownNotebook) -> bool:
    """Whether what was found gives itself out as the sealed `notebook`, by its id or in the open by its name, but is not."""
    if notebook.key_id is None or found.key_id == notebook.key_id:
        return False
    has_name = found.key_id is None and found.offer.name == notebook.name
    return has_name or found.offer.notebook_id == notebook.notebook_id
