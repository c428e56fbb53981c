"""Rediscovery finds a known notebook again after its server has fallen silent, at an old or a new address.

The client looks for a sealed notebook with DISCOVERs that are sealed with the notebook's key. Each round asks for all notebooks
in that envelope: if a notebook was made anew, because its data were lost, its server answers with another id and perhaps with
the old name or address. The client reports that notebook, and does not use it, because only the user knows whether it replaces
the old one. If the notebook is sealed, each round also asks for all open notebooks, because an open server that claims to have
the sealed notebook is an impostor. The client reports an impostor, and does not use it.
"""

from typing import NamedTuple

from udpnote.model.address import Address
from udpnote.model.notebook import KnownNotebook, address_of
from udpnote.model.randomness import Randomness
from udpnote.protocol.discovery import DiscoveryAnswer, DiscoveryTarget, Prober
from udpnote.protocol.envelope import OPEN, Envelope
from udpnote.protocol.server_contact import KeyChanged

MOVED_PAUSE_SECONDS = 0.5
"""The shortest pause before the next discovery, if the last one found the server, but the server has not answered a request
since. The pause doubles each time, up to `DISCOVERY_PAUSE_MAX_SECONDS`."""

DISCOVERY_PAUSE_SECONDS = 3.0
DISCOVERY_PAUSE_MAX_SECONDS = 60.0
"""The pauses after discoveries that found nothing: 3 s at first, then twice as long each time, up to a minute. So a client
without a server sends little."""

IMPOSTORS_REPORTED_MAX = 8
"""How many impostors (by their addresses) the client reports at most. It reports each once: that is enough to warn the user."""


class LookingForServer(NamedTuple):
    """Event: the server does not answer, so discovery looks for it, now or after a pause."""


class ServerMoved(NamedTuple):
    """Event: discovery has found the notebook's server at `address`, which may be the same address as before."""

    address: Address


class ImpostorFound(NamedTuple):
    """Event: the server at `address` claims to have the sealed `notebook`, but does not have its key."""

    notebook: KnownNotebook
    address: Address


class AnotherNotebookFound(NamedTuple):
    """Event: `notebook` has another id than the notebook that is looked for, but the same name, or the same address."""

    notebook: KnownNotebook


class ServedTwice(NamedTuple):
    """Event: the server of `answer` and another one, at `answer.other_source`, have the notebook: one of them has a copy."""

    answer: DiscoveryAnswer[Address]


RediscoveryEvent = LookingForServer | ServerMoved | ImpostorFound | AnotherNotebookFound | ServedTwice | KeyChanged


class Rediscovery:
    """Finds the server of `notebook` again.

    After `begin`, discoveries follow each other, with pauses, until one finds the server. Calling `end` stops them, too.
    `address` is the address at which the server was last found. The server answers in `envelope`. The caller reports what
    happens (`receive_datagram`, `handle_timeout`), and after each call takes `probes_to_send` (each goes to all hosts on the
    LAN) and `events`. Times are seconds of one monotonic clock. `random` makes the probe ids; it must be unpredictable outside
    of tests.
    """

    def __init__(self, notebook: KnownNotebook, *, random: Randomness, envelope: Envelope = OPEN) -> None:
        assert notebook.key_id == envelope.key_id, "entries for a sealed notebook would travel in the open"
        self.notebook = notebook
        self.address = address_of(notebook)
        self.another: KnownNotebook | None = None
        """The notebook of the latest `AnotherNotebookFound`; None if there was none since the server has last answered."""
        self._targets = [DiscoveryTarget(envelope)]
        if envelope.key_id is not None:
            self._targets.append(DiscoveryTarget(OPEN))
        self._events: list[RediscoveryEvent] = []
        self._reported: set[Address] = set()
        self._random = random
        self._prober: Prober[Address] | None = None
        self._ended_prober: Prober[Address] | None = None  # a copy of the notebook may answer it, until a request is answered
        self._begin_at: float | None = None
        self._pause_seconds = 0.0

    def begin(self, now: float) -> None:
        """Look for the server, because it does not answer, and report `LookingForServer`.

        The discovery starts with the next `handle_timeout`; or after a pause, if the server has not answered since an earlier
        discovery. If a discovery is running already, it goes on.
        """
        self._events.append(LookingForServer())
        if self._prober is None:
            self._begin_at = now + self._pause_seconds

    def end(self) -> None:
        """Stop looking for the server, because it has answered a request. The next discovery then begins without a pause."""
        self._prober = self._ended_prober = self._begin_at = self.another = None
        self._pause_seconds = 0.0

    def receive_datagram(self, data: bytes, source: Address, now: float) -> DiscoveryAnswer[Address] | None:
        """Handle a received datagram. If it is an OFFER from the notebook's server, return it; else return None.

        The OFFER of the server updates `notebook` and `address`, and ends the discovery. An OFFER that says that the key has
        changed also ends it, and becomes the event `KeyChanged`; that of an impostor becomes `ImpostorFound`; that of another
        notebook with the same name or address becomes `AnotherNotebookFound`; that of a second server of the notebook becomes
        `ServedTwice`. All other datagrams are ignored.
        """
        prober = self._prober or self._ended_prober
        if prober is None:
            return None
        prober.receive_datagram(data, source, now)
        for answer in prober.found():
            if answer.key_id != self.notebook.key_id:
                self._report_impostor(answer)
            elif answer.offer.notebook_id != self.notebook.notebook_id:
                self._report_another(known_notebook(answer))
            elif answer.other_source is not None:
                self._events.append(ServedTwice(answer))
            elif answer.has_new_key:
                self.end()
                self._events.append(KeyChanged())
            else:
                self._move_to(answer)
                return answer
        return None

    def events(self) -> list[RediscoveryEvent]:
        """Return and remove the events since the last call, in the order in which they happened."""
        events, self._events = self._events, []
        return events

    def handle_timeout(self, now: float) -> None:
        """Begin a discovery, start its next round, or end it and plan the next discovery, whatever is due by `now`."""
        if self._prober is not None:
            self._prober.handle_timeout(now)
            if now >= self._prober.finished_at:
                self._prober = None
                self._begin_at = now + self._lengthen_pause(DISCOVERY_PAUSE_SECONDS)
        if self._begin_at is not None and self._begin_at <= now:
            self._begin_at = None
            self._prober = Prober(now, random=self._random, targets=self._targets)

    def probes_to_send(self) -> list[bytes]:
        """Return and remove the DISCOVERs that are due; the caller sends each to all hosts on the LAN."""
        return self._prober.datagrams_to_send() if self._prober is not None else []

    def next_timeout(self) -> float | None:
        """The monotonic time at which the caller must call `handle_timeout` next; None: no discovery is running or planned."""
        if self._prober is not None:
            return self._prober.next_timeout()
        return self._begin_at

    def _move_to(self, answer: DiscoveryAnswer[Address]) -> None:
        """Take over the name and address with which the server has answered, end the discovery, and report `ServerMoved`."""
        notebook = known_notebook(answer)
        if notebook != self.notebook:
            self.notebook, self.address = notebook, answer.source
        self._ended_prober, self._prober, self._begin_at = self._prober, None, None
        self._lengthen_pause(MOVED_PAUSE_SECONDS)
        self._events.append(ServerMoved(answer.source))

    def _report_impostor(self, answer: DiscoveryAnswer[Address]) -> None:
        """Report the sender of `answer` as an event if it is an impostor whose address was not reported yet."""
        is_new = answer.source not in self._reported and len(self._reported) < IMPOSTORS_REPORTED_MAX
        if is_new and is_impostor_of(answer, self.notebook):
            self._reported.add(answer.source)
            self._events.append(ImpostorFound(self.notebook, answer.source))

    def _report_another(self, found: KnownNotebook) -> None:
        """Report the notebook `found` if it has the name or address of the one that is looked for, unless it was just reported.

        One with the same name is more likely to replace the old notebook, so no other one is reported after it.
        """
        wanted, before = self.notebook, self.another
        has_name, has_address = found.name == wanted.name, address_of(found) == address_of(wanted)
        if has_name or (has_address and (before is None or before.name != wanted.name)):
            if before is None or before.notebook_id != found.notebook_id:
                self._events.append(AnotherNotebookFound(found))
            self.another = found

    def _lengthen_pause(self, minimum_seconds: float) -> float:
        """Double the pause before the next discovery, to at least `minimum_seconds`, and return it in seconds.

        `end` resets it to 0.
        """
        self._pause_seconds = min(max(minimum_seconds, 2 * self._pause_seconds), DISCOVERY_PAUSE_MAX_SECONDS)
        return self._pause_seconds


def known_notebook(answer: DiscoveryAnswer[Address]) -> KnownNotebook:
    """The notebook of the OFFER in `answer`, at the address from which the OFFER came, with the key that sealed it."""
    offer, address = answer.offer, answer.source
    scope = address[3] if len(address) == 4 else 0
    return KnownNotebook(offer.notebook_id, offer.name, address[0], address[1], scope, answer.key_id)


def is_impostor_of(answer: DiscoveryAnswer[Address], notebook: KnownNotebook) -> bool:
    """Whether `answer` comes from a server that claims to have the sealed `notebook`, but does not have its key.

    A server claims that by answering with the notebook's id, or, in the open envelope, with the notebook's name. False if
    `notebook` is open.
    """
    if notebook.key_id is None or answer.key_id == notebook.key_id:
        return False
    has_name = answer.key_id is None and answer.offer.name == notebook.name
    return has_name or answer.offer.notebook_id == notebook.notebook_id
