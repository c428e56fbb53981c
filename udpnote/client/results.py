"""The texts that a call of the client sends, and the outcomes of its entries."""

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import NamedTuple

from udpnote.errors import InvalidEntry, Notice
from udpnote.model.entry import Entry, Kind, SeenEntry, Status, check_text

_Identity = tuple[bytes, int]
_new = tuple.__new__
"""Makes a NamedTuple from its fields in half the time that calling its class takes. It is called for every entry."""


class State(Enum):
    """The outcome of sending an entry."""

    STORED = "stored"
    QUEUED = "queued"
    REFUSED = "refused"


class SentEntry(NamedTuple):
    """An entry and its outcome: if it is stored, its `number` (None if unknown); if it is not, the `reason`."""

    entry: Entry
    state: State
    number: int | None
    reason: Notice | None


class TextSource:
    """Takes texts from an iterator, checks them, and returns them in chunks.

    All become entries of one `kind`, with the same `revises` and `seen` (see `Entry`; None: what the outbox knows).

    `is_exhausted` becomes True at the end of the iterator and at an invalid text; then `error` says what is invalid.
    """

    def __init__(
        self, texts: Iterator[str | None], *, kind: Kind = Kind.NOTE, revises: int = 0, seen: SeenEntry | None = None
    ) -> None:
        self._texts = texts
        self.kind = kind
        self.revises = revises
        self.seen = seen
        self.is_exhausted = False
        self.error: InvalidEntry | None = None

    def take(self, texts_max: int, characters_max: int) -> list[str]:
        """The next texts, at most `texts_max`: fewer before a None, before an invalid text, and at the end.

        Once they have `characters_max` together, no further text is taken.
        """
        taken: list[str] = []
        characters = 0
        while not self.is_exhausted and len(taken) < texts_max and characters < characters_max:
            try:
                text = next(self._texts)
                if text is None:
                    break
                if self.kind is not Kind.DELETION:
                    check_text(text)
                taken.append(text)
                characters += len(text)
            except StopIteration:
                self.is_exhausted = True
            except InvalidEntry as error:
                self.is_exhausted, self.error = True, error
        return taken


class Outcomes:
    """The outcomes of the entries for which calls of the client wait.

    Several threads may call the client: each takes the outcomes of its own entries. `on_delivered` is called with each entry
    that is stored while no call waits for it, `on_notice` with each notice for the user.
    """

    def __init__(self, on_delivered: Callable[[SentEntry], None] | None, on_notice: Callable[[Notice], None]) -> None:
        self._on_delivered = on_delivered
        self._on_notice = on_notice
        self._awaited: dict[_Identity, SentEntry | None] = {}
        self._origins: dict[_Identity, _Identity] = {}

    @property
    def are_awaited(self) -> bool:
        """Whether any call waits for the outcome of an entry."""
        return bool(self._awaited)

    def expect(self, entries: Iterable[Entry]) -> None:
        """Note that a call waits for the outcomes of `entries`."""
        self._awaited.update([(entry[:2], None) for entry in entries])

    def forget(self, entries: Iterable[Entry]) -> None:
        """Note that no call waits for `entries` any more."""
        for entry in entries:
            self._awaited.pop(entry[:2], None)

    def pop(self, entry: Entry) -> SentEntry | None:
        """Remove and return the outcome of `entry`; None while it is not known."""
        identity = entry[:2]
        outcome = self._awaited[identity]
        if outcome is not None:
            del self._awaited[identity]
        return outcome

    def queue(self, entries: Iterable[Entry], reason: Notice) -> None:
        """Give the outcome QUEUED to those of `entries` that have no outcome yet."""
        for entry in entries:
            if self._awaited[entry[:2]] is None:
                self._awaited[entry[:2]] = SentEntry(entry, State.QUEUED, None, reason)

    def store_elsewhere(self, entry: Entry) -> None:
        """Note that another command has delivered `entry`; its number is not known here."""
        self._awaited[entry[:2]] = SentEntry(entry, State.STORED, None, None)

    def store(self, entry: Entry, number: int) -> None:
        """Note that `entry` is stored under `number`."""
        self._resolve(_new(SentEntry, (entry, State.STORED, number, None)))

    def reject(self, entry: Entry, status: Status) -> None:
        """Note that the notebook has not stored `entry`. If its disk was full, the entry is queued, otherwise refused."""
        if status is Status.NO_SPACE:
            self._resolve(SentEntry(entry, State.QUEUED, None, Notice("notebook_disk_full")))
        elif status is Status.OLDER_COPY:
            self._resolve(SentEntry(entry, State.REFUSED, None, Notice("older_copy", number=entry.revises)))
        elif entry.kind is not Kind.NOTE and status is Status.REFUSED:
            self._resolve(SentEntry(entry, State.REFUSED, None, Notice("no_such_entry", number=entry.revises)))
        else:
            self._resolve(SentEntry(entry, State.REFUSED, None, Notice("entry_refused", status=status.name)))

    def renew(self, entry: Entry, renewed: Entry | None) -> None:
        """Note that `entry` is sent again as `renewed`, under a new identity, because its identity was taken.

        If `renewed` is None, another process has given it the new identity, and sends it.
        """
        self._on_notice(Notice("identity_taken", sequence=entry.sequence))
        if renewed is None:
            self._resolve(SentEntry(entry, State.QUEUED, None, Notice("delivered_by_another_command")))
        else:
            identity = entry[:2]
            self._origins[renewed[:2]] = self._origins.pop(identity, identity)

    def _resolve(self, sent: SentEntry) -> None:
        """Keep an outcome for the call that waits for it or, if none does, report it."""
        identity = sent.entry[:2]
        if self._origins:
            identity = self._origins.pop(identity, identity)
        if identity in self._awaited:
            self._awaited[identity] = sent
        elif sent.state is State.STORED and self._on_delivered is not None:
            self._on_delivered(sent)
        elif sent.state is State.REFUSED:
            self._on_notice(Notice("queued_entry_refused", sequence=sent.entry.sequence, reason=sent.reason))
