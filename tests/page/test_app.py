"""The application as a whole: any request gets an answer that is no error of the page itself."""

import json
import socket
from collections.abc import Callable
from contextlib import closing
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.loopback import Loopback
from tests.support.page_server import ADA, OUTBOX, PageServer, entry
from udpnote.storage.outbox.outbox import Outbox

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
wrong_entries = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(entry(1), json_values)
    | {"kind": st.sampled_from(["note", "revision", "deletion"]), "sequence": st.integers(), "text": st.text()},
).map(lambda fields: entry(1, "a") | fields)
bodies = json_values | st.fixed_dictionaries(
    {"client": st.just(ADA) | st.text(), "entries": st.lists(wrong_entries, max_size=3) | json_values}
)
queries = st.dictionaries(
    st.sampled_from(["limit", "before", "q", "tag", "author", "format", "after"]),
    st.text(max_size=20)
    | st.integers().map(str)
    | st.tuples(st.integers(), st.integers()).map(lambda two: f"{two[0]}-{two[1]}"),
)
paths = st.sampled_from(
    [
        "/api/notes",
        "/api/notes/1",
        "/api/notes/1/history",
        "/api/tags",
        "/api/export",
        "/api/state",
        "/api/stats.svg",
        "/static/x",
    ]
) | st.binary(max_size=12).map(lambda name: f"/api/notes/{quote(name)}")


def test_no_request_causes_an_internal_error(page: PageServer) -> None:
    page.store(entry(1, "买牛奶 🥛 #milk"))

    @settings(max_examples=60)
    @given(path=paths, query=queries, method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE"]))
    def read(path: str, query: dict[str, str], method: str) -> None:
        answer = page.http.request(method, path, params=query)
        assert answer.status_code < 500, (answer.status_code, answer.text)

    @settings(max_examples=60)
    @given(path=st.sampled_from(["/api/entries", "/api/session"]), body=bodies)
    def write(path: str, body: object) -> None:
        answer = page.http.post(path, content=json.dumps(body).encode())
        assert answer.status_code < 500, (answer.status_code, answer.text)

    read()
    write()


def test_a_file_that_a_browser_has_is_not_sent_again(page: PageServer) -> None:
    answer = page.http.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "date" in answer.headers
    again = page.http.get("/", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_mistyped_address_leads_to_the_page(page: PageServer) -> None:
    answer = page.http.get("/notes", headers={"Accept-Language": "zh-CN"})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert '<html lang="zh-CN">' in answer.text and '<a href="/">打开网页</a>' in answer.text
    for path in ("/api/nothing", "/api/tags/", "/api/notes/1/"):
        assert page.get(path, 404)["kind"] == "page_not_there"


def test_a_refused_method_names_those_that_the_address_takes(page: PageServer) -> None:
    for path, methods in (("/api/session", {"POST", "DELETE"}), ("/api/entries", {"POST"}), ("/api/tags", {"GET", "HEAD"})):
        answer = page.http.put(path)
        assert (answer.status_code, answer.json()["kind"]) == (405, "page_method_refused")
        assert set(answer.headers["allow"].split(", ")) == methods


def test_malformed_requests_are_not_logged(page: PageServer, caplog: pytest.LogCaptureFixture) -> None:
    for request in (b"no request\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"):
        with socket.create_connection((page.http.base_url.host, page.http.base_url.port or 0), timeout=5) as connection:
            connection.sendall(request)
            assert connection.recv(100).startswith(b"HTTP/1.1 4")
    assert not caplog.records


def test_a_page_knows_its_notebook_before_the_first_request(loopback: Loopback, serve_page: Callable[..., PageServer]) -> None:
    server = loopback.serve()
    serve_page()
    with closing(Outbox(str(loopback.folder / OUTBOX))) as outbox:
        assert [each.notebook_id.hex() for each in outbox.notebooks()] == [server.notebook_id], "so no request looks for it"
