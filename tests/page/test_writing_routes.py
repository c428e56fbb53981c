"""Entries of browsers: each is stored once, and only what the notebook has acknowledged is said to be stored."""

import json
from collections.abc import Callable

import pytest

from tests.support.loopback import Loopback
from tests.support.page_server import ADA, PageServer, entry
from udpnote.model.entry import TEXT_BYTES_MAX
from udpnote.page.requests import BodyRoom
from udpnote.page.responses import Refusal
from udpnote.page.writing_routes import ENTRIES_BYTES_MAX

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


MALFORMED: list[tuple[object, str]] = [
    ("[" * 5000, "body"), ("[]", "body"), ("{}", "client"), ('{"client": "AA"}', "client"), ('{"notebook": 1}', "notebook"),
    ({"client": ADA, "entries": []}, "entries"), ({"client": ADA, "entries": [entry(1, "a")] * 101}, "entries"),
    ({"client": ADA, "entries": [[]]}, "entries"), ({"client": ADA, "entries": [entry(1, kind="erased")]}, "kind"),
    *(({"client": ADA, "entries": [entry(1, "a") | {name: wrong}]}, name) for name, wrong in (
        ("sequence", True), ("written_at", 1.5), ("utc_offset", "480"), ("text", None), ("author", 1), ("revises", None),
    )),
    ({"client": ADA, "entries": [entry(1, "a", seen=[])]}, "seen"),
    ({"client": ADA, "entries": [entry(1, "a", seen={"number": 1, "client": ADA})]}, "sequence"),
]  # fmt: skip
"""Bodies of requests, as text or as values, and the field that is wrong."""


def test_of_a_malformed_request_nothing_is_stored(loopback: Loopback, page: PageServer) -> None:
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


def test_the_longest_text_is_stored_whichever_characters_it_has(loopback: Loopback, page: PageServer) -> None:
    text = "x" + "\x01" * (TEXT_BYTES_MAX - 1)
    assert [each["state"] for each in page.store(entry(1, text))] == ["stored"]
    assert loopback.texts() == [text]


def test_bodies_have_bounded_room_together_and_give_it_back() -> None:
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


def test_while_the_notebook_is_away_all_are_told_at_once_and_then_the_entry_is_stored(
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
