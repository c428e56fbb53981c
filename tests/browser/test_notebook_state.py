"""What the page does with the state of the notebook: when it asks for it, and what follows for entries that wait."""

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.support.page_site import Site
from tests.support.processes import eventually
from tests.support.visitor import Visitors

if TYPE_CHECKING:
    from playwright.sync_api import Route

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


@pytest.mark.parametrize("status", [401, 409])
def test_a_refused_request_lets_the_page_ask_for_the_state_and_the_sender_wait(
    site: Site, visitors: Visitors, status: int
) -> None:
    site.start()
    amy = visitors.visit(site.address)
    asked: Counter[str] = Counter()
    amy.page.on("request", lambda request: asked.update([request.url.removeprefix(site.address).partition("?")[0]]))
    amy.page.route("**/api/entries", lambda route: route.fulfill(status=status, json=REFUSAL))
    amy.page.clock.install()
    amy.page.clock.pause_at(4e9)  # pauses of the sender never end
    amy.write("refused")
    eventually(lambda: amy.page.evaluate("true") is True and (asked["/api/state"], asked["/api/notes"]) == (1, 1))
    for _ in range(5):
        amy.page.evaluate("fetch('/api/tags').then((each) => each.text())")
    assert asked["/api/entries"] == 1


def test_what_waits_is_shown_again_when_the_page_shows_another_notebook(site: Site, visitors: Visitors) -> None:
    site.start()
    amy = visitors.visit(site.address)
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
    amy.page.locator("#waiting", has_text="waits for another notebook").wait_for()
