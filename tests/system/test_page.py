"""A browser on a host of its own writes by way of a page on another host: over a LAN with losses, and more than it may."""

from collections import Counter
from pathlib import Path

from tests.support.browser import CHROMIUM, Chromium
from tests.support.visitor import AT_A_PHONE, Visitors
from tests.system.conftest import Pair
from tests.system.lab import SECONDS_MAX, Lab, assert_once
from tests.system.network import end_trouble, lose

NOTES = [f"第 {number} 条" for number in range(200)]
MORE_NOTES = [f"written beside {number} requests" for number in range(30)]
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

ASK_TOO_OFTEN = """async (texts) => {
    let isFlooding = true
    const flood = async () => {
        while (isFlooding) {
            const { status } = await fetch("/static/icon.svg", { cache: "no-store" })
            if (status === 429) globalThis.isRefused = true
        }
    }
    const floods = Array.from({ length: 4 }, flood)
    while (!globalThis.isRefused) await new Promise((resolve) => setTimeout(resolve, 10))
    await (WRITE_ALL)(texts)
    await new Promise((resolve) => setTimeout(resolve, 3000))
    isFlooding = false
    await Promise.all(floods)
}""".replace("WRITE_ALL", WRITE_ALL)
"""Asks for more than the page answers to one host, writes meanwhile, and goes on to ask for three seconds."""


def test_a_phone_stores_each_note_once_over_a_lossy_lan_and_beside_too_many_requests(
    lab: Lab, pair: Pair, tmp_path: Path
) -> None:
    server = pair.kitchen.serve("--quiet", "--name", "home")
    page = pair.laptop.start("page", "--port", str(PORT))
    page.expect_error("Ctrl-C", SECONDS_MAX)
    phone = lab.host("phone", pair.lan)
    starter = tmp_path / "chromium"
    starter.write_text(f'#!/bin/sh\nexec ip netns exec {phone.namespace} {CHROMIUM} "$@"\n')
    starter.chmod(0o700)
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
        posts: Counter[int] = Counter()
        amy.page.on("response", lambda answer: posts.update([answer.status] * (answer.request.method == "POST")))
        amy.page.evaluate(ASK_TOO_OFTEN, MORE_NOTES)
        amy.sees_nothing_waiting(SECONDS_MAX)
        assert posts[429] > 0, "the page answers without limit"
    finally:
        visitors.close()
        chromium.close()
    assert_once(server.texts(), ["before the trouble", *NOTES, *MORE_NOTES])
