"""The page's notebook: what becomes of the page when a file is damaged, and how often it asks whether the server answers."""

import asyncio
import gc
from collections.abc import Callable

import pytest

from tests.support.loopback import Loopback
from tests.support.losses import log_of
from tests.support.page_server import OUTBOX, PageServer, entry
from tests.support.processes import eventually
from udpnote.client.client import Client
from udpnote.errors import Notice, ServerNotFound, StorageError
from udpnote.page.page_notebook import PageNotebook
from udpnote.page.worker_threads import Threads


def test_a_damaged_outbox_is_reported_once_to_who_runs_the_page_and_a_new_one_is_used(
    loopback: Loopback, caplog: pytest.LogCaptureFixture
) -> None:
    server = loopback.serve()
    outbox = loopback.folder / OUTBOX
    with PageServer(loopback.folder, loopback.port) as page:
        with page.events() as events:
            assert next(events).name == "ready"
            for file in (outbox, log_of(outbox)):
                file.write_bytes(b"not an outbox")
            server.stop()
            assert next(events).name == "away"
            eventually(lambda: page.get("/api/state")["kind"] == "other_kind_of_file", "the page opens the outbox again")
        assert page.get("/api/state")["reason"] == "The page cannot use the notebook now. Ask the person who runs the page."
        for file in loopback.folder.glob(f"{OUTBOX}*"):
            file.unlink()
        loopback.serve()
        eventually(lambda: not page.get("/api/state")["away"], "the page uses a new outbox")
        page.get("/api/notes")
    kinds = [each.kind for each in page.troubles]
    assert "other_kind_of_file" in kinds and len(kinds) == len(set(kinds))
    assert all(str(outbox) in str(each) for each in page.troubles)
    gc.collect()
    assert not caplog.records, "no task has ended by an error that nobody awaits"


def test_many_answers_at_once_let_the_page_ask_only_once_whether_the_notebook_may_be_used() -> None:
    opened: list[str] = []

    def open_client(_: Callable[[Notice], None]) -> Client:
        opened.append("a client")
        raise ServerNotFound("no_answer_on_lan", ports=(), known=())

    async def answer() -> None:
        threads = Threads()
        notebook = PageNotebook(open_client, threads)
        notebook.server.absence = Notice("page_server_silent")
        for _ in range(100):
            notebook.server.record_answer()
        await asyncio.to_thread(eventually, lambda: bool(opened), "the page asks")
        notebook.close()
        threads.close()

    asyncio.run(answer())
    assert len(opened) <= 2, "one question, and one that follows the failure of the first"


def test_a_short_question_is_answered_while_long_calls_use_all_threads_for_reading(page: PageServer) -> None:
    page.store(entry(1, "the only note"))
    with page.busy_reading():
        assert page.get("/api/state")["newest"] == 1
        assert page.get("/api/notes/1")["text"] == "the only note"


def test_a_trouble_is_reported_again_after_the_server_was_away() -> None:
    told: list[Notice] = []
    notebook = PageNotebook(lambda _: pytest.fail("no client is needed"), Threads(), has_key=True, on_trouble=told.append)
    error = StorageError("database_busy", path="outbox")
    for absence in (None, None, Notice("page_server_silent")):
        notebook.server.absence = absence
        notebook.server.record_answer()
        notebook.server.record_error(error)
    assert told == [error.notice] * 2
