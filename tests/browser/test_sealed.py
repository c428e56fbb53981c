"""A sealed notebook in a browser: the join code, who may give it, and the end of a session."""

from contextlib import closing

import pytest

from tests.support.page_site import Site
from tests.support.visitor import Visitor, Visitors
from udpnote.server.sealing import seal_notebook
from udpnote.storage.notebook.notebook import Notebook

ROUTES = ["notes", "notes/1", "notes/1/history", "tags", "stats.svg", "export?format=text"]


def refused(visitor: Visitor) -> list[bool]:
    """Whether each of `ROUTES` refuses this browser, as sealed (401) or as silent (503), which the page cannot always tell."""
    asked = "(routes) => Promise.all(routes.map((each) => fetch('/api/' + each).then(({ status }) => status)))"
    return [status in (401, 503) for status in visitor.page.evaluate(asked, ROUTES)]


def start_sealed(site: Site, *, has_joined: bool = True) -> str:
    """Start the server of a sealed notebook, and a page on a machine that has joined it or not. Return the join code."""
    code = site.serve(sealed=True).join_code
    assert code is not None
    if has_joined:
        site.join(code)
    site.start_page()
    return code


def writer_with_code(visitor: Visitor, code: str) -> Visitor:
    """Let `visitor` give the join code and write a note, `secret`. Return `visitor`."""
    visitor.give_code(code)
    visitor.store("secret")
    return visitor


def test_the_join_code_opens_a_sealed_notebook_and_a_new_key_ends_the_session(site: Site, visitors: Visitors) -> None:
    code = start_sealed(site)
    amy = visitors.visit(site.address)
    other_tab = visitors.visit(site.address, profile=amy.profile)
    other_tab.page.locator("#code").wait_for()
    assert all(refused(amy))
    amy.give_code("a wrong code")
    amy.page.locator("#code-wrong:not(:empty)").wait_for()
    amy.give_code(code)
    amy.store("secret")
    other_tab.sees("secret")
    other_tab.page.close()
    assert code not in amy.page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")
    (cookie,) = amy.profile.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    new_code = site.new_join_code()
    amy.page.locator("#code").wait_for()
    amy.page.locator("#code-wrong", has_text="new key").wait_for()
    assert amy.texts() == []
    assert all(refused(amy))
    amy.give_code(new_code)
    amy.sees("secret")
    amy.store("with the new key")
    assert site.texts() == ["secret", "with the new key"]


def test_a_tab_whose_new_join_code_was_entered_in_another_tab_does_not_ask_for_a_new_one_again(
    site: Site, visitors: Visitors
) -> None:
    code = start_sealed(site)
    amy = writer_with_code(visitors.visit(site.address), code)
    other_tab = visitors.visit(site.address, profile=amy.profile)
    other_tab.sees("secret")
    new_code = site.new_join_code()
    other_tab.page.locator("#code-wrong", has_text="new key").wait_for()
    amy.page.locator("#code-wrong", has_text="new key").wait_for()
    amy.give_code(new_code)
    other_tab.sees("secret")
    other_tab.menu("Forget the join code")
    other_tab.page.locator("#code").wait_for()
    assert other_tab.page.locator("#code-wrong").inner_text() == ""


def test_an_open_notebook_that_is_sealed_later_is_opened_by_its_join_code(site: Site, amy: Visitor) -> None:
    amy.store("while it was open")
    site.server.stop()
    with closing(Notebook(site.notebook)) as notebook:
        seal_notebook(notebook, name="kitchen")
    code = site.serve(sealed=True).join_code
    assert code is not None
    amy.page.get_by_role("button", name="Enter the join code").click()
    amy.give_code(code)
    amy.write("sealed now")
    amy.sees("while it was open", "sealed now")
    amy.sees_nothing_waiting()


@pytest.mark.parametrize("is_sealed", [True, False], ids=["sealed", "silent"])
def test_without_a_join_code_at_hand_a_person_can_go_back_and_write_notes_that_wait(
    site: Site, visitors: Visitors, is_sealed: bool
) -> None:
    code = start_sealed(site) if is_sealed else ""
    if not is_sealed:
        site.start()
    amy = visitors.visit(site.address)
    if not is_sealed:
        site.server.stop()
        amy.page.get_by_role("button", name="Enter the join code").click()
    amy.page.locator("#code").fill("not at hand")
    amy.page.get_by_role("button", name="Cancel").click()
    assert amy.page.locator("#session").is_hidden()
    assert amy.page.locator("#empty").is_hidden() == is_sealed, "nobody knows whether a sealed notebook is empty"
    amy.write("waits for the code")
    amy.page.locator("#held", has_text="1 entry waits").wait_for()
    amy.page.get_by_role("button", name="Enter the join code").click()
    assert amy.page.locator("#code").input_value() == ""
    is_sealed_said = "sealed" in amy.page.locator("#session h2").inner_text()
    assert is_sealed_said == is_sealed, "nobody knows whether a silent notebook is sealed"
    if is_sealed:
        amy.give_code(code)
    else:
        site.serve()
    amy.page.locator("#session").wait_for(state="hidden")
    amy.sees("waits for the code")
    amy.sees_nothing_waiting()


def test_the_page_asks_for_no_join_code_where_others_could_read_it(site: Site, visitors: Visitors) -> None:
    site.start(sealed=True)
    amy = visitors.visit(site.plain_address)
    assert not amy.page.locator("#code").is_visible()
    amy.page.locator("#notices", has_text="udpnote page --https").wait_for()
    given = "fetch('/api/session', { method: 'POST', body: JSON.stringify({ code: 'x' }) }).then(({ status }) => status)"
    assert amy.page.evaluate(given) == 403


def test_a_page_without_https_says_of_a_silent_notebook_that_it_takes_no_join_code(site: Site, visitors: Visitors) -> None:
    site.start()
    amy, ben = visitors.visit(site.plain_address), visitors.visit(site.address)
    for each in (amy, ben):
        each.write("while it was open")
        each.sees_nothing_waiting()
    site.server.stop()
    for each, is_refused in ((amy, True), (ben, False)):
        notice = each.page.locator("#notice-connection .detail", has_text="sealed meanwhile")
        notice.wait_for()
        assert ("udpnote page --https" in notice.inner_text()) == is_refused
        assert each.page.get_by_role("button", name="Enter the join code").is_visible() != is_refused


def test_a_page_that_was_started_again_asks_for_the_join_code_again_and_shows_nothing_till_then(
    site: Site, visitors: Visitors
) -> None:
    """The page's machine has not joined the notebook, so that the notebook is silent then, as if its server were off."""
    code = start_sealed(site, has_joined=False)
    amy = writer_with_code(visitors.visit(site.address), code)
    amy.act("secret", "History")
    amy.page.locator("#sheet .versions .text").wait_for()
    amy.page.locator("#sheet-close").click()
    amy.type("not sent")
    amy.act("secret", "History")
    site.end_page()
    site.start_page()
    amy.page.locator("#code").wait_for(timeout=60_000)
    assert (amy.texts(), amy.page.locator("#sheet .text").count()) == ([], 0)
    assert amy.page.locator("#code-wrong").inner_text() == "", "the code that was given before is still right"
    amy.give_code(code)
    amy.sees("secret")
    assert amy.page.locator("#text").input_value() == "not sent"


def test_while_the_notebook_is_silent_only_a_browser_that_has_lost_its_session_is_asked_for_the_join_code(
    site: Site, visitors: Visitors
) -> None:
    code = start_sealed(site, has_joined=False)
    amy = writer_with_code(visitors.visit(site.address), code)
    site.server.stop()
    amy.page.locator("#notice-connection .detail", has_text="may be off").wait_for()
    assert "code" not in amy.page.locator("#notice-connection").inner_text()
    amy.profile.clear_cookies()
    site.end_page()
    site.start_page()
    amy.reload()
    amy.page.locator("#code").wait_for()


def test_a_browser_that_forgets_the_join_code_gets_no_more_notes_though_another_reads_on(
    site: Site, visitors: Visitors
) -> None:
    code = start_sealed(site)
    amy = writer_with_code(visitors.visit(site.address), code)
    ben = visitors.visit(site.address, author="ben")
    ben.give_code(code)
    ben.write("for both")
    amy.sees("for both")  # so its stream is open
    with amy.page.expect_response("**/api/events*") as stream:
        amy.menu("Forget the join code")
    assert stream.value.status == 401
    ben.store("not for amy")
    assert amy.texts() == []
