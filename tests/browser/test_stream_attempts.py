"""When the page opens its stream of live events again, with a stream of the test in place of the browser's."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_the_pauses_between_streams_grow_to_half_a_minute_and_are_short_after_an_open_one(blank_page: "Page") -> None:
    pauses = """async () => {
        const { Live } = await import("/static/live.js")
        const pauses = []
        window.setTimeout = (work, milliseconds) => {
            pauses.push(milliseconds / 1000)
            queueMicrotask(work)  // no pause takes long
        }
        let source = null
        const connect = () => {
            source = { readyState: 2, close() {}, addEventListener() {} }
            return source
        }
        const live = new Live({ channel: { on() {}, say() {} }, connect })
        live.run(new AbortController().signal)
        for (let attempt = 0; attempt < 9; attempt += 1) {
            if (attempt === 7) source.onopen()
            source.onerror()
            for (let turn = 0; turn < 20; turn += 1) await null
        }
        return pauses
    }"""
    assert blank_page.evaluate(pauses) == [2, 4, 8, 16, 30, 30, 30, 1, 2]


def test_a_sign_that_the_page_answers_renews_at_once_a_stream_that_is_not_open_yet(blank_page: "Page") -> None:
    blank_page.clock.install()
    blank_page.clock.pause_at(4e9)  # pauses never end
    opened = """async () => {
        const { Live } = await import("/static/live.js")
        const sources = []
        const connect = () => {
            sources.push({ readyState: 0, close() {}, addEventListener() {} })
            return sources.at(-1)
        }
        const live = new Live({ channel: { on() {}, say() {} }, connect })
        live.run(new AbortController().signal)
        for (let turn = 0; turn < 30; turn += 1) {
            if (turn % 10 === 0) live.renew()
            await null
        }
        return sources.length
    }"""
    assert blank_page.evaluate(opened) == 4


def test_attempts_to_open_a_stream_leave_no_listeners_behind(blank_page: "Page") -> None:
    blank_page.clock.install()
    blank_page.clock.pause_at(4e9)  # pauses end only by a sign
    listeners = """async () => {
        const { Live } = await import("/static/live.js")
        let attempts = 0, listeners = 0, source = null
        const connect = () => {
            attempts += 1
            source = { readyState: 2, close() {}, addEventListener() {} }
            return source
        }
        const signal = {
            aborted: false,
            addEventListener() { listeners += 1 },
            removeEventListener() { listeners -= 1 },
        }
        const live = new Live({ channel: { on() {}, say() {} }, connect })
        live.run(signal)
        while (attempts < 50) {
            source.onerror()
            for (let turn = 0; turn < 10; turn += 1) await null
            live.renew()
            for (let turn = 0; turn < 10; turn += 1) await null
        }
        return listeners
    }"""
    assert blank_page.evaluate(listeners) <= 2
