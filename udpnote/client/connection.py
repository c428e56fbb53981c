"""A client's place on the LAN: its sockets, which notebook is meant and where it is, and whose turn it is."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from random import Random
from typing import NamedTuple, Protocol

from udpnote.client.notebook_finder import Searcher, is_meant
from udpnote.client.trust import Keyring
from udpnote.errors import ClientClosed, OldKey, Outdated, ServerNotFound, UdpnoteError
from udpnote.lan.endpoint import Endpoint
from udpnote.model.address import Address, Datagram
from udpnote.model.notebook import KnownNotebook
from udpnote.protocol.rediscovery import known_notebook
from udpnote.storage.outbox import Outbox
from udpnote.text.messages.reasons import called

LOCATE_PAUSE_SECONDS = 30.0
"""After a search that found nothing, how long it is taken to be in vain."""

LOCATE_SECONDS_MIN = 0.3
"""Who does not want to wait for the answer waits that long to know where to send."""


class Party(Protocol):
    """Who talks to a notebook: a courier, or a reader."""

    @property
    def notebook(self) -> KnownNotebook:
        """The notebook, and where it answers now."""

    def receive_datagram(self, data: bytes, source: Address, now: float) -> None:
        """Take what has arrived."""

    def handle_timeout(self, now: float) -> None:
        """Act on the timers that have expired by `now`."""

    def datagrams_to_send(self) -> list[Datagram]:
        """Drain the datagrams that are due."""

    def probes_to_send(self) -> list[bytes]:
        """Drain the probes that are due, for everybody on the LAN."""

    def next_timeout(self) -> float | None:
        """When `handle_timeout` is due, or None."""


class Located(NamedTuple):
    """The notebook that is meant; and, if it was searched for, the round trip in which it answered."""

    notebook: KnownNotebook
    round_trip_seconds: float | None


class Station:
    """Where the calls of one client, perhaps from several threads, meet the network; every method needs a `turn`."""

    def __init__(
        self, endpoint: Endpoint, outbox: Outbox, keyring: Keyring, searcher: Searcher, *, port: int, random: Random
    ) -> None:
        self.endpoint = endpoint
        self.outbox = outbox
        self.keyring = keyring
        self.searcher = searcher
        self.random = random
        self._port = port
        self._parties: list[Party] = []
        self._lock = threading.Lock()
        self._is_closed = False
        self._named: KnownNotebook | None = None
        self._held: bytes | None = None
        self.locate_again_at = 0.0
        self.locate_failure = ""
        self._checked: dict[tuple[bytes, bytes | None], int] = {}

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._is_closed

    def close(self) -> None:
        """Close the sockets and the outbox."""
        self._is_closed = True
        self.endpoint.close()
        self.outbox.close()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """This thread's turn with the sockets and the outbox; whoever waits at the network is asked to give way."""
        if not self._lock.acquire(blocking=False):
            self.endpoint.wake()
            while not self._lock.acquire(timeout=0.01):
                self.endpoint.wake()
        try:
            if self._is_closed:
                raise ClientClosed("this client is closed: make another one")
            yield
        finally:
            self._lock.release()

    def join(self, party: Party) -> None:
        """Let `party` hear what arrives, whoever is waiting at the network."""
        self._parties.append(party)

    def leave(self, party: Party) -> None:
        """End that."""
        if party in self._parties:
            self._parties.remove(party)

    def exchange(self, party: Party, until: float) -> None:
        """Send what is due, wait for an answer or a timer until `until` at the latest, and have the parties act on it.

        Raises `Outdated` if the party's notebook was joined or left meanwhile: nothing for a sealed one may go out open, and
        nobody may go on to believe an open one.
        """
        self.check(party.notebook)
        self._send_due(party)
        due = party.next_timeout()
        until = until if due is None else min(until, due)
        datagrams = self.endpoint.receive(None if until == float("inf") else max(0.0, until - time.monotonic()))
        now = time.monotonic()
        for position, (data, source) in enumerate(datagrams):
            for each in self._parties:
                each.receive_datagram(data, source, now)
            if not position:
                self._send_due(party)  # so that the server works on it meanwhile
        party.handle_timeout(now)
        self._send_due(party)

    def known(self) -> KnownNotebook | None:
        """The notebook that is meant, if it can be reached without a search; the same one as long as this client lives.

        What was read here is revised here, whatever another command chooses meanwhile.
        """
        if self.searcher.names_server:
            return self._named if self._named is not None and self.is_up_to_date(self._named) else None
        if self._held is not None:
            return self.outbox.notebook(self._held)
        notebook = self._known()
        self._held = notebook.notebook_id if notebook is not None else None
        return notebook

    @property
    def is_settled(self) -> bool:
        """Whether it is known, or was said by the user, which notebook is meant: without a search, whoever answers."""
        is_named = self.searcher.names_server or self.searcher.wanted is not None or self.keyring.named_id is not None
        return is_named or self.known() is not None

    def _known(self) -> KnownNotebook | None:
        wanted, chosen = self.searcher.wanted, self.outbox.chosen()
        if wanted is None and self.keyring.named_id is None:
            return chosen
        known = [each for each in self.keyring.fits(self.outbox.notebooks()) if wanted is None or is_meant(wanted, each)]
        if chosen in known:
            return chosen
        return known[0] if len(known) == 1 else None

    def is_up_to_date(self, notebook: KnownNotebook) -> bool:
        """Whether a notebook was neither joined nor left since it was looked up: another command may have done that."""
        known = self.outbox.notebook(notebook.notebook_id)
        return known is None or known.key_id == notebook.key_id

    def look_again(self) -> None:
        """This client itself has joined or left a notebook, or chosen another one."""
        self._checked.clear()
        self._held = None

    def check(self, notebook: KnownNotebook) -> None:
        """Raise `Outdated` if `notebook` was joined or left since it was looked up."""
        version, what = self.outbox.version(), (notebook.notebook_id, notebook.key_id)
        if self._checked.get(what) == version:
            return
        if not self.is_up_to_date(notebook):
            raise Outdated(
                f"another command has joined or left {called(notebook, self.keyring.known())} meanwhile: give this command "
                "again, to go on as it is now"
            )
        self._checked[what] = version

    def locate(self, until: float) -> Located:
        """The notebook that is meant, found by a search if need be; raises what `Searcher.locate` does."""
        notebook = self.known()
        if notebook is not None:
            return Located(notebook, None)
        try:
            found = self.searcher.locate(until)
        except UdpnoteError as error:
            if isinstance(error, OldKey) and isinstance(error.notebook, KnownNotebook):
                self.outbox.remember_old_key(error.notebook)
            self.locate_again_at = time.monotonic() + LOCATE_PAUSE_SECONDS
            self.locate_failure = str(error)
            raise
        if self.searcher.names_server:
            self._named = known_notebook(found)
        is_plain = not self.searcher.names_server and self.searcher.wanted is None and self.keyring.named_id is None
        chosen = self.outbox.remember(known_notebook(found), may_choose=is_plain)
        if self.searcher.server_name is not None and found.key_id is not None:
            self.outbox.name_server(found.offer.notebook_id, self.searcher.server_name)
        self._held = found.offer.notebook_id
        is_first = chosen is None or chosen.notebook_id == found.offer.notebook_id
        if chosen is not None and not is_first and self.searcher.meant_for is None:
            self._held = chosen.notebook_id
            return Located(chosen, None)  # another command has chosen meanwhile
        return Located(known_notebook(found), found.round_trip_seconds)

    def _send_due(self, party: Party) -> None:
        self.endpoint.send(party.datagrams_to_send())
        for probe in party.probes_to_send():
            with suppress(ServerNotFound):  # a name service that fails is as silent as the server: it is asked again
                self.searcher.probe(probe, {self._port, party.notebook.port})
