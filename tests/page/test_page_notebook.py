"""The page's notebook: what becomes of the page while the files of its client cannot be used."""

import gc

import pytest

from tests.support.loopback import Loopback
from tests.support.losses import log_of
from tests.support.page_server import OUTBOX, PageServer
from tests.support.processes import eventually


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
            server.__exit__(None, None, None)
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
