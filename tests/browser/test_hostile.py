"""What notes and other web sites cannot do in a real browser."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support.page_site import Site
from tests.support.visitor import AT_A_PHONE, Visitor, Visitors

SCRIPTS = [
    "<script>window.isHarmed = true</script>",
    "<img src=x onerror='window.isHarmed = true'>",
    '"><svg onload="window.isHarmed = true">',
    "<style>body { display: none }</style></textarea></title></script><h1>",
    "javascript:window.isHarmed=true #<b>tag</b>",
    "{{constructor.constructor('window.isHarmed = true')()}} ${window.isHarmed = true}",
    "amy \u202e\u2066gnihtyreve deteled \u2069\u202c end",
]
DIRECTIONS = (
    "[...document.querySelectorAll('#days .text, #days .author bdi')].map((each) => getComputedStyle(each).unicodeBidi)"
)
"""For each text and each author on the page, the value of CSS that says whether signs in it turn the text beside it."""
MEGABYTE = "今天开会，" * (2**20 // 15)
"""An entry may have 1 MiB of UTF-8, and this is all but a byte of it."""


def test_notes_are_shown_as_mere_text_and_do_not_turn_the_text_beside_them(site: Site, visitors: Visitors) -> None:
    site.start()
    amy = visitors.visit(site.address, author="<b>amy</b> \u202e", **AT_A_PHONE)
    amy.write(*SCRIPTS)
    bob = visitors.visit(site.address, author="bob")
    for tab in (amy, bob):
        tab.sees(*SCRIPTS)
        assert tab.texts() == SCRIPTS
        directions = tab.page.evaluate(DIRECTIONS)
        assert len(directions) > len(SCRIPTS) and set(directions) <= {"isolate", "plaintext", "isolate-override"}
    bob.search("onerror")
    bob.page.locator("mark", has_text="onerror").wait_for()
    for tab in (amy, bob):
        assert tab.page.evaluate("window.isHarmed") is None
        assert tab.page.locator("main :is(script, img, h1, style, b)").count() == 0
    assert site.texts() == SCRIPTS


def test_a_note_of_a_megabyte_is_stored_whole_shown_cut_and_opened(site: Site, visitors: Visitors, amy: Visitor) -> None:
    amy.write(MEGABYTE, "after it")
    amy.sees("after it")
    amy.sees_nothing_waiting()
    assert site.texts() == [MEGABYTE, "after it"]
    bob = visitors.visit(site.address)
    assert [len(text) < 3000 for text in bob.texts()] == [True, True]
    bob.page.get_by_role("button", name="Show all").click()
    bob.wait_until(f"document.querySelector('#days .text').textContent.length === {len(MEGABYTE)}")
    amy.type(MEGABYTE + "！")
    amy.page.locator("#send").click()
    amy.page.locator("#notice-writing").wait_for()
    assert len(amy.page.locator("#text").input_value()) == len(MEGABYTE) + 1, "what is too long stays in the field"
    assert len(site.texts()) == 2


@pytest.fixture
def other_site() -> Iterator[int]:
    """The port of a web server that has nothing to do with udpnote. Chromium lets its pages send requests to loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Blank) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


class _Blank(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>blank</title>")

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def test_another_site_in_the_same_browser_cannot_write_read_or_frame_the_page(
    site: Site, visitors: Visitors, other_site: int
) -> None:
    site.start()
    site.send("private")
    profile = visitors.profile()
    page = profile.new_page()
    page.goto(f"http://attacker.test:{other_site}/")
    done = page.evaluate(
        """async (address) => {
            const note = { sequence: 1, kind: "note", text: "forged", author: "mallory", written_at: 1, utc_offset: 0 }
            const entry = { ...note, revises: 0, seen: null }
            const body = JSON.stringify({ client: "0".repeat(32), entries: [entry] })
            const read = async (path, options) => {
                try { return (await fetch(address + path, options)).type } catch { return "failed" }
            }
            const frame = document.createElement("iframe")
            frame.src = address
            document.body.append(frame)
            await new Promise((resolve) => { frame.onload = resolve })
            const form = document.createElement("form")
            Object.assign(form, { action: address + "/api/entries", method: "post", enctype: "text/plain", target: "x" })
            const field = document.createElement("input")
            field.name = body
            form.append(field)
            document.body.append(form)
            form.submit()
            const seen = []
            for (const mode of ["cors", "no-cors"]) {
                seen.push(await read("/api/notes", { mode, credentials: "include" }))
                seen.push(await read("/api/entries", { mode, method: "POST", body, headers: { "Content-Type": "text/plain" } }))
            }
            return seen
        }""",
        site.address,
    )
    assert set(done) <= {"failed", "opaque"}
    framed = [frame for frame in page.frames if frame.url.startswith(site.address)]
    assert all(not frame.locator("#text").count() for frame in framed)
    assert site.texts() == ["private"]
