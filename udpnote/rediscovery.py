"""Looking for a notebook again whose server has fallen silent: where it answers, and how often it is looked for."""

from random import Random

from udpnote.lan.datagrams import Address
from udpnote.protocol.discovery import Found, Prober
from udpnote.storage.outbox import KnownNotebook

MOVE_PAUSE_SECONDS = 0.5
"""Before a server that was found but has not answered since is searched for again; doubled each time, like the next."""

SEARCH_PAUSE_SECONDS = 3.0
SEARCH_PAUSE_MAX_SECONDS = 60.0
"""Between fruitless searches for a silent server: doubled each time, so that a client left alone is hardly heard."""


class Rediscovery:
    """Knows where `notebook` answers, and finds out anew after `begin`, until it is found or `end`.

    Feed it (`receive_datagram`, `handle_timeout`), then drain `probes_to_send` (for everybody on the LAN). Times are
    seconds of one monotonic clock.
    """

    def __init__(self, notebook: KnownNotebook, *, random: Random) -> None:
        self.notebook = notebook
        self.address = address_of(notebook)
        self._random = random
        self._prober: Prober[Address] | None = None
        self._search_at: float | None = None
        self._delay = 0.0

    def begin(self, now: float) -> None:
        """The server has fallen silent: look for it, at once if that has not been in vain lately."""
        if self._prober is None:
            self._search_at = now + self._delay

    def end(self) -> None:
        """The server has answered."""
        self._prober = self._search_at = None
        self._delay = 0.0

    def receive_datagram(self, data: bytes, source: Address, now: float) -> list[Found[Address]]:
        """Take what has arrived; gives the notebook's server, if this tells where it is."""
        if self._prober is None:
            return []
        self._prober.receive_datagram(data, source, now)
        return self._prober.found()

    def move(self, found: Found[Address]) -> bool:
        """Go on at the address where the notebook has answered; gives whether anything about it is new."""
        notebook = known_notebook(found)
        is_new = notebook != self.notebook
        if is_new:
            self.notebook, self.address = notebook, found.source
        self._prober = self._search_at = None
        self._longer_delay(MOVE_PAUSE_SECONDS)
        return is_new

    def handle_timeout(self, now: float) -> None:
        """Act on the timers that have expired by `now`."""
        if self._prober is not None:
            self._prober.handle_timeout(now)
            if now >= self._prober.finished_at:
                self._prober = None
                self._search_at = now + self._longer_delay(SEARCH_PAUSE_SECONDS)
        if self._search_at is not None and self._search_at <= now:
            self._search_at = None
            self._prober = Prober(now, random=self._random, wanted=self.notebook.notebook_id)

    def probes_to_send(self) -> list[bytes]:
        """Drain the probes that are due."""
        return self._prober.datagrams_to_send() if self._prober is not None else []

    def next_timeout(self) -> float | None:
        """When `handle_timeout` is due, or None if nothing is looked for."""
        if self._prober is not None:
            return self._prober.next_timeout()
        return self._search_at

    def _longer_delay(self, minimum: float) -> float:
        """Double the pause before the next search; an answer ends it."""
        self._delay = min(max(minimum, 2 * self._delay), SEARCH_PAUSE_MAX_SECONDS)
        return self._delay


def known_notebook(found: Found[Address]) -> KnownNotebook:
    """A notebook that has answered, as the outbox remembers it."""
    offer, address = found.offer, found.source
    return KnownNotebook(offer.notebook_id, offer.name, address[0], address[1], address[3] if len(address) == 4 else 0)


def address_of(notebook: KnownNotebook) -> Address:
    """Where a known notebook has answered last."""
    if ":" in notebook.host:
        return (notebook.host, notebook.port, 0, notebook.scope)
    return (notebook.host, notebook.port)
