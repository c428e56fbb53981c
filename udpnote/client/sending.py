"""A client's sending: texts go into the outbox, from there to the notebook, and what became of each comes back."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from udpnote.client.connection import LOCATE_SECONDS_MIN, Station
from udpnote.client.send_outcomes import Outcomes
from udpnote.client.send_results import SentEntry, Source
from udpnote.client.send_session import Courier
from udpnote.errors import OldKey, Outdated, UdpnoteError
from udpnote.model.entry import WRITTEN_AT_MAX, WRITTEN_AT_MIN, Entry
from udpnote.model.notebook import KnownNotebook
from udpnote.protocol.congestion import WINDOW_MAX
from udpnote.protocol.rediscovery import ImpostorFound, LookingForServer, RediscoveryEvent, ServerMoved
from udpnote.protocol.server_contact import KeyChanged
from udpnote.text.messages.reasons import NOT_WAITED, old_key_reason, silence_reason

CHUNK_ENTRIES = 1024
"""How many entries are added to the outbox in one transaction: its fsync then costs each a microsecond."""

PENDING_ENTRIES_MAX = 2 * WINDOW_MAX
"""How far the outbox runs ahead of the acknowledgements: enough to keep the window full, little to keep in memory."""

IDLE_SECONDS = 1.0
"""How long a stream without entries sleeps at a time."""


class Dispatch:
    """Sends through `station`, perhaps for several threads at once; `window_max` limits the datagrams under way.

    What happens to the server is told to `on_event`; what `outcomes` is told comes back from `send`.
    """

    def __init__(
        self, station: Station, outcomes: Outcomes, *, window_max: int, on_event: Callable[[RediscoveryEvent], None]
    ) -> None:
        self._station = station
        self._outcomes = outcomes
        self._window_max = window_max
        self._on_event = on_event
        self._courier: Courier | None = None

    @property
    def retransmissions(self) -> int:
        """How many datagrams were sent again so far."""
        return self._courier.retransmissions if self._courier is not None else 0

    def flush(self) -> None:
        """Remove from the outbox what has been acknowledged; needs a turn of the station."""
        if self._courier is not None:
            self._courier.flush()

    def deliver(self, wait: float) -> None:
        """Deliver what waits in the outbox, until nothing does or `wait` seconds pass in silence; see `Client.deliver`."""
        started = time.monotonic()
        with self._station.turn():
            self._dismiss_outdated()
            courier = self._courier or self._locate(started + max(wait, LOCATE_SECONDS_MIN))
            courier.look_into_outbox()
        self._finish(courier, started, wait)
        if courier.has_old_key:
            with self._station.turn():
                reason = old_key_reason(courier.notebook, self._station.keyring.known())
            raise OldKey(reason)

    def send(self, source: Source, *, author: str, wait: float) -> Iterator[SentEntry]:
        """Have each text of `source` kept, and give what became of each, in their order; see `Client.send_many`."""
        pending: deque[Entry] = deque()
        try:
            yield from self._send_all(source, pending, author, wait)
        finally:
            self._outcomes.forget(pending)

    def _send_all(self, source: Source, pending: deque[Entry], author: str, wait: float) -> Iterator[SentEntry]:
        started = time.monotonic()
        while True:
            while pending and (outcome := self._outcomes.pop(pending[0])) is not None:
                pending.popleft()
                yield outcome
            chunk = source.take(CHUNK_ENTRIES) if len(pending) < PENDING_ENTRIES_MAX else []
            if chunk:
                pending.extend(self._post(chunk, source, author))
            elif source.is_exhausted and not pending:
                break
            self._advance(pending, started, wait, may_linger=not chunk)
        if self._courier is not None and not self._courier.has_old_key:  # which it would only say again, after a pause
            self._finish(self._courier, started, wait)
        if source.error is not None:
            raise source.error

    def _post(self, texts: list[str], source: Source, author: str) -> list[Entry]:
        """Put `texts` into the outbox and, where it is known where to, on their way."""
        written_at = min(max(time.time_ns() // 1000, WRITTEN_AT_MIN), WRITTEN_AT_MAX)  # whatever the clock says
        utc_offset = time.localtime().tm_gmtoff // 60
        with self._station.turn():
            self._dismiss_outdated()
            notebook = self._courier.notebook if self._courier is not None else self._station.known()
            can_open = notebook is not None and self._station.keyring.can_open(notebook)
            entries = self._station.outbox.add(
                texts,
                author=author,
                written_at=written_at,
                utc_offset=utc_offset,
                kind=source.kind,
                revises=source.revises,
                notebook_id=notebook.notebook_id if notebook is not None else None,
                meant_for=self._station.searcher.meant_for,
            )
            self._outcomes.expect(entries)
            courier = self._courier or (self._engage(notebook) if notebook is not None and can_open else None)
            if courier is not None and courier.outstanding < PENDING_ENTRIES_MAX:
                courier.carry_waiting(time.monotonic())
                courier.carry(entries, time.monotonic())
            elif courier is not None:  # a silent server: they wait in the outbox until it is heard
                courier.look_into_outbox()
        return entries

    def _dismiss_outdated(self) -> None:
        """Let another courier go on if the notebook was joined or left meanwhile: nothing for a sealed one may go out open."""
        courier = self._courier
        if courier is not None:
            try:
                self._station.check(courier.notebook)
            except Outdated:
                courier.flush()
                self._station.leave(courier)
                self._courier = None

    def _advance(self, pending: deque[Entry], started: float, wait: float, *, may_linger: bool) -> None:
        """Go on with the network for a moment; entries that have waited too long for an answer become queued."""
        with self._station.turn():
            self._dismiss_outdated()
            if self._courier is None:
                self._advance_without_server(pending, started, wait)
                return
            self._courier.carry_waiting(time.monotonic())
            given_up_at = max(started, self._courier.answered_at) + wait if pending else time.monotonic() + IDLE_SECONDS
            self._exchange(self._courier, given_up_at if may_linger else 0.0)
            if pending and self._courier.has_old_key:
                self._outcomes.queue(pending, old_key_reason(self._courier.notebook, self._station.keyring.known()))
            elif pending and time.monotonic() >= given_up_at:
                silence = silence_reason(self._courier.notebook, self._station.keyring.known())
                self._outcomes.queue(pending, silence if wait else NOT_WAITED)

    def _advance_without_server(self, pending: deque[Entry], started: float, wait: float) -> None:
        if not pending:
            self._station.endpoint.receive(IDLE_SECONDS)
        elif time.monotonic() < self._station.locate_again_at:
            self._outcomes.queue(pending, self._station.locate_failure)
        else:
            try:
                courier = self._locate(started + max(wait, LOCATE_SECONDS_MIN))
            except UdpnoteError as error:
                self._outcomes.queue(pending, str(error))
                return
            ours = self._station.outbox.waiting_sequences(courier.notebook.notebook_id)
            courier.carry([entry for entry in pending if entry.sequence in ours], time.monotonic())
            self._leave_to_others([entry for entry in pending if entry.sequence not in ours])

    def _leave_to_others(self, entries: Iterable[Entry]) -> None:
        """Stop waiting for entries that another command has taken on while this one searched."""
        waiting = {each.entry.sequence for each in self._station.outbox.listing()} if entries else set()
        for entry in entries:
            if entry.sequence in waiting:
                self._outcomes.queue([entry], "another command is delivering this entry to the notebook that it has found")
            else:
                self._outcomes.store_elsewhere(entry)

    def _finish(self, courier: Courier, started: float, wait: float) -> None:
        """Deliver what earlier commands left, too, until nothing waits or the server is silent for `wait` seconds."""
        is_given_up = False
        while not is_given_up:
            with self._station.turn():
                self._dismiss_outdated()
                if courier is not self._courier:
                    break
                courier.carry_waiting(time.monotonic())
                if courier.is_idle or self._outcomes.are_awaited:  # another thread waits for its entries: it goes on from here
                    break
                given_up_at = max(started, courier.answered_at) + wait
                self._exchange(courier, given_up_at)
                is_given_up = time.monotonic() >= given_up_at or courier.has_old_key
        with self._station.turn():
            courier.flush()

    def _exchange(self, courier: Courier, until: float) -> None:
        """Send what is due, wait for an answer or a timer until `until` at the latest, and act on what came."""
        try:
            self._station.exchange(courier, until)
        except Outdated:  # which the next look finds, too
            return
        for event in courier.events():
            if isinstance(event, ServerMoved | LookingForServer | ImpostorFound | KeyChanged):
                self._on_event(event)
            else:
                self._outcomes.take_event(event)
        courier.flush_if_due()

    def _locate(self, until: float) -> Courier:
        """Find the notebook that is meant, by a search if need be, and be ready to carry entries there."""
        located = self._station.locate(until)
        return self._engage(located.notebook, round_trip_seconds=located.round_trip_seconds)

    def _engage(self, notebook: KnownNotebook, *, round_trip_seconds: float | None = None) -> Courier:
        """Be ready to carry entries to `notebook`, among them all that were meant for it before it was known."""
        envelope = self._station.keyring.envelope(notebook)
        self._station.outbox.bind(notebook.notebook_id, meant_for=self._station.searcher.meant_for)
        self._courier = Courier(
            self._station.outbox,
            notebook,
            random=self._station.random,
            envelope=envelope,
            window_max=self._window_max,
            round_trip_seconds=round_trip_seconds,
        )
        self._station.join(self._courier)
        return self._courier
