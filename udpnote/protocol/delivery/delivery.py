"""The client's side of exactly-once delivery: sends entries, and sends them again until the server acknowledges them.

A long entry travels in parts, one per datagram. Short notes that leave together travel in runs or bundles, many per datagram.
What one datagram carries, a part, a run or a bundle, is called a payload (see `payloads`). Each payload that is not
acknowledged is in one of three collections: `_unsent`, `_in_flight` (sent, and its timer runs) or `_lost` (its timer has
expired, or the server has become silent; it is sent again before any unsent payload). An acknowledgement removes a payload from
`_in_flight` or `_lost`. It never causes a retransmission: only a timer or a discovery of the server does. `_in_flight` is
ordered by the times at which the timers started, so the timer of its first payload expires first. If more payloads are lost
than fit into the congestion window, another timer (`_resend_at`) sends one window of lost payloads per round trip, and unsent
payloads wait. An entry is outstanding until it is stored or rejected.

If the server had some notes of a run or bundle already, or cannot store one of them, no single verdict is true of all notes.
The server then answers `Status.SPLIT`, and every note of that run or bundle is sent in a datagram of its own.

Revisions and deletions are sent one at a time, in the order in which they were added, because a note has the text of the
revision that was stored last. Imported revisions are sent without waiting: each names its predecessor, the entry that the
server must have stored before it.

A server counts as silent if it has not answered for a while, or has refused a payload (see `server_contact`). The client then
sends only one payload at a time, as a probe.
"""

from collections.abc import Collection, Iterable
from itertools import takewhile
from operator import attrgetter

from udpnote.errors import BadDatagram
from udpnote.model.entry import Entry, Identity, Kind, Restored, Status, is_whole, split
from udpnote.model.randomness import Randomness
from udpnote.protocol.codec.codec import decode, part_bytes_max
from udpnote.protocol.congestion import CLOCK_GRANULARITY_SECONDS, WINDOW_MAX
from udpnote.protocol.delivery.events import DeliveryEvent, Rejected, Stored, joined_events
from udpnote.protocol.delivery.payloads import (
    ATTEMPT_MAX,
    NotesPayload,
    PartPayload,
    Payload,
    PayloadKey,
    UnsentPayloads,
    padded,
    remove_given_up,
)
from udpnote.protocol.delivery.state import HeldRevisions, KeptParts
from udpnote.protocol.envelope import Envelope
from udpnote.protocol.messages import TOKEN_BYTES, Ack, Reason, Refuse
from udpnote.protocol.server_contact import KeyChanged, ServerContact, ServerSilent, WrongServer

_identity = attrgetter("client_id", "sequence")
_kind = attrgetter("kind")


class Delivery:
    """Delivers entries to the notebook `notebook_id`.

    The caller reports what happens (`add`, `receive_datagram`, `handle_timeout`, `server_found`), and after each call takes
    `datagrams_to_send` and `events`. All datagrams travel in `envelope`. `round_trip_seconds` is the round-trip time to the
    server from discovery or an earlier exchange (None if it is unknown). Times are seconds of one monotonic clock. `random`
    makes the token, by which the delivery recognizes the answers to it, and the jitter of the backoff, so it must be
    unpredictable, except in tests.
    """

    def __init__(
        self,
        notebook_id: bytes,
        *,
        random: Randomness,
        envelope: Envelope,
        round_trip_seconds: float | None,
    ) -> None:
        self._notebook_id = notebook_id
        self._token = random.randbytes(TOKEN_BYTES)
        self._envelope = envelope
        self.contact = ServerContact(
            random=random, key_id=envelope.key_id, window_max=WINDOW_MAX, round_trip_seconds=round_trip_seconds
        )
        """What this delivery knows of its server."""
        self._entries: dict[Identity, Entry] = {}
        self._given_up: set[Identity] = set()  # given up, but still outstanding (see `give_up`)
        self._kept_by_server = KeptParts()
        self._unsent = UnsentPayloads()
        self._in_flight: dict[PayloadKey, Payload] = {}
        self._lost: dict[PayloadKey, Payload] = {}
        self._revisions = HeldRevisions()
        self._resend_at = 0.0  # when the next window of lost payloads may leave
        self._retransmissions = 0
        self._answers = 0
        self._datagrams: list[bytes] = []
        self._events: list[DeliveryEvent] = []

    @property
    def outstanding(self) -> int:
        """How many of the added entries are neither stored nor rejected yet."""
        return len(self._entries)

    @property
    def unsent_parts(self) -> int:
        """How many short notes, and parts of other entries, wait in `_unsent`.

        Revisions and deletions that wait for an earlier revision or deletion do not count.
        """
        return len(self._unsent)

    @property
    def answers(self) -> int:
        """How many ACKs so far have acknowledged at least one payload that was in flight or lost."""
        return self._answers

    @property
    def retransmissions(self) -> int:
        """How many datagrams of this delivery repeated a payload that was sent before."""
        return self._retransmissions

    def outstanding_entry(self, client_id: bytes, sequence: int) -> Entry | None:
        """The outstanding entry with this client id and sequence; None if there is none."""
        return self._entries.get((client_id, sequence))

    def kept_parts(self, entry: Entry) -> int:
        """How many parts of the long, outstanding `entry` the server keeps while it waits for the other parts."""
        return self._kept_by_server.count(entry[:2])

    def add(self, entries: Collection[Entry], now: float) -> None:
        """Begin to deliver `entries`, none of which is imported. Skip each entry that is outstanding already.

        If `give_up` was called for such an outstanding entry, it is delivered after all.
        """
        self._expect_answers_from(now)
        added = dict(zip(map(_identity, entries), entries, strict=True))
        self._given_up.difference_update(added if self._given_up else ())
        if not self._entries.keys().isdisjoint(added):
            added = {identity: added[identity] for identity in added if identity not in self._entries}
        self._entries.update(added)
        notes = list(added.values())
        if list(map(_kind, notes)).count(Kind.NOTE) < len(notes):
            self._revisions.add([entry for entry in notes if entry.kind is not Kind.NOTE])
            notes = [entry for entry in notes if entry.kind is Kind.NOTE]
        self._unsent.add(notes)
        self._start_next_revision()
        self._fill_window(now)

    def add_restored(self, entries: Iterable[tuple[Entry, Restored]], now: float) -> None:
        """Begin to deliver imported entries, each with its `Restored`. Entries that are outstanding already are skipped."""
        self._expect_answers_from(now)
        for entry, restored in entries:
            if entry[:2] not in self._entries:
                self._entries[entry[:2]] = entry
                self._unsent.add_imported(entry, restored)
        self._fill_window(now)

    def give_up(self, entries: Iterable[Entry], now: float) -> None:
        """Stop delivering `entries`: they are not sent again, and get no event. Entries that are not outstanding are skipped.

        There is one exception: a note that was sent in one datagram with notes that are not given up. That datagram is sent
        again until it is acknowledged. So the note stays outstanding, and may get an event. It is dropped without an event
        when the other notes are given up, too, or when the server answers `Status.SPLIT`. If `add` is called with the note
        before that, the note is delivered after all.

        None of `entries` may be imported.
        """
        self._given_up.update(identity for entry in entries if (identity := entry[:2]) in self._entries)
        shared = remove_given_up(self._in_flight, self._given_up) | remove_given_up(self._lost, self._given_up)
        dropped, self._given_up = self._given_up - shared, shared
        self._unsent.drop(dropped)
        self._revisions.drop(dropped)
        for identity in dropped:
            del self._entries[identity]
            self._kept_by_server.forget(identity)
        self._start_next_revision()
        self._fill_window(now)

    def receive_datagrams(self, datagrams: Iterable[bytes], now: float) -> None:
        """Handle received datagrams, as `receive_datagram` does."""
        for data in datagrams:
            self.receive_datagram(data, now)

    def receive_datagram(self, data: bytes, now: float) -> None:
        """Handle a received datagram. Ignore it unless it is an ACK or REFUSE for a payload of this delivery.

        The sender's address does not matter, because an answer has the token of this delivery and names the payload that it
        answers. An answer may cause `events`, and may make room in the window for more `datagrams_to_send`.
        """
        try:
            message = decode(data, self._envelope)
        except BadDatagram:
            return
        match message:
            case Ack() if message.token == self._token:
                self._receive_ack(message, now)
            case Refuse() if message.token == self._token:
                self._receive_refuse(message, now)

    def handle_timeout(self, now: float) -> None:
        """Act on the timers that have expired by `now`: count payloads as lost, and send lost payloads again.

        How many are sent depends on the congestion window. If the server counts as silent from now on, report `ServerSilent`.
        While it is silent, send at most one payload, as a probe.
        """
        if not self._entries:
            return
        expires_at = self.contact.expires_at
        expired = list(takewhile(lambda outgoing: expires_at(outgoing.timed_from) <= now, self._in_flight.values()))
        for outgoing in expired:
            self._lost[outgoing.key] = self._in_flight.pop(outgoing.key)
        if expired:
            self._resend_at = now
            self._report(self.contact.record_loss(sent_at=expired[-1].timed_from, now=now))
        if self.contact.is_silent:
            self._send_probe(now)
        elif self._lost and now >= self._resend_at:
            self._resend_at = now + max(self.contact.timer.smoothed_seconds or 0.0, CLOCK_GRANULARITY_SECONDS)
            self._fill_window(now, with_lost=True)

    def server_found(self, now: float, *, round_trip_seconds: float) -> None:
        """Record that discovery has found the server, perhaps at another address: the server is not silent any more.

        All payloads in flight count as lost, and are sent again as the window allows. The timer and the congestion window start
        anew; `round_trip_seconds`, which discovery has measured, is the timer's first sample.
        """
        self._count_in_flight_as_lost()
        self.contact.server_found(now, round_trip_seconds=round_trip_seconds)
        self._resend_at = now
        self._fill_window(now, with_lost=True)

    def datagrams_to_send(self) -> list[bytes]:
        """Return and remove the APPENDs, RUNs and BUNDLEs that are due. The caller sends them to the server's address."""
        datagrams, self._datagrams = self._datagrams, []
        return datagrams

    def events(self) -> list[DeliveryEvent]:
        """Return and remove the events since the last call, in the order in which they happened (see `joined_events`)."""
        events, self._events = self._events, []
        return joined_events(events)

    def next_timeout(self) -> float | None:
        """The monotonic time at which the caller must call `handle_timeout` next; None if no timer runs."""
        if self.contact.is_silent:
            return self.contact.next_probe_at if self._entries else None
        has_room = len(self._in_flight) < self.contact.window.datagrams
        resend_at = self._resend_at if self._lost and has_room else None
        for outgoing in self._in_flight.values():
            expires_at = self.contact.expires_at(outgoing.timed_from)
            return expires_at if resend_at is None else min(expires_at, resend_at)
        return resend_at

    def _expect_answers_from(self, now: float) -> None:
        """Before entries are added: if no entry is outstanding, begin to measure the server's silence at `now`."""
        if not self._entries:
            self.contact.expect_answers_from(now)

    def _receive_ack(self, ack: Ack, now: float) -> None:
        """Act on each verdict in `ack` whose check fits a payload in flight or lost, then fill the congestion window."""
        in_flight = len(self._in_flight)
        acknowledged = 0
        sent_at = None
        client_id = ack.client_id
        for sequence, offset, attempt, status, number, check in ack.parts:
            key = (client_id, sequence, offset)
            outgoing = self._in_flight.get(key) or self._lost.get(key)
            if outgoing is not None and check == outgoing.check:
                if self._in_flight.pop(key, None) is None:
                    del self._lost[key]
                acknowledged += 1
                if attempt <= len(outgoing.sent_at):  # if not, a copy of this client has sent the payload
                    sent_at = outgoing.sent_at[attempt - 1]
                if not isinstance(outgoing, PartPayload):
                    self._settle_notes(outgoing, status, number)
                elif status is Status.PART_KEPT:
                    self._record_kept(outgoing, now)
                else:
                    self._settle(outgoing, status, number)
        if acknowledged:
            self._answers += 1
            if self.contact.receive_answer(now, sent_at=sent_at, answered=acknowledged, in_flight=in_flight):
                self._resend_at = now  # the silence is over: the next `handle_timeout` sends lost payloads
            if self._entries:
                self._fill_window(now)

    def _receive_refuse(self, refuse: Refuse, now: float) -> None:
        key = (refuse.client_id, refuse.sequence, refuse.offset)
        if key in self._in_flight or key in self._lost:
            self._report(self.contact.record_refusal(is_key_changed=refuse.reason is Reason.KEY_CHANGED, now=now))

    def _report(self, event: ServerSilent | WrongServer | KeyChanged | None) -> None:
        """If `event` is not None, add it to `events`, and count every payload in flight as lost."""
        if event is not None:
            self._events.append(event)
            self._count_in_flight_as_lost()

    def _settle_notes(self, notes: NotesPayload, status: Status, number: int) -> None:
        """Stop delivering `notes`, and add their events as `_settle` does. If `status` is SPLIT, send each alone instead."""
        unwanted = self._given_up & notes.identities if self._given_up else set()  # see `give_up`
        self._given_up -= unwanted
        if status is Status.SPLIT:
            self._unsent.put_back([part for part in notes.as_parts() if part.key[:2] not in unwanted])
            for identity in unwanted:
                del self._entries[identity]
            return
        for entry in notes.entries:
            del self._entries[entry[:2]]
        if number:
            self._events.append(Stored(notes.entries, number))
        else:
            self._events.extend([Rejected(entry, status) for entry in notes.entries])

    def _settle(self, outgoing: PartPayload, status: Status, number: int) -> None:
        """Stop delivering the entry of `outgoing`, and add its event: `Stored` if `number` is not 0, else `Rejected`.

        If the entry is the revision or deletion that is being delivered, start the next one. But if the server cannot store
        this one now (`status.is_temporary`), add `Rejected` for all later ones, too, and do not send them.
        """
        entry = self._entries.pop(outgoing.key[:2])
        if not is_whole(outgoing.part):
            self._forget_parts(entry)
        self._events.append(Stored((entry,), number) if number else Rejected(entry, status))
        if self._revisions.end(entry[:2]):
            if status.is_temporary:  # a later one, which is perhaps shorter, must not be stored before this one
                for held in self._revisions.take_all():
                    del self._entries[held[:2]]
                    self._events.append(Rejected(held, status))
            self._start_next_revision()

    def _start_next_revision(self) -> None:
        """Put the parts of the next revision or deletion into `_unsent`, unless another one is being delivered."""
        if (entry := self._revisions.take_next()) is not None:
            self._unsent.add_parts(entry)

    def _record_kept(self, outgoing: PartPayload, now: float) -> None:
        """Record that the server keeps the part in `outgoing`. If it has lost other parts, let all parts be sent again.

        The parts are not sent at once, because no acknowledgement may cause a retransmission. They count as in flight again,
        with timers that start at `now`, and are sent when these expire.
        """
        for again in self._kept_by_server.record(outgoing):
            again.timed_from = now
            self._in_flight[again.key] = again

    def _forget_parts(self, entry: Entry) -> None:
        """Stop sending the parts of an entry whose outcome is known. Unsent parts stay in the queue, which drops them later."""
        self._kept_by_server.forget(entry[:2])
        for part in split(entry, part_bytes_max(entry.author)):
            key = (part.client_id, part.sequence, part.offset)
            self._in_flight.pop(key, None)
            self._lost.pop(key, None)

    def _count_in_flight_as_lost(self) -> None:
        self._lost.update(self._in_flight)
        self._in_flight.clear()

    def _fill_window(self, now: float, *, with_lost: bool = False) -> None:
        """Send as many payloads as the congestion window allows. Send nothing while the server is silent.

        The caller sets `with_lost` after a timer or a discovery: lost payloads are then sent first. Without `with_lost`,
        nothing is sent while there are lost payloads, because an acknowledgement must not cause a retransmission.
        """
        if self.contact.is_silent or (self._lost and not with_lost):
            return
        due: list[Payload] = []
        room = self.contact.window.datagrams - len(self._in_flight)
        while len(due) < room and (outgoing := self._next_payload()) is not None:
            self._in_flight[outgoing.key] = outgoing
            due.append(outgoing)
        self._send(due, now)

    def _send_probe(self, now: float) -> None:
        """If a probe is due, send the next payload, if there is one, to the silent server. It counts as lost at once."""
        if self.contact.is_probe_due(now) and (outgoing := self._next_payload()) is not None:
            self.contact.record_probe(now)
            self._lost[outgoing.key] = outgoing
            self._send([outgoing], now)

    def _next_payload(self) -> Payload | None:
        """Remove and return the first lost payload or, if none is lost, the first unsent one; None if there is neither."""
        if self._lost:
            return self._lost.pop(next(iter(self._lost)))
        return self._unsent.take(lambda entry: self._entries.get(entry[:2]) is entry)

    def _send(self, due: list[Payload], now: float) -> None:
        """Add the datagrams with the payloads `due` to `datagrams_to_send`, and start the timer of each payload at `now`."""
        if not due:
            return
        for outgoing in due:
            self._retransmissions += bool(outgoing.sent_at)
            if len(outgoing.sent_at) < ATTEMPT_MAX:  # the length of `sent_at` is the attempt number in the datagram
                outgoing.sent_at.append(now)
            outgoing.timed_from = now
        bodies = padded([outgoing.body(self._notebook_id, self._token) for outgoing in due])
        self._datagrams += map(self._envelope.wrap, bodies)
