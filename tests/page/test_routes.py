"""Browsers read notes page by page, searches, histories, tags and exports. They write entries, and each is stored once."""

import json
from collections.abc import Callable
from contextlib import ExitStack

import httpx
import pytest

from tests.support.loopback import Loopback
from tests.support.notebook_files import no_indexing
from tests.support.page_server import ADA, PageServer, entry
from tests.support.processes import eventually
from udpnote.model.entry import SEQUENCE_MAX, TEXT_BYTES_MAX
from udpnote.page.json_objects import TEXT_CHARACTERS_MAX, utf_16_spans
from udpnote.page.note_list import CHARACTERS_MAX
from udpnote.page.requests import BodyRoom
from udpnote.page.responses import Refusal
from udpnote.page.routes import ENTRIES_BYTES_MAX, EXPORTS_MAX, EXPORTS_PER_HOST_MAX, NOTES_MAX


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


def test_a_list_of_long_notes_has_few_of_them_and_the_next_list_goes_on_after_them(page: PageServer) -> None:
    count = 2 * CHARACTERS_MAX // TEXT_BYTES_MAX + 1
    for number in range(1, count + 1):
        page.store(entry(number, "x" * TEXT_BYTES_MAX, written_at=number))
    lists: list[list[int]] = []
    before: str | None = ""
    while before is not None:
        answer = page.get(f"/api/notes?before={before}")
        lists.append([note["number"] for note in answer["notes"]])
        before = answer["before"]
    assert [number for each in lists for number in each] == list(range(count, 0, -1))
    assert len(lists) > 1 and max(map(len, lists)) * TEXT_BYTES_MAX <= CHARACTERS_MAX


def test_a_search_finds_phrases_and_tags(page: PageServer) -> None:
    page.store(entry(1, "买牛奶 #milk/oat"), entry(2, "Oat milk"))
    for query, numbers in (('q="oat milk"', [2]), ("q=nothing", []), ("tag=milk", [1])):
        assert [note["number"] for note in page.get(f"/api/notes?{query}")["notes"]] == numbers, query
    assert page.get("/api/notes?q=OR", status=400)["kind"] == "or_not_between_words"


def test_a_search_has_its_highlights_in_the_units_of_javascript(page: PageServer) -> None:
    page.store(entry(1, "🥛🥛 买牛奶"), entry(2, "x " * 5000 + "kiwi"))
    [note] = page.get("/api/notes?q=牛")["notes"]
    assert (note["number"], note["highlights"]) == (1, [[6, 7]])
    [cut] = page.get("/api/notes?q=kiwi")["notes"]
    start, end = cut["highlights"][0]
    assert (cut["text"][start:end], cut["text"][0], cut["is_cut"]) == ("kiwi", "…", True)


def test_while_the_search_index_is_being_built_the_page_says_how_far_it_is_and_shows_notes(
    loopback: Loopback, page: PageServer
) -> None:
    page.store(entry(1, "milk #shopping"))
    assert len(page.get("/api/notes?q=milk")["notes"]) == 1
    with no_indexing(loopback.notebook()):
        page.store(entry(2, "more milk"))
        for path in ("/api/notes?q=milk", "/api/tags"):
            refusal = page.http.get(path)
            assert (refusal.status_code, refusal.json()["kind"]) == (503, "page_index_being_built"), path
            assert "50 %" in refusal.json()["reason"]
            assert int(refusal.headers["Retry-After"]) > 0
        assert len(page.get("/api/notes")["notes"]) == 2
    eventually(lambda: page.http.get("/api/notes?q=milk").status_code == 200, "the index is ready")
    assert len(page.get("/api/notes?q=milk")["notes"]) == 2


REVISED_NOTE = (
    entry(1, "长" * 5000), entry(2, "short", kind="revision", revises=1), entry(3, "长" * 4001, kind="revision", revises=2),
)  # fmt: skip
"""The versions of one note, of which the latest is too long for a list."""


def test_a_long_note_is_cut_in_lists_and_whole_alone(page: PageServer) -> None:
    page.store(*REVISED_NOTE)
    listed = page.get("/api/notes")
    [note] = listed["notes"]
    assert (len(note["text"]), note["is_cut"], note["version"]) == (TEXT_CHARACTERS_MAX + 1, True, 3)
    assert listed["newest"] == 3
    for number in (1, 3):
        whole = page.get(f"/api/notes/{number}")
        assert (whole["number"], whole["version"], len(whole["text"])) == (1, 3, 4001)
        assert whole["latest"] == {"number": 3, "client": whole["client"], "sequence": 3} != whole["sequence"]


def test_the_history_of_a_note_has_all_versions(page: PageServer) -> None:
    page.store(*REVISED_NOTE)
    versions = page.get("/api/notes/2/history")["versions"]
    assert [(each["kind"], len(each["text"]), each["revises"]) for each in versions] == [
        ("note", 5000, 0), ("revision", 5, 1), ("revision", 4001, 2),
    ]  # fmt: skip


def test_a_deleted_note_is_gone_and_one_that_never_was_is_not_found(page: PageServer) -> None:
    page.store(*REVISED_NOTE, entry(4, kind="deletion", revises=3))
    assert page.get("/api/notes/1", status=410)["kind"] == "page_note_deleted"
    assert page.get("/api/notes/9", status=404)["kind"] == "page_note_not_there"
    assert page.get("/api/notes")["notes"] == []


def test_browsers_get_tags_and_a_chart(page: PageServer) -> None:
    page.store(entry(1, "#milk"), entry(2, "#milk #工作"), entry(3, "回", kind="revision", revises=2))
    assert page.get("/api/tags") == {"tags": [{"tag": "milk", "notes": 1}]}
    chart = page.http.get("/api/stats.svg")
    assert chart.headers["content-type"].startswith("image/svg+xml") and "<svg" in chart.text


def test_browsers_get_exports_in_each_format(page: PageServer) -> None:
    page.store(entry(1, "<b>#milk</b>"), entry(2, "来"), entry(3, "回", kind="revision", revises=2))
    for form, ending in {"jsonl": "jsonl", "markdown": "md", "text": "txt", "csv": "csv", "html": "html"}.items():
        answer = page.http.get(f"/api/export?format={form}")
        assert answer.headers["content-disposition"] == f'attachment; filename="notes.{ending}"'
        assert "回" in answer.text
        assert form != "html" or "<b>#milk" not in answer.text
    assert len(page.http.get("/api/export").text.splitlines()) == 3
    page.get("/api/export?format=exe", status=400)


def test_a_query_with_an_invalid_value_is_refused(page: PageServer) -> None:
    for query in ("limit=0", f"limit={NOTES_MAX + 1}", "limit=x", "before=1", "before=x-1", f"q={'x' * 1001}"):
        assert page.get(f"/api/notes?{query}", status=400)["kind"] == "page_request_malformed", query


def test_spans_are_counted_in_utf_16() -> None:
    assert utf_16_spans("a🥛b🥛c", [(0, 1), (1, 2), (3, 5)]) == [[0, 1], [1, 3], [4, 7]]


@pytest.mark.parametrize(
    ("host", "exports_max"), [("127.0.0.1", EXPORTS_MAX), ("pi.lan", EXPORTS_PER_HOST_MAX)], ids=["in all", "of a host"]
)
def test_the_number_of_unread_exports_is_limited_and_those_that_end_make_room(
    page: PageServer, host: str, exports_max: int
) -> None:
    """Under a name of the LAN, even a browser on this machine counts as a host of the LAN."""
    page.store(*(entry(number, "x" * (1 << 20)) for number in range(1, 6)))
    headers = {"Host": host}
    with ExitStack() as stack:
        answers = [stack.enter_context(page.http.stream("GET", "/api/export", headers=headers)) for _ in range(exports_max + 1)]
        assert [answer.status_code for answer in answers] == [200] * exports_max + [503]
    eventually(lambda: page.http.get("/api/export?format=jsonl", headers=headers).status_code == 200, "a place is free again")


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


BOB = "b0" * 16


def test_an_entry_that_is_sent_again_is_stored_once_and_another_one_under_its_identity_is_a_conflict(
    loopback: Loopback, page: PageServer
) -> None:
    long = "第一行\n" + "x" * (TEXT_BYTES_MAX - 10)
    for _ in range(2):
        outcomes = page.store(entry(1, "买牛奶 🥛"), entry(2, long), entry(7, "<script>alert(1)</script>"))
        assert [(each["sequence"], each["state"], each["number"]) for each in outcomes] == [
            (1, "stored", 1), (2, "stored", 2), (7, "stored", 3),
        ]  # fmt: skip
    [conflict] = page.store(entry(1, "another text"))
    assert (conflict["state"], conflict["number"], conflict["kind"]) == ("conflict", None, "page_identity_taken")
    assert [each["state"] for each in page.store(entry(1, "from Bob"), client=BOB)] == ["stored"]
    assert loopback.texts() == ["买牛奶 🥛", long, "<script>alert(1)</script>", "from Bob"]


def test_revisions_and_deletions_have_their_outcomes_and_a_wrong_entry_does_not_hold_up_the_others(
    loopback: Loopback, page: PageServer
) -> None:
    page.store(entry(1, "first"))
    seen = {"number": 1, "client": ADA, "sequence": 1}
    outcomes = page.store(
        entry(2, "second", kind="revision", revises=1, seen=seen), entry(3, " "), entry(4, "x", author="two\nlines"),
        entry(5, "of nothing", kind="revision", revises=99), entry(6, kind="deletion", revises=1),
        entry(8, "older", kind="revision", revises=1, seen={"number": 1, "client": BOB, "sequence": 1}),
        entry(9, "lone \ud800"), entry(0, "no sequence"), entry(10, "x" * (TEXT_BYTES_MAX + 1)),
    )  # fmt: skip
    assert [(each["sequence"], each["state"], each["kind"]) for each in outcomes] == [
        (2, "stored", None), (3, "refused", "text_blank"), (4, "refused", "author_of_several_lines"),
        (5, "refused", "page_note_not_there"), (6, "stored", None), (8, "refused", "older_copy"),
        (9, "refused", "text_not_unicode"), (0, "refused", "argument_out_of_range"), (10, "refused", "text_too_long"),
    ]  # fmt: skip
    assert loopback.texts() == ["first", "second", ""]


def test_a_sequence_that_javascript_would_round_is_sent_and_received_as_text(page: PageServer) -> None:
    page.store(*(entry(sequence, "from jrnl") for sequence in (2**53 - 1, 2**53, SEQUENCE_MAX)))
    given = [page.get(f"/api/notes/{number}")["latest"]["sequence"] for number in (1, 2, 3)]
    assert given == [2**53 - 1, str(2**53), str(SEQUENCE_MAX)]
    assert [note["sequence"] for note in page.get("/api/notes")["notes"]] == given[::-1]
    assert page.get("/api/notes/3/history")["versions"][0]["sequence"] == given[2]
    seen = {"client": ADA, "number": 3, "sequence": given[2]}
    outcomes = page.store(
        entry(1, "better", kind="revision", revises=3, seen=seen),
        entry(2, "of another", kind="revision", revises=3, seen=seen | {"sequence": str(SEQUENCE_MAX - 1)}),
    )
    assert [each["state"] for each in outcomes] == ["stored", "refused"]


MALFORMED: list[tuple[object, str]] = [
    ("[" * 5000, "body"), ("[]", "body"), ("{}", "client"), ('{"client": "AA"}', "client"), ('{"notebook": 1}', "notebook"),
    ({"client": ADA, "entries": []}, "entries"), ({"client": ADA, "entries": [entry(1, "a")] * 101}, "entries"),
    ({"client": ADA, "entries": [[]]}, "entries"), ({"client": ADA, "entries": [entry(1, kind="erased")]}, "kind"),
    *(({"client": ADA, "entries": [entry(1, "a") | {name: wrong}]}, name) for name, wrong in (
        ("sequence", True), ("written_at", 1.5), ("utc_offset", "480"), ("text", None), ("author", 1), ("revises", None),
    )),
    ({"client": ADA, "entries": [entry(1, "a", seen=[])]}, "seen"),
    *(({"client": ADA, "entries": [entry(1, "a", seen={"number": 1, "client": ADA} | sequence)]}, "sequence") for sequence in (
        {}, {"sequence": ""}, {"sequence": "-1"}, {"sequence": "１"}, {"sequence": "9" * 5000},
    )),
]  # fmt: skip
"""Bodies of requests, as text or as values, and the field that is wrong."""


def test_nothing_of_a_malformed_request_is_stored(loopback: Loopback, page: PageServer) -> None:
    for body, field in MALFORMED:
        content = body if isinstance(body, str) else json.dumps(body)
        answer = page.http.post("/api/entries", content=content)
        assert (answer.status_code, answer.json()["kind"]) == (400, "page_request_malformed"), content
        assert f"`{field}`" in answer.json()["reason"]
    assert loopback.texts() == []


def test_entries_that_were_written_for_another_notebook_are_refused(loopback: Loopback, page: PageServer) -> None:
    notebook_id = page.get("/api/state")["notebook"]["id"]
    request = {"client": ADA, "entries": [entry(1, "kept")]}
    assert page.post("/api/entries", request | {"notebook": BOB}, 409)["kind"] == "page_other_notebook"
    assert loopback.texts() == []
    page.post("/api/entries", request | {"notebook": notebook_id})
    assert loopback.texts() == ["kept"]


def test_the_longest_text_is_stored_even_if_json_escapes_each_character(loopback: Loopback, page: PageServer) -> None:
    text = "x" + "\x01" * (TEXT_BYTES_MAX - 1)
    assert [each["state"] for each in page.store(entry(1, text))] == ["stored"]
    assert loopback.texts() == [text]


def test_the_bytes_of_all_bodies_together_are_limited() -> None:
    room = BodyRoom(10)
    room.take(6)
    with pytest.raises(Refusal) as refusal:
        room.take(5)
    assert (refusal.value.status, refusal.value.notice.kind) == (503, "page_busy")
    room.give_back(6)
    room.take(10)


def test_a_body_that_is_too_long_is_refused_before_it_is_read(page: PageServer) -> None:
    answer = page.http.post("/api/entries", content=b"x" * (ENTRIES_BYTES_MAX + 1))
    assert (answer.status_code, answer.json()["kind"]) == (413, "page_body_too_long")
    chunks = (b"x" * 65_536 for _ in range(100))
    assert page.http.post("/api/entries", content=chunks).status_code == 413


def test_requests_fail_at_once_while_the_server_is_away_and_work_when_it_is_back(
    loopback: Loopback, serve_page: Callable[..., PageServer]
) -> None:
    loopback.reserve_port()
    page = serve_page()
    for _ in range(50):
        answer = page.http.post("/api/entries", json={"client": ADA, "entries": [entry(1, "kept")]})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    with page.events() as events:
        assert next(events).name == "away"
        loopback.serve()
        assert [next(events).name for _ in range(2)] == ["back", "ready"]
    assert [each["state"] for each in page.store(entry(1, "kept"))] == ["stored"]
    assert loopback.texts() == ["kept"]
