"""The server's side of exactly-once delivery: decides which datagram gets which answer, and passes READs on to the pager.

The server drops a datagram that is in none of the notebook's envelopes. It answers any other request in the envelope in which
the request came. If a request is sealed with an earlier key, which the server no longer accepts, the answer says only that the
key has changed.

The caller handles datagrams in batches. It passes each datagram to `receive_datagram`, stores the `notes_to_store` (parts, runs
and bundles, see `model.entry`), reports the verdicts with `confirm_stored`, and sends the `datagrams_to_send`. Only
`confirm_stored` acknowledges stored parts, so no acknowledgement can leave before its part is durable. Between batches this
module keeps only counters, the latest READ and what the pager keeps, so its memory is bounded.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from udpnote.errors import BadDatagram
from udpnote.model.address import Address, Datagram
from udpnote.model.entry import (
    TEXT_BYTES_MAX,
    Arrival,
    Bundle,
    Kind,
    NoteRun,
    Part,
    Status,
    Verdict,
    is_one_line,
    is_text,
    is_whole,
)
from udpnote.protocol.codec.codec import PART_ACKS_MAX, Message, encode, parse
from udpnote.protocol.discovery import Offerer
from udpnote.protocol.envelope import OPEN, Envelope, Requester, unwrap_any
from udpnote.protocol.examination import Reporter
from udpnote.protocol.examination_messages import Examine
from udpnote.protocol.messages import KEY_CHANGED, Ack, Append, Discover, PartAck, Reason, Refuse, Run, content_check
from udpnote.protocol.paging.paging import Pager, refusing_page
from udpnote.protocol.reading_messages import PageState, Read


class Envelopes(NamedTuple):
    """The envelopes of a notebook, in two tuples.

    The server accepts requests in the `accepted` envelopes. The `retired` envelopes have earlier keys, which the server no
    longer accepts. It answers a request in one of them, but says only that the key has changed.
    """

    accepted: tuple[Envelope, ...] = (OPEN,)
    retired: tuple[Envelope, ...] = ()


OPEN_ENVELOPES = Envelopes()
"""The envelopes of an open notebook: requests in the open envelope are accepted, and there are no earlier keys."""


class Reception:
    """Handles the requests for the notebook `notebook_id`.

    `offerer` answers the DISCOVERs, and `reporter` the EXAMINEs. `pager` gets the READs. It answers them when the caller calls
    `pager.serve`.
    """

    def __init__(
        self,
        notebook_id: bytes,
        *,
        offerer: Offerer,
        reporter: Reporter,
        pager: Pager,
        envelopes: Envelopes,
    ) -> None:
        self._envelopes = envelopes
        self._notebook_id = notebook_id
        self._offerer = offerer
        self._reporter = reporter
        self._pager = pager
        self._latest_read: tuple[bytes, Read, Requester] | None = None
        """The datagram of the READ that came last, that READ, and its requester; None if no READ has come."""
        self._unconfirmed: list[tuple[Append | Run, Address, Envelope]] = []
        self._acks: dict[tuple[Address, Envelope, bytes, bytes], list[PartAck]] = {}
        self._datagrams: list[Datagram] = []
        self._drops: Counter[str] = Counter()

    def use_envelopes(self, envelopes: Envelopes) -> None:
        """Accept requests in these envelopes from now on. Drop the unanswered READs that came in other envelopes.

        The caller must not call this while it handles a batch.
        """
        self._envelopes = envelopes
        self._latest_read = None
        self._pager.forget_other_envelopes(envelopes.accepted)

    def receive_datagram(self, data: bytes, source: Address, *, entries: int) -> None:
        """Handle one datagram of a batch, which came from the address `source`.

        The part of an APPEND, or the notes of a RUN or BUNDLE, are added to `notes_to_store`. But a message for another
        notebook is answered with a REFUSE, and one that no notebook would store, with an ACK that says why. A READ goes to the
        pager. A DISCOVER for this notebook, or for any, is answered with an OFFER; `entries` is the number of entries in the
        notebook, erased ones included. Other DISCOVERs are ignored. An EXAMINE is answered with a REPORT. All other datagrams
        are dropped and counted. A message in a retired envelope is counted as dropped, but answered (see `Envelopes`).
        """
        latest = self._latest_read
        if latest is not None and latest[0] == data and latest[2].address == source:  # the READs of one burst are identical
            self._pager.receive_read(latest[1], latest[2])
            return
        try:
            body, envelope = unwrap_any(data, self._envelopes.accepted)
            message = parse(body)
        except BadDatagram as bad:
            if not self._envelopes.retired or not self._refuse_old_key(data, source):
                self._drops[bad.reason] += 1
            return
        match message:
            case Append() | Run():
                self._receive_notes(message, source, envelope)
            case Read():
                requester = Requester(source, envelope)
                self._latest_read = (data, message, requester)
                self._pager.receive_read(message, requester)
            case Discover():
                self._reporter.record_heard(source)
                offer = self._offerer.answer(message, entries, envelope)
                if offer is not None:
                    self._datagrams.append((offer, source))
            case Examine():
                self._datagrams.append((self._reporter.answer(message, Requester(source, envelope)), source))
            case _:
                self._drops["unexpected"] += 1

    def notes_to_store(self) -> list[Arrival]:
        """The parts, runs and bundles of this batch that the caller must store now, in the order of arrival.

        `confirm_stored` empties the list.
        """
        return [_notes_of(message) for message, _, _ in self._unconfirmed]

    def confirm_stored(self, verdicts: Sequence[Verdict | None]) -> None:
        """Make the ACKs for the `notes_to_store`. `verdicts` has one verdict for each part, run or bundle, in the same order.

        What the verdicts say must be durable already. A verdict is None if an imported part or bundle has come too early: the
        entry that must be stored before it (see `Restored`) is not stored yet. Such a part or bundle is counted as dropped. It
        gets no answer, so its sender sends it again.
        """
        assert len(verdicts) == len(self._unconfirmed), "a verdict on another part would acknowledge what is not stored"
        for (message, source, envelope), verdict in zip(self._unconfirmed, verdicts, strict=True):
            if verdict is None:
                self._drops["early"] += 1
            else:
                self._acknowledge(message, source, envelope, verdict)
        self._unconfirmed = []

    def abandon_batch(self) -> None:
        """Drop the parts, runs and bundles of this batch, because they could not be stored, and all answers not sent yet.

        The senders then send their requests again. The counts of drops and the READs in the pager stay.
        """
        self._unconfirmed, self._acks, self._datagrams = [], {}, []

    def datagrams_to_send(self) -> list[Datagram]:
        """Return and remove the answers that are due, each with its destination.

        They are ACKs, REFUSEs, OFFERs and REPORTs, and those PAGEs that say that the key has changed.
        """
        for (source, envelope, token, client_id), part_acks in self._acks.items():
            for start in range(0, len(part_acks), PART_ACKS_MAX):
                ack = Ack(token, client_id, tuple(part_acks[start : start + PART_ACKS_MAX]))
                self._datagrams.append((encode(ack, envelope), source))
        self._acks = {}
        datagrams, self._datagrams = self._datagrams, []
        return datagrams

    def drops(self) -> Counter[str]:
        """Return and reset the numbers of datagrams that were dropped, by reason.

        READs that the pager has dropped are not included: see `Pager.drops`.
        """
        drops, self._drops = self._drops, Counter()
        return drops

    def _receive_notes(self, message: Append | Run, source: Address, envelope: Envelope) -> None:
        """Keep `message` for `notes_to_store`. But if this notebook, or every notebook, would refuse it, answer it at once."""
        if message.notebook_id != self._notebook_id:
            self._datagrams.append((encode(_refusal(message, Reason.WRONG_NOTEBOOK), envelope), source))
            return
        objection = _objection(message.part) if isinstance(message, Append) else _objection_to_run(message.notes)
        if objection is None:
            self._unconfirmed.append((message, source, envelope))
        else:
            self._acknowledge(message, source, envelope, Verdict(objection, number=0))

    def _acknowledge(self, message: Append | Run, source: Address, envelope: Envelope, verdict: Verdict) -> None:
        """Add `verdict` to the ACK that answers `message`. Verdicts for one client, token and address share an ACK."""
        if isinstance(message, Append):
            client_id, sequence, offset = message.part.client_id, message.part.sequence, message.part.offset
            check = content_check(message.part)
        else:
            client_id, sequence, offset = message.notes.client_id, message.notes.sequence, 0
            check = message.check
        part_ack = PartAck(sequence, offset, message.attempt, verdict.status, verdict.number, check)
        self._acks.setdefault((source, envelope, message.token, client_id), []).append(part_ack)

    def _refuse_old_key(self, data: bytes, source: Address) -> bool:
        """If `data` is a message in a retired envelope, answer that the key has changed, and count `data` as dropped.

        Returns whether it is such a message. There is no answer to an EXAMINE, or if the message is for another notebook.
        """
        try:
            body, envelope = unwrap_any(data, self._envelopes.retired)
            message = parse(body)
        except BadDatagram:
            return False
        refusal = self._old_key_refusal(message, Requester(source, envelope))
        if refusal is not None:
            self._datagrams.append((refusal, source))
        self._drops["old key"] += 1
        return True

    def _old_key_refusal(self, message: Message, requester: Requester) -> bytes | None:
        """The datagram that tells `requester` that the key has changed; None for a message that gets no answer."""
        match message:
            case Append() | Run() if message.notebook_id == self._notebook_id:
                return encode(_refusal(message, Reason.KEY_CHANGED), requester.envelope)
            case Read() if message.notebook_id == self._notebook_id:
                return refusing_page(message, PageState.KEY_CHANGED, requester.envelope)
            case Discover():
                return self._offerer.answer(message, 0, requester.envelope, flags=KEY_CHANGED)
            case _:
                return None


def _notes_of(message: Append | Run) -> Arrival:
    return message.part if isinstance(message, Append) else message.notes


def _refusal(message: Append | Run, reason: Reason) -> Refuse:
    notes = _notes_of(message)
    offset = notes.offset if isinstance(notes, Part) else 0
    return Refuse(message.token, reason, notes.client_id, notes.sequence, offset, message.attempt)


def _objection_to_run(notes: NoteRun | Bundle) -> Status | None:
    """The verdict on a run or bundle that no notebook would store as a whole; None if the notebook shall decide."""
    if isinstance(notes, NoteRun):
        return None if is_one_line(notes.author) and all(map(str.strip, notes.texts)) else Status.SPLIT
    is_valid = all(map(is_one_line, {note.author for note in notes.notes})) and all(note.text.strip() for note in notes.notes)
    return None if is_valid else Status.SPLIT


def _objection(part: Part) -> Status | None:
    """The verdict on a part that no notebook would store: `TOO_LARGE` or `REFUSED`; None if the notebook shall decide."""
    if part.total_bytes > TEXT_BYTES_MAX:
        return Status.TOO_LARGE
    if not is_one_line(part.author) or (part.kind is Kind.DELETION and part.total_bytes):
        return Status.REFUSED
    if part.kind is not Kind.DELETION and is_whole(part) and not is_text(part.data):
        return Status.REFUSED
    return None
