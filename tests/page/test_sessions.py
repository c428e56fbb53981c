"""Sealed notebooks: every route needs a session, which the join code begins on a private connection, and a new key ends."""

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from tests.support.loopback import Loopback
from tests.support.notebook_files import give_new_key
from tests.support.page_server import ADA, OUTBOX, PageServer, entry
from tests.support.processes import eventually
from udpnote.client.client import Client
from udpnote.client.status import NotebookStatus
from udpnote.errors import ClientClosed, Notice
from udpnote.model.join_code import join_code, new_key
from udpnote.page.app import CODE_BYTES_MAX
from udpnote.page.page_notebook import PageNotebook
from udpnote.page.sessions import KEYS_MAX, SESSION_IDLE_SECONDS, SESSIONS_MAX, Sessions
from udpnote.page.worker_threads import Threads
from udpnote.server.sealing import seal_notebook
from udpnote.storage.notebook.notebook import Notebook

ROUTES = (
    "/api/notes", "/api/notes/1", "/api/notes/1/history", "/api/tags", "/api/stats.svg", "/api/export", "/api/events",
)  # fmt: skip
OTHER_CODE = "0000-0000-0000-0000-0000-0000-000"


@pytest.fixture
def sealed(loopback: Loopback, serve_page: Callable[..., PageServer]) -> tuple[PageServer, str]:
    """The page of a sealed notebook that its host has joined, and the join code."""
    server = loopback.serve(sealed=True)
    code = server.join_code
    assert code is not None
    with loopback.client(OUTBOX, server=f"127.0.0.1:{server.port}") as client:
        client.join(code)
    return serve_page(), code


def test_nothing_of_a_sealed_notebook_is_told_without_its_join_code(loopback: Loopback, sealed: tuple[PageServer, str]) -> None:
    page, code = sealed
    state = page.get("/api/state")
    assert (state["notebook"], state["needs_code"], state["may_give_code"], state["newest"]) == (
        {"name": None, "id": None, "sealed": True}, True, True, None,
    )  # fmt: skip
    for route in ROUTES:
        assert page.get(route, status=401)["kind"] == "page_needs_code"
    page.post("/api/entries", {"client": ADA, "entries": [entry(1, "a")]}, status=401)
    for wrong in ("x", code[:-1], OTHER_CODE):
        assert page.post("/api/session", {"code": wrong}, status=403 if wrong != OTHER_CODE else 503)
    page.post("/api/session", {"code": 1}, status=400)
    assert page.post("/api/session", {"code": "x" * CODE_BYTES_MAX}, status=413)["kind"] == "page_code_mistyped"
    assert loopback.texts() == []


def test_a_session_reads_and_writes_until_it_ends(loopback: Loopback, sealed: tuple[PageServer, str]) -> None:
    page, code = sealed
    answer = page.http.post("/api/session", json={"code": code.lower()})
    assert answer.status_code == 204
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "secure" not in cookie
    assert [each["state"] for each in page.store(entry(1, "秘密"))] == ["stored"]
    assert page.get("/api/state")["notebook"]["name"] == "kitchen"
    for route in ROUTES[:-1]:
        assert page.http.get(route).status_code == 200
    with page.events() as events:
        assert next(events).data["newest"] == 1
    assert page.http.delete("/api/session").status_code == 204
    page.get("/api/notes", status=401)
    assert code.replace("-", "").encode() not in b"".join(path.read_bytes() for path in loopback.folder.glob("page-*"))


def test_a_join_code_is_not_accepted_where_others_can_read_it(sealed: tuple[PageServer, str]) -> None:
    page, code = sealed
    refusal = page.post("/api/session", {"code": code}, status=403, Host="pi.lan", Origin="http://pi.lan")
    assert refusal["kind"] == "page_code_needs_https"
    state = page.get("/api/state", Host="pi.lan")
    assert (state["may_give_code"], state["kind"]) == (False, "page_code_needs_https")


def test_a_new_key_ends_sessions_and_streams_and_its_join_code_begins_new_ones(
    loopback: Loopback, sealed: tuple[PageServer, str]
) -> None:
    page, code = sealed
    page.post("/api/session", {"code": code}, status=204)
    with page.events() as events:
        assert next(events).name == "ready"
        new_code = give_new_key(loopback.notebook())
        assert next(event for event in events if event.name != "away").data["kind"] == "key_changed"
    assert page.get("/api/notes", status=401)["kind"] == "key_changed"
    page.post("/api/session", {"code": code}, status=403)
    page.post("/api/session", {"code": new_code}, status=204)
    assert page.get("/api/notes")["notes"] == []


def test_a_page_with_the_key_of_a_newly_sealed_notebook_asks_browsers_for_the_join_code(
    loopback: Loopback, serve_page: Callable[..., PageServer]
) -> None:
    server = loopback.serve()
    page = serve_page(server)
    page.store(entry(1, "a"))
    server.stop()
    with closing(Notebook(str(loopback.notebook()))) as notebook:
        seal_notebook(notebook, name="kitchen")
    code = loopback.serve(sealed=True).join_code
    assert code is not None
    with loopback.client(OUTBOX) as client:
        client.join(code)
    page.post("/api/entries", {"client": ADA, "entries": [entry(2, "b")]}, status=401)
    assert page.get("/api/state")["needs_code"]
    for route in ROUTES:
        page.get(route, status=401)
    page.post("/api/session", {"code": code}, status=204)
    assert [note["text"] for note in page.get("/api/notes")["notes"]] == ["a"]


def test_a_notebook_is_called_sealed_as_soon_as_that_is_known_and_a_missing_one_never(
    loopback: Loopback, serve_page: Callable[..., PageServer]
) -> None:
    loopback.reserve_port()
    page = serve_page()

    def told(**headers: str) -> tuple[object, ...]:
        state = page.get("/api/state", 200, **headers)
        sealed = None if state["notebook"] is None else state["notebook"]["sealed"]
        return sealed, state["needs_code"], state["away"], state["kind"]

    never_seen = (None, False, True, "no_answer_on_lan")
    assert told() == never_seen
    server = loopback.serve(sealed=True)
    assert told() == never_seen, "without the key, nobody can tell a sealed notebook from a missing one"
    page.post("/api/session", {"code": server.join_code}, status=204)
    assert told() == (True, False, False, None)
    assert told(Cookie="") == (True, True, False, "page_needs_code"), "the session has shown that it is sealed"
    server.stop()
    page.get("/api/notes", status=503)
    assert told() == (True, False, True, "key_not_found")
    assert told(Cookie="") == (True, True, False, "page_needs_code")


def test_a_made_up_token_is_no_session(sealed: tuple[PageServer, str]) -> None:
    page, _ = sealed
    for token in ("", "x", "a" * 43, "../../etc"):
        page.get("/api/notes", status=401, Cookie=f"udpnote-{page.port}={token}")


def test_a_browser_whose_session_is_gone_is_asked_for_the_join_code_until_the_notebook_answers_without_one(
    loopback: Loopback, serve_page: Callable[..., PageServer]
) -> None:
    loopback.reserve_port()
    page = serve_page()
    gone = {"Cookie": f"udpnote-{page.port}=gone"}
    assert page.get("/api/state")["away"], "a silent notebook may be open or sealed"
    assert page.get("/api/state", 200, **gone)["needs_code"], "a browser with a session has used a sealed one"
    for route in ROUTES:
        page.get(route, 401, **gone)
    loopback.serve()
    eventually(lambda: page.get("/api/state", 200, **gone)["needs_code"] is False)
    forgotten = page.http.get("/api/state", headers=gone).headers["set-cookie"]
    assert forgotten.startswith(f'udpnote-{page.port}=""') and "Max-Age=0" in forgotten
    assert "set-cookie" not in page.http.get("/api/state").headers


def test_two_pages_of_one_host_do_not_end_the_sessions_of_each_other(
    sealed: tuple[PageServer, str], serve_page: Callable[..., PageServer]
) -> None:
    page, code = sealed
    other = serve_page()
    browser = page.http  # it sends the cookies of a host to all ports of that host, as browsers do
    for each in (page, other):
        assert browser.post(f"{each.origin}/api/session", json={"code": code}, headers={"Origin": each.origin}).is_success
    for each in (page, other):
        assert browser.get(f"{each.origin}/api/notes").is_success
    assert browser.delete(f"{other.origin}/api/session", headers={"Origin": other.origin}).is_success
    assert [browser.get(f"{each.origin}/api/notes").status_code for each in (page, other)] == [200, 401]


def test_join_codes_cannot_be_tried_without_end_and_mistyped_ones_lock_nobody_out(sealed: tuple[PageServer, str]) -> None:
    page, code = sealed
    assert {page.http.post("/api/session", json={"code": "x"}).status_code for _ in range(25)} == {403}
    answers = [page.http.post("/api/session", json={"code": code}) for _ in range(25)]
    assert (answers[0].status_code, answers[-1].status_code) == (204, 429)
    assert answers[-1].json()["kind"] == "page_too_many_codes"


class AnsweringNotebook(PageNotebook):
    """A page's notebook whose server always answers, and accepts the key. `is_closed` says whether the page has closed it."""

    is_closed = False

    async def _server_status(self) -> NotebookStatus:
        """The server has answered."""
        return NotebookStatus(None, False, True, 0, 0.001, failure=None)

    def close(self) -> None:
        """Close it, and remember that."""
        super().close()
        self.is_closed = True


class TimedSessions:
    """`Sessions` of which the test sets the time `now`. `notebooks` are those that were opened by join codes, in order."""

    def __init__(self, threads: Threads) -> None:
        self.now = 1000.0
        self.notebooks: list[AnsweringNotebook] = []
        self._threads = threads
        self._random = random.Random(5)
        self._begun = 0
        self.sessions = Sessions(self._open, AnsweringNotebook(self._open_no_client, threads), monotonic=lambda: self.now)

    def _open_no_client(self, _: Callable[[Notice], None]) -> Client:
        raise ClientClosed("client_closed")

    def _open(self, _: str) -> PageNotebook:
        self.notebooks.append(AnsweringNotebook(self._open_no_client, self._threads, has_key=True))
        return self.notebooks[-1]

    def new_code(self) -> str:
        """The join code of a new key."""
        return join_code(new_key(self._random.randbytes))

    async def begin(self, code: str) -> str:
        """Begin a session one second later, from a host that has not tried a code yet, and return its token."""
        self.now += 1.0
        self._begun += 1
        return await self.sessions.begin(code, f"host {self._begun}")


@pytest.fixture
def timed() -> Iterator[TimedSessions]:
    """Sessions without a server, at a time that the test sets."""
    with closing(Threads()) as threads:
        timed = TimedSessions(threads)
        with closing(timed.sessions):
            yield timed


def test_a_session_ends_after_two_weeks_without_use_and_each_use_prolongs_it(timed: TimedSessions) -> None:
    assert SESSION_IDLE_SECONDS == 14 * 86_400
    token = asyncio.run(timed.begin(timed.new_code()))
    for _ in range(3):
        timed.now += SESSION_IDLE_SECONDS - 1.0
        assert timed.sessions.find(token) is not None
    timed.now += SESSION_IDLE_SECONDS + 1.0
    assert timed.sessions.find(token) is None
    assert not timed.notebooks[0].is_closed
    asyncio.run(timed.begin(timed.new_code()))
    assert timed.notebooks[0].is_closed, "no session uses it any more"


def test_with_too_many_sessions_the_one_that_was_not_used_for_longest_ends(timed: TimedSessions) -> None:
    async def begin_all() -> list[str]:
        code = timed.new_code()
        tokens = [await timed.begin(code) for _ in range(SESSIONS_MAX)]
        assert timed.sessions.find(tokens[0]) is not None
        return [*tokens, await timed.begin(code)]

    first, second, *others = asyncio.run(begin_all())
    assert timed.sessions.find(second) is None
    assert None not in [timed.sessions.find(token) for token in (first, *others)]
    assert len(timed.notebooks) == 1, "sessions with the same key share a notebook"


def test_with_too_many_keys_the_notebook_whose_key_was_not_used_for_longest_is_closed(timed: TimedSessions) -> None:
    async def begin_all() -> list[str]:
        tokens = [await timed.begin(timed.new_code()) for _ in range(KEYS_MAX)]
        timed.now += 1.0
        assert timed.sessions.find(tokens[0]) is not None
        return [*tokens, await timed.begin(timed.new_code())]

    tokens = asyncio.run(begin_all())
    assert [timed.sessions.find(token) is None for token in tokens] == [place == 1 for place in range(KEYS_MAX + 1)]
    assert [notebook.is_closed for notebook in timed.notebooks] == [place == 1 for place in range(KEYS_MAX + 1)]
