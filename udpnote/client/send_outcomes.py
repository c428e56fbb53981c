"""What became of the entries that a client's calls wait for."""

from collections.abc import Callable, Iterable

from udpnote.client.send_results import SentEntry, State
from udpnote.client.send_session import CourierEvent, Renewed
from udpnote.model.entry import Entry, Status
from udpnote.protocol.delivery import Rejected, Stored
from udpnote.text.messages.reasons import refusal_reason

_Identity = tuple[bytes, int]
_new = tuple.__new__
"""Makes a NamedTuple in half the time of its class, once for every entry."""


class Outcomes:
    """Entries that are waited for, each with its outcome once that is known.

    `on_delivered` is called with each entry that is stored though nobody waits for it, `on_notice` with what whoever writes
    should see.
    """

    def __init__(self, on_delivered: Callable[[SentEntry], None], on_notice: Callable[[str], None]) -> None:
        self._on_delivered = on_delivered
        self._on_notice = on_notice
        self._awaited: dict[_Identity, SentEntry | None] = {}
        self._origins: dict[_Identity, _Identity] = {}

    @property
    def are_awaited(self) -> bool:
        """Whether any call waits for an entry."""
        return bool(self._awaited)

    def expect(self, entries: Iterable[Entry]) -> None:
        """Wait for `entries`."""
        self._awaited.update([(entry[:2], None) for entry in entries])

    def forget(self, entries: Iterable[Entry]) -> None:
        """Wait for `entries` no longer."""
        for entry in entries:
            self._awaited.pop(entry[:2], None)

    def pop(self, entry: Entry) -> SentEntry | None:
        """The outcome of `entry`, once: None if it is not known yet."""
        identity = entry[:2]
        outcome = self._awaited[identity]
        if outcome is not None:
            del self._awaited[identity]
        return outcome

    def queue(self, entries: Iterable[Entry], reason: str) -> None:
        """Those of `entries` without an outcome stay in the outbox."""
        for entry in entries:
            if self._awaited[entry[:2]] is None:
                self._awaited[entry[:2]] = SentEntry(entry, State.QUEUED, None, reason)

    def store_elsewhere(self, entry: Entry) -> None:
        """Another command has had `entry` stored, and knows its number."""
        self._awaited[entry[:2]] = SentEntry(entry, State.STORED, None, None)

    def take_event(self, event: CourierEvent) -> None:
        """Learn from what happened on the way; what is no outcome is passed over."""
        match event:
            case Stored():
                self._resolve(_new(SentEntry, (event.entry, State.STORED, event.number, None)))
            case Rejected(entry, Status.NO_SPACE):
                reason = "the notebook's disk is full: the entry stays in the outbox until there is space"
                self._resolve(SentEntry(entry, State.QUEUED, None, reason))
            case Rejected(entry, status):
                self._resolve(SentEntry(entry, State.REFUSED, None, refusal_reason(entry, status)))
            case Renewed(entry, renewed):
                self._renew(entry, renewed)
            case _:
                pass

    def _resolve(self, sent: SentEntry) -> None:
        """Hand what became of an entry to whoever waits for it."""
        identity = sent.entry[:2]
        if self._origins:
            identity = self._origins.pop(identity, identity)
        if identity in self._awaited:
            self._awaited[identity] = sent
        elif sent.state is State.STORED:
            self._on_delivered(sent)
        elif sent.state is State.REFUSED:
            self._on_notice(f"an entry from the outbox was refused, sequence {sent.entry.sequence}: {sent.reason}")

    def _renew(self, entry: Entry, renewed: Entry | None) -> None:
        self._on_notice(
            f"sequence {entry.sequence} of this client is taken by another text in the notebook, as happens when a disk is "
            "copied or restored: the entry goes on under a new identity"
        )
        if renewed is None:
            self._resolve(SentEntry(entry, State.QUEUED, None, "another command is delivering this entry"))
        else:
            identity = entry[:2]
            self._origins[renewed[:2]] = self._origins.pop(identity, identity)
