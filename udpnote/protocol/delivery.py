"""The client's half of exactly-once: entries go out, come back acknowledged, or go out again.

Every part of an entry is in one of three places: `_fresh` (never sent), `_in_flight` (sent, its timer runs) or `_lost`
(its timer expired; it leaves again before anything fresh does). An acknowledgement takes a part out of `_in_flight` or
`_lost`, never puts one anywhere: only a timer causes a retransmission. One timer serves all of `_in_flight`, which is
ordered by the time of sending; while more is lost than the window admits, another one lets a window's worth out per
round trip, and fresh parts wait.

Revisions and deletions leave one at a time, in the order in which they were added: the last one is what shows. Imported ones
say themselves what they come after.

A server that does not answer for `SILENCE_SECONDS` is silent: the driver is told, so that it can look for the server,
and until an answer comes or `server_found` is called, at most one datagram leaves per `SILENT_INTERVAL_SECONDS`.
"""

from collections import deque
from collections.abc import Iterable
from itertools import takewhile
from random import Random
from typing import NamedTuple

from udpnote.errors import BadDatagram
from udpnote.model.entry import Entry, Kind, Part, Restored, Status, is_whole, split
from udpnote.protocol.codec import append_body, decode, part_bytes_max
from udpnote.protocol.congestion import CLOCK_GRANULARITY_SECONDS, WINDOW_MAX, CongestionWindow, RetransmissionTimer
from udpnote.protocol.envelope import OPEN, Envelope
from udpnote.protocol.messages import Ack, Append, Reason, Refuse, content_check
from udpnote.protocol.server_events import SILENCE_SECONDS, SILENT_INTERVAL_SECONDS, KeyChanged, ServerSilent, WrongServer

ATTEMPT_MAX = 2**16 - 1
"""What the field holds; with a minute between attempts at the last, 45 days."""


class Stored(NamedTuple):
    """The entry is in the notebook, under `number`."""

    entry: Entry
    number: int


class Rejected(NamedTuple):
    """The notebook did not take the entry, and it is not sent again from here."""

    entry: Entry
    status: Status


DeliveryEvent = Stored | Rejected | ServerSilent | WrongServer | KeyChanged
_Identity = tuple[bytes, int]
_PartKey = tuple[bytes, int, int]
_new = tuple.__new__
"""Makes a NamedTuple in half the time of its class, once for every datagram."""


class _Outgoing:
    """One part on its way: when each of its attempts left, and the time from which its timer runs."""

    __slots__ = ("attempts", "key", "part", "timed_from")

    def __init__(self, part: Part) -> None:
        self.key: _PartKey = (part.client_id, part.sequence, part.offset)
        self.part = part
        self.attempts: list[float] = []
        self.timed_from = 0.0


class Delivery:
    """One client's entries on their way to one notebook.

    Feed it (`add`, `receive_datagram`, `handle_timeout`, `server_found`), then drain `datagrams_to_send` and `events`.
    Times are seconds of one monotonic clock; `random` only spreads the backoff. Where the server was just found by a
    round trip, that is the first sample of the path. Everything travels in `envelope`.
    """

    def __init__(
        self,
        notebook_id: bytes,
        *,
        random: Random,
        envelope: Envelope = OPEN,
        window_max: int = WINDOW_MAX,
        round_trip_seconds: float | None = None,
    ) -> None:
        self._notebook_id = notebook_id
        self._envelope = envelope
        self._random = random
        self._timer = RetransmissionTimer(random)
        if round_trip_seconds is not None:
            self._timer.sample(round_trip_seconds)
        self._window = CongestionWindow(window_max)
        self._entries: dict[_Identity, Entry] = {}
        self._kept: dict[_Identity, dict[int, _Outgoing]] = {}
        self._fresh: deque[_Outgoing] = deque()
        self._held: deque[Entry] = deque()
        self._revising: _Identity | None = None
        self._in_flight: dict[_PartKey, _Outgoing] = {}
        self._lost: dict[_PartKey, _Outgoing] = {}
        self._datagrams: list[bytes] = []
        self._events: list[DeliveryEvent] = []
        self._quiet_since = 0.0
        self._resend_at = 0.0
        self._backed_off_at = float("-inf")
        self._silent_until: float | None = None
        self._retransmissions = 0
        self._answers = 0
        self._answered_at = float("-inf")

    @property
    def outstanding(self) -> int:
        """How many entries have no final answer yet."""
        return len(self._entries)

    @property
    def is_silent(self) -> bool:
        """Whether the server counts as silent."""
        return self._silent_until is not None

    @property
    def answers(self) -> int:
        """How many acknowledgements of something of ours have arrived."""
        return self._answers

    @property
    def answered_at(self) -> float:
        """When the latest acknowledgement arrived; minus infinity before the first."""
        return self._answered_at

    @property
    def retransmissions(self) -> int:
        """How many datagrams were sent again so far."""
        return self._retransmissions

    def add(self, entries: Iterable[Entry], now: float) -> None:
        """Take entries on; the same identity twice is taken once."""
        self.add_restored([(entry, None) for entry in entries], now)

    def add_restored(self, entries: Iterable[tuple[Entry, Restored | None]], now: float) -> None:
        """Take entries on, with how they are to be kept."""
        if not self._entries:
            self._quiet_since = now
        for entry, restored in entries:
            identity = entry[:2]
            if identity in self._entries:
                continue
            self._entries[identity] = entry
            if entry.kind is Kind.NOTE or restored is not None:
                self._fresh.extend(map(_Outgoing, split(entry, part_bytes_max(entry.author), restored)))
            else:
                self._held.append(entry)
        self._release()
        self._fill_window(now)

    def receive_datagram(self, data: bytes, now: float) -> None:
        """Take what has arrived, from anywhere: answers are matched by identity, and anything else is ignored."""
        try:
            message = decode(data, self._envelope)
        except BadDatagram:
            return
        match message:
            case Ack():
                self._receive_ack(message, now)
            case Refuse():
                self._receive_refuse(message, now)
            case _:
                return

    def handle_timeout(self, now: float) -> None:
        """Act on the timers that have expired by `now`."""
        timeout = self._timer.timeout_seconds
        expired = list(takewhile(lambda outgoing: outgoing.timed_from + timeout <= now, self._in_flight.values()))
        for outgoing in expired:
            self._lost[outgoing.key] = self._in_flight.pop(outgoing.key)
        if expired:
            latest = expired[-1].timed_from
            if latest > self._quiet_since:
                self._window.collapse(now=now)
            else:
                self._window.lost(sent_at=latest, now=now)
            if latest >= self._backed_off_at:  # what was lost together doubles the timeout once
                self._timer.back_off()
                self._backed_off_at = now
            self._resend_at = now
            if now - self._quiet_since >= SILENCE_SECONDS:
                self._fall_silent(ServerSilent(), next_datagram_at=now)
        self._send_to_silence(now)
        if not self.is_silent and self._lost and now >= self._resend_at:
            self._resend_at = now + max(self._timer.smoothed_seconds or 0.0, CLOCK_GRANULARITY_SECONDS)
            self._fill_window(now, with_lost=True)

    def server_found(self, now: float, *, round_trip_seconds: float) -> None:
        """Begin anew on a fresh path: the server was found by a round trip that took so long, perhaps at a new address."""
        self._timer = RetransmissionTimer(self._random)
        self._timer.sample(round_trip_seconds)
        self._give_up_flight()
        self._leave_silence(now)
        self._fill_window(now, with_lost=True)

    def datagrams_to_send(self) -> list[bytes]:
        """Drain the datagrams that are due, for the server's current address."""
        datagrams, self._datagrams = self._datagrams, []
        return datagrams

    def events(self) -> list[DeliveryEvent]:
        """Drain what has happened since the last call."""
        events, self._events = self._events, []
        return events

    def next_timeout(self) -> float | None:
        """When `handle_timeout` is due, or None if nothing waits."""
        if self._silent_until is not None:
            return self._silent_until if self._entries else None
        has_room = len(self._in_flight) < self._window.datagrams
        resend_at = self._resend_at if self._lost and has_room else None
        for outgoing in self._in_flight.values():
            expires_at = outgoing.timed_from + self._timer.timeout_seconds
            return expires_at if resend_at is None else min(expires_at, resend_at)
        return resend_at

    def _receive_ack(self, ack: Ack, now: float) -> None:
        in_flight = len(self._in_flight)
        acknowledged = 0
        sent_at = None
        client_id = ack.client_id
        for sequence, offset, attempt, status, number, check in ack.parts:
            key = (client_id, sequence, offset)
            outgoing = self._in_flight.get(key) or self._lost.get(key)
            if outgoing is not None and check == content_check(outgoing.part):
                if self._in_flight.pop(key, None) is None:
                    del self._lost[key]
                acknowledged += 1
                if attempt <= len(outgoing.attempts):
                    sent_at = outgoing.attempts[attempt - 1]
                if status is Status.PART_KEPT:
                    self._keep(outgoing, now)
                else:
                    self._settle(outgoing, status, number)
        if not acknowledged:
            return
        if sent_at is not None:
            self._timer.sample(now - sent_at)
        self._answers += 1
        self._answered_at = now
        self._timer.answered()
        self._window.acknowledged(acknowledged, in_flight=in_flight)
        self._quiet_since = now
        if self.is_silent:
            self._leave_silence(now)
        self._fill_window(now)

    def _receive_refuse(self, refuse: Refuse, now: float) -> None:
        key = (refuse.client_id, refuse.sequence, refuse.offset)
        if key not in self._in_flight and key not in self._lost:
            return
        next_datagram_at = now + SILENT_INTERVAL_SECONDS
        if refuse.reason is Reason.KEY_CHANGED and self._envelope.key_id is not None:
            self._fall_silent(KeyChanged(), next_datagram_at=max(self._silent_until or 0.0, next_datagram_at))
        elif not self.is_silent:
            self._fall_silent(WrongServer(), next_datagram_at=next_datagram_at)

    def _settle(self, outgoing: _Outgoing, status: Status, number: int) -> None:
        """Act on the final verdict: the entry is done with."""
        entry = self._entries.pop(outgoing.key[:2])
        if not is_whole(outgoing.part):
            self._forget_parts(entry)
        if number:
            self._events.append(_new(Stored, (entry, number)))
        else:
            self._events.append(Rejected(entry, status))
        if entry[:2] == self._revising:
            self._revising = None
            if status is Status.NO_SPACE:
                self._give_up_held()
            self._release()

    def _give_up_held(self) -> None:
        """There was no space for a revision: a shorter one that comes after it must not be stored before it."""
        while self._held:
            entry = self._held.popleft()
            del self._entries[entry[:2]]
            self._events.append(Rejected(entry, Status.NO_SPACE))

    def _release(self) -> None:
        """Let the next revision or deletion out, if none is under way: of two, the later one must be stored later."""
        if self._revising is None and self._held:
            entry = self._held.popleft()
            self._revising = entry[:2]
            self._fresh.extend(map(_Outgoing, split(entry, part_bytes_max(entry.author))))

    def _keep(self, outgoing: _Outgoing, now: float) -> None:
        """The server keeps this part. If it keeps all of them and yet has no entry, some expired there: time them again."""
        part = outgoing.part
        identity = (part.client_id, part.sequence)
        kept = self._kept.setdefault(identity, {})
        kept[part.offset] = outgoing
        parts_count = -(-part.total_bytes // part_bytes_max(part.author))
        if len(kept) >= parts_count:
            del self._kept[identity]
            for again in kept.values():
                again.timed_from = now
                self._in_flight[again.key] = again

    def _forget_parts(self, entry: Entry) -> None:
        """Stop sending the other parts of an entry that is done with; fresh ones are passed over when their turn comes."""
        self._kept.pop(entry[:2], None)
        for part in split(entry, part_bytes_max(entry.author)):
            key = (part.client_id, part.sequence, part.offset)
            self._in_flight.pop(key, None)
            self._lost.pop(key, None)

    def _fall_silent(self, event: DeliveryEvent, *, next_datagram_at: float) -> None:
        self._events.append(event)
        self._silent_until = next_datagram_at
        self._give_up_flight()

    def _leave_silence(self, now: float) -> None:
        self._silent_until = None
        self._quiet_since = self._resend_at = now
        self._window.restart()

    def _give_up_flight(self) -> None:
        self._lost.update(self._in_flight)
        self._in_flight.clear()

    def _fill_window(self, now: float, *, with_lost: bool = False) -> None:
        """Send what the window allows: fresh parts, or, when a timer asks for it, the lost ones first."""
        if self._silent_until is not None or (self._lost and not with_lost):
            return
        due: list[_Outgoing] = []
        room = self._window.datagrams - len(self._in_flight)
        while len(due) < room and (outgoing := self._next_part()) is not None:
            self._in_flight[outgoing.key] = outgoing
            due.append(outgoing)
        self._send(due, now)

    def _send_to_silence(self, now: float) -> None:
        """Send a single datagram, if enough time has passed since the last one."""
        if self._silent_until is not None and now >= self._silent_until and (outgoing := self._next_part()) is not None:
            self._timer.back_off()
            self._silent_until = now + max(SILENT_INTERVAL_SECONDS, self._timer.timeout_seconds)
            self._lost[outgoing.key] = outgoing
            self._send([outgoing], now)

    def _next_part(self) -> _Outgoing | None:
        """The part to send next: a lost one before a fresh one."""
        if self._lost:
            return self._lost.pop(next(iter(self._lost)))
        while self._fresh:
            outgoing = self._fresh.popleft()
            if outgoing.key[:2] in self._entries:
                return outgoing
        return None

    def _send(self, due: list[_Outgoing], now: float) -> None:
        """Encode `due`; a burst is padded to one size, where that at most doubles it, to leave in one system call."""
        if not due:
            return
        appends = []
        for outgoing in due:
            self._retransmissions += bool(outgoing.attempts)
            if len(outgoing.attempts) < ATTEMPT_MAX:
                outgoing.attempts.append(now)
            outgoing.timed_from = now
            appends.append(_new(Append, (self._notebook_id, len(outgoing.attempts), outgoing.part)))
        bodies = list(map(append_body, appends))
        longest, total = max(map(len, bodies)), sum(map(len, bodies))
        if total < longest * len(bodies) <= 2 * total:
            bodies = [body.ljust(longest, b"\0") for body in bodies]
        self._datagrams += map(self._envelope.seal, bodies)
