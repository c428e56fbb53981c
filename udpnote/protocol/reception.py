"""The server's half of exactly-once: which datagrams deserve an answer, and which answer; READs are passed on.

A batch of datagrams goes in with `receive_datagram`; `parts_to_store` hands out what they carried; the driver stores it
and reports with `confirm_stored`. Only that call makes acknowledgements, so none can leave before its entry is safe.
Between batches nothing is kept but counters: whatever arrives, memory stays bounded.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Generic, TypeVar

from udpnote.entry import TEXT_BYTES_MAX, Kind, Part, Status, Verdict, is_text, is_whole
from udpnote.errors import BadDatagram
from udpnote.protocol.discovery import Offerer
from udpnote.protocol.messages import Ack, Append, Discover, PartAck, Read, Reason, Refuse, content_check
from udpnote.protocol.paging import Pager
from udpnote.protocol.wire import PART_ACKS_MAX, decode, encode

Source = TypeVar("Source")


class Reception(Generic[Source]):
    """One notebook's front desk. `Source` is an address, compared and handed back but never looked into."""

    def __init__(self, notebook_id: bytes, *, offerer: Offerer, pager: Pager[Source]) -> None:
        self._notebook_id = notebook_id
        self._offerer = offerer
        self._pager = pager
        self._latest_read: tuple[bytes, Read] | None = None
        self._waiting: list[tuple[Append, Source]] = []
        self._acks: dict[tuple[Source, bytes], list[PartAck]] = {}
        self._datagrams: list[tuple[bytes, Source]] = []
        self._drops: Counter[str] = Counter()

    def receive_datagram(self, data: bytes, source: Source, *, entries: int) -> None:
        """Take one datagram; `entries` is how many the notebook holds, for whoever asks."""
        if self._latest_read is not None and self._latest_read[0] == data:  # one turn's READs are alike
            self._pager.receive_read(self._latest_read[1], source)
            return
        try:
            message = decode(data)
        except BadDatagram as bad:
            self._drops[bad.reason] += 1
            return
        match message:
            case Append():
                self._receive_append(message, source)
            case Read():
                self._latest_read = (data, message)
                self._pager.receive_read(message, source)
            case Discover():
                offer = self._offerer.answer(message, entries)
                if offer is not None:
                    self._datagrams.append((offer, source))
            case _:
                self._drops["unexpected"] += 1

    def parts_to_store(self) -> list[Part]:
        """What this batch carried, in the order of arrival; the same until `confirm_stored`."""
        return [append.part for append, _ in self._waiting]

    def confirm_stored(self, verdicts: Sequence[Verdict | None]) -> None:
        """Acknowledge `parts_to_store()`: each has its verdict, in the same order, and is as durable as that says.

        None is said of what came too early (see `Restored`): it is not answered, and its sender sends it again.
        """
        assert len(verdicts) == len(self._waiting), "a verdict on another part would acknowledge what is not stored"
        for (append, source), verdict in zip(self._waiting, verdicts, strict=True):
            if verdict is None:
                self._drops["early"] += 1
            else:
                self._acknowledge(append, source, verdict)
        self._waiting = []

    def abandon(self) -> None:
        """Forget the batch: it could not be stored, nothing is said of it, and its senders send it again."""
        self._waiting, self._acks, self._datagrams = [], {}, []

    def datagrams_to_send(self) -> list[tuple[bytes, Source]]:
        """Drain the answers that are due, with where each goes."""
        for (source, client_id), part_acks in self._acks.items():
            for start in range(0, len(part_acks), PART_ACKS_MAX):
                ack = Ack(client_id, tuple(part_acks[start : start + PART_ACKS_MAX]))
                self._datagrams.append((encode(ack), source))
        self._acks = {}
        datagrams, self._datagrams = self._datagrams, []
        return datagrams

    def drops(self) -> Counter[str]:
        """Drain the counts of dropped datagrams since the last call, by reason."""
        drops, self._drops = self._drops, Counter()
        return drops

    def _receive_append(self, append: Append, source: Source) -> None:
        if append.notebook_id != self._notebook_id:
            part = append.part
            refuse = Refuse(Reason.WRONG_NOTEBOOK, part.client_id, part.sequence, part.offset, append.attempt)
            self._datagrams.append((encode(refuse), source))
            return
        objection = _objection(append.part)
        if objection is None:
            self._waiting.append((append, source))
        else:
            self._acknowledge(append, source, Verdict(objection, number=0))

    def _acknowledge(self, append: Append, source: Source, verdict: Verdict) -> None:
        part = append.part
        check = content_check(part)
        part_ack = PartAck(part.sequence, part.offset, append.attempt, verdict.status, verdict.number, check)
        self._acks.setdefault((source, part.client_id), []).append(part_ack)


def _objection(part: Part) -> Status | None:
    """Why no notebook would keep this part, or None."""
    if part.total_bytes > TEXT_BYTES_MAX:
        return Status.TOO_LARGE
    if not part.author.strip() or (part.kind is Kind.DELETION and part.total_bytes):
        return Status.REFUSED
    if part.kind is not Kind.DELETION and is_whole(part) and not is_text(part.data):
        return Status.REFUSED
    return None
