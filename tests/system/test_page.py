"""A browser on a host of its own writes over a LAN that loses datagrams, by way of a page on another host."""

from pathlib import Path

from tests.support.browser import Chromium, windowless
from tests.support.processes import script
from tests.support.visitor import AT_A_PHONE, Visitors
from tests.system.conftest import Pair
from tests.system.lab import SECONDS_MAX, Lab, assert_once
from tests.system.network import end_trouble, lose

NOTES = [f"第 {number} 条" for number in range(120)]
"""More than a browser sends in one request."""

PORT = 6680

WRITE_ALL = """async (texts) => {
    const [field, form] = ["#text", "#composer"].map((each) => document.querySelector(each))
    for (const text of texts) {
        field.value = text
        field.dispatchEvent(new Event("input"))
        form.requestSubmit()
        while (field.value !== "") await new Promise((resolve) => setTimeout(resolve))
    }
}"""


def test_a_burst_of_notes_from_a_phone_is_stored_once_though_datagrams_are_lost(lab: Lab, pair: Pair, tmp_path: Path) -> None:
    server = pair.kitchen.serve("--quiet", "--name", "home")
    page = pair.laptop.start("page", "--port", str(PORT))
    page.expect_error("Ctrl-C", SECONDS_MAX)
    phone = lab.host("phone", pair.lan)
    starter = script(tmp_path / "chromium", f'exec ip netns exec {phone.namespace} {windowless()} "$@"')
    chromium = Chromium(executable=str(starter))
    visitors = Visitors(chromium)
    try:
        amy = visitors.visit(f"http://{pair.laptop.address(pair.lan)}:{PORT}", **AT_A_PHONE)
        amy.write("before the trouble")
        lose(pair.lan, percent=20)
        amy.page.evaluate(WRITE_ALL, NOTES)
        amy.sees_nothing_waiting(SECONDS_MAX)
        end_trouble(pair.lan)
        amy.sees(NOTES[-1])
        assert [text for text in amy.texts() if text in NOTES] == NOTES
    finally:
        visitors.close()
        chromium.close()
    assert_once(server.texts(), ["before the trouble", *NOTES])


def test_a_page_of_a_sealed_notebook_over_http_says_that_other_devices_cannot_use_it(pair: Pair) -> None:
    server = pair.kitchen.start("serve", "--sealed", "--page")
    server.expect_error(f"http://{pair.kitchen.address(pair.lan)}:{PORT}", SECONDS_MAX)
    server.expect_error("sealed, so other devices cannot use this page", SECONDS_MAX)
