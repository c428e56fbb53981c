"""The request handler: a batch is stored before it is answered, and acknowledged while readers search."""

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.disks import fill
from tests.support.golden import CLIENT_ID, STREAM_ID, TOKEN, WRITTEN_AT
from tests.support.later_searcher import LaterSearcher
from tests.support.wire import decoded
from udpnote.errors import NotebookLost, Notice
from udpnote.model.address import Address, Datagram
from udpnote.model.entry import Kind, Part, Status, StoredEntry
from udpnote.model.query import FIRST, Query
from udpnote.protocol.codec.codec import decode, encode
from udpnote.protocol.messages import Ack, Append, Discover, Offer
from udpnote.protocol.reading_messages import Page, PageState, Read
from udpnote.server.request_handler import RequestHandler
from udpnote.storage.notebook.notebook import Notebook

SOURCE: Address = ("127.0.0.1", 40000)


def append(notebook: Notebook, sequence: int, text: str, kind: Kind = Kind.NOTE, revises: int = 0) -> Datagram:
    data = text.encode()
    part = Part(CLIENT_ID, sequence, kind, WRITTEN_AT, 480, "amy@pi", len(data), 0, data, revises)
    return encode(Append(notebook.notebook_id, TOKEN, 1, part)), SOURCE


def search(notebook: Notebook, word: str) -> Datagram:
    return encode(Read(notebook.notebook_id, STREAM_ID, 1, FIRST, 0, 0, Query(words=(word,)))), SOURCE


def serve(handler: RequestHandler, *, is_time_up: bool = False) -> list[Page]:
    """The pages of one slice of time, which may be over at once."""
    return decoded(Page, [data for data, _ in handler.serve_readers(0.0, lambda: is_time_up)])


def test_writers_and_readers_are_told_that_the_notebook_fails_and_are_served_later(notebook: Notebook, path: Path) -> None:
    handler = RequestHandler(notebook)
    requests = [append(notebook, 1, "text"), (encode(Read(notebook.notebook_id, STREAM_ID, 1, FIRST, 0, 0, Query())), SOURCE)]

    def told() -> tuple[Status, PageState]:
        [ack] = decoded(Ack, [data for data, _ in handler.handle(requests, WRITTEN_AT)])
        [page] = serve(handler)
        return ack.parts[0].status, page.state

    with closing(sqlite3.connect(path)) as other:
        other.execute("ALTER TABLE entries RENAME TO hidden")
        assert told() == (Status.NOT_WRITABLE, PageState.NOT_READABLE)
        assert handler.take_failure() is not None and handler.take_failure() is None
        other.execute("ALTER TABLE hidden RENAME TO entries")
    assert (told(), handler.take_failure()) == ((Status.STORED, PageState.END), None)
    assert [stored.entry.text for stored in notebook.entries_after(0)] == ["text"]


def test_a_batch_is_not_answered_if_the_notebook_is_lost(notebook: Notebook, path: Path) -> None:
    handler = RequestHandler(notebook)
    path.unlink()
    with pytest.raises(NotebookLost):
        handler.handle([append(notebook, 1, "text")], WRITTEN_AT)
    assert handler.handle([], WRITTEN_AT) == []
    with pytest.raises(NotebookLost):
        notebook.close()


def test_an_offer_counts_the_entries_of_earlier_batches_and_dropped_datagrams_are_reported_once(notebook: Notebook) -> None:
    notebook.rename("kitchen")
    handler = RequestHandler(notebook)
    handler.handle([append(notebook, 1, "text")], WRITTEN_AT)
    requests = [encode(Discover(b"p" * 8, bytes(16))), b"\0", b"GET / HTTP/1.1\r\n\r\n"]
    [(data, _)] = handler.handle([(each, SOURCE) for each in requests], WRITTEN_AT)
    offer = decode(data)
    assert isinstance(offer, Offer)
    assert (offer.name, offer.entries) == ("kitchen", 1)
    assert handler.notices(Counter()) == [Notice("datagrams_dropped", counts={"truncated": 1, "foreign": 1})]
    assert handler.notices(Counter()) == []


def test_entries_refused_on_a_full_disk_are_counted_and_reported_once(small_disk: Path) -> None:
    with closing(Notebook(small_disk / "notebook.sqlite3")) as notebook:
        handler = RequestHandler(notebook)
        fill(small_disk)
        handler.handle([append(notebook, sequence, "x" * 1000) for sequence in (1, 2)], WRITTEN_AT)
        assert handler.notices(Counter()) == [Notice("entries_refused_disk_full", datagrams=2, path=notebook.path)]
        assert handler.notices(Counter()) == []


def test_a_batch_is_acknowledged_while_a_search_goes_on(notebook: Notebook) -> None:
    searcher = LaterSearcher()
    handler = RequestHandler(notebook, executor=searcher)
    handler.handle([append(notebook, 1, "今天开会")], WRITTEN_AT)
    handler.handle([search(notebook, "开会")], WRITTEN_AT)
    assert serve(handler) == []
    assert not handler.has_readers
    [(data, _)] = handler.handle([append(notebook, 2, "text")], WRITTEN_AT)
    assert isinstance(decode(data), Ack)
    assert serve(handler) == []
    searcher.work()
    [page] = serve(handler)
    assert (page.state, [item[0] for item in page.items]) == (PageState.END, [1])


def test_a_search_that_goes_on_in_a_later_slice_has_the_time_of_that_slice(notebook: Notebook) -> None:
    searcher = LaterSearcher()
    handler = RequestHandler(notebook, executor=searcher)
    handler.handle([append(notebook, sequence, "今天开会") for sequence in (1, 2, 3)], WRITTEN_AT)
    handler.handle([search(notebook, "开会")], WRITTEN_AT)
    assert serve(handler, is_time_up=True) == []
    revision = append(notebook, 4, "明天开会", Kind.REVISION, 2)
    handler.handle([revision, *(append(notebook, sequence, "else") for sequence in range(5, 500))], WRITTEN_AT)
    pages: list[Page] = []
    while not pages:
        searcher.work()
        pages += serve(handler)
    [page] = pages
    assert page.state is PageState.END
    assert [item[2].text for item in page.items if isinstance(item, StoredEntry)] == ["今天开会", "明天开会", "今天开会"]


def test_the_index_is_awaited_until_it_has_every_entry_and_then_searched_at_once(notebook: Notebook) -> None:
    handler = RequestHandler(notebook)
    handler.handle([append(notebook, sequence, "今天开会") for sequence in range(1, 200)], WRITTEN_AT)
    awaited = [handler.is_index_awaited]
    handler.handle([search(notebook, "开会")], WRITTEN_AT)
    [page] = serve(handler, is_time_up=True)
    assert page.state is PageState.INDEXING
    awaited.append(handler.is_index_awaited)
    for is_time_up in (True, False):
        handler.update_index(lambda is_time_up=is_time_up: is_time_up)  # type: ignore[misc]
        awaited.append(handler.is_index_awaited)
    assert awaited == [False, True, True, False]
    handler.handle([search(notebook, "开会")], WRITTEN_AT)
    assert serve(handler)[0].state is PageState.MORE
