"""What goes into a call that sends, and what comes out: texts, and what became of each."""

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from udpnote.courier import address_of
from udpnote.entry import Entry, check_text
from udpnote.errors import InvalidEntry
from udpnote.lan.datagrams import format_host
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
    """Texts as they come: checked, and taken a chunk at a time."""

    def __init__(self, texts: Iterator[str | None]) -> None:
        self._texts = texts
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
