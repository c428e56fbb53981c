"""What goes into a call that sends, and what comes out: texts, and what became of each."""

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from udpnote.errors import InvalidEntry
from udpnote.model.entry import Entry, Kind, check_text


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
