"""What goes into a call that sends, and what comes out: texts, and what became of each."""

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from udpnote.entry import Entry, Kind, Status, check_text
from udpnote.errors import InvalidEntry
from udpnote.lan.datagrams import format_host
from udpnote.rediscovery import address_of
from udpnote.storage.outbox import KnownNotebook

NOT_WAITED = "sent, and not waited for: kept in the outbox until `udpnote send` or `udpnote outbox --send` hears of it"
"""Why an entry is queued that nobody wanted to wait for."""


class State(Enum):
    """What became of an entry."""

    STORED = "stored"
    QUEUED = "queued"
    REFUSED = "refused"


class SentEntry(NamedTuple):
    """An entry and what became of it: its number where it is stored, else the reason."""

    entry: Entry
    state: State
    number: int | None
    reason: str | None


class Source:
    """Texts as they come: checked, and taken a chunk at a time; all of them for entries of one `kind`."""

    def __init__(self, texts: Iterator[str | None], *, kind: Kind = Kind.NOTE, revises: int = 0) -> None:
        self._texts = texts
        self.kind = kind
        self.revises = revises
        self.is_exhausted = False
        self.error: InvalidEntry | None = None

    def take(self, texts_max: int) -> list[str]:
        """The next texts, at most `texts_max`: fewer at a None, at the end, and before a text that is not valid."""
        taken: list[str] = []
        while not self.is_exhausted and len(taken) < texts_max:
            try:
                text = next(self._texts)
                if text is None:
                    break
                if self.kind is not Kind.DELETION:
                    check_text(text)
                taken.append(text)
            except StopIteration:
                self.is_exhausted = True
            except InvalidEntry as error:
                self.is_exhausted, self.error = True, error
        return taken


def silence_reason(notebook: KnownNotebook) -> str:
    """Why an entry is queued whose server does not answer."""
    where = format_host(address_of(notebook))
    return (
        f"no answer from {notebook.name} at {where} yet. Perhaps stored there, perhaps not: kept in the outbox, and delivered "
        "with the next entry or by `udpnote outbox --send`"
    )


def refusal_reason(entry: Entry, status: Status) -> str:
    """Why a notebook does not take an entry."""
    if entry.kind is not Kind.NOTE and status is Status.REFUSED:
        return f"there is no entry #{entry.revises} in the notebook"
    return f"the notebook will not take this entry ({status.name.lower().replace('_', ' ')})"
