"""The handler: what came is stored before it is answered, and acknowledged whatever readers search for."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.readings import pages_in
from tests.server.test_server import NOISE
from tests.support.golden import CLIENT_ID, STREAM_ID, WRITTEN_AT
from tests.support.later_searcher import LaterSearcher
from udpnote.errors import StorageError
from udpnote.model.address import Address
from udpnote.model.entry import Kind, Part, Status, StoredEntry
from udpnote.model.query import FIRST, Query
from udpnote.protocol.codec import decode, encode
from udpnote.protocol.messages import Ack, Append, Discover, Offer, PageState, Read
from udpnote.server.request_handler import RequestHandler
from udpnote.storage.notebook.notebook import Notebook

SOURCE: Address = ("127.0.0.1", 40000)


def append(notebook_id: bytes, sequence: int, text: str) -> bytes:
    data = text.encode()
    part = Part(CLIENT_ID, sequence, Kind.NOTE, WRITTEN_AT, 480, "amy@pi", len(data), 0, data)
    return encode(Append(notebook_id, 1, part))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "notebook.sqlite3"


@pytest.fixture
def notebook(path: Path) -> Iterator[Notebook]:
    notebook = Notebook(path)
    notebook.rename("kitchen")
    yield notebook
    notebook.close()


def test_a_batch_is_stored_and_then_answered(notebook: Notebook) -> None:
    handler = RequestHandler(notebook)
    batch = [(append(notebook.notebook_id, sequence, f"text {sequence}"), SOURCE) for sequence in (1, 2, 2)]
    answers = handler.handle(batch, WRITTEN_AT)
    assert [stored.entry.text for stored in notebook.entries_after(0)] == ["text 1", "text 2"]
    assert {source for _, source in answers} == {SOURCE}
    acknowledged = []
    for data, _ in answers:
        message = decode(data)
        assert isinstance(message, Ack)
        acknowledged += [(part.sequence, part.status, part.number) for part in message.parts]
    assert acknowledged == [(1, Status.STORED, 1), (2, Status.STORED, 2), (2, Status.STORED_ALREADY, 2)]


def test_a_batch_that_cannot_be_stored_is_not_answered_and_may_come_again(notebook: Notebook, path: Path) -> None:
    handler = RequestHandler(notebook)
    batch = [(append(notebook.notebook_id, 1, "text"), SOURCE)]
    with closing(sqlite3.connect(path)) as other:
        other.execute("ALTER TABLE entries RENAME TO hidden")
        with pytest.raises(StorageError):
            handler.handle(batch, WRITTEN_AT)
        other.execute("ALTER TABLE hidden RENAME TO entries")
    assert handler.handle([], WRITTEN_AT) == []
    assert len(handler.handle(batch, WRITTEN_AT)) == 1
    assert [stored.entry.text for stored in notebook.entries_after(0)] == ["text"]


def test_an_offer_counts_the_entries_of_the_batches_before(notebook: Notebook) -> None:
    handler = RequestHandler(notebook)
    handler.handle([(append(notebook.notebook_id, 1, "text"), SOURCE)], WRITTEN_AT)
    [(data, _)] = handler.handle([(encode(Discover(b"p" * 8, bytes(16))), SOURCE)], WRITTEN_AT)
    offer = decode(data)
    assert isinstance(offer, Offer)
    assert (offer.name, offer.entries) == ("kitchen", 1)


def test_what_is_dropped_is_counted_by_reason_and_counted_once(notebook: Notebook) -> None:
    handler = RequestHandler(notebook)
    assert handler.handle([(data, SOURCE) for data in NOISE], WRITTEN_AT) == []
    assert handler.drops().total() == len(NOISE)
    assert handler.drops().total() == 0


def search(notebook_id: bytes, word: str) -> bytes:
    return encode(Read(notebook_id, STREAM_ID, 1, FIRST, 0, 0, Query(words=(word,))))


def test_what_is_stored_while_somebody_searches_is_acknowledged_before_the_search_is_done(notebook: Notebook) -> None:
    searcher = LaterSearcher()
    handler = RequestHandler(notebook, executor=searcher)
    handler.handle([(append(notebook.notebook_id, 1, "今天开会"), SOURCE)], WRITTEN_AT)
    handler.handle([(search(notebook.notebook_id, "开会"), SOURCE)], WRITTEN_AT)
    assert handler.serve_readers(0.0, lambda: False) == []
    assert (handler.has_readers, handler.is_searching) == (False, True)
    [(data, _)] = handler.handle([(append(notebook.notebook_id, 2, "text"), SOURCE)], WRITTEN_AT)
    assert isinstance(decode(data), Ack)
    assert handler.serve_readers(0.0, lambda: False) == []
    searcher.work()
    [page] = pages_in([data for data, _ in handler.serve_readers(0.0, lambda: False)])
    assert (page.state, [item[0] for item in page.items]) == (PageState.END, [1])
    assert not handler.is_searching


def test_a_search_that_goes_on_in_a_later_slice_has_the_time_of_that_one(notebook: Notebook) -> None:
    searcher = LaterSearcher()
    handler = RequestHandler(notebook, executor=searcher)
    notebook_id = notebook.notebook_id
    handler.handle([(append(notebook_id, sequence, "今天开会"), SOURCE) for sequence in (1, 2, 3)], WRITTEN_AT)
    handler.handle([(search(notebook_id, "开会"), SOURCE)], WRITTEN_AT)
    assert handler.serve_readers(0.0, lambda: True) == []
    revision = Part(CLIENT_ID, 4, Kind.REVISION, WRITTEN_AT, 480, "amy@pi", 12, 0, "明天开会".encode(), 2)
    later = [append(notebook_id, sequence, "else") for sequence in range(5, 500)]
    handler.handle([(each, SOURCE) for each in (encode(Append(notebook_id, 1, revision)), *later)], WRITTEN_AT)
    pages = []
    while handler.is_searching:
        searcher.work()
        pages += pages_in([data for data, _ in handler.serve_readers(0.0, lambda: False)])
    [page] = pages
    assert page.state is PageState.END
    assert [item[2].text for item in page.items if isinstance(item, StoredEntry)] == ["今天开会", "明天开会", "今天开会"]


def test_a_desk_without_a_searcher_searches_at_once(notebook: Notebook) -> None:
    handler = RequestHandler(notebook)
    handler.handle([(append(notebook.notebook_id, 1, "今天开会"), SOURCE)], WRITTEN_AT)
    handler.handle([(search(notebook.notebook_id, "开会"), SOURCE)], WRITTEN_AT)
    [page] = pages_in([data for data, _ in handler.serve_readers(0.0, lambda: False)])
    assert [item[0] for item in page.items] == [1]


def test_an_index_that_is_behind_is_awaited_by_whoever_searches_until_it_is_not(notebook: Notebook) -> None:
    handler = RequestHandler(notebook)
    notebook_id = notebook.notebook_id
    handler.handle([(append(notebook_id, sequence, "今天开会"), SOURCE) for sequence in range(1, 200)], WRITTEN_AT)
    states = [handler.is_index_awaited]
    handler.handle([(search(notebook_id, "开会"), SOURCE)], WRITTEN_AT)
    [page] = pages_in([data for data, _ in handler.serve_readers(0.0, lambda: True)])
    assert page.state is PageState.INDEXING
    states.append(handler.is_index_awaited)
    handler.update_index(lambda: True)
    states.append(handler.is_index_awaited)
    handler.update_index(lambda: False)
    assert [*states, handler.is_index_awaited] == [False, True, True, False]
