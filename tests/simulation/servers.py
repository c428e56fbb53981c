"""Simulates the host of a server: it gives a real request handler datagrams and time, and may crash between any two steps."""

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import TypeVar

from tests.simulation.disks import NotebookDisk
from tests.simulation.history import Violation
from tests.simulation.lan import Lan
from tests.simulation.seals import Seals
from tests.simulation.traffic import Balance
from tests.support.later_searcher import LaterSearcher
from udpnote.errors import StorageError
from udpnote.model.address import Address, Datagram
from udpnote.protocol.reception import Envelopes
from udpnote.server.loop import HOUSEKEEPING_SECONDS, QUIET_SECONDS, STORAGE_RETRY_SECONDS
from udpnote.server.request_handler import RequestHandler

BATCH_SECONDS = (0.0, 0.003)  # from the first datagram of a batch to its commit
PAUSE_SECONDS = (0.0, 0.01)  # the pause between two slices of time for readers
SEARCH_SECONDS = (0.0, 0.5)  # how long a search takes
INDEXING_SECONDS = (0.0, 0.05)  # the pause between two slices of time for the index
SPENT_RATES = (0.0, 0.05, 0.3, 1.0)  # each time the handler asks, the probability that its slice of time is over
BUFFERED_DATAGRAMS_MAX = 1000  # what arrives while the server is busy or hangs, and does not fit into its buffer, is lost
REMEMBERED_RATE = 0.3  # how often the index is remembered, so that a crash can set it back to this state

SEALED_DROPS = ["unsealed", "truncated", "oversized", "strange", "forged", "old key", "early", "too many reads"]
SEALED_DROPS += ["too many searches"]
"""The reasons for which the server of a sealed notebook may drop a datagram. Others come from the decoder, which must not see
datagrams of strangers."""

DAY_MICROSECONDS = 86_400_000_000

_T = TypeVar("_T")


class _LaterSearcher(LaterSearcher):
    """Runs each search some time after it was submitted, and then calls `on_done`. If `is_gone` is true by then, does neither.

    The server sets `is_gone` when it crashes.
    """

    def __init__(self, lan: Lan, on_done: Callable[[], None]) -> None:
        super().__init__()
        self._lan, self._on_done = lan, on_done
        self.is_gone = False

    def submit(self, job: Callable[[], _T], /) -> "Future[_T]":
        future = super().submit(job)
        self._lan.clock.after(self._lan.random.uniform(*SEARCH_SECONDS), partial(self._search, self.jobs.pop()))
        return future

    def finish(self, future: "Future[_T]", /) -> None:
        """Wait for nothing: an index in memory is closed at once."""

    def _search(self, search: Callable[[], None]) -> None:
        cancelled = self.cancelled
        if not self.is_gone:
            search()
        if self.is_gone or self.cancelled > cancelled:
            self._lan.coverage["search for nobody"] += 1
        else:
            self._on_done()


class ServerHost:
    """Serves `notebook` at `addresses`. A crash loses everything except the notebook."""

    def __init__(self, lan: Lan, notebook: NotebookDisk, addresses: list[Address]) -> None:
        self._lan = lan
        self._notebook = notebook
        self.addresses = addresses
        self._clock_error = 0
        self._clock_offset = lan.random.uniform(0.0, 1e6)
        self._seals = lan.seals if notebook is lan.notebook else Seals(lan.random, is_sealed=False)
        if notebook is lan.notebook:
            lan.server_hosts = {address[0] for address in addresses}
        self._timer = 0
        self.is_up = False
        self.start()
        lan.clock.after(lan.random.uniform(0.0, HOUSEKEEPING_SECONDS), self._keep_house)

    def start(self) -> None:
        if self.is_up:
            return
        self.is_up = True
        self._hangs_until = 0.0
        self._notebook.reopen(self._lan.random)
        self._searcher = _LaterSearcher(self._lan, lambda: self._wake_by(self._lan.clock.now))
        self._handler = RequestHandler(self._notebook, self._envelopes(), executor=self._searcher)
        self._balance = Balance(self._seals)
        self._inbox: list[Datagram] = []
        self._wake_at = float("inf")
        self._indexing_at = self._lan.clock.now
        for address in self.addresses:
            self._lan.network.attach(address, self._receive, hears_broadcasts=True)
        self._lan.tell("server at {}: up", self.addresses[0])
        self._sleep()

    def look_at_keys(self) -> None:
        """Let the server, if it runs, use the keys that are accepted now."""
        if self.is_up:
            self._handler.use_envelopes(self._envelopes())

    def _envelopes(self) -> Envelopes:
        return self._seals.of_server(self._lan.clock.now)

    def crash(self) -> None:
        """End the server at once. What it has received and not handled is lost."""
        self._inbox = []
        self.is_up = False
        self._searcher.is_gone = True
        for address in self.addresses:
            self._lan.network.detach(address, self._receive)

    def hang(self, until: float) -> None:
        """Do nothing until the time `until`. What arrives waits, as far as there is room."""
        self._hangs_until = until

    def move(self, addresses: list[Address]) -> None:
        """Listen at `addresses` from the next start on."""
        assert not self.is_up, "a server does not move while it runs"
        self._lan.server_hosts = {address[0] for address in addresses}
        self.addresses = addresses

    def jump_clock(self) -> None:
        """Set the wall clock wrong, by up to ten days."""
        self._clock_error = self._lan.random.randint(-10 * DAY_MICROSECONDS, 10 * DAY_MICROSECONDS)
        self._lan.clock.after(self._lan.random.uniform(0.0, 0.005), self._expire_partial_entries)

    def _wall_clock(self) -> int:
        return self._lan.clock.wall_microseconds + self._clock_error

    def _receive(self, data: bytes, source: Address) -> None:
        if len(self._inbox) < BUFFERED_DATAGRAMS_MAX:
            self._inbox.append((data, source))
        self._wake_by(self._lan.clock.now + self._lan.random.uniform(*BATCH_SECONDS))

    def _wake_by(self, time: float) -> None:
        """Make sure that `_serve` is called at `time` at the latest."""
        if time < self._wake_at:
            self._timer += 1
            self._wake_at = time
            self._lan.clock.at(time, partial(self._serve, self._timer))

    def _serve(self, timer: int) -> None:
        """Handle the datagrams in the inbox as one batch, and serve readers. If the inbox is empty, extend the index.

        Do nothing if `_wake_by` has asked for another call since: then `timer` is not the number of the latest one.
        """
        if not self.is_up or timer != self._timer:
            return
        self._wake_at = float("inf")
        if self._lan.clock.now < self._hangs_until:
            self._wake_by(self._hangs_until)
            return
        batch, self._inbox = self._inbox, []
        if batch:
            self._indexing_at = self._lan.clock.now + QUIET_SECONDS
            self._handle(batch)
        if self.is_up:
            self._serve_readers(has_batch=bool(batch))
        if self.is_up and not batch:
            self._keep_index()
        if self.is_up:
            self._sleep()

    def _handle(self, batch: list[Datagram]) -> None:
        if self._dies("server crashed before the commit"):
            return
        self._balance.received(batch)
        answers = self._handler.handle(batch, self._wall_clock())
        self._lan.coverage["write failed"] += self._handler.take_failure() is not None
        self._balance.answered(answers)
        self._lan.witness.look_into_notebook()
        if answers and self._dies("server crashed between commit and acknowledgement"):
            return
        self._send(answers)

    def _serve_readers(self, *, has_batch: bool) -> None:
        is_repeating = not has_batch and not self._handler.has_readers
        if self._handler.has_readers and self._dies("server crashed before serving readers"):
            return
        pages = self._handler.serve_readers(self._now(), self._spending())
        self._lan.coverage["reading failed"] += self._handler.take_failure() is not None
        self._balance.served(pages)
        self._lan.coverage["page repeated by a timer"] += is_repeating and len(pages)
        self._lan.coverage["slice ended with readers left"] += self._handler.has_readers
        self._lan.coverage["reader waits for a search"] += bool(self._handler._pager._searching)
        for reason, count in self._handler.drops().items():
            self._lan.coverage[f"server dropped: {reason}"] += count
            if self._seals.are_used and reason not in SEALED_DROPS:
                raise Violation(f"a stranger's datagram got as far as being found {reason}")
        if pages and self._dies("server crashed between reading and sending"):
            return
        self._send(pages)

    def _keep_index(self) -> None:
        """Index some entries, unless there is something more urgent to do. The server may crash after that."""
        if self._lan.clock.now < self._indexing_at or self._handler.is_indexed or self._handler.has_readers:
            return
        try:
            self._handler.update_index(self._spending())
        except StorageError:
            self._indexing_at = self._lan.clock.now + STORAGE_RETRY_SECONDS
        if self._lan.random.random() < REMEMBERED_RATE:
            self._notebook.remember_index()
        self._dies("server crashed after indexing")

    def _sleep(self) -> None:
        """Wait for datagrams, or until something is due."""
        now, random = self._lan.clock.now, self._lan.random
        if self._handler.has_readers:
            self._wake_by(now + random.uniform(*PAUSE_SECONDS))
        elif not self._handler.is_indexed:
            self._wake_by(max(now, self._indexing_at) + random.uniform(*INDEXING_SECONDS))
        timeout = self._handler.next_timeout()
        if timeout is not None:
            self._wake_by(max(timeout - self._clock_offset, now) + random.uniform(*BATCH_SECONDS))

    def _spending(self) -> Callable[[], bool]:
        """Make a function `is_time_up` that returns True at random, seldom or often."""
        random = self._lan.random
        rate = random.choice(SPENT_RATES)
        return lambda: random.random() < rate

    def _now(self) -> float:
        return self._lan.clock.now + self._clock_offset

    def _send(self, datagrams: list[Datagram]) -> None:
        for data, destination in datagrams:
            self._lan.network.send(data, self._lan.random.choice(self.addresses), destination)

    def _dies(self, where: str) -> bool:
        """Decide at random whether the server crashes here, at `where`. If it does, it starts again later."""
        if not self._lan.happens(self._lan.server_crash_rate, where):
            return False
        self.crash()
        self._lan.clock.after(self._lan.random.uniform(0.0, 10.0), self.start)
        return True

    def _keep_house(self) -> None:
        """Remove partial entries that are too old, now and every `HOUSEKEEPING_SECONDS`."""
        self._lan.clock.after(HOUSEKEEPING_SECONDS, self._keep_house)
        self._expire_partial_entries()

    def _expire_partial_entries(self) -> None:
        if self.is_up:
            with suppress(StorageError):
                self._notebook.expire_partial_entries(self._wall_clock())
