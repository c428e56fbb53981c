"""The loop of a server: waits for datagrams, stores the entries in them, sends answers, and does all other work in between.

One thread runs the loop: it waits for a datagram, takes all that have arrived, decodes them, stores their entries in one
transaction with one fsync, then sends the acknowledgements. The more datagrams arrive, the more entries share one fsync.

Between the batches the loop serves *readers*: clients that ask for notes, with READ messages. It does so in short slices of
time, so a query delays an acknowledgement by at most one slice and one step of a lookup. Only searches in the full-text index
have long steps, so another thread does them. While entries keep coming, readers get a fixed share of the time: reading a
million entries must not delay writing one. When nothing arrives, the loop updates the search index, also in slices.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from udpnote.errors import NotebookLost, Notice, StorageError
from udpnote.lan.listening_endpoint import ListeningEndpoint
from udpnote.machine.clock import wall_microseconds
from udpnote.model.address import Datagram
from udpnote.model.entry import StoredEntry
from udpnote.protocol.reception import OPEN_ENVELOPES, Envelopes
from udpnote.server.arrivals import Arrivals
from udpnote.server.request_handler import RequestHandler
from udpnote.storage.index.search_worker import Executor
from udpnote.storage.notebook.notebook import Notebook
from udpnote.storage.text_mirror import TextMirror

if TYPE_CHECKING:
    from udpnote.server.sealing import SealingKeys


HOUSEKEEPING_SECONDS = 60.0
"""The time between two rounds of housekeeping (see `Loop._clean_up`), and between two notices about an error of the disk."""

READING_SLICE_SECONDS = 0.002
"""How long the loop serves readers before it receives datagrams again. A step of a lookup that has begun is finished first."""

BUSY_READING_SLICE_SECONDS = 0.001
"""The same as `READING_SLICE_SECONDS`, but while entries keep coming (see `KEEP_COMING_SECONDS`)."""

READING_PAUSE_RATIO = 7
"""While entries keep coming, the pause after a slice for readers is this many times as long as the slice."""

PAUSE_SECONDS_MAX = 0.1
"""The longest pause after a slice. If the process was stopped during the slice, or waited for a processor, the slice seems
long, but has taken no work. Without this limit, readers would get no answer for seconds, and look for another server."""

INDEXING_SLICE_SECONDS = 0.004
"""How long the loop updates the search index before it receives datagrams again."""

QUIET_SECONDS = 0.05
"""The loop updates the search index when no datagram has arrived for this long."""

KEYS_SECONDS = 1.0
"""The time between two readings of a sealed notebook's key file. It is short, so that a revoked key soon stops working."""

STORAGE_RETRY_SECONDS = 1.0
"""For this long after an error of the disk, the loop neither serves readers nor updates the index, because more attempts do not
repair a disk. If storing or looking up for a client fails, there is no such pause, because the answer tells the client."""


class Loop:
    """Serves `notebook` to the clients whose datagrams arrive at `endpoint`. The owner of the loop calls `run_once` repeatedly.

    `sealing_keys` has the notebook's keys; None if it is not sealed. `text_file` keeps a copy of the notes, or is None.
    `executor` does the searches and checkpoints of the search index. `on_stored` and `on_notice` have the same meaning
    as in `Server`. `monotonic` gives the time.
    """

    def __init__(
        self,
        endpoint: ListeningEndpoint,
        notebook: Notebook,
        *,
        sealing_keys: "SealingKeys | None",
        text_file: TextMirror | None,
        executor: Executor,
        on_stored: Callable[[StoredEntry], None] | None,
        on_notice: Callable[[Notice], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        now = monotonic()
        self._endpoint = endpoint
        self._notebook = notebook
        self._sealing_keys = sealing_keys
        self._text_file = text_file
        self._on_stored = on_stored
        self._on_notice = on_notice
        self._monotonic = monotonic
        self._envelopes = self._current_envelopes()
        self._handler = RequestHandler(notebook, self._envelopes, executor=executor)
        self._schedule = Schedule()
        self._arrivals = Arrivals(endpoint)
        self._announced = notebook.last_number
        self._keys_at = now + KEYS_SECONDS if sealing_keys is not None else float("inf")
        self._key_file_error: StorageError | None = None
        self._housekeeping_at = now + HOUSEKEEPING_SECONDS
        self._next_failure_notice_at = 0.0

    def run_once(self) -> None:
        """Do one round of the loop: wait for datagrams or other work, and do it. If the disk fails, report that and return.

        Raises `NotebookLost` if the notebook's file is not in its place any more.
        """
        batch = self._arrivals.next_batch(max(0.0, self._due_at() - self._monotonic()))
        try:
            if batch:
                self._answer(batch)
            self._serve_readers()
            if not batch and self._notebook.is_checkpoint_running:
                self._notebook.check_file()  # ends the checkpoint, if the other thread has done its part of it
            if not batch or self._handler.is_index_awaited:
                self._update_index()
            if (now := self._monotonic()) >= self._keys_at:
                self._read_keys()
            if now >= self._housekeeping_at:
                self._clean_up()
            failure = self._handler.take_failure()
        except NotebookLost:
            raise
        except StorageError as error:
            self._schedule.postpone(self._monotonic() + STORAGE_RETRY_SECONDS)
            failure = error
        if failure is not None:
            self._report(failure)

    def _due_at(self) -> float:
        """The monotonic time at which the loop next has something to do even if no datagram arrives."""
        due_at = min(self._housekeeping_at, self._keys_at)
        if self._handler.has_readers:
            due_at = min(due_at, self._schedule.reading_at)
        if self._is_indexing_next:
            due_at = min(due_at, self._schedule.indexing_at)
        if self._notebook.is_checkpoint_running:
            due_at = min(due_at, self._monotonic() + QUIET_SECONDS)
        timeout = self._handler.next_timeout()
        return due_at if timeout is None else min(due_at, timeout)

    def _answer(self, batch: list[Datagram]) -> None:
        """Store the entries in the batch, send the acknowledgements and other answers, then announce the new entries.

        The loop then does not update the search index for `QUIET_SECONDS`, unless a reader waits for the index.
        """
        if not self._handler.is_index_awaited:
            self._schedule.delay_indexing(self._monotonic() + QUIET_SECONDS)
        before = self._notebook.last_number
        self._endpoint.send(self._handler.handle(batch, wall_microseconds(), unsent=self._endpoint.unsent))
        if self._notebook.last_number > before:
            self._schedule.stored_at = self._monotonic()
            self._announce()

    def _announce(self) -> None:
        """Tell the text file's thread that there are new entries, and call `on_stored` with each new entry."""
        if self._text_file is not None:
            self._text_file.update()
        if self._on_stored is not None:
            for stored in self._notebook.entries_after(self._announced):
                self._on_stored(stored)
            self._announced = self._notebook.last_number

    def _serve_readers(self) -> None:
        """Serve readers for a slice of time. While entries keep coming, a pause follows, in which this does nothing."""
        now = self._monotonic()
        if now < self._schedule.reading_at and self._handler.has_readers:
            return
        is_busy = self._schedule.is_busy(now)
        until = now + (BUSY_READING_SLICE_SECONDS if is_busy else READING_SLICE_SECONDS)
        self._endpoint.send(self._handler.serve_readers(now, lambda: self._monotonic() >= until))
        if is_busy:
            end = self._monotonic()
            self._schedule.reading_at = end + pause_after(end - now, ratio=READING_PAUSE_RATIO)

    @property
    def _is_indexing_next(self) -> bool:
        """Whether the index lacks entries and may be updated now: no reader is to be served, or one waits for the index."""
        return not self._handler.is_indexed and (self._handler.is_index_awaited or not self._handler.has_readers)

    def _update_index(self) -> None:
        """Update the search index for a slice of time, if nothing has arrived for a while or a reader waits for the index.

        While entries keep coming, a pause as long as the slice follows.
        """
        now = self._monotonic()
        if now < self._schedule.indexing_at or not self._is_indexing_next:
            return
        until = now + INDEXING_SLICE_SECONDS
        index = self._notebook.lookup.index
        before = index.transactions
        self._handler.update_index(lambda: self._monotonic() >= until)
        end = self._monotonic()
        if self._schedule.is_busy(end):
            self._schedule.delay_indexing(end + pause_after(end - now, ratio=1))
        if index.transactions == before:  # its disk is full, or another process has locked it: try again later
            self._schedule.delay_indexing(self._monotonic() + QUIET_SECONDS)

    def _read_keys(self) -> None:
        """Read the key file again, use its keys, and record in the notebook which key is used. If that is a new key, report it.

        If the file cannot be read, keep the keys, and report the error, unless the last reading had the same error.
        """
        assert self._sealing_keys is not None, "an open notebook has no keys"
        self._keys_at = self._monotonic() + KEYS_SECONDS
        try:
            if self._sealing_keys.read_again():
                self._on_notice(Notice("notebook_key_changed"))
            self._key_file_error = None
        except StorageError as error:
            if self._key_file_error is None or error.notice != self._key_file_error.notice:
                self._key_file_error = error
                self._on_notice(Notice("key_file_not_read", error=error))
        if (envelopes := self._current_envelopes()) != self._envelopes:
            self._envelopes = envelopes
            self._handler.use_envelopes(envelopes)
        self._sealing_keys.record_use(self._notebook)

    def _current_envelopes(self) -> Envelopes:
        return self._sealing_keys.envelopes(wall_microseconds()) if self._sealing_keys is not None else OPEN_ENVELOPES

    def _clean_up(self) -> None:
        """Do the housekeeping: use new interfaces, report drops and a full disk, remove incomplete entries that have expired.

        Also copies the notebook's log into its file if that is due. Raises `NotebookLost` if the notebook's file is not in its
        place any more.
        """
        self._housekeeping_at = self._monotonic() + HOUSEKEEPING_SECONDS
        self._endpoint.join_new_interfaces()
        for notice in self._handler.notices(self._arrivals.drops()):
            self._on_notice(notice)
        self._notebook.check_file()
        self._notebook.expire_partial_entries(wall_microseconds())

    def _report(self, error: StorageError) -> None:
        """Report `error`, which the disk has caused, unless an error was reported in the last minute."""
        now = self._monotonic()
        if now >= self._next_failure_notice_at:
            self._next_failure_notice_at = now + HOUSEKEEPING_SECONDS
            self._on_notice(Notice("storage_fails", error=error))


KEEP_COMING_SECONDS = 0.1
"""While the latest entry was stored less than this time ago, entries "keep coming" (see `Schedule.is_busy`)."""


def pause_after(slice_seconds: float, *, ratio: int) -> float:
    """How long the loop pauses, in seconds, after a slice of `slice_seconds`: `ratio` times as long, but not too long."""
    return min(ratio * slice_seconds, PAUSE_SECONDS_MAX)


class Schedule:
    """When the loop may next serve readers (`reading_at`) and update the search index (`indexing_at`).

    `stored_at` is when the loop stored the latest entry. All times are monotonic, in seconds.
    """

    def __init__(self) -> None:
        self.reading_at = 0.0
        self.indexing_at = 0.0
        self.stored_at = float("-inf")
        self._postponed_to = 0.0

    def postpone(self, until: float) -> None:
        """After an error of the disk, let the loop neither serve readers nor update the index before `until`."""
        self.reading_at = self.indexing_at = self._postponed_to = until

    def delay_indexing(self, until: float) -> None:
        """Do not let the loop update the index before `until`. If `postpone` has set a later time, that time counts."""
        self.indexing_at = max(until, self._postponed_to)

    def is_busy(self, now: float) -> bool:
        """Whether entries keep coming: the latest one was stored less than `KEEP_COMING_SECONDS` before `now`."""
        return now - self.stored_at < KEEP_COMING_SECONDS
