"""Notes that browsers write are stored exactly once, whatever is killed or does not answer on the way."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.browser import Chromium
from tests.support.page_site import ProcessSite, Site
from tests.support.processes import eventually
from tests.support.visitor import WITH_A_WORKER, Visitor, Visitors

if TYPE_CHECKING:
    from playwright.sync_api import Route


def test_notes_written_offline_wait_through_a_reload_and_are_stored_once_when_online(site: Site, visitors: Visitors) -> None:
    site.start()
    amy = visitors.visit(site.address, **WITH_A_WORKER)
    amy.store("before")
    amy.page.evaluate("navigator.serviceWorker.ready.then(() => true)")  # it has the page's files now
    amy.profile.set_offline(True)
    amy.write("first offline", "second offline")
    eventually(lambda: amy.waiting() == ["first offline", "second offline"])
    amy.type("a draft")
    amy.wait_until("JSON.parse(sessionStorage.getItem('udpnote.draft'))?.text === 'a draft'")
    amy.reload()  # without a network: from the service worker
    assert amy.waiting() == ["first offline", "second offline"]
    assert amy.page.locator("#text").input_value() == "a draft"
    amy.profile.set_offline(False)
    amy.sees("first offline", "second offline")
    amy.sees_nothing_waiting()
    assert site.texts() == ["before", "first offline", "second offline"]


def test_a_note_refused_for_too_many_requests_is_sent_again_when_retry_after_is_over(site: Site, amy: Visitor) -> None:
    refusal = {"kind": "page_too_many_requests", "reason": "Too many requests."}
    posts: list[float] = []

    def refuse_once(route: "Route") -> None:
        posts.append(time.monotonic())
        if len(posts) == 1:
            route.fulfill(status=429, json=refusal, headers={"Retry-After": "2"})
        else:
            route.continue_()

    amy.page.route("**/api/entries", refuse_once)
    amy.store("refused for a while")
    assert (len(posts), posts[1] - posts[0] >= 2) == (2, True)
    assert site.texts() == ["refused for a while"]


def test_each_entry_is_stored_once_though_the_page_and_then_the_server_are_killed(
    process_site: ProcessSite, visitors: Visitors
) -> None:
    """Bob's browser has neither locks nor a service worker, because the address that he uses has no HTTPS."""
    process_site.start()
    proxy = process_site.put_proxy()
    amy, bob = (visitors.visit(address) for address in (process_site.address, process_site.plain_address))
    proxy.loses_answers = True
    for each, name in ((amy, "amy"), (bob, "bob")):
        each.write(f"sent by {name}, and not answered")
    texts = ["sent by amy, and not answered", "sent by bob, and not answered"]
    eventually(lambda: sorted(process_site.texts()) == texts)
    eventually(lambda: proxy.answers_lost > 0)
    process_site.page.kill()
    for each, name in ((amy, "amy"), (bob, "bob")):
        each.write(f"while no page is there, by {name}")
        eventually(lambda each=each, name=name: f"while no page is there, by {name}" in each.waiting())  # type: ignore[misc]
        texts.append(f"while no page is there, by {name}")
    proxy.loses_answers = False
    process_site.start_page()
    for each in (amy, bob):
        each.sees(*texts)
        each.sees_nothing_waiting()
    assert sorted(process_site.texts()) == texts
    process_site.server.kill()
    amy.write("while the notebook is away", "another")
    amy.page.locator("body.away").wait_for()
    assert amy.waiting() == ["while the notebook is away", "another"]
    process_site.serve()
    amy.sees("while the notebook is away", "another")
    amy.sees_nothing_waiting()
    assert process_site.texts()[len(texts) :] == ["while the notebook is away", "another"]


def test_two_tabs_send_in_turn_and_show_the_same_notes_and_a_later_tab_sends_what_waits(site: Site, visitors: Visitors) -> None:
    """Without HTTPS, the tabs have no locks to agree on which of them sends."""
    site.start()
    proxy = site.put_proxy()
    one = visitors.visit(site.plain_address)
    two = visitors.visit(site.plain_address, profile=one.profile)
    texts = []
    for number in range(2):
        one.write(f"of one: {number}")
        two.write(f"of two: {number}")
        texts += [f"of one: {number}", f"of two: {number}"]
    for tab in (one, two):
        tab.sees(*texts)
        tab.sees_nothing_waiting()
    assert (site.texts(), proxy.asking_at_once_max) == (texts, 1)
    one.page.close()
    site.end_page()
    two.write("waits", "waits, too")
    two.page.close()
    site.start_page()
    three = visitors.visit(site.plain_address, profile=one.profile)
    three.sees("waits, too")
    three.sees_nothing_waiting()
    assert (three.texts(), site.texts()) == 2 * ([*texts, "waits", "waits, too"],)


def test_a_reloaded_page_sends_at_once_though_its_lease_from_before_has_not_ended(site: Site, visitors: Visitors) -> None:
    site.start()
    profile = visitors.profile()
    profile.add_init_script("const start = Math.floor(Date.now() / 3.6e6) * 3.6e6; Date.now = () => start")  # no lease ends
    amy = visitors.visit(site.plain_address, profile=profile)
    amy.store("before")
    for text in ("after a reload", "after another"):
        amy.reload()
        amy.store(text)
    assert site.texts() == ["before", "after a reload", "after another"]


def test_a_new_text_for_a_note_that_was_refused_meanwhile_is_kept(amy: Visitor) -> None:
    amy.page.route("**/api/entries", lambda route: route.abort())
    amy.write("first")
    amy.type("a draft from before")
    waiting = amy.page.locator("#waiting article")
    waiting.get_by_role("button", name="Edit").click()
    amy.type("a long new text")
    amy.page.evaluate("""async () => {
        const { Database, result } = await import("/static/database.js")
        await new Database(indexedDB).transact("readwrite", async (transaction) => {
            const entries = transaction.objectStore("entries")
            const [entry] = await result(entries.getAll())
            await result(entries.put({ ...entry, state: "refused", reason: "no" }))
        })
    }""")
    amy.page.locator("#send").click()
    amy.page.locator("#notice-writing").wait_for()
    assert amy.page.locator("#text").input_value() == "a draft from before\na long new text"
    assert not amy.page.locator("#editing").is_visible()
    amy.page.unroute("**/api/entries")
    amy.page.locator("#send").click()
    amy.sees("a long new text")


def test_a_note_whose_answer_was_lost_is_shown_once_and_as_stored(site: Site, visitors: Visitors) -> None:
    site.start()
    proxy = site.put_proxy()
    amy = visitors.visit(site.address)
    proxy.loses_answers = True
    amy.write("kept once")
    eventually(lambda: proxy.answers_lost > 0)
    amy.reload()
    amy.sees("kept once")
    assert amy.waiting() == [], "a note that is in the notebook and still in the outbox is not shown as waiting"
    proxy.loses_answers = False
    proxy.cut()
    amy.sees_nothing_waiting()
    assert (amy.texts(), site.texts()) == (["kept once"], ["kept once"])


def test_a_copied_profile_shows_no_note_of_the_original_as_its_own_and_writes_under_a_new_identity(
    site: Site, visitors: Visitors
) -> None:
    site.start()
    original = visitors.visit(site.address)
    original.store("before the copy")
    copy = visitors.visit(site.address, storage_state=original.profile.storage_state(indexed_db=True))
    copy.profile.route("**/api/entries", lambda route: route.abort())
    copy.write("of the copy")
    eventually(lambda: copy.waiting() == ["of the copy"])
    original.write("of the original")  # under the identity that the copy has, too
    copy.sees("of the original")
    assert (copy.waiting(), copy.texts()) == (["of the copy"], ["before the copy", "of the original"])
    copy.profile.unroute("**/api/entries")
    copy.write("its second")
    copy.sees("of the copy", "its second")
    copy.sees_nothing_waiting()
    original.store("the last of the original")
    texts = ["before the copy", "of the original", "of the copy", "its second", "the last of the original"]
    assert sorted(site.texts()) == sorted(texts)


def test_a_browser_that_is_killed_right_after_a_note_was_written_still_has_it(
    site: Site, visitors: Visitors, chromium: Chromium, tmp_path: Path
) -> None:
    from playwright.sync_api import Error

    site.start()
    profile, process = chromium.profile_on_disk(tmp_path / "profile")
    amy = visitors.visit(site.address, profile=profile)
    site.end_page()
    amy.write("one", "two")
    os.kill(process, signal.SIGKILL)
    with suppress(Error):  # it is closed already
        profile.close()
    site.start_page()
    profile, _ = chromium.profile_on_disk(tmp_path / "profile")
    amy = visitors.visit(site.address, profile=profile)
    amy.sees("one", "two")
    amy.sees_nothing_waiting()
    profile.close()
    assert site.texts() == ["one", "two"]
