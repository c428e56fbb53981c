"""The server's handler: what is done with what arrives, and for whoever reads, without the network."""

from collections import Counter
from collections.abc import Callable

from udpnote.errors import StorageError
from udpnote.model.address import Address, Datagram
from udpnote.model.entry import Status
from udpnote.protocol.discovery import Offerer
from udpnote.protocol.paging import Pager, Work
from udpnote.protocol.reception import IN_THE_OPEN, Envelopes, Reception
from udpnote.storage.index.search_worker import Executor
from udpnote.storage.notebook.notebook import Notebook
from udpnote.version import __version__


class RequestHandler:
    """What a server does with a batch of datagrams, without the network: reception, reading and storage together.

    Whatever is to be searched for is left to `executor`, or else done at once, which may take long.
    """

    def __init__(self, notebook: Notebook, envelopes: Envelopes = IN_THE_OPEN, *, executor: Executor | None = None) -> None:
        self._notebook = notebook
        if executor is not None:
            notebook.lookup.index.search_in(executor)
        self._refused_for_space = 0
        self._is_spent: Callable[[], bool] = lambda: True
        offerer = Offerer(notebook_id=notebook.notebook_id, name=notebook.name, version=__version__)
        self._pager: Pager[Address] = Pager(notebook.notebook_id)
        self._reception: Reception[Address] = Reception(
            notebook.notebook_id, offerer=offerer, pager=self._pager, envelopes=envelopes
        )

    def use(self, envelopes: Envelopes) -> None:
        """Take requests in these envelopes from now on."""
        self._reception.use(envelopes)

    def handle(self, batch: list[Datagram], now: int) -> list[Datagram]:
        """Take a batch, store what it carried, and give the answers; what they acknowledge is durable.

        `now` is the server's clock, microseconds since 1970 UTC. Raises `StorageError` if the notebook cannot be written;
        then the batch is answered by nothing, and its senders will resend it.
        """
        entries = self._notebook.last_number
        for data, source in batch:
            self._reception.receive_datagram(data, source, entries=entries)
        parts = self._reception.parts_to_store()
        if parts:
            try:
                verdicts = self._notebook.store(parts, now)
            except StorageError:
                self._reception.abandon()
                raise
            self._reception.confirm_stored(verdicts)
            self._refused_for_space += sum(each is not None and each.status is Status.NO_SPACE for each in verdicts)
            if self._notebook.last_number > entries:
                self._pager.notice_stored(self._notebook.last_number)
        return self._reception.datagrams_to_send()

    @property
    def has_readers(self) -> bool:
        """Whether some reader is to be served."""
        return self._pager.is_busy

    @property
    def is_searching(self) -> bool:
        """Whether some reader is to be served when `executor` has done something."""
        return self._pager.is_searching

    def serve_readers(self, now: float, is_spent: Callable[[], bool]) -> list[Datagram]:
        """Serve readers until none is left or `is_spent()`, and give the pages; `now` is seconds of a monotonic clock.

        Raises `StorageError` if the notebook cannot be read; then the reader whose turn it was will ask again.
        """
        self._pager.handle_timeout(now)
        self._is_spent = is_spent
        if self._pager.is_busy:
            lookup = self._notebook.lookup
            self._pager.serve(
                Work(
                    lambda query, start: lookup.find(query, start, lambda: self._is_spent()),  # it may be of a later slice
                    last=self._notebook.last_number,
                    now=now,
                    is_spent=is_spent,
                )
            )
        return self._pager.datagrams_to_send()

    def next_timeout(self) -> float | None:
        """When `serve_readers` is due though nothing has come, or None."""
        return self._pager.next_timeout()

    def keep_index(self, is_spent: Callable[[], bool]) -> bool:
        """Go on with the search index until it has caught up or `is_spent()`; gives whether it has."""
        return self._notebook.lookup.index.catch_up(is_spent)

    @property
    def is_indexed(self) -> bool:
        """Whether the search index has caught up."""
        return self._notebook.lookup.index.indexed == self._notebook.last_number

    @property
    def is_index_awaited(self) -> bool:
        """Whether some reader waits for the search index to catch up."""
        return self._notebook.lookup.is_index_awaited and not self.is_indexed

    def drops(self) -> Counter[str]:
        """Drain the counts of dropped datagrams, by reason."""
        return self._reception.drops() + self._pager.drops()

    def refused_for_space(self) -> int:
        """Drain the count of parts that were refused because the disk is full."""
        refused, self._refused_for_space = self._refused_for_space, 0
        return refused
