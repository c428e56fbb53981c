"""Reading: the newest notes page by page, searches with highlights, one note, histories, tags, the picture and exports."""

from collections.abc import Callable
from contextlib import ExitStack

import httpx
import pytest

from tests.support.loopback import Loopback
from tests.support.page_server import PageServer, entry
from tests.support.processes import eventually
from udpnote.page.note_objects import TEXT_CHARACTERS_MAX, utf_16_spans
from udpnote.page.reading_routes import EXPORTS_MAX, NOTES_MAX


def test_scrolling_back_shows_each_note_once_also_where_many_have_the_same_time(page: PageServer) -> None:
    page.store(*(entry(number, f"note {number}", written_at=1_000_000 * (number > 30)) for number in range(1, 41)))
    seen: list[int] = []
    before: str | None = ""
    while before is not None:
        answer = page.get(f"/api/notes?limit=7&before={before}")
        seen += [note["number"] for note in answer["notes"]]
        before = answer["before"]
    assert seen == list(range(40, 0, -1))


def test_scrolling_forward_again_shows_each_note_once(page: PageServer) -> None:
    page.store(*(entry(number, f"note {number}", written_at=1_000_000 * (number > 30)) for number in range(1, 41)))
    seen = [1]
    after: str | None = "0-1"
    while after is not None:
        answer = page.get(f"/api/notes?limit=7&after={after}")
        seen += [note["number"] for note in reversed(answer["notes"])]
        after = answer["after"]
    assert seen == list(range(1, 41))
    assert page.get("/api/notes?limit=7&after=x", status=400)["kind"] == "page_request_malformed"


def test_a_search_has_its_highlights_in_the_units_of_javascript(page: PageServer) -> None:
    page.store(entry(1, "🥛🥛 买牛奶 #milk/oat"), entry(2, "Oat milk"), entry(3, "x " * 5000 + "kiwi"))
    [note] = page.get("/api/notes?q=牛")["notes"]
    assert (note["number"], note["highlights"]) == (1, [[6, 7]])
    assert [note["number"] for note in page.get('/api/notes?q="oat milk"')["notes"]] == [2]
    assert page.get("/api/notes?q=nothing")["notes"] == []
    assert [note["number"] for note in page.get("/api/notes?tag=milk")["notes"]] == [1]
    [cut] = page.get("/api/notes?q=kiwi")["notes"]
    start, end = cut["highlights"][0]
    assert (cut["text"][start:end], cut["text"][0], cut["is_cut"]) == ("kiwi", "…", True)
    assert page.get("/api/notes?q=OR", status=400)["kind"] == "or_not_between_words"


def test_a_long_note_is_cut_in_lists_and_whole_alone_and_its_history_has_all_versions(page: PageServer) -> None:
    page.store(
        entry(1, "长" * 5000), entry(2, "short", kind="revision", revises=1), entry(3, "长" * 4001, kind="revision", revises=2)
    )
    listed = page.get("/api/notes")
    [note] = listed["notes"]
    assert (len(note["text"]), note["is_cut"], note["version"]) == (TEXT_CHARACTERS_MAX + 1, True, 3)
    assert listed["newest"] == 3
    for number in (1, 3):
        whole = page.get(f"/api/notes/{number}")
        assert (whole["number"], whole["version"], len(whole["text"])) == (1, 3, 4001)
        assert whole["latest"] == {"number": 3, "client": whole["client"], "sequence": 3} != whole["sequence"]
    versions = page.get("/api/notes/2/history")["versions"]
    assert [(each["kind"], len(each["text"]), each["revises"]) for each in versions] == [
        ("note", 5000, 0), ("revision", 5, 1), ("revision", 4001, 2),
    ]  # fmt: skip
    page.store(entry(4, kind="deletion", revises=3))
    assert page.get("/api/notes/1", status=410)["kind"] == "page_note_deleted"
    assert page.get("/api/notes/9", status=404)["kind"] == "page_note_not_there"
    assert page.get("/api/notes")["notes"] == []


def test_tags_the_picture_and_exports_are_those_of_the_commands(page: PageServer) -> None:
    page.store(entry(1, "<b>#milk</b>"), entry(2, "#milk #工作"), entry(3, "回", kind="revision", revises=2))
    assert page.get("/api/tags") == {"tags": [{"tag": "milk", "notes": 1}]}
    picture = page.http.get("/api/stats.svg")
    assert picture.headers["content-type"].startswith("image/svg+xml") and "<svg" in picture.text
    for form, ending in {"jsonl": "jsonl", "markdown": "md", "text": "txt", "csv": "csv", "html": "html"}.items():
        answer = page.http.get(f"/api/export?format={form}")
        assert answer.headers["content-disposition"] == f'attachment; filename="notes.{ending}"'
        assert "回" in answer.text
        assert form != "html" or "<b>#milk" not in answer.text
    assert len(page.http.get("/api/export").text.splitlines()) == 3
    page.get("/api/export?format=exe", status=400)


def test_a_query_that_cannot_be_meant_is_refused(page: PageServer) -> None:
    for query in ("limit=0", f"limit={NOTES_MAX + 1}", "limit=x", "before=1", "before=x-1", f"q={'x' * 1001}"):
        assert page.get(f"/api/notes?{query}", status=400)["kind"] == "page_request_malformed", query


def test_spans_are_counted_in_utf_16() -> None:
    assert utf_16_spans("a🥛b🥛c", [(0, 1), (1, 2), (3, 5)]) == [[0, 1], [1, 3], [4, 7]]


def test_exports_that_nobody_reads_take_a_bounded_number_of_places_and_give_them_back(page: PageServer) -> None:
    page.store(*(entry(number, "x" * (1 << 20)) for number in range(1, 6)))
    with ExitStack() as stack:
        answers = [stack.enter_context(page.http.stream("GET", "/api/export")) for _ in range(EXPORTS_MAX + 1)]
        assert [answer.status_code for answer in answers] == [200] * EXPORTS_MAX + [503]
    eventually(lambda: page.http.get("/api/export?format=jsonl").status_code == 200, "a place is free again")


def test_an_export_whose_notebook_falls_silent_is_cut_off_and_no_fault_is_logged(
    loopback: Loopback, serve_page: Callable[..., PageServer], caplog: pytest.LogCaptureFixture
) -> None:
    server = loopback.serve()
    with loopback.client(wait=60.0) as client:
        list(client.send_many(["x" * (1 << 20)] * 10))
    page = serve_page(server)
    with page.http.stream("GET", "/api/export") as answer:
        pieces = answer.iter_raw()
        next(pieces)
        server.stop()
        with pytest.raises(httpx.RemoteProtocolError):
            list(pieces)
    assert caplog.records == []
