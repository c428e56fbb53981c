"""Searches and filters on the page: a sentence where no notes are shown, and notes that are stored while a filter is on."""

from tests.support.notebook_files import no_indexing
from tests.support.page_site import Site
from tests.support.processes import eventually
from tests.support.visitor import AT_A_PHONE, Visitors


def test_a_search_that_cannot_be_answered_says_why_and_shows_no_other_notes(site: Site, visitors: Visitors) -> None:
    site.start()
    site.send("bread")
    amy = visitors.visit(site.address, **AT_A_PHONE)
    amy.sees("bread")
    for query, says in (("#", "nothing was searched for"), ("OR", "OR"), ("milk", "could not be loaded")):
        if query == "milk":
            amy.page.route("**/api/notes?*", lambda route: route.abort())
        amy.search(query)
        amy.page.locator("#empty", has_text=says).wait_for()
        assert amy.texts() == [], query
        amy.page.unroute_all()
        amy.search("bread")
        amy.sees("bread")
        assert amy.page.locator("#empty").is_hidden(), query


def test_a_search_before_the_index_is_ready_says_so_and_shows_its_results_later(site: Site, visitors: Visitors) -> None:
    site.start()
    site.send("milk")
    amy = visitors.visit(site.address)
    amy.search("milk")
    amy.page.locator("mark", has_text="milk").wait_for()
    with no_indexing(site.notebook):
        site.send("bread")
        amy.page.locator("#toast", has_text="index is being built").wait_for()
        assert amy.texts() == ["milk"], "what was found stays while it is not known whether the new note matches"
        amy.search("bread")
        amy.page.locator("#empty", has_text="index is being built: 50 %").wait_for()
        assert amy.page.locator("body.away").count() == 0, "the notebook answers, so it is not called away"
    amy.sees("bread")
    assert amy.texts() == ["bread"]


def test_notes_that_match_arrive_live_while_a_filter_is_on_and_own_notes_stay_in_sight(site: Site, visitors: Visitors) -> None:
    site.start()
    site.send("milk #shopping")
    amy = visitors.visit(site.address)
    tab = visitors.visit(site.address, profile=amy.profile)
    amy.search("milk")
    amy.page.locator("mark", has_text="milk").wait_for()
    tab.page.locator(".tag").click()
    tab.page.locator(".chip").wait_for()
    other = visitors.visit(site.address, author="bob")
    other.write("more milk", "bread #shopping", "neither")
    amy.sees("more milk")
    tab.sees("bread #shopping")
    other.sees("neither")
    other.revise("neither", "it was neither milk nor that")
    amy.sees("nor that")
    eventually(lambda: amy.page.locator("mark").all_inner_texts() == 3 * ["milk"])
    assert (amy.texts(), tab.texts()) == (
        ["milk #shopping", "more milk", "it was neither milk nor that"],
        ["milk #shopping", "bread #shopping"],
    )
    another_tab = visitors.visit(site.address, profile=amy.profile)
    another_tab.write("an own note of another tab")
    for each in (amy, tab):
        each.sees("an own note")
        assert "stored #6" in each.note("an own note").inner_text()
