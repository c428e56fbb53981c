"""Simulates a process of a client: a thread that runs the real client, and may crash at any step, also of its outbox.

Only one thread runs at a time. The simulation resumes a process, which then runs until its client waits for datagrams or its
user has nothing more to do. Then the process hands control back. So a seed always takes the same course.
"""

import threading
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, ClassVar

from tests.simulation.disks import OutboxDisk, all_waiting
from tests.simulation.endpoints import ProcessEndpoint
from tests.simulation.lan import Lan
from udpnote.client.client import Client
from udpnote.errors import JoinedOrLeftMeanwhile, Notice, NotSealed, OldKey, ServerNotFound, StorageError
from udpnote.model.entry import Entry, Status
from udpnote.model.join_code import join_code
from udpnote.model.notebook import KnownNotebook
from udpnote.model.outbox_entries import StoredRun
from udpnote.storage.database import IN_MEMORY
from udpnote.storage.outbox.outbox import Outbox

UTC_OFFSET_MINUTES_MAX = 840

JOIN_SECONDS = (0.0, 10.0)  # from hearing that the key has changed until the user joins again, and between two attempts to join
PATIENT_SECONDS = 60.0  # how long users wait once all is well: longer than the longest pause of a search


class Crash(BaseException):
    """Ends the thread of a process at once, at any step."""


class OpenOutbox(Outbox):
    """The outbox on `disk`, as one process has opened it. Each change is checked, and the process may crash at any of them."""

    def __init__(self, disk: OutboxDisk, process: "Process", lan: Lan) -> None:
        self.path = IN_MEMORY
        self._file, self.writes = disk._file, disk.writes
        self.round_trips, self.revisions, self.keys = disk.round_trips, disk.revisions, disk.keys
        self._disk, self._process, self._lan = disk, process, lan

    def close(self) -> None:
        """Close nothing: the disk outlives the process."""

    def version(self) -> int:
        """Return the number of all changes. The real method sees only changes by other connections; here, all share one."""
        return self._file.connection.total_changes

    def add(self, texts: Sequence[str], **details: Any) -> list[Entry]:
        self._process.check_alive()
        entries = super().add(texts, **details)
        self._process.wrote(entries)
        self._process.may_crash("after adding to the outbox")
        return entries

    def remove(self, notebook_id: bytes, runs: Sequence[StoredRun]) -> None:
        if runs:
            self._process.may_crash("between an answer and removing the entry", times=4)
        self._process.check_alive()
        for entry in self._entries(list(chain.from_iterable([run.sequences for run in runs]))):
            self._lan.witness.removed(entry)
        super().remove(notebook_id, runs)

    def mark_refused(self, notebook_id: bytes | None, sequence: int, status: Status) -> None:
        self._process.check_alive()
        for entry in self._entries([sequence]):
            self._lan.witness.refused(entry, status)
        super().mark_refused(notebook_id, sequence, status)
        self._lan.count("revision refused")

    def renew(self, notebook_id: bytes, entry: Entry) -> Entry | None:
        self._process.check_alive()
        renewed = super().renew(notebook_id, entry)
        self._lan.witness.renewed(entry, renewed)
        self._lan.count("entry renewed" if renewed is not None else "entry renewed by another process")
        return renewed

    def join(self, notebook: KnownNotebook, key: bytes, *, server: str | None = None) -> None:
        self._process.check_alive()
        self._disk.join(notebook, key, server=server)

    def remember(self, notebook: KnownNotebook, *, may_choose: bool = False) -> KnownNotebook | None:
        self._process.check_alive()
        self._lan.coverage["notebook discovered"] += self.notebook(notebook.notebook_id) is None
        return super().remember(notebook, may_choose=may_choose)

    def _write_to_disk(self, entries: list[Entry], on_added: Callable[[list[Entry]], None] | None) -> None:
        self._lan.witness.begins_to_write(entries)
        super()._write_to_disk(entries, on_added)

    def make_durable(self) -> None:
        self._process.may_crash("before a change of the outbox was durable")
        self._disk.make_durable()

    def _entries(self, sequences: list[int]) -> list[Entry]:
        return [waiting.entry for waiting in all_waiting(self) if waiting.entry.sequence in sequences] if sequences else []


class Process:
    """One process of a client, from its start until it ends by itself or crashes. Then `ended` is called with the process.

    The process is also its client's clock: the monotonic clock begins with any number, and the wall clock may be wrong.
    """

    trade: ClassVar[str]
    """What kind of process this is, as the trace and the coverage name it."""

    waits_seconds: ClassVar[tuple[float, ...]] = (0.5, 3.0, 20.0, 60.0)
    """How long users wait for an answer."""

    def __init__(
        self, lan: Lan, outbox: OutboxDisk, *, host: str, ended: Callable[[Any], None], notebook_id: str | None = None
    ) -> None:
        self._lan, self.disk, self._ended, self._wanted = lan, outbox, ended, notebook_id
        self._time_offset = lan.random.uniform(0.0, 1e6)
        self._wait_seconds = lan.random.choice(self.waits_seconds)
        self.endpoint = ProcessEndpoint(lan, self, host=host)
        self.is_alive = True
        self.is_stopped = self._is_due = False
        self._stopped_at = 0.0
        self._is_crashed = False
        self._error: BaseException | None = None
        self._resumed, self._paused = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        lan.processes.append(self)
        lan.tell("{}: a {} starts", self.endpoint.address, self.trade)

    @property
    def wait_seconds(self) -> float:
        """How long the user of this process waits for an answer."""
        return PATIENT_SECONDS if self._lan.is_calm else self._wait_seconds

    @property
    def wall_error_microseconds(self) -> int:
        return 0

    def monotonic(self) -> float:
        return self._lan.clock.now + self._time_offset

    def microseconds(self) -> int:
        return self._lan.clock.wall_microseconds + self.wall_error_microseconds

    def utc_offset_minutes(self) -> int:
        return self._lan.random.randint(-UTC_OFFSET_MINUTES_MAX, UTC_OFFSET_MINUTES_MAX)

    def joins(self, client: Client) -> bool:
        """Join the notebook with the present key. Returns whether its server has answered."""
        seals = self._lan.seals
        assert seals.key_id is not None, "only who has a key can be told that it has changed"
        self.disk.key_ids.add(seals.key_id)
        try:
            client.join(join_code(seals.key))
        except ServerNotFound:
            return False
        return True

    def stop(self) -> None:
        """Stop the process, until `go_on` or `crash`."""
        self.is_stopped = True
        self._stopped_at = self._lan.clock.now

    def go_on(self, *, lost_seconds: float) -> None:
        """Let the stopped process go on. Its monotonic clock has stood still for `lost_seconds`."""
        if not self.is_alive:
            return
        self.is_stopped = False
        self._time_offset -= lost_seconds
        self.endpoint.pace.wake(paused_seconds=self._lan.clock.now - self._stopped_at, lost_seconds=lost_seconds)
        if self._is_due:
            self._is_due = False
            self.resume()

    def resume(self) -> None:
        """Let the process run until it waits or ends; later if it is stopped. Raises the exception that has ended it, if one
        has.
        """
        if self.is_stopped and not self._is_crashed:
            self._is_due = True
            return
        self._resumed.release()
        self._paused.acquire()
        if not self.is_alive:
            self._thread.join()
            self._lan.processes.remove(self)
            self.endpoint.close()
            self._lan.tell("{}: the {} ends", self.endpoint.address, self.trade)
            if self._error is not None:
                raise self._error
            self._ended(self)

    def crash(self) -> None:
        """End the process at once, wherever it waits."""
        self._is_crashed = True
        self.resume()

    def pause(self) -> None:
        """Hand control back to the simulation until the process is resumed; called by the process's thread."""
        self._paused.release()
        self._resumed.acquire()
        self.check_alive()

    def check_alive(self) -> None:
        """Raise `Crash` if the process has crashed, so that it does nothing more while its stack unwinds."""
        if self._is_crashed:
            raise Crash

    def may_crash(self, what: str, *, times: int = 1) -> None:
        """Crash here at random; this is `times` as likely as elsewhere."""
        if self._lan.happens(times * self._lan.client_crash_rate, f"{self.trade} crashed {what}"):
            self._is_crashed = True
        self.check_alive()

    def wrote(self, entries: list[Entry]) -> None:
        """Note that the user wrote `entries`, which are in the outbox now. Here, this does nothing."""

    def _run(self) -> None:
        """Run the process's thread, and keep the exception that has ended it, if one has, for `resume`."""
        try:
            self._resumed.acquire()
            self.check_alive()
            client = self._open()
            self._attempt(self._work, client)
            client.close()
        except Crash:
            pass
        except BaseException as error:  # noqa: BLE001 - the simulation's thread raises it again
            self._error = error
        finally:
            self.is_alive = False
            self._paused.release()

    def _attempt(self, work: Callable[[Client], None], client: Client) -> None:
        """Do `work`. It may fail: a server is silent, a key has changed, a disk fails, or another process joins a notebook."""
        try:
            work(client)
        except OldKey:
            self._learn_of_new_key()
        except (JoinedOrLeftMeanwhile, NotSealed, ServerNotFound, StorageError):
            self._lan.count(f"{self.trade}: gave up")

    def _open(self) -> Client:
        return Client(
            outbox=OpenOutbox(self.disk, self, self._lan),
            endpoint=self.endpoint,
            clock=self,
            random=self._lan.random,
            notebook=self._wanted,
            author=f"王芳@{self.endpoint.address[0]}",
            wait=self.wait_seconds,
            on_notice=self._take_notice,
        )

    def _work(self, client: Client) -> None:
        """What the process does, in its own thread, until it ends. Each subclass defines this."""
        raise NotImplementedError

    def _take_notice(self, notice: Notice) -> None:
        """Count what the client reports to its user, and pass it on to `Pace`."""
        match notice.kind:
            case "server_silent":
                self._lan.count(f"{self.trade}: server silent")
                self.endpoint.pace.begin_silence(self._lan.clock.now)
            case "server_found_again":
                self._lan.count(f"{self.trade}: server found again")
                self.endpoint.pace.found(self._lan.clock.now)
            case "impostor":
                self._lan.count("impostor reported")

    def _learn_of_new_key(self) -> None:
        """Count that the client was told of a new key. Raises `Violation` if the key has not changed."""
        self._lan.seals.check_told(self.disk.key_ids)
        self._lan.count(f"{self.trade}: key changed")


class JoinAgain:
    """Calls `join` some time after `later` was called, unless the client that uses `outbox` has the present key by then."""

    def __init__(self, lan: Lan, outbox: Outbox, join: Callable[[], None]) -> None:
        self._lan, self._outbox, self._join = lan, outbox, join
        self.is_due = False

    def later(self) -> None:
        """Call `join` some time from now, if it is still needed then."""
        if not self.is_due:
            self.is_due = True
            self._lan.clock.after(self._lan.random.uniform(*JOIN_SECONDS), self._now)

    def _now(self) -> None:
        self.is_due = False
        notebook = self._outbox.notebook(self._lan.notebook_id)
        if notebook is None or notebook.key_id != self._lan.seals.key_id:
            self._join()
