"""A wrong press loses no text that a person has typed, and a browser that keeps nothing says what that means."""

from itertools import pairwise

import pytest

from tests.support.page_site import Site
from tests.support.processes import eventually
from tests.support.visitor import WITH_A_WORKER, Visitor, Visitors

GET_AND_KEPT = """async () => {
    const shown = await (await fetch("/static/page.css")).text()
    return [shown, await (await (await caches.open("udpnote-page")).match("/static/page.css")).text()]
}"""
"""Gets a file through the service worker. Returns its text, and that of the file which the service worker has kept."""

FULL = "IDBObjectStore.prototype.add = () => { throw new DOMException('full', 'QuotaExceededError') }; 0"
"""From now on, the browser has no room to keep anything."""


def test_a_new_text_that_was_begun_comes_back_after_another_note_was_edited(amy: Visitor) -> None:
    amy.write("one", "two")
    amy.type("not sent")
    amy.edit("one", "one, with many words")
    amy.revise("two", "two, changed")
    amy.sees("two, changed")
    text = amy.page.locator("#text")
    assert text.input_value() == "not sent\none, with many words"
    amy.act("one", "Edit")
    amy.act("two", "Edit")
    amy.page.locator("#editing", has_text="#2").get_by_role("button", name="Cancel").click()
    assert text.input_value() == "not sent\none, with many words", "the text of note #1 was not changed, so it is not kept"


def test_a_browser_without_room_says_that_a_note_is_not_deleted(amy: Visitor) -> None:
    amy.store("stays")
    amy.page.evaluate(FULL)
    amy.act("stays", "Delete")
    amy.page.locator("#notice-writing", has_text="not deleted").wait_for()
    amy.sees("stays")
    amy.faults.clear()


@pytest.mark.parametrize("method", ["IDBCursor.prototype.update", "IDBObjectStore.prototype.delete"])
def test_a_browser_without_room_to_send_or_to_forget_an_entry_says_so_until_it_has_room(
    site: Site, amy: Visitor, method: str
) -> None:
    amy.page.evaluate(
        f"[window.whole, {method}] = [{method}, () => {{ throw new DOMException('full', 'QuotaExceededError') }}]; 0"
    )
    amy.write("waits")
    amy.page.locator("#notice-cannot-send", has_text="its disk may be full").wait_for()
    amy.page.evaluate(f"{method} = whole; 0")
    amy.sees("waits")
    amy.sees_nothing_waiting()
    amy.page.locator("#notice-cannot-send").wait_for(state="detached")
    assert site.texts() == ["waits"]
    amy.faults.clear()


def test_a_note_that_is_deleted_while_the_notebook_is_silent_is_not_called_deleted_yet(site: Site, amy: Visitor) -> None:
    amy.store("to be deleted")
    site.server.stop()
    amy.page.locator("body.away").wait_for()
    amy.act("to be deleted", "Delete")
    amy.page.locator("#toast", has_text="as soon as the notebook answers").wait_for()
    amy.sees("to be deleted")
    site.serve()
    amy.note("to be deleted").wait_for(state="detached")


def test_a_change_that_waits_names_its_note_not_the_version_that_it_replaces(site: Site, amy: Visitor) -> None:
    amy.write("milk", "bread")
    for before, after in (("milk", "oat milk"), ("bread", "rye bread")):
        amy.sees(before)
        amy.revise(before, after)
        amy.sees(after)
    amy.sees_nothing_waiting()
    site.server.stop()
    amy.revise("oat milk", "soy milk")
    amy.act("rye bread", "Delete")
    eventually(lambda: amy.page.locator(".waiting-title").all_inner_texts() == ["New text of note #1", "Deletion of note #2"])
    site.serve()
    amy.sees_nothing_waiting()
    assert site.revised() == [1, 2, 3, 4]


def test_a_browser_that_keeps_nothing_lets_people_read_and_offers_nothing_else(site: Site, visitors: Visitors) -> None:
    site.start()
    site.send("to be read")
    profile = visitors.profile()
    profile.add_init_script("Object.defineProperty(globalThis, 'indexedDB', { get: () => undefined })")
    amy = visitors.visit(site.address, profile=profile)
    amy.sees("to be read")
    amy.page.locator("#notice-storage").wait_for()
    assert not amy.page.locator("#text").is_visible()
    amy.page.locator("#open-menu").click()
    offered = amy.page.locator("#sheet-content button").all_inner_texts()
    assert offered == ["Tags", "Calendar", "Export"]


def test_the_error_about_a_long_name_vanishes_when_the_name_is_empty(amy: Visitor) -> None:
    amy.page.locator("#change-author").click()
    field, wrong = amy.page.locator("#who-field"), amy.page.locator("#who-wrong")
    for name, is_wrong in (("name " * 40, True), (" ", False)):
        field.fill(name)
        amy.page.keyboard.press("Enter")
        wrong.locator(":scope:not(:empty)" if is_wrong else ":scope:empty").wait_for(state="attached")


def test_a_browser_without_room_shows_the_file_of_the_server_not_the_one_that_it_has_kept(
    site: Site, visitors: Visitors
) -> None:
    site.start()
    amy = visitors.visit(site.address, **WITH_A_WORKER)
    amy.wait_until("navigator.serviceWorker.controller !== null")
    amy.page.evaluate("caches.open('udpnote-page').then((cache) => cache.put('/static/page.css', new Response('kept')))")
    devtools = amy.profile.new_cdp_session(amy.page)
    devtools.send("Storage.overrideQuotaForOrigin", {"origin": site.address, "quotaSize": 1})
    shown, kept = amy.page.evaluate(GET_AND_KEPT)
    assert (shown != "kept", kept) == (True, "kept")


def test_an_earlier_text_that_the_history_has_only_in_part_is_not_brought_back(site: Site, amy: Visitor) -> None:
    texts = [letter * 700_000 for letter in "abc"]
    amy.write(texts[0])
    for before, after in pairwise(texts):
        amy.sees_nothing_waiting()
        amy.revise(before[:9], after)
    amy.sees_nothing_waiting()
    amy.menu("Take back my last change")
    amy.sees("bbb")
    amy.sees_nothing_waiting()
    amy.menu("Take back my last change")
    amy.page.locator("#toast", has_text="cannot load the whole earlier text").wait_for()
    assert site.texts() == [*texts, texts[1]]
    amy.act("bbb", "History")
    versions = amy.page.locator("#sheet .versions li")
    eventually(lambda: versions.count() == 4)
    commands = versions.locator(".hint code").all_inner_texts()
    assert commands == ["udpnote show 2 --history", "udpnote show 1 --history"], "both texts are cut"
