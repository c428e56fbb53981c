"""The page for everybody: with a keyboard alone, with a screen reader, in light and dark, in Chinese, on a small phone."""

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.page_site import Site
from tests.support.processes import eventually
from tests.support.visitor import AT_A_DESK, AT_A_PHONE, Visitor, Visitors

if TYPE_CHECKING:
    from playwright.sync_api import Page


RUN_AXE = "(options) => axe.run(options).then(({ violations }) => violations)"
RULES_OF_COLOR = ["color-contrast", "link-in-text-block"]
"""The rules of axe-core that can find other faults in dark colours than in light ones."""


def serious_faults(page: "Page") -> list[str]:
    """The faults that axe-core finds in the view, in light and dark colours, and with which somebody could not use it."""
    from axe_playwright_python.sync_playwright import Axe

    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(Axe().axe_script)
    page.emulate_media(color_scheme="light", reduced_motion="reduce")  # without motion, colours change at once
    found = page.evaluate(RUN_AXE, {"resultTypes": ["violations"]})
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    found += page.evaluate(RUN_AXE, {"resultTypes": ["violations"], "runOnly": RULES_OF_COLOR})
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found if each["impact"] in ("serious", "critical")]


@pytest.mark.parametrize("device", [AT_A_PHONE, AT_A_DESK], ids=["phone", "desk"])
def test_axe_finds_no_serious_fault_in_any_view(site: Site, visitors: Visitors, device: dict[str, Any]) -> None:
    site.start()
    amy = visitors.visit(site.address, **device)
    assert serious_faults(amy.page) == []
    amy.write("milk #shopping 牛奶", "an edited note")
    amy.sees("an edited note")
    amy.revise("an edited note", "it has a new text")
    amy.sees("it has a new text")
    assert serious_faults(amy.page) == []
    amy.page.locator("#open-menu").click()
    assert serious_faults(amy.page) == []
    for view in ("Tags", "Calendar", "Export"):
        amy.choose(view)
        amy.page.locator("#sheet-title", has_text=view).wait_for()
        assert serious_faults(amy.page) == [], view
        amy.page.keyboard.press("Escape")
        amy.page.locator("#open-menu").click()
    amy.page.keyboard.press("Escape")
    amy.act("it has a new text", "History")
    amy.page.locator("#sheet .versions").wait_for()
    assert serious_faults(amy.page) == []
    amy.page.keyboard.press("Escape")
    amy.page.keyboard.press("Escape")
    amy.search("奶")
    amy.page.locator("mark").wait_for()
    assert serious_faults(amy.page) == []
    amy.page.keyboard.press("Escape")
    site.server.stop()
    amy.write("waits")
    amy.page.locator("body.away #waiting article").wait_for()
    assert serious_faults(amy.page) == []


def tab_to(visitor: Visitor, selector: str) -> None:
    """Press Tab until the element `selector` has the focus. An outline or a shadow must show that."""
    has_focus = f"document.activeElement?.matches({selector!r})"
    for _ in range(40):
        if visitor.page.evaluate(has_focus):
            outline = "getComputedStyle(document.activeElement)"
            assert visitor.page.evaluate(f"{outline}.outlineStyle !== 'none' || {outline}.boxShadow !== 'none'"), selector
            return
        visitor.page.keyboard.press("Tab")
    raise AssertionError(f"Tab never comes to {selector}")


def test_a_keyboard_is_enough_to_write_edit_search_and_take_back(site: Site, visitors: Visitors) -> None:
    site.start()
    amy = visitors.visit(site.address, **AT_A_DESK)
    keys = amy.page.keyboard
    tab_to(amy, "#text")
    keys.type("first line")
    keys.press("Shift+Enter")
    keys.type("second line")
    keys.press("Enter")
    amy.page.locator("#who-field").wait_for()
    keys.type("amy")
    keys.press("Enter")
    amy.sees("second line")
    amy.wait_until("document.activeElement === document.querySelector('#text')")
    keys.press("Shift+Tab")
    tab_to(amy, "article .more")
    keys.press("Enter")
    amy.page.locator("#sheet").wait_for()
    tab_to(amy, "#sheet-content button")
    keys.press("Enter")
    amy.page.locator("#editing").wait_for()
    keys.type(", changed")
    keys.press("Enter")
    amy.sees("changed")
    keys.press("Escape")
    amy.page.locator("#main").focus()
    keys.press("/")
    keys.type("changed")
    amy.page.locator("mark").wait_for()
    keys.press("Escape")
    amy.wait_until("document.querySelector('mark') === null")
    assert site.texts() == ["first line\nsecond line", "first line\nsecond line, changed"]


@pytest.mark.parametrize(
    ("languages", "chosen"),
    [
        (["zh-TW", "en"], "zh-TW"), (["zh-Hant-HK"], "zh-TW"), (["zh-Hans-TW"], "zh-CN"), (["fr-FR", "zh-CN", "en"], "zh-CN"),
        (["en-GB", "zh-CN"], "en"), (["fr-FR"], "en"), ([], "en"),
    ],
)  # fmt: skip
def test_the_page_speaks_the_first_language_of_a_browser_that_it_knows(
    blank_page: "Page", languages: list[str], chosen: str
) -> None:
    call = "(languages) => import('/static/words.js').then(({ chosenLanguage }) => chosenLanguage(languages))"
    assert blank_page.evaluate(call, languages) == chosen


LANGUAGES = {"fr-FR": "en", "zh-CN": "zh-CN", "zh-Hant-HK": "zh-TW"}
"""The languages of browsers, and the ones that the page and the server speak to them."""


@pytest.mark.parametrize(("locale", "language"), LANGUAGES.items())
def test_the_page_is_small_and_speaks_the_same_language_as_its_server(
    site: Site, visitors: Visitors, locale: str, language: str
) -> None:
    site.start()
    amy = visitors.visit(site.address, locale=locale, **AT_A_PHONE)
    sizes = "performance.getEntries().map(({ transferSize }) => transferSize ?? 0)"
    assert 10_000 < sum(amy.page.evaluate(sizes)) < 100_000
    assert amy.page.locator("html").get_attribute("lang") == language
    refusal = "fetch('/api/notes?before=wrong').then((each) => each.json()).then(({ reason }) => reason)"
    for text in (amy.page.locator("#empty").inner_text(), amy.page.evaluate(refusal)):
        assert (re.search("[\u4e00-\u9fff]", text) is not None) == (language != "en"), text


@pytest.mark.parametrize("locale", LANGUAGES)
def test_buttons_keep_to_one_line_beside_a_long_author_or_notice(site: Site, visitors: Visitors, locale: str) -> None:
    site.start()
    amy = visitors.visit(site.address, locale=locale, **AT_A_PHONE)
    amy.page.evaluate("document.querySelector('#author').textContent = '名字很长的作者 '.repeat(15)")
    site.server.stop()
    for button in ("#change-author", "#notices button"):
        height, line = amy.page.locator(button).evaluate(
            "(each) => [each.scrollHeight, parseFloat(getComputedStyle(each).lineHeight)]"
        )
        assert height < 2 * line, button


def test_nothing_is_wider_than_a_phone_and_scrolling_loads_older_notes(site: Site, visitors: Visitors) -> None:
    site.serve()
    lines = [f"note {number} " + "x" * (number % 400) + " https://example.org/" + "y" * 300 for number in range(120)]
    site.send(*lines)
    site.start_page()
    amy = visitors.visit(site.address, **AT_A_PHONE)
    amy.sees("note 119 ")
    assert amy.page.evaluate("document.documentElement.scrollWidth") <= 360
    assert amy.page.evaluate("document.querySelector('#main').scrollWidth <= document.querySelector('#main').clientWidth")
    assert amy.page.locator("#days article").count() < 120

    def scrolled() -> bool:
        amy.page.evaluate("document.querySelector('#main').scrollTop = 0")
        return amy.page.locator("#days article").count() == 120

    eventually(scrolled, "all notes are loaded")
    assert amy.texts() == lines


def test_a_note_stays_in_sight_when_the_page_says_that_it_waits(site: Site, visitors: Visitors) -> None:
    site.start()
    phone = visitors.visit(site.plain_address, **AT_A_PHONE)
    texts = [f"note {number}" for number in range(8)]
    site.send(*texts)
    phone.sees(*texts)
    site.end_page()
    phone.page.locator("#notice-connection").wait_for()
    phone.write("the note that waits")
    phone.page.locator("#held").wait_for()
    waiting = phone.page.locator("#waiting article")
    waiting.get_by_role("button", name="Edit").wait_for()
    bottom = "document.querySelector('{}').getBoundingClientRect().bottom".format
    phone.wait_until(f"{bottom('#waiting article')} <= {bottom('#main')}", 5)


def test_back_closes_a_dialog_and_then_leads_out_of_a_search(site: Site, visitors: Visitors) -> None:
    site.start()
    phone = visitors.visit(site.address, **AT_A_PHONE)
    phone.write("milk #home", "bread")
    phone.sees("milk", "bread")
    phone.menu("Tags")
    phone.choose("#home 1 note")
    eventually(lambda: phone.texts() == ["milk #home"])
    phone.act("milk", "History")
    phone.page.locator("#sheet .versions .text").wait_for()
    phone.page.go_back()
    phone.wait_until("!document.querySelector('#sheet').open")
    assert phone.texts() == ["milk #home"]
    phone.menu("Calendar")
    phone.page.locator("#sheet-close").click()
    phone.wait_until("history.state === null")
    phone.page.go_back()
    eventually(lambda: phone.texts() == ["milk #home", "bread"])
    assert site.texts() == ["milk #home", "bread"]


def test_the_calendar_fits_a_desktop_and_a_stored_note_is_announced(site: Site, visitors: Visitors) -> None:
    site.start()
    amy = visitors.visit(site.address, **AT_A_DESK)
    amy.write("first")
    amy.wait_until("document.querySelector('#announcements').textContent === 'stored #1'")
    amy.menu("Calendar")
    amy.wait_until("document.querySelector('.calendar')?.complete && document.querySelector('.calendar').naturalWidth > 0")
    assert amy.page.evaluate(
        "(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth)(document.querySelector('.calendar-frame'))"
    )


def test_the_last_microsecond_before_1970_is_on_its_own_day(site: Site, visitors: Visitors) -> None:
    site.start()
    amy = visitors.visit(site.address, timezone_id="UTC")
    day = "import('/static/times.js').then(({ Times }) => new Times({}).day(-1))"
    assert amy.page.evaluate(day) == "1969-12-31"


def test_at_midnight_today_becomes_yesterday(site: Site, visitors: Visitors) -> None:
    site.start()
    site.send("of today")
    profile = visitors.profile()
    profile.clock.install()
    amy = visitors.visit(site.address, profile=profile)
    heading = amy.page.locator("#days h2")
    eventually(lambda: heading.all_inner_texts() == ["Today"])
    amy.page.clock.fast_forward("24:00:00")
    eventually(lambda: heading.all_inner_texts() == ["Yesterday"])


def test_a_short_message_does_not_cover_the_button_for_new_notes(site: Site, visitors: Visitors) -> None:
    site.serve()
    site.send(*(f"note {number}" for number in range(40)))
    site.start_page()
    phone = visitors.visit(site.address, **AT_A_PHONE)
    phone.sees("note 39")
    phone.page.locator("#main").evaluate("(main) => { main.scrollTop = 0 }")
    phone.act("note 22", "Copy the text")
    site.send("new")
    phone.page.locator("#newest").wait_for()
    toast, newest = (phone.page.locator(each).bounding_box() for each in ("#toast", "#newest"))
    assert toast and newest and newest["y"] + newest["height"] <= toast["y"]


def test_a_draft_and_the_author_survive_a_reload_and_a_new_tab_gets_the_draft_that_a_closed_tab_has_left(
    site: Site, visitors: Visitors
) -> None:
    site.start()
    one = visitors.visit(site.address, author="amy 陈")
    one.write("first")
    one.type("in the first tab,\nand more")
    two = visitors.visit(site.address, profile=one.profile)
    assert two.page.locator("#text").input_value() == "", "each tab has its own draft"
    two.type("in the second tab")
    for tab, text in ((one, "in the first tab,\nand more"), (two, "in the second tab")):
        tab.reload()
        assert tab.page.locator("#text").input_value() == text
        assert tab.page.locator("#author").inner_text() == "amy 陈"
    one.page.close()
    three = visitors.visit(site.address, profile=two.profile)
    three.wait_until("document.querySelector('#text').value.startsWith('in the first tab')")
    for tab in (two, three):
        tab.page.locator("#send").click()
        tab.wait_until("document.querySelector('#text').value === ''")
    three.sees("in the first tab", "in the second tab")
    assert three.page.evaluate("Object.keys(localStorage).filter((name) => name.includes('draft'))") == []
    assert sorted(site.texts()) == ["first", "in the first tab,\nand more", "in the second tab"]
