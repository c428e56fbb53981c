"""Each tab shows the notes of others as they are stored, each once, also after its stream was broken."""

import shutil
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import SECONDS_MAX
from tests.support.page_site import ProcessSite, Site
from tests.support.processes import eventually
from tests.support.visitor import Visitor, Visitors, wait_for
from udpnote.page.live_events import STREAMS_MAX

if TYPE_CHECKING:
    from playwright.sync_api import APIResponse, Route

NOTES = 420
"""More notes than the page shows at a time."""

SCROLL_BACK = """async () => {
    const older = document.querySelector("#older")
    for (let asked = 0; asked < 1000 && !older.hidden; asked += 1) {
        document.querySelector("#main").scrollTop = 0
        await new Promise((resolve) => setTimeout(resolve, 20))
    }
    document.querySelector("#main").scrollTop = 0
}"""
"""Scrolls up until the first of all notes is on the screen."""


def test_no_note_is_lost_or_repeated_if_a_stream_is_cut_or_the_page_killed(
    process_site: ProcessSite, visitors: Visitors
) -> None:
    process_site.start()
    proxy = process_site.put_proxy()
    amy = visitors.visit(process_site.address)
    other = visitors.visit(process_site.address, profile=amy.profile)
    process_site.send("one")
    for tab in (amy, other):
        tab.sees("one")
    proxy.cut()
    process_site.send("while it was cut")
    for tab in (amy, other):
        tab.sees("one", "while it was cut")
    process_site.page.kill()
    process_site.send("while no page was there", "and another")
    process_site.start_page()
    expected = ["one", "while it was cut", "while no page was there", "and another"]
    for tab in (amy, other):
        tab.sees(*expected)
        assert tab.texts() == expected


def test_open_pages_show_edits_deletions_and_undo_of_others(site: Site, amy: Visitor, bob: Visitor) -> None:
    amy.write("first", "second")
    bob.sees("first", "second")
    amy.revise("first", "first, and better")
    bob.sees("first, and better")
    amy.act("second", "Delete")
    eventually(lambda: bob.texts() == ["first, and better"])
    amy.page.locator("#toast").get_by_role("button", name="Undo").click()
    bob.sees("second")
    bob.act("first", "History")
    versions = bob.page.locator("#sheet .versions .text")
    eventually(lambda: versions.all_inner_texts() == ["first, and better", "first"])
    amy.sees_nothing_waiting()
    assert site.texts() == ["first", "second", "first, and better", "", "second"]


def test_an_erased_note_vanishes_from_open_pages_also_from_one_that_is_scrolled_back(site: Site, visitors: Visitors) -> None:
    site.start()
    site.send("a secret", *(f"note {number}" for number in range(2, NOTES + 1)))
    amy, bob = visitors.visit(site.address), visitors.visit(site.address)
    bob.page.evaluate(SCROLL_BACK)
    amy.sees(f"note {NOTES}")
    amy.act(f"note {NOTES}", "History")
    bob.page.locator("#n2 button.more").click()
    bob.choose("History")
    for each in (amy, bob):
        each.page.locator("#sheet .versions .text").wait_for()
    site.server.stop()
    site.erase(1, NOTES)
    site.serve()
    for each in (amy, bob):
        each.wait_until(f"document.querySelector('#n1, #n{NOTES}') === null")
    assert bob.note("note 2").first.is_visible(), "a reader of older notes keeps the place"
    assert bob.page.locator("#n2").evaluate("(each) => each.getBoundingClientRect().top") < 300
    eventually(lambda: amy.page.locator("#sheet .versions .kind").all_inner_texts() == ["Erased"])
    assert amy.page.locator("#sheet .versions .text").count() == 0
    assert bob.page.locator("#sheet .versions .text").all_inner_texts() == ["note 2"]


def test_an_edit_or_deletion_names_the_version_that_its_writer_saw(site: Site, amy: Visitor, bob: Visitor) -> None:
    amy.write("first")
    bob.sees("first")
    for visitor, before, after in ((bob, "first", "second"), (amy, "second", "third")):
        visitor.reload()
        visitor.revise(before, after)
        visitor.sees(after)
        visitor.sees_nothing_waiting()
    bob.reload()
    bob.act("third", "Delete")
    bob.page.locator("#toast", has_text="is deleted").wait_for()
    bob.sees_nothing_waiting()
    assert site.revised() == [1, 2, 3]


def test_a_deletion_that_may_be_stored_already_can_be_undone_once_the_notebook_answers(site: Site, amy: Visitor) -> None:
    amy.store("milk")
    site.server.stop()
    with amy.page.expect_request("**/api/entries"):
        amy.act("milk", "Delete")
    amy.page.locator("#waiting").get_by_role("button", name="Take back").click()
    amy.page.locator("#toast", has_text="the note may be deleted already").wait_for()
    site.serve()
    amy.sees_nothing_waiting()
    amy.menu("Take back my last change")
    amy.sees("milk")
    amy.sees_nothing_waiting()
    assert site.texts() == ["milk", "", "milk"]


def test_an_open_history_ignores_an_older_answer_that_arrives_after_a_newer_one(amy: Visitor, bob: Visitor) -> None:
    amy.store("first")
    bob.sees("first")
    amy.act("first", "History")
    latest = amy.page.locator("#sheet .versions .text").first
    latest.wait_for()
    held: list[tuple[Route, APIResponse]] = []
    pattern = "**/api/notes/1/history"
    amy.page.route(pattern, lambda route: route.continue_() if held else held.append((route, route.fetch())))
    for before, after in (("first", "second"), ("second", "third")):
        bob.revise(before, after)
        bob.sees(after)
        wait_for(amy.page, lambda: held != [])
    eventually(lambda: latest.inner_text() == "third")
    route, answer = held[0]
    with amy.page.expect_response(pattern):
        route.fulfill(response=answer)
    amy.handle_answers()
    assert latest.inner_text() == "third"


def test_a_browser_without_a_stream_says_so_and_polls_until_a_stream_is_free(site: Site, visitors: Visitors) -> None:
    site.start()
    with ExitStack() as streams:
        for _ in range(STREAMS_MAX):
            stream = streams.enter_context(closing(HTTPConnection("127.0.0.1", site.page_port)))
            stream.request("GET", "/api/events")
            assert stream.getresponse().status == 200
        amy = visitors.visit(site.address)
        amy.page.locator("#notice-polled", has_text="30 seconds").wait_for()
        assert amy.page.locator("#connection").inner_text() == "Connected, with a delay"
        site.send("with a delay")
        amy.sees("with a delay")
        assert amy.page.locator("#notice-polled").count() == 1
    eventually(lambda: amy.page.locator("#connection").inner_text() == "Connected", seconds=2 * SECONDS_MAX)
    assert amy.page.locator("#notice-polled").count() == 0
    site.send("at once")
    amy.sees("at once")


@pytest.mark.parametrize(
    ("change", "while_editing", "after_saving", "revises"),
    [
        ("Edit", "replaces that edit", "bob had edited note #1", 2),
        ("Delete", "saving your text brings it back", "bob had deleted note #1", 5),
    ],
)
def test_an_editor_learns_before_or_after_saving_that_somebody_else_changed_the_note(
    site: Site, amy: Visitor, bob: Visitor, change: str, while_editing: str, after_saving: str, revises: int
) -> None:
    """Amy saves an edit of note #1 without a network, and edits note #2 with one. Bob changes each of them meanwhile.

    Amy's text of #2 revises the version that she has seen: the first one, or bob's deletion, which is #5.
    """
    site.send("one", "two")
    for each in (amy, bob):
        each.sees("one", "two")

    def change_as_bob(text: str) -> None:
        bob.act(text, change)
        if change == "Edit":
            bob.type(f"{text}, bob's")
            bob.page.locator("#send").click()
        bob.sign()
        bob.sees_nothing_waiting()

    amy.profile.set_offline(True)
    amy.revise("one", "amy's one")
    change_as_bob("one")
    amy.profile.set_offline(False)
    notice = amy.page.locator("#notice-overtaken-1")
    notice.filter(has_text=after_saving).get_by_role("button", name="History").click()
    latest = amy.page.locator("#sheet .versions .text").first
    eventually(lambda: latest.inner_text() == "amy's one")
    assert notice.count() == 0
    amy.page.keyboard.press("Escape")
    amy.sees("amy's one")

    amy.edit("two", "amy's two")
    change_as_bob("two")
    amy.page.locator("#editing", has_text=while_editing).wait_for()
    amy.page.locator("#send").click()
    for each in (amy, bob):
        each.sees("amy's two")
    amy.sees_nothing_waiting()
    assert site.revised()[-1] == revises


COUNT_NOTES = """() => {
    const days = document.querySelector("#days")
    window.fewestNotes = Infinity
    const count = () => { window.fewestNotes = Math.min(window.fewestNotes, days.querySelectorAll("article").length) }
    new MutationObserver(count).observe(days, { childList: true, subtree: true })
}"""
"""From now on, keeps in `fewestNotes` the smallest number of notes that the page has shown."""


def test_a_notebook_that_was_restored_from_an_older_copy_is_shown_as_it_is_now(site: Site, visitors: Visitors) -> None:
    amy, backup = _visit_before_restoration(site, visitors)
    amy.page.evaluate(COUNT_NOTES)
    site.restore(backup)
    amy.page.locator("#toast", has_text="restored from an older copy").wait_for()
    site.send("after the restoration")
    amy.sees("kept", "after the restoration")
    eventually(lambda: amy.texts() == ["kept", "after the restoration"])
    assert amy.page.evaluate("fewestNotes") > 0, "the old notes stay until the new ones are loaded"
    amy.store("still under the same identity")
    assert site.texts() == ["kept", "after the restoration", "still under the same identity"]


def test_while_a_restored_notebook_cannot_be_loaded_the_old_notes_stay_and_the_page_says_so(
    site: Site, visitors: Visitors
) -> None:
    amy, backup = _visit_before_restoration(site, visitors)
    amy.page.route("**/api/notes?**", lambda route: route.abort())
    site.restore(backup)
    amy.page.locator("#empty", has_text="could not be loaded").wait_for()
    assert amy.texts() == ["kept", "after the backup"]
    amy.page.unroute_all()
    site.server.stop()
    site.serve()
    eventually(lambda: amy.texts() == ["kept"])
    assert not amy.page.locator("#empty").is_visible()


def _visit_before_restoration(site: Site, visitors: Visitors) -> tuple[Visitor, Path]:
    """Return a visitor who has written a note after a backup, and the path of the backup."""
    site.start()
    site.send("kept")
    backup = site.folder / "backup.sqlite3"
    site.server.stop()
    shutil.copy(site.notebook, backup)
    site.serve()
    amy = visitors.visit(site.address)
    amy.write("after the backup")
    amy.sees("kept", "after the backup")
    amy.sees_nothing_waiting()
    return amy, backup


SHOWN_MAX = 400
"""As many notes as the page shows at a time."""

NUMBERS = "[...document.querySelectorAll('#days article')].map((each) => Number(each.id.slice(1)))"


def test_the_page_shows_at_most_400_notes_and_a_reader_reaches_all_without_losing_the_place(
    site: Site, visitors: Visitors
) -> None:
    site.start()
    site.send(*(f"note {number}" for number in range(1, 451)))
    amy = visitors.visit(site.address)

    def shown() -> list[int]:
        numbers: list[int] = amy.page.evaluate(NUMBERS)
        assert len(numbers) <= SHOWN_MAX
        assert numbers == list(range(numbers[0], numbers[-1] + 1)), "without a gap"
        return numbers

    def scroll(top: str, until: int) -> None:
        """Scroll as far as possible, again and again, until the note `until` is there."""
        for _ in range(200):
            before = shown()
            if until in before:
                return
            amy.page.evaluate(f"document.querySelector('#main').scrollTop = {top}")
            eventually(lambda before=before: shown() != before)  # type: ignore[misc]
        raise AssertionError(f"the reader never comes to note {until}")

    # A reader scrolls back to the first note.
    scroll("0", 1)
    assert len(shown()) == SHOWN_MAX
    assert amy.page.locator("#newest").inner_text() == "Latest notes"
    # A note that arrives does not move what the reader sees, and is loaded when the reader scrolls down.
    place = "document.querySelector('#n200').getBoundingClientRect().top"
    amy.page.evaluate("document.querySelector('#n200').scrollIntoView()")
    before = amy.page.evaluate(place)
    site.send("arrives meanwhile")
    amy.page.locator("#newest", has_text="1 new note").wait_for()
    assert amy.page.evaluate(place) == before
    assert 451 not in shown()
    scroll("1e9", 451)
    assert shown()[0] > 1, "the other end was removed"
    # A button leads from the first note to the latest one.
    scroll("0", 1)
    site.send("arrives later")
    amy.page.locator("#newest").click()
    amy.sees("arrives later")
    eventually(lambda: shown()[-1] == 452)
    # For a reader of the latest notes, many new ones push out the oldest.
    site.send(*(f"note {number}" for number in range(453, 851)))
    eventually(lambda: shown()[-1] == 850)
    assert len(shown()) == SHOWN_MAX
    last = amy.page.locator("#n850")
    assert last.evaluate("(each) => each.getBoundingClientRect().bottom < innerHeight"), "the latest note stays in sight"
    # A note of one's own is shown, even if it is written far from the latest notes.
    scroll("0", 1)
    amy.store("from far away")
    eventually(lambda: shown()[-1] == 851)
