"""Searches and filters on the page: what is shown in place of the notes, and what arrives while a filter is on."""

import pytest

from tests.support.page_site import Site
from tests.support.visitor import AT_A_PHONE, Visitors


@pytest.mark.parametrize(("query", "says"), [("#", "nothing to search for"), ("OR", "OR"), ("milk", "could not be loaded")])
def test_a_search_without_an_answer_says_why_in_place_of_notes_that_do_not_match(
    site: Site, visitors: Visitors, query: str, says: str
) -> None:
    site.start()
    site.send("bread")
    amy = visitors.visit(site.address, **AT_A_PHONE)
    amy.sees("bread")
    if query == "milk":
        amy.page.route("**/api/notes?*", lambda route: route.abort())
    amy.search(query)
    amy.page.locator("#empty", has_text=says).wait_for()
    assert amy.texts() == []
    amy.page.unroute_all()
    amy.search("bread")
    amy.sees("bread")
    assert amy.page.locator("#empty").is_hidden()
