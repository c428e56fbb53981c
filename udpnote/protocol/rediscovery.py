"""Rediscovery looks for the server of the client's notebook when that server no longer answers: it may have a new address.

Each DISCOVER asks for any notebook, not only for the client's. The reason: after a loss of data, the host may serve a new
notebook with another id, perhaps under the old name or address. The client reports such a notebook but does not use it, because
only the user knows whether it replaces the old one.

If the client's notebook is sealed, each round has a DISCOVER that is sealed with its key, and one for all open notebooks. An
open server that claims to have the sealed notebook is an impostor. The client reports an impostor and does not use it.
"""

from typing import NamedTuple

from udpnote.model.address import Address
from udpnote.model.notebook import KnownNotebook, address_of
from udpnote.model.randomness import Randomness
from udpnote.protocol.congestion import JITTER
from udpnote.protocol.discovery import PROBE_SCHEDULE_SECONDS, DiscoveryAnswer, DiscoveryTarget, Prober
from udpnote.protocol.envelope import OPEN, Envelope
from udpnote.protocol.server_contact import KeyChanged

MOVED_PAUSE_SECONDS = 0.5
MOVED_PAUSE_MAX_SECONDS = 60.0
"""The shortest and the longest pause before the next discovery if the last one found the server, but the server has answered no
request since. The pause doubles each time, and `JITTER` is added."""

DISCOVERY_PAUSE_SECONDS = 3.0
DISCOVERY_PAUSE_MAX_SECONDS = 12.0
"""The first and the longest pause after a discovery that found nothing. The pause doubles each time, and `JITTER` is added, so
that clients that lose their server together do not all broadcast at the same moments.

A discovery that follows one in vain has only `ROUNDS_IN_VAIN`. So a client without a server sends one round in about 14 s. That
is as much as if it began a discovery with all five rounds each minute, but the client finds a server that returns sooner."""

ROUNDS_IN_VAIN = 1
"""How many rounds a discovery has after one that found nothing. The first discovery has all rounds: the server is likely to be
there, and only some datagrams were lost. After that, the server is probably off, and may return at any time."""

IMPOSTORS_REPORTED_MAX = 8
"""The most impostors that the client reports, each once by its address: enough to warn the user."""


class LookingForServer(NamedTuple):
    """Event: the server does not answer, so discovery looks for it, at once or after a pause."""


class ServerFoundAgain(NamedTuple):
    """Event: discovery has found the notebook's server, at `address`: the same address as before or another one."""

    address: Address


class AnswersOnlyDiscovery(NamedTuple):
    """Event: discovery has found the server at `address`, but the server has answered no request since.

    Perhaps the network loses the requests or their answers, because they are longer than a DISCOVER.
    """

    address: Address


class ImpostorFound(NamedTuple):
    """Event: the server at `address` claims to have the sealed `notebook`, but does not have its key."""

    notebook: KnownNotebook
    address: Address


class AnotherNotebookFound(NamedTuple):
    """Event: a discovery has not found the server, but the server of `notebook` has answered it.

    `notebook` has the name or the address of the notebook that the client looks for, but another id.
    """

    notebook: KnownNotebook


class ServedTwice(NamedTuple):
    """Event: two servers have the notebook, so one of them has a copy.

    They are at `answer.source` and `answer.other_source`.
    """

    answer: DiscoveryAnswer[Address]


RediscoveryEvent = (
    LookingForServer | ServerFoundAgain | AnswersOnlyDiscovery | ImpostorFound | AnotherNotebookFound | ServedTwice | KeyChanged
)


class Rediscovery:
    """Finds the server of `notebook` again.

    After `begin`, discoveries follow each other, with pauses between them, until one finds the server or `end` is called.
    `address` is the address at which the server was last found. All datagrams for the notebook travel in `envelope`. The caller
    reports what happens (`receive_datagram`, `handle_timeout`), and after each call takes `probes_to_send` (each goes to all
    hosts on the LAN) and `events`. Times are seconds of one monotonic clock. `random` makes the probe ids and
    the jitter, so it must be unpredictable, except in tests.
    """

    def __init__(self, notebook: KnownNotebook, *, random: Randomness, envelope: Envelope) -> None:
        assert notebook.key_id == envelope.key_id, "entries for a sealed notebook would travel in the open"
        self.notebook = notebook
        self.address = address_of(notebook)
        self.another: KnownNotebook | None = None
        """The notebook of the latest `AnotherNotebookFound`; None if there was none, or if the server was found since."""
        self._answered: KnownNotebook | None = None
        """The notebook that becomes `another` if the present discovery ends without the server, which may still answer."""
        self._targets = [DiscoveryTarget(envelope)]
        if envelope.key_id is not None:
            self._targets.append(DiscoveryTarget(OPEN))
        self._events: list[RediscoveryEvent] = []
        self._reported: set[Address] = set()
        self._random = random
        self._prober: Prober[Address] | None = None
        self._ended_prober: Prober[Address] | None = None  # has found the server; a copy of the notebook may still answer
        self._begin_at: float | None = None  # when the planned discovery begins
        self._pause_seconds = 0.0  # the latest pause before a discovery
        self._is_in_vain = False  # whether the latest discovery has ended without the server
        self._is_only_found = False
        """Whether `AnswersOnlyDiscovery` was reported. It is not reported again, and the address in it is not reported by
        `ServerFoundAgain`, until the server answers a request or a discovery ends in vain."""

    def begin(self, now: float) -> None:
        """Start to look for the server, because it does not answer, and report `LookingForServer`.

        If the latest discovery has found the server, and the server has answered no request since, report
        `AnswersOnlyDiscovery` instead, but only once.

        The next `handle_timeout` starts the discovery. But if the server has not answered since an earlier discovery, there is
        a pause first. If a discovery is running already, it continues.
        """
        if self._ended_prober is None or self._is_in_vain:
            self._events.append(LookingForServer())
        elif not self._is_only_found:
            self._is_only_found = True
            self._events.append(AnswersOnlyDiscovery(self.address))
        if self._prober is None:
            self._begin_at = now + self._pause_seconds

    def end(self) -> None:
        """Stop looking for the server, because it has answered a request. The next discovery then begins without a pause."""
        self._prober = self._ended_prober = self._begin_at = self.another = self._answered = None
        self._pause_seconds = 0.0
        self._is_in_vain = self._is_only_found = False

    def receive_datagram(self, data: bytes, source: Address, now: float) -> DiscoveryAnswer[Address] | None:
        """Handle a received datagram. If it is an OFFER from the notebook's server, return it; else return None.

        The OFFER of the server updates `notebook` and `address`, ends the discovery, and becomes `ServerFoundAgain`. Other
        OFFERs become events as well:

        - An OFFER that says that the key has changed becomes `KeyChanged`, and also ends the discovery.
        - The OFFER of an impostor becomes `ImpostorFound`.
        - The OFFER of another notebook with the same name or address becomes `AnotherNotebookFound` at the end of the discovery
          (see `handle_timeout`), unless the discovery finds the server.
        - The OFFER of a second server of the notebook becomes `ServedTwice`.

        All other datagrams are ignored.
        """
        prober = self._prober or self._ended_prober
        if prober is None:
            return None
        prober.receive_datagram(data, source, now)
        for answer in prober.found():
            if answer.key_id != self.notebook.key_id:
                self._report_impostor(answer)
            elif answer.offer.notebook_id != self.notebook.notebook_id:
                if self._prober is not None:  # else the server was found
                    self._keep_another(known_notebook(answer))
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
        """Do what is due by `now`: begin a discovery, start its next round, or end it and plan another one."""
        if self._prober is not None:
            self._prober.handle_timeout(now)
            if now >= self._prober.finished_at:
                self._prober = None
                self._is_in_vain = True
                self._is_only_found = False
                self._begin_at = now + self._lengthen_pause(DISCOVERY_PAUSE_SECONDS, DISCOVERY_PAUSE_MAX_SECONDS)
                self._report_another()
        if self._begin_at is not None and self._begin_at <= now:
            self._begin_at = None
            rounds = ROUNDS_IN_VAIN if self._is_in_vain else len(PROBE_SCHEDULE_SECONDS)
            self._prober = Prober(now, random=self._random, targets=self._targets, rounds=rounds)

    def probes_to_send(self) -> list[bytes]:
        """Return and remove the DISCOVERs that are due; the caller sends each to all hosts on the LAN."""
        return self._prober.datagrams_to_send() if self._prober is not None else []

    def next_timeout(self) -> float | None:
        """The monotonic time at which the caller must call `handle_timeout` next; None if no discovery runs or is planned."""
        if self._prober is not None:
            return self._prober.next_timeout()
        return self._begin_at

    def _move_to(self, answer: DiscoveryAnswer[Address]) -> None:
        """Use the name and address in the server's `answer` from now on, end the discovery, and report `ServerFoundAgain`.

        Do not report it if `AnswersOnlyDiscovery` has reported the same address.
        """
        notebook = known_notebook(answer)
        if not self._is_only_found or answer.source != self.address:
            self._events.append(ServerFoundAgain(answer.source))
        if notebook != self.notebook:
            self.notebook, self.address = notebook, answer.source
        self._ended_prober, self._prober, self._begin_at = self._prober, None, None
        self.another = self._answered = None
        self._is_in_vain = False
        self._lengthen_pause(MOVED_PAUSE_SECONDS, MOVED_PAUSE_MAX_SECONDS)

    def _report_impostor(self, answer: DiscoveryAnswer[Address]) -> None:
        """Report the sender of `answer` as an event if it is an impostor at a new address. Report only the first few."""
        is_new = answer.source not in self._reported and len(self._reported) < IMPOSTORS_REPORTED_MAX
        if is_new and is_impostor_of(answer, self.notebook):
            self._reported.add(answer.source)
            self._events.append(ImpostorFound(self.notebook, answer.source))

    def _keep_another(self, found: KnownNotebook) -> None:
        """Keep the notebook `found` for `_report_another` if it has the name or address of the one that the client looks for.

        A notebook with the same name is more likely to replace the old notebook than one with only the same address. So once a
        notebook with the name has answered, a notebook with only the address does not count any more.
        """
        wanted, before = self.notebook, self._answered or self.another
        has_name, has_address = found.name == wanted.name, address_of(found) == address_of(wanted)
        if has_name or (has_address and (before is None or before.name != wanted.name)):
            self._answered = found

    def _report_another(self) -> None:
        """Report the notebook that `_keep_another` has kept, unless the one that was reported last has the same id."""
        found, self._answered = self._answered, None
        if found is not None:
            if self.another is None or self.another.notebook_id != found.notebook_id:
                self._events.append(AnotherNotebookFound(found))
            self.another = found

    def _lengthen_pause(self, shortest_seconds: float, longest_seconds: float) -> float:
        """Double the pause before the next discovery, keep it between the two limits, add jitter, and return it in seconds.

        `end` sets the pause back to 0.
        """
        seconds = min(max(shortest_seconds, 2 * self._pause_seconds), longest_seconds)
        self._pause_seconds = seconds * (1 + JITTER * self._random.random())
        return self._pause_seconds


def known_notebook(answer: DiscoveryAnswer[Address]) -> KnownNotebook:
    """The notebook that the OFFER in `answer` is about, with the OFFER's source address and the id of the OFFER's key."""
    offer, address = answer.offer, answer.source
    scope = address[3] if len(address) == 4 else 0
    return KnownNotebook(offer.notebook_id, offer.name, address[0], address[1], scope, answer.key_id)


def is_impostor_of(answer: DiscoveryAnswer[Address], notebook: KnownNotebook) -> bool:
    """Whether `answer` comes from a server that claims to have the sealed `notebook`, but does not have its key.

    An answer claims this if it has the notebook's id or, in the open envelope, the notebook's name. The result is False if
    `notebook` is open.
    """
    if notebook.key_id is None or answer.key_id == notebook.key_id:
        return False
    has_name = answer.key_id is None and answer.offer.name == notebook.name
    return has_name or answer.offer.notebook_id == notebook.notebook_id
