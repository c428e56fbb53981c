"""What all parts of one simulation share: the clock, the random numbers, the network, the notebook, the witness, the trace."""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from tests.simulation.disks import NotebookDisk
from tests.simulation.seals import Seals
from tests.simulation.traffic import UNHEARD_SECONDS
from tests.simulation.witness import Witness
from tests.support.network import PORT, Clock, Network
from udpnote.errors import BadDatagram
from udpnote.model.address import Address
from udpnote.model.notebook import KnownNotebook
from udpnote.model.query import Cursor
from udpnote.protocol.codec.codec import decode
from udpnote.protocol.messages import Append, Run

if TYPE_CHECKING:
    from tests.simulation.processes import Process

Trace = Callable[[str], None]

SEALED_RATE = 0.5  # the share of sealed notebooks


class Lan:
    """The LAN of one seed. All random numbers come from `random`. `is_calm` says whether all faults have ended."""

    def __init__(self, seed: int, trace: Trace | None = None) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.clock = Clock()
        self.coverage: Counter[str] = Counter()
        self.network = Network(self.clock, self.random, self.coverage, self.tell)
        self.notebook = NotebookDisk(self.coverage)
        self.notebook.rename("simulated")
        self.notebook_id = self.notebook.notebook_id
        self.seals = Seals(self.random, is_sealed=self.random.random() < SEALED_RATE)
        self.server_hosts: set[str] = set()
        self.witness = Witness(self.notebook)
        self.client_crash_rate = 0.0
        self.server_crash_rate = 0.0
        self.was_full = self.is_calm = False
        self.processes: list[Process] = []
        self.sent: Counter[str] = Counter()
        self.unheard_seconds = UNHEARD_SECONDS
        self._hosts = 0
        self._trace = trace

    def known(self, host: str) -> KnownNotebook:
        return KnownNotebook(self.notebook_id, "simulated", host, PORT, 0, self.seals.key_id)

    def is_server(self, address: Address) -> bool:
        """Whether the notebook's server has this `address` now. Another server may have an address that it had earlier."""
        return address[0] in self.server_hosts

    def happens(self, rate: float, what: str) -> bool:
        """Decide at random, with the probability `rate`, whether `what` happens; if so, count it."""
        if rate and self.random.random() < rate:
            self.count(what)
            return True
        return False

    def count(self, what: str) -> None:
        self.coverage[what] += 1
        self.tell("{}", what)

    def new_host(self, network: str) -> str:
        """Return a new IP address in `network`, which is written as 10.0.1."""
        self._hosts += 1
        return f"{network}.{self._hosts}"

    def tell(self, line: str, *values: object) -> None:
        """Add `line`, a `str.format` template, to the trace. A datagram among `values` is described in words."""
        if self._trace is not None:
            self._trace(f"{self.clock.now:10.4f}  {line.format(*map(self._words, values))}")

    def _words(self, value: object) -> str:
        """Describe `value`. Of a datagram, only the numbers: client ids are not drawn from the seed, and texts are long."""
        if not isinstance(value, bytes):
            return str(value)
        try:
            message = decode(self.seals.opened(value) or value)
        except BadDatagram as bad:
            return f"{len(value)} bytes of noise ({bad.reason})"
        fields: tuple[object, ...] = message
        if isinstance(message, Append):
            fields = (*message, *message.part)
        elif isinstance(message, Run):
            fields = (message.attempt, *message.notes)  # the check depends on the client id, which is not drawn from the seed
        numbers = ", ".join(str(each) for each in fields if isinstance(each, int | Cursor))
        return f"{type(message).__name__.upper()} {numbers}"
