"""The state of the notebook: when the page asks for it and shows it, and what it means for entries that wait."""

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.support.page_site import Site
from tests.support.processes import eventually
from tests.support.visitor import Visitor, Visitors, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Route

BREAK = """async () => {
    localStorage.setItem("udpnote.notebook", '{"id": 5}')
    localStorage.setItem("udpnote.names", "5")
    const { Database, result } = await import("/static/database.js")
    return new Database(indexedDB).transact("readwrite", async (transaction) => {
        const entries = transaction.objectStore("entries")
        const [whole] = await result(entries.getAll())
        const wrong = [
            { text: 5 }, { text: undefined }, { text: "half \\ud83d of a character" }, { text: "long ".repeat(1e6) },
            { kind: "poem" }, { state: null, after: "x" }, { client: "me" }, { written_at: NaN, author: {} },
            { text: "no sequence", sequence: null },
        ]
        let order = whole.order
        for (const each of wrong) await result(entries.put({ ...whole, ...each, order: ++order }))
        await result(entries.put(Object.assign([1n], { order: ++order })))
        await result(transaction.objectStore("facts").put("me", "identity"))
        await result(transaction.objectStore("facts").put({}, "drafts"))
        return order - whole.order
    })
}"""
"""Puts entries, facts and settings that no page has written into what the browser keeps. Returns how many entries."""

KNOWN = "Object.keys(JSON.parse(localStorage.getItem('udpnote.names')))"
"""The ids of the notebooks that the browser knows by name, in the order in which it saw them last."""

NOTE_CONNECTION = """document.addEventListener("DOMContentLoaded", () => {
    window.shown = []
    const connection = document.querySelector("#connection")
    new MutationObserver(() => shown.push(connection.textContent)).observe(connection, { childList: true })
})"""
"""Collects in `shown` what the page says of its connection."""

COLLECT_TOASTS = """() => {
    window.toasts = []
    const toast = document.querySelector("#toast")
    new MutationObserver(() => toast.textContent && toasts.push(toast.textContent)).observe(toast, { childList: true })
}"""
"""Collects in `toasts` what the page says for a few seconds."""

REFUSAL = {"kind": "refused", "reason": "The page refuses it."}


def test_the_notes_are_shown_before_the_browsers_database_is_open(site: Site, visitors: Visitors) -> None:
    site.start()
    site.send("stored")
    profile = visitors.profile()
    profile.add_init_script("IDBFactory.prototype.open = () => new EventTarget()  // it never opens")
    page = profile.new_page()
    page.goto(site.address)
    page.locator("#days article", has_text="stored").wait_for()
    assert page.locator("body.ready").count() == 0


def test_the_page_says_connecting_not_connected_until_the_notebook_has_answered(site: Site, visitors: Visitors) -> None:
    site.start()
    profile = visitors.profile()
    profile.add_init_script(NOTE_CONNECTION)
    amy = visitors.visit(site.address, profile=profile)
    connected = "shown.includes('Connected')"
    amy.wait_until(connected)
    site.server.stop()
    amy.page.locator("#notice-connection").wait_for()
    with amy.page.expect_response("**/api/events*"):
        amy.reload()
    site.end_page()
    amy.page.locator("#notice-connection", has_text="The page's server").wait_for()
    site.start_page()
    amy.page.locator("#notice-connection", has_text="The notebook does not").wait_for()
    assert not amy.page.evaluate(connected)
    site.serve()
    amy.wait_until(connected)


@pytest.mark.parametrize("status", [401, 409])
def test_after_a_refused_request_the_page_asks_for_the_state_and_sends_nothing(site: Site, amy: Visitor, status: int) -> None:
    site.send("live")
    amy.sees("live")  # so its stream is open: opening one later would let the sender try again
    asked: Counter[str] = Counter()
    amy.page.on("request", lambda request: asked.update([request.url.removeprefix(site.address).partition("?")[0]]))
    amy.page.route("**/api/entries", lambda route: route.fulfill(status=status, json=REFUSAL))
    amy.page.clock.install()
    amy.page.clock.pause_at(4e9)  # pauses of the sender never end
    amy.write("refused")
    wait_for(amy.page, lambda: (asked["/api/state"], asked["/api/notes"]) == (1, 1))
    for _ in range(5):
        amy.handle_answers()
    assert asked["/api/entries"] == 1


def test_a_waiting_note_names_its_notebook_if_the_page_shows_another(amy: Visitor) -> None:
    status = 503
    amy.page.route("**/api/entries", lambda route: route.fulfill(status=status, json=REFUSAL))
    amy.write("for the first notebook")
    amy.page.locator("#waiting .held").wait_for()

    def of_another_notebook(route: "Route") -> None:
        state = route.fetch().json()
        route.fulfill(json={**state, "notebook": {"name": "attic", "id": "ff" * 16, "sealed": False}})

    amy.page.route("**/api/state", of_another_notebook)
    status = 409
    amy.page.evaluate("dispatchEvent(new Event('online'))")
    notebook = f"kitchen ({amy.page.evaluate(KNOWN)[0][:8]})"
    amy.page.locator("#waiting", has_text=f"waits for another notebook, {notebook}").wait_for()


def test_another_notebook_that_the_page_shows_since_its_restart_is_not_called_an_older_copy(site: Site, amy: Visitor) -> None:
    amy.store("in the kitchen")
    amy.page.evaluate(COLLECT_TOASTS)
    site.end_page()
    site.server.stop()
    site.notebook = site.folder / "attic.sqlite3"
    site.serve()
    site.start_page()
    site.send("in the attic")
    amy.sees("in the attic")
    amy.wait_until("document.querySelector('#notice-connection') === null")
    assert (amy.texts(), amy.page.evaluate("toasts")) == (["in the attic"], [])


def test_imported_notes_whose_long_sequences_javascript_would_round_can_be_edited_and_deleted(
    site: Site, visitors: Visitors
) -> None:
    site.start()
    site.import_note("from jrnl")
    amy = visitors.visit(site.address)
    amy.revise("from jrnl", "from jrnl, and better")
    amy.sees("from jrnl, and better")
    amy.sees_nothing_waiting()
    amy.menu("Take back my last change")
    eventually(lambda: amy.texts() == ["from jrnl"])
    amy.reload()
    amy.act("from jrnl", "Delete")
    amy.page.locator("#toast", has_text="is deleted").wait_for()
    amy.sees_nothing_waiting()
    assert site.texts() == ["from jrnl", "from jrnl, and better", "from jrnl", ""]


def test_broken_entries_hold_up_neither_the_page_nor_other_entries_and_can_be_copied_and_removed(
    site: Site, amy: Visitor
) -> None:
    amy.page.route("**/api/entries", lambda route: route.fulfill(status=503, json=REFUSAL))
    amy.write("whole")
    amy.page.locator("#waiting article").wait_for()
    broken = amy.page.evaluate(BREAK)
    amy.page.unroute_all()
    amy.reload()
    amy.sees("whole")
    amy.write("written after that")
    amy.sees("written after that")
    rows = amy.page.locator("#waiting article", has_text="cannot be stored")
    eventually(lambda: rows.count() == broken and amy.page.locator("#waiting article").count() == broken)
    rows.filter(has_text="no sequence").get_by_role("button", name="Copy the text").click()
    amy.page.locator("#toast", has_text="Copied").wait_for()
    for _ in range(broken):
        count = rows.count()
        rows.last.get_by_role("button", name="Remove").click()
        eventually(lambda count=count: rows.count() < count)  # type: ignore[misc]
    amy.sees_nothing_waiting()
    assert site.texts() == ["whole", "written after that"]
