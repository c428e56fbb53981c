"""Which requests are answered: what web sites and hosts of the LAN can and cannot do."""

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from itertools import product

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import PlainTextResponse
from starlette.types import Message

from tests.support.loopback import Loopback
from tests.support.page_server import ADA, PageServer, entry
from udpnote.model.language import LANGUAGES
from udpnote.page.access import (
    HEADERS,
    OPENER_POLICY,
    REQUESTS_BURST,
    AllowedHosts,
    Gate,
    host_of,
    is_private,
    language_of,
    port_of,
)

BODY = {"client": ADA, "entries": [entry(1, "from elsewhere")]}
CHANGING = ("POST", "PUT", "DELETE", "PATCH", "OPTIONS")
HOSTS = AllowedHosts("Pi.lan", ["notes.example", "[fd00::9]"], lambda: ["192.0.2.7", "fe80::7"])


@pytest.mark.parametrize(
    ("authority", "is_allowed"),
    [
        ("localhost:6680", True), ("127.0.0.1", True), ("[::1]:6680", True), ("192.0.2.7:6680", True), ("[fe80::7]", True),
        ("PI.LAN:6680", True), ("pi.lan.", True), ("pi", True), ("pi.local:6680", True), ("notes.example", True),
        ("[FD00::9]:1", True), ("evil.example", False), ("evil.example:6680", False), ("192.0.2.8", False), ("", False),
        ("localhost.evil.example", False), ("[::1", False), ("[::1]x", False), ("pi.lan@evil.example", False),
        ("localhost:x", False), ("localhost:6680:1", False), ("0x7f.1", False), ("127.1", False), ("[fe80::8]", False),
    ],
)  # fmt: skip
def test_only_names_and_addresses_of_this_machine_are_allowed(authority: str, is_allowed: bool) -> None:
    assert (host_of(authority) in HOSTS) == is_allowed


@pytest.mark.parametrize(
    ("authority", "port"),
    [("pi:6680", "6680"), ("[::1]:80", "80"), ("[fd00::12]", ""), ("fd00::12", ""), ("pi", ""), ("pi:x", ""), ("", "")],
)
def test_the_port_of_a_host_is_what_follows_its_name_or_address(authority: str, port: str) -> None:
    assert port_of(authority) == port


def test_a_request_under_an_unknown_host_name_gets_only_the_option_that_allows_it(
    loopback: Loopback, serve_page: Callable[..., PageServer]
) -> None:
    page = serve_page(loopback.serve(), hosts=["notes.example"])
    for path in ("/", "/static/page.js", "/api/notes", "/api/state", "/api/events"):
        answer = page.http.get(path, headers={"Host": "evil.example", "Origin": "http://evil.example"})
        assert answer.status_code == 421
        assert "--allow-host evil.example" in answer.text
    assert "<b>" not in page.http.get("/", headers={"Host": "<b>"}).text
    chinese = page.http.get("/", headers={"Host": "evil.example", "Accept-Language": "zh-CN"}).text
    assert 'lang="zh-CN"' in chinese and "网页" in chinese
    assert page.http.get("/api/notes", headers={"Host": "notes.example"}).status_code == 200


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        ("http://{own}/api/notes?limit=1", "{own}", 200), ("HTTP://{own}/%61pi/notes", "evil.example", 200),
        ("http://{own}", "{own}", 200), ("http://{own}/nothing", "{own}", 404), ("http://evil.example/", "{own}", 421),
        ("http://x@{own}/", "{own}", 421), ("http:///", "{own}", 421), ("https://{own}/", "{own}", 421),
    ],
)  # fmt: skip
def test_the_host_in_the_target_of_a_request_counts_in_place_of_its_host_header(
    page: PageServer, target: str, host: str, status: int
) -> None:
    own = f"127.0.0.1:{page.port}"
    head = f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".format(own=own)
    with socket.create_connection(("127.0.0.1", page.port), timeout=5) as connection:
        connection.sendall(head.encode())
        assert connection.makefile().readline().split()[1] == str(status)


def test_a_request_that_changes_something_must_come_from_the_page(loopback: Loopback, page: PageServer) -> None:
    host = page.origin.removeprefix("http://")
    for origin in (None, "null", "http://evil.example", f"https://{host}", f"{page.origin}1", "http://127.0.0.1"):
        headers = {} if origin is None else {"Origin": origin}
        with httpx.Client(base_url=page.origin, headers=headers, verify=False) as other:
            for method, path in product(CHANGING, ("/api/entries", "/api/session", "/")):
                answer = other.request(method, path, json=BODY)
                assert (answer.status_code, answer.json()["kind"]) == (403, "page_origin_refused"), (method, path, origin)
                assert "access-control-allow-origin" not in answer.headers
    assert loopback.texts() == []


def test_another_site_can_let_a_browser_open_the_page_but_neither_read_nor_frame_it(page: PageServer) -> None:
    from_elsewhere = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert page.http.get("/", headers=from_elsewhere).status_code == 200
    for path in ("/api/notes", "/api/export", "/api/events", "/static/index.html"):
        assert page.http.get(path, headers=from_elsewhere | {"Sec-Fetch-Mode": "no-cors"}).status_code == 403
    for path in ("/", "/api/state", "/api/export", "/api/stats.svg", "/nothing", "/static/nothing"):
        answer = page.http.get(path)
        assert HEADERS.items() <= dict(answer.headers).items()
        assert "server" not in answer.headers
        assert path in ("/", "/static/nothing") or answer.headers["cache-control"] == "no-store"
    assert OPENER_POLICY not in page.http.get("/", headers={"Host": "pi.lan"}).headers
    policy = HEADERS["content-security-policy"]
    assert "frame-ancestors 'none'" in policy and "unsafe" not in policy and "default-src 'none'" in policy


def test_no_path_reaches_a_file_outside_of_the_assets(page: PageServer) -> None:
    for path in ("../app.py", "..%2fapp.py", "%2e%2e/app.py", "/etc/passwd", "index.html%00", ""):
        answer = page.http.get(f"{page.origin}/static/{path}")
        assert answer.status_code in (404, 307), "Starlette sends a path with a slash too many to the one without"
        assert "import" not in answer.text, path


def test_only_requests_by_https_or_from_this_machine_are_private() -> None:
    scope = {"type": "http", "scheme": "http", "headers": [(b"host", b"pi.lan")], "client": ("192.0.2.9", 1)}
    assert not is_private(scope)
    assert is_private(scope | {"scheme": "https"})
    assert not is_private(scope | {"client": ("127.0.0.1", 1)}), "a proxy on this machine may pass requests of others on"
    assert is_private(scope | {"client": ("::1", 1), "headers": [(b"host", b"localhost:6680")]})


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"), ("de", "en"), ("zh-TW,zh;q=0.9,en;q=0.8", "zh_TW"), ("de;q=0.9, zh-CN;q=0.5", "zh_CN"),
        ("en;q=0.5,zh-Hant-HK;q=0.7", "zh_TW"), ("zh;q=0,en", "en"), ("en;q=x,zh", "zh_CN"), ("*", "en"),
    ],
)  # fmt: skip
def test_the_language_is_the_one_that_the_browser_wants_most(accepted: str, language: str) -> None:
    assert language_of(accepted) == language


@given(st.text())
def test_any_text_in_a_header_gives_a_language_and_names_no_other_host(text: str) -> None:
    assert language_of(text) in LANGUAGES
    assert host_of(text) not in HOSTS or host_of(text) in text.lower()


def test_the_command_for_a_refused_host_has_nothing_that_a_shell_would_execute(page: PageServer) -> None:
    for host, shown in {
        "evil.example": "evil.example",
        "192.0.2.1": "192.0.2.1",
        "$(x).evil.example": "NAME",
        "": "NAME",
    }.items():
        assert f"--allow-host {shown}`" in page.http.get("/api/state", headers={"Host": host}).json()["reason"]


async def receive_nothing() -> Message:
    """Give the application the rest of a request, which is empty."""
    return {"type": "http.request"}


def test_a_host_that_asks_too_often_is_refused_for_a_second_and_others_are_not() -> None:
    gate = Gate(PlainTextResponse("asked"), AllowedHosts("pc", [], list))

    def answers(client: str, count: int) -> Counter[int]:
        """Send `count` requests from `client`. Returns how many answers had each status."""
        scope = {"client": (client, 5000), "headers": [(b"host", b"pc")], "path": "/", "raw_path": b"/"}
        starts: list[Message] = []

        async def send(message: Message) -> None:
            starts.extend([message] if message["type"] == "http.response.start" else [])

        async def ask() -> None:
            for _ in range(count):  # without an HTTP client, with which a slow machine would not ask too often
                await gate({"type": "http", "scheme": "http", "method": "GET"} | scope, receive_nothing, send)

        asyncio.run(ask())
        assert all((b"retry-after", b"1") in each["headers"] for each in starts if each["status"] == 429)
        return Counter(each["status"] for each in starts)

    answers("2001:db8::1", int(REQUESTS_BURST) * 2)
    assert answers("2001:db8::2", int(REQUESTS_BURST))[429] > 0, "an IPv6 network counts as one host"
    flood = answers("192.168.1.9", int(REQUESTS_BURST) * 4)
    assert flood[200] >= REQUESTS_BURST
    assert flood[429] > 0
    assert answers("192.168.1.8", 10) == answers("127.0.0.1", 10) == Counter({200: 10})
