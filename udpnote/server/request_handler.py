"""Handles each batch of datagrams for a server: connects the protocol with the storage, and reports dropped datagrams.

It uses no socket: `loop` receives the datagrams and sends the answers. A *reader* is a client that asks for notes: it sends
READs, and the handler answers each with one page of results (see "Reading is a pull" in `docs/design.md`).
"""

import os
from collections import Counter
from collections.abc import Callable

from udpnote.errors import NotebookLost, Notice, StorageError
from udpnote.model.address import Datagram
from udpnote.model.entry import NOTHING_SEEN, Arrival, SeenEntry, Status, Verdict
from udpnote.protocol.discovery import Offerer
from udpnote.protocol.examination import Reporter
from udpnote.protocol.messages import SERVER_ID_BYTES
from udpnote.protocol.paging.paging import Pager, ServeContext
from udpnote.protocol.reception import OPEN_ENVELOPES, Envelopes, Reception
from udpnote.storage.index.search_worker import Executor
from udpnote.storage.notebook.notebook import Notebook
from udpnote.version import __version__


class RequestHandler:
    """Handles the requests for one notebook: stores entries and answers readers.

    `envelopes` open the requests and seal the answers; the default is for an open notebook. Searches in the full-text index run
    in `executor`. If it is None, they run in the thread that calls `serve_readers`.
    """

    def __init__(self, notebook: Notebook, envelopes: Envelopes = OPEN_ENVELOPES, *, executor: Executor | None = None) -> None:
        self._notebook = notebook
        if executor is not None:
            notebook.lookup.index.use_executor(executor)
        self._refused_for_space = 0
        self._failure: StorageError | None = None
        self._is_time_up: Callable[[], bool] = lambda: True
        notebook_id, server_id = notebook.notebook_id, os.urandom(SERVER_ID_BYTES)
        offerer = Offerer(notebook_id=notebook_id, name=notebook.name, version=__version__, server_id=server_id)
        self._reporter = Reporter(notebook_id=notebook_id, server_id=server_id)
        self._pager = Pager(notebook_id)
        self._reception = Reception(
            notebook_id, offerer=offerer, reporter=self._reporter, pager=self._pager, envelopes=envelopes
        )

    def use_envelopes(self, envelopes: Envelopes) -> None:
        """Use `envelopes` from now on, because the notebook's keys have changed.

        This drops the unanswered READs that came in an envelope which is not accepted any more.
        """
        self._reception.use_envelopes(envelopes)

    def handle(self, batch: list[Datagram], now: int, *, unsent: int = 0) -> list[Datagram]:
        """Store the entries in a batch of datagrams, and return the answers to send. Each acknowledged entry is durable.

        READs in the batch are answered later, by `serve_readers`. `now` is the server's clock, in microseconds since 1970 UTC.
        `unsent` is how many answers the system has refused to send since the server's start, for `udpnote doctor`. If the
        notebook cannot be written, the answers say that, and `take_failure` returns the error. Raises `NotebookLost` if the
        notebook's file is not in its place any more; then no datagram of the batch is answered.
        """
        last_before = self._notebook.last_number
        self._reporter.begin_batch(now, unsent)
        for data, source in batch:
            self._reception.receive_datagram(data, source, entries=last_before)
        notes = self._reception.notes_to_store()
        if notes:
            verdicts = self._store(notes, now)
            self._reception.confirm_stored(verdicts)
            if self._notebook.last_number > last_before:
                self._pager.notice_stored(self._notebook.last_number)
        return self._reception.datagrams_to_send()

    @property
    def has_readers(self) -> bool:
        """Whether `serve_readers` has something to look up or to send now. READs that wait for new entries do not count."""
        return self._pager.is_busy

    def serve_readers(self, now: float, is_time_up: Callable[[], bool]) -> list[Datagram]:
        """Look up results for READs and return the pages to send. Stop when all are answered or `is_time_up()` is true.

        `now` is in seconds of a monotonic clock. If the notebook cannot be read, the pages say that, and `take_failure` returns
        the error.
        """
        self._pager.handle_timeout(now)
        self._is_time_up = is_time_up
        if self._pager.is_busy:
            lookup = self._notebook.lookup
            self._pager.serve(
                ServeContext(
                    # A lookup may continue in a later call, and must then use that call's `is_time_up`.
                    lambda query, start: lookup.answer(query, start, lambda: self._is_time_up()),
                    newest=self._newest(),
                    seen_at=self._notebook.seen_at,
                    now=now,
                    is_time_up=is_time_up,
                )
            )
        return self._pager.datagrams_to_send()

    def take_failure(self) -> StorageError | None:
        """Return an error of writing or reading the notebook, if there was one since the last call, else None.

        If there were several, this returns one of them, and forgets the others.
        """
        failure, self._failure, self._pager.failure = self._failure or self._pager.failure, None, None
        return failure

    def next_timeout(self) -> float | None:
        """The monotonic time at which to call `serve_readers` even if no datagram arrives; None if there is no such time."""
        return self._pager.next_timeout()

    def update_index(self, is_time_up: Callable[[], bool]) -> None:
        """Add new entries to the search index until it has all of them or `is_time_up()` is true."""
        self._notebook.lookup.index.catch_up(is_time_up)

    @property
    def is_indexed(self) -> bool:
        """Whether the search index has every entry."""
        return self._notebook.lookup.index.indexed == self._notebook.last_number

    @property
    def is_index_awaited(self) -> bool:
        """Whether a reader waits because the search index lacks entries."""
        return self._notebook.lookup.is_index_awaited and not self.is_indexed

    def drops(self) -> Counter[str]:
        """Return and reset the numbers of datagrams that were dropped, by reason."""
        return self._reception.drops() + self._pager.drops()

    def notices(self, other_drops: Counter[str]) -> list[Notice]:
        """Make the notices for the server's owner about what has happened since the last call, and reset the counts in them.

        There are at most two: one about dropped datagrams, and one about datagrams that could not be stored because the disk
        was full. `other_drops` counts, by reason, the datagrams that were dropped before they reached this handler.
        """
        notices = []
        drops = self.drops() + other_drops
        if drops:
            notices.append(Notice("datagrams_dropped", counts=dict(drops)))
        if self._refused_for_space:
            notices.append(Notice("entries_refused_disk_full", datagrams=self._refused_for_space, path=self._notebook.path))
            self._refused_for_space = 0
        return notices

    def _store(self, notes: list[Arrival], now: int) -> list[Verdict | None]:
        """Store `notes`, and return a verdict or None for each, in order (see `Notebook.store`).

        If the file cannot be written, all verdicts are NOT_WRITABLE. Before this raises `NotebookLost`, it drops the batch and
        the answers that are ready. For `now` see `handle`.
        """
        try:
            verdicts = self._notebook.store(notes, now)
            first = verdicts[0]
            if first is not None and first.status is Status.NO_SPACE:  # then all verdicts are NO_SPACE
                self._refused_for_space += len(verdicts)
            return verdicts
        except NotebookLost:
            self._reception.abandon_batch()
            raise
        except StorageError as error:
            self._failure = error
            return [Verdict(Status.NOT_WRITABLE, 0)] * len(notes)

    def _newest(self) -> SeenEntry:
        """The notebook's latest entry; `NOTHING_SEEN` if there is none or it cannot be read."""
        try:
            return self._notebook.newest
        except StorageError as error:
            self._failure = error
            return NOTHING_SEEN
