"""The promises, checked whenever something happens; what breaks one is a `Violation`."""

from typing import NamedTuple

from tests.simulation.disks import NotebookDisk, OutboxDisk
from udpnote.entry import Entry, StoredEntry
from udpnote.lan.datagrams import Address, Datagram
from udpnote.protocol.delivery import SILENT_INTERVAL_SECONDS
from udpnote.protocol.retransmission import RTO_MAX_SECONDS
from udpnote.protocol.wire import DISCOVER

UNHEARD_SECONDS = 20.0
"""Longer than any timeout that a round trip in the simulation's weather leads to: by then a silent server is known to be."""

UNHEARD_SECONDS_MAX = RTO_MAX_SECONDS + 1.0
"""The same where replays make round trips of minutes."""

CLOCK_ERROR_SECONDS = 1e-6
"""What sums and differences of seconds may be off by."""


FOUND_IN_VAIN_MAX = 4
"""How often a server that answers nothing but probes may be found in quick succession: up to here it is bad luck."""


def message_type(data: bytes) -> int:
    """What kind of message `data` is, if it is whole; 0 if it cannot be one."""
    return data[3] if len(data) > 3 and data[:2] == b"UN" else 0


class Violation(AssertionError):
    """A promise is broken."""


class Written(NamedTuple):
    """What a user wrote, without the identity, which may be exchanged."""

    author: str
    written_at: int
    utc_offset: int
    text: str


def written(entry: Entry) -> Written:
    return Written(entry.author, entry.written_at, entry.utc_offset, entry.text)


class Witness:
    """Knows what was written, what the notebook holds, and what was acknowledged. Every text is written only once."""

    def __init__(self, notebook: NotebookDisk) -> None:
        self._notebook = notebook
        self._written: dict[str, Written] = {}
        self._stored: dict[str, StoredEntry] = {}
        self._identities: set[tuple[bytes, int]] = set()
        self._acknowledged: set[str] = set()

    @property
    def entries(self) -> int:
        """How many entries were written."""
        return len(self._written)

    def wrote(self, entries: list[Entry]) -> None:
        """Users wrote `entries`, and their outbox has them."""
        for entry in entries:
            assert entry.text not in self._written, "the simulation wrote a text twice"
            self._written[entry.text] = written(entry)

    def look_into_notebook(self) -> None:
        """Check what was committed since the last look."""
        for stored in list(self._notebook.entries_after(len(self._stored))):
            self._check_stored(stored)

    def acknowledged(self, entry: Entry, number: int) -> None:
        """A client was told that `entry` is stored under `number`."""
        stored = next(self._notebook.entries_after(number - 1), None)
        if stored is None or stored.number != number:
            raise Violation(f"#{number} was acknowledged and is not in the notebook")
        if written(stored.entry) != written(entry):
            raise Violation(f"#{number} was acknowledged for another entry than the one it is")
        self._acknowledged.add(entry.text)

    def renewed(self, entry: Entry, renewed: Entry | None) -> None:
        """A client was told of a conflict, and cured it (None: another process did)."""
        if renewed is None:
            return
        if renewed.client_id == entry.client_id:
            raise Violation("a conflict was met with the identity that causes it")
        if written(renewed) != written(entry):
            raise Violation("an entry was changed with its identity")

    def look_into_outbox(self, outbox: OutboxDisk, texts: list[str]) -> None:
        """Check that of `texts`, which were put there, the ones without an acknowledgement are there still."""
        kept = {waiting.entry.text for waiting in outbox.listing()}
        for text in texts:
            if text not in kept and text not in self._acknowledged:
                raise Violation(f"{text[:20]!r} left its outbox without an acknowledgement")

    def look_at_all(self) -> None:
        """Check at the end that the notebook holds what was written, all of it, still the same, and nothing else."""
        stored = list(self._notebook.entries_after(0))
        if [each.number for each in stored] != list(range(1, len(stored) + 1)):
            raise Violation("the numbers have gaps")
        if {each.entry.text: each for each in stored} != self._stored or len(stored) != len(self._stored):
            raise Violation("what was stored has changed")
        missing = self._written.keys() - self._stored.keys()
        if missing:
            raise Violation(f"{len(missing)} entries are lost, among them {min(missing)[:20]!r}")

    def _check_stored(self, stored: StoredEntry) -> None:
        entry = stored.entry
        if stored.number != len(self._stored) + 1:
            raise Violation(f"#{stored.number} follows #{len(self._stored)}")
        if entry[:2] in self._identities:
            raise Violation(f"#{stored.number} has an identity that another entry has")
        if entry.text in self._stored:
            raise Violation(f"{entry.text[:20]!r} is stored twice, as #{self._stored[entry.text].number} and #{stored.number}")
        if self._written.get(entry.text) != written(entry):
            raise Violation(f"#{stored.number} holds what nobody wrote: {entry.text[:20]!r}")
        self._identities.add((entry.client_id, entry.sequence))
        self._stored[entry.text] = stored


class Balance:
    """What a server may send: to each address no more bytes than came from there since it answered last."""

    def __init__(self) -> None:
        self._received: dict[Address, int] = {}

    def received(self, batch: list[Datagram]) -> None:
        for data, source in batch:
            self._received[source] = self._received.get(source, 0) + len(data)

    def failed(self, batch: list[Datagram]) -> None:
        """The server could not store what came in `batch`, so it must not answer that; but it may still make its offers."""
        for data, source in batch:
            if message_type(data) != DISCOVER:
                self._received[source] -= len(data)

    def answered(self, answers: list[Datagram]) -> None:
        """The server handled what it received, with these answers."""
        for data, destination in answers:
            self._received[destination] = self._received.get(destination, 0) - len(data)
            if self._received[destination] < 0:
                raise Violation(f"the server amplifies: {-self._received[destination]} bytes more than {destination} sent")
        self._received.clear()


class Pace:
    """How fast one courier sends: hardly at all while its server is silent."""

    def __init__(self, now: float, *, unheard_seconds: float = UNHEARD_SECONDS) -> None:
        self._heard_at = now
        self._unheard_seconds = unheard_seconds
        self._sent_at = float("-inf")
        self._was_silent = False
        self._found_at = float("-inf")
        self._found_in_vain = 0

    def heard(self, now: float) -> None:
        """The server was heard, or began to be waited for."""
        self._heard_at = now

    def answered(self, now: float) -> None:
        """What was sent was answered."""
        self._heard_at = now
        self._found_in_vain = 0

    def found(self, now: float) -> None:
        """The server, which was silent, was found; it may fall silent again at once, and be found, but not on and on."""
        self._found_in_vain += 1
        if self._found_in_vain > FOUND_IN_VAIN_MAX and now - self._found_at + CLOCK_ERROR_SECONDS < SILENT_INTERVAL_SECONDS:
            raise Violation(f"found {self._found_in_vain} times without an answer, each time with a burst of APPENDs")
        self._found_at = now

    def sent(self, datagrams: int, now: float, *, is_silent: bool) -> None:
        """So many APPENDs leave (perhaps none), and then the courier takes its server for silent, or does not."""
        is_limited = (is_silent and self._was_silent) or now - self._heard_at > self._unheard_seconds
        if datagrams and is_limited:
            pause = now - self._sent_at + CLOCK_ERROR_SECONDS
            if datagrams > 1 or pause < SILENT_INTERVAL_SECONDS:
                raise Violation(f"{datagrams} APPENDs to a silent server, {pause:.3f} s after the one before")
        if datagrams:
            self._sent_at = now
        self._was_silent = is_silent
