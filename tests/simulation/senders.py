"""Simulates processes that send, and installations: an outbox with the processes that use it."""

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial

from tests.simulation.disks import OutboxDisk
from tests.simulation.history import Violation
from tests.simulation.lan import Lan
from tests.simulation.processes import JoinAgain, Process
from tests.simulation.witness import Written, written
from udpnote.client.client import Client
from udpnote.client.sending.results import SentEntry, State
from udpnote.errors import EntryRefused, Queued
from udpnote.model.entry import Entry

HOUR_MICROSECONDS = 3_600_000_000

STREAM_RATE = 0.4  # the share of calls that wait for more texts of their user, as at the end of a pipe

Job = Callable[[Client], None]


class SendingProcess(Process):
    """One process, which does the jobs that its user gives it, one after the other."""

    trade = "sender"

    def __init__(self, installation: "Installation", lan: Lan, *, host: str) -> None:
        super().__init__(lan, installation.outbox, host=host, ended=installation.process_ended, notebook_id=installation.wanted)
        self._installation = installation
        self._jobs: deque[Job] = deque()
        self._texts: deque[str] = deque()
        self._unsettled = 0
        self._is_idle = self._is_streaming = False
        self.is_ending = False

    @property
    def wall_error_microseconds(self) -> int:
        return self._installation.wall_error_microseconds

    @property
    def is_idle(self) -> bool:
        """Whether the process has nothing to do: no job, and no note whose outcome is still open."""
        return not self._jobs and not self._texts and (self._is_idle or (self._is_streaming and not self._unsettled))

    def do(self, job: Job) -> None:
        """Let the process do `job` after the jobs that it was given before."""
        self._jobs.append(job)
        self._go_on()

    def write(self, texts: list[str]) -> None:
        """Let notes be sent: by the present call of `send_many` if it waits for more texts, or else by another call."""
        if not self._is_streaming:
            self.do(partial(self._send_notes, texts))
            return
        if not self._unsettled:
            self.endpoint.pace.begin(self._lan.clock.now)
        self._texts += texts
        self._go_on()

    def finish(self) -> None:
        """Let the process end when its jobs are done."""
        self.is_ending = True
        self._go_on()

    def wrote(self, entries: list[Entry]) -> None:
        self._lan.witness.wrote(entries)
        self._installation.written += map(written, entries)

    def _go_on(self) -> None:
        """Resume the process if it waits for a job. If not, wake its call that waits for datagrams."""
        if self._is_idle:
            self._is_idle = False
            self.resume()
        else:
            self.endpoint.wake()

    def _work(self, client: Client) -> None:
        while True:
            while self._jobs:
                self._do(self._jobs.popleft(), client)
            if self.is_ending:
                return
            self._is_idle = True
            self.pause()

    def _do(self, job: Job, client: Client) -> None:
        self.endpoint.pace.begin(self._lan.clock.now)
        try:
            self._attempt(job, client)
        except Queued as queued:
            self._take_reason(queued.notice.kind)
        except EntryRefused:
            self._lan.coverage["user told of a refusal"] += 1

    def _send_notes(self, texts: list[str], client: Client) -> None:
        self._is_streaming = self._lan.random.random() < STREAM_RATE
        self._texts += texts
        try:
            for sent in client.send_many(self._stream(), author=self._installation.author, wait=self.wait_seconds):
                self._unsettled -= 1
                self._take_sent(sent)
        finally:
            self._is_streaming, self._unsettled = False, 0

    def _stream(self) -> Iterator[str | None]:
        """Yield the texts for one call of `send_many`; None means that more may follow later."""
        while True:
            while self._texts:
                self._unsettled += 1
                yield self._texts.popleft()
            if not self._is_streaming or self._jobs or self.is_ending:
                self._is_streaming = False
                return
            yield None

    def revise(self, number: int, text: str | None, client: Client) -> None:
        """A job: revise the entry `number`, or delete it (None)."""
        author, wait = self._installation.author, self.wait_seconds
        if text is None:
            self._take_sent(client.delete(number, author=author, wait=wait))
        else:
            self._take_sent(client.revise(number, text, author=author, wait=wait))

    def join(self, client: Client) -> None:
        """A job: join the notebook with its present key."""
        if self.joins(client):
            self.deliver(client)
        else:
            self._installation.join_again.later()

    def deliver(self, client: Client) -> None:
        """A job: deliver the entries that wait in the outbox."""
        client.deliver(wait=self.wait_seconds)

    def _take_sent(self, sent: SentEntry) -> None:
        """Check and count the outcome of an entry that the client tells its user."""
        if sent.number is not None:
            self._lan.witness.acknowledged(sent.entry, sent.number)
        elif sent.state is State.QUEUED and sent.reason is not None:
            self._take_reason(sent.reason.kind)

    def _take_reason(self, kind: str) -> None:
        """Count why an entry waits in the outbox, and check that the reason is right."""
        match kind:
            case "notebook_disk_full":
                self._lan.count("entry postponed")
                if not self._lan.was_full:
                    raise Violation("an entry was refused for space that there was")
            case "key_changed":
                self._learn_of_new_key()
            case _:
                self._lan.count(f"entry queued: {kind}")

    def _learn_of_new_key(self) -> None:
        super()._learn_of_new_key()
        self._installation.join_again.later()


class Installation:
    """The outbox of one user, and the processes that use it. If `is_short_lived` is true, each command has its own process.

    `wanted` is the notebook id, in hexadecimal digits, that each process gives to its client, or None.
    """

    def __init__(self, lan: Lan, outbox: OutboxDisk, *, host: str, is_short_lived: bool, wanted: str | None) -> None:
        self._lan = lan
        self.outbox = outbox
        self.wanted = wanted
        self.written: list[Written] = []
        self._host = host
        self._is_short_lived = is_short_lived
        self._processes: list[SendingProcess] = []
        self._is_shared = False
        self.join_again = JoinAgain(lan, outbox, self._join)
        self.wall_error_microseconds = 0

    @property
    def is_settled(self) -> bool:
        """Whether nothing waits in the outbox, and no process is busy. Refused entries do not wait."""
        waits = any(each.refused is None for each in self.outbox.waiting_counts())
        return not waits and not self.join_again.is_due and all(process.is_idle for process in self._processes)

    @property
    def author(self) -> str:
        return f"王芳@{self._host}"

    def start(self) -> None:
        """Start one more process, and let it deliver the entries that wait."""
        process = self._start()
        process.do(process.deliver)

    def command(self) -> None:
        """Let a process deliver the entries that wait; start one if there is none."""
        process = self._process()
        process.do(process.deliver)

    def write(self, texts: list[str]) -> None:
        process = self._process()
        process.write(texts)
        if self._is_short_lived:
            process.finish()

    def revise(self, number: int, text: str | None) -> None:
        process = self._process()
        process.do(partial(process.revise, number, text))
        if self._is_short_lived:
            process.finish()

    def jump_clock(self) -> None:
        """Set the wall clock wrong, by up to ten hours."""
        self._lan.count("client clock jumped")
        self.wall_error_microseconds = self._lan.random.randint(-10 * HOUR_MICROSECONDS, 10 * HOUR_MICROSECONDS)

    def lose_power(self) -> None:
        """End all processes at once. The outbox loses its writes that were not durable yet."""
        self._lan.count("power lost")
        for process in list(self._processes):
            process.crash()
        before = sum(each.entries for each in self.outbox.waiting_counts())
        self.outbox.lose_power()
        after = sum(each.entries for each in self.outbox.waiting_counts())
        self._lan.coverage["removal undone by a power failure"] += after - before

    def crash(self) -> None:
        if self._processes:
            self._lan.count("sender crashed at rest")
            self._lan.random.choice(self._processes).crash()

    def move(self, host: str) -> None:
        self._host = host
        for process in self._processes:
            process.endpoint.move(host)

    def copy(self, *, host: str) -> "Installation":
        """Make a second installation with the same content, as when a virtual machine is copied."""
        outbox, is_short_lived = self.outbox.copy(), self._is_short_lived
        copy = Installation(self._lan, outbox, host=host, is_short_lived=is_short_lived, wanted=self.wanted)
        self._is_shared = copy._is_shared = True
        return copy

    def check(self) -> None:
        """Check that no entry has left the outbox before it was stored, and that revisions were stored in order.

        The order is not checked if processes share the outbox, or a copy of it: they do not know each other's order.
        """
        self._lan.witness.look_into_outbox(self.outbox, self.written)
        if not self._is_shared:
            self._lan.witness.look_at_order(self.written)

    def process_ended(self, process: SendingProcess) -> None:
        self._processes.remove(process)
        self.check()
        if self._lan.client_crash_rate:
            self._lan.clock.after(self._lan.random.uniform(0.0, 10.0), self._restart)

    def _process(self) -> SendingProcess:
        open_ones = [process for process in self._processes if not process.is_ending]
        return self._lan.random.choice(open_ones) if open_ones else self._start()

    def _start(self) -> SendingProcess:
        self._is_shared = self._is_shared or bool(self._processes)
        process = SendingProcess(self, self._lan, host=self._host)
        self._processes.append(process)
        process.resume()
        return process

    def _join(self) -> None:
        process = self._process()
        process.do(process.join)

    def _restart(self) -> None:
        if not self._processes:
            self.start()
