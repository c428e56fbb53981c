"""Reads a notebook through its server."""

from collections.abc import Callable, Iterator

from udpnote.client.driver import Driver
from udpnote.client.finding.notebook_finder import LOCATE_SECONDS_MIN
from udpnote.client.session import Peer, Session
from udpnote.errors import BadAnswer, InvalidQuery, Notice, ServerNotFound, StorageError, UdpnoteError
from udpnote.model.entry import NOTHING_SEEN, SeenEntry
from udpnote.model.query import Item, Selection
from udpnote.protocol.codec.reading import is_too_long
from udpnote.protocol.reading.reading import Indexing, Reading
from udpnote.protocol.reading.shown_entries import NotebookRestored
from udpnote.protocol.reading_messages import PageState
from udpnote.protocol.server_contact import NotebookUnreadable
from udpnote.text.query_check import check_query


class ReadSession(Session[NotebookRestored | NotebookUnreadable]):
    """Reads the results of `selection` from `peer`. The caller takes them with `items`.

    If the selection follows the notebook, the session goes on after the last result, and never ends. Its events say that the
    notebook was restored from an older copy, or that its server cannot read it now. Reading begins `now`.
    """

    def __init__(self, peer: Peer, selection: Selection, now: float) -> None:
        self._reading = Reading(
            peer.notebook.notebook_id,
            selection,
            random=peer.random,
            now=now,
            envelope=peer.envelope,
            round_trip_seconds=peer.round_trip_seconds,
        )
        super().__init__(peer, self._reading)
        self._follows = selection.follows

    @property
    def waits_for_ever(self) -> bool:
        """Whether the selection follows the notebook. If so, the caller does not give up when the server does not answer."""
        return self._follows

    @property
    def is_ended(self) -> bool:
        """Whether all results were read, or reading has failed: see `refusal` and `has_invalid_pages`."""
        return self._reading.is_ended

    @property
    def refusal(self) -> PageState | None:
        """Why the server refuses the query: `BAD_QUERY` or `NOT_READABLE`. None if the server has not refused it."""
        return self._reading.refusal

    @property
    def has_invalid_pages(self) -> bool:
        """Whether the server has sent a page that the protocol does not allow."""
        return self._reading.has_invalid_pages

    @property
    def progressed_at(self) -> float:
        """When reading last made progress. Before the first progress, it is the time when reading began.

        Reading makes progress when results arrive, when the server says that it keeps a request until there are new entries,
        and when the server's search index grows.
        """
        return self._reading.progressed_at

    @property
    def indexing(self) -> Indexing | None:
        """How far the server's search index is built; None unless the latest answer says that the index is not ready."""
        return self._reading.indexing

    @property
    def newest(self) -> SeenEntry:
        """The newest entry of the notebook, as the latest answer says; `NOTHING_SEEN` before the first answer."""
        return self._reading.newest

    def items(self) -> list[Item]:
        """Return the results that were read since the last call, in order, and forget them."""
        return self._reading.items()


def read(
    driver: Driver, selection: Selection, *, wait_seconds: float, on_indexing: Callable[[int, int], None] | None
) -> Iterator[list[Item]]:
    """Yield the results of `selection` in the client's notebook, in order, in lists of those that have arrived together. A list
    may be empty.

    If the notebook is not known, discovery looks for it for up to `wait_seconds`. If the selection follows the notebook,
    reading waits for the server without limit. If not, this gives up when reading has made no progress for `wait_seconds` (see
    `ReadSession.progressed_at`): it raises `StorageError` if the server still answers that its search index is not ready, and
    `ServerNotFound` if the server does not answer. A `wait_seconds` below `LOCATE_SECONDS_MIN` counts as `LOCATE_SECONDS_MIN`.
    Saves in the outbox the round-trip time, and which entry of the notebook is the newest that the client has seen; gives
    notices to the user.

    While the server's search index is not ready, `on_indexing` is called with two numbers: that of the last entry in the index,
    and that of the last entry in the notebook. Also raises `InvalidQuery`, `BadAnswer`, `StorageError`, `SeveralNotebooks` or
    `WrongNotebook`, and for a sealed notebook `KeyMissing`, `OldKey` or `NotSealed`.
    """
    check_query(selection.query)
    if is_too_long(selection.query):
        raise InvalidQuery("query_too_long")
    wait_seconds = max(wait_seconds, LOCATE_SECONDS_MIN)
    with driver.connection.lock():
        peer = driver.peer(driver.locate(wait_seconds))
        session = ReadSession(peer, selection, driver.now())
        driver.connection.add_listener(session)
    try:
        yield from _read_all(driver, session, float("inf") if selection.follows else wait_seconds, on_indexing)
    finally:
        driver.connection.remove_listener(session)


def _read_all(
    driver: Driver, session: ReadSession, patience_seconds: float, on_indexing: Callable[[int, int], None] | None
) -> Iterator[list[Item]]:
    """Do the work of `read` with `session`. Give up after `patience_seconds` without progress. Raises the same errors."""

    def tell(events: list[NotebookRestored | NotebookUnreadable]) -> None:
        for event in events:
            match event:
                case NotebookRestored(number):
                    driver.on_notice(Notice("notebook_restored", number=number))
                    _record_newest(driver, session)  # `drive` calls `tell` while it holds the lock
                case NotebookUnreadable():
                    driver.on_notice(Notice("followed_notebook_not_readable"))

    rounds = driver.drive(
        session,
        started=session.progressed_at,
        patience_seconds=patience_seconds,
        on_events=tell,
        is_done=lambda: session.is_ended,
    )
    recorded = NOTHING_SEEN
    for _ in rounds:
        if session.newest != recorded:
            recorded = session.newest
            with driver.connection.lock():
                _record_newest(driver, session)
        if session.indexing is not None and on_indexing is not None:
            on_indexing(*session.indexing)
        yield session.items()
    yield session.items()  # they arrived while another thread of this client received datagrams
    with driver.connection.lock():
        driver.remember_round_trip(session)
        failure = _failure_of(driver, session)
    if failure is not None:
        raise failure


def _record_newest(driver: Driver, session: ReadSession) -> None:
    """Save in the outbox the newest entry of the notebook that the client has seen. Does nothing if the outbox cannot be
    written. The caller must hold the lock of the connection.
    """
    notebook_id = session.notebook.notebook_id
    with driver.finder.optional_writes:
        # `assign` comes first: it sets the `seen` of waiting revisions to the newest entry that the outbox remembers. That must
        # still be the newest entry from the time when they were written.
        driver.outbox.assign(notebook_id, destination=driver.finder.destination)
        driver.outbox.record_newest(notebook_id, session.newest)


def _failure_of(driver: Driver, session: ReadSession) -> UdpnoteError | None:
    """Return the error with which the reading of `session` has ended. Return None if all results were read."""
    if session.has_invalid_pages:
        return BadAnswer("answer_invalid")
    if session.refusal is PageState.BAD_QUERY:
        return InvalidQuery("query_refused")
    if session.refusal is PageState.NOT_READABLE:
        return StorageError("notebook_not_readable")
    if not session.is_ended and session.indexing is not None and not session.is_silent:
        return StorageError("index_does_not_grow", percent=100 * session.indexing.indexed // max(session.indexing.last, 1))
    if not session.is_ended:
        return ServerNotFound("no_answer_to_reading", server=driver.silent_server(session))
    return None
