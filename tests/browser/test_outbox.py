"""The browser's outbox against a server that breaks every promise: each entry is stored once, and none is given up."""

from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import Chromium
from tests.support.fake_notebook import FAULTS, ORIGIN, PLAIN_ORIGIN, FakeNotebook
from tests.support.visitor import wait_for

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

ATTEMPTS = 200
LEASE_SECONDS = 6
"""How long a tab in a browser without locks stays the one that sends, after it has last told the other tabs that it is."""


def tab(profile: "BrowserContext", origin: str = ORIGIN) -> "Page":
    """A new tab with the outbox, as `window.rig`."""
    made = profile.new_page()
    made.goto(origin)
    made.evaluate("async () => { window.rig = await import('/rig.js') }")
    return made


def write(page: "Page", *texts: str) -> None:
    page.evaluate("async (texts) => { for (const text of texts) await rig.write(text) }", texts)


def send_all(page: "Page") -> None:
    page.evaluate(f"rig.sendAll({ATTEMPTS})")


def waiting(page: "Page") -> list[str]:
    texts: list[str] = page.evaluate("async () => (await rig.waiting()).map(({ text }) => text)")
    return texts


@pytest.mark.parametrize("origin", [ORIGIN, PLAIN_ORIGIN])
def test_each_entry_is_stored_once_in_order_whatever_fault_an_answer_has(profile: "BrowserContext", origin: str) -> None:
    notebook = FakeNotebook(profile)
    page = tab(profile, origin)
    written: list[str] = []
    for fault in FAULTS:
        notebook.faults = [fault, "", fault, fault]
        for _ in range(2):
            texts = [f"{len(written) + number}：{fault}" for number in range(5)]
            write(page, *texts)
            send_all(page)
            written += texts
        assert (notebook.texts(), waiting(page)) == (written, []), fault


@pytest.mark.parametrize("seed", range(2))
def test_tabs_that_die_at_any_moment_lose_and_double_nothing(profile: "BrowserContext", seed: int) -> None:
    random = Random(seed)
    notebook = FakeNotebook(profile)
    written: list[str] = []
    for life in range(6):
        notebook.faults = random.choices([*FAULTS, ""], k=3)
        page = tab(profile)
        written += (texts := [f"{life}.{each}" for each in range(random.randrange(4))])
        write(page, *texts)
        page.evaluate("rig.send()")
        page.wait_for_timeout(random.choice((0, 1, 5, 30)))
        page.close()  # perhaps between the transaction and the request, or between the request and its answer
    notebook.faults = []
    page = tab(profile)
    send_all(page)
    assert (sorted(notebook.texts()), waiting(page)) == (sorted(written), []), f"seed {seed}"


def test_an_entry_is_kept_durably_and_has_the_same_identity_after_a_crash(profile: "BrowserContext") -> None:
    notebook = FakeNotebook(profile)
    page = tab(profile)
    page.evaluate(
        """async () => {
            const begin = IDBDatabase.prototype.transaction
            IDBDatabase.prototype.transaction = function (...given) {
                window.durability = given[2]?.durability
                return begin.apply(this, given)
            }
            rig.send()
            await rig.write("first")
        }"""
    )
    assert page.evaluate("durability") == "strict"
    page.close()
    page = tab(profile)
    write(page, "second")
    send_all(page)
    ((client, first), (same_client, second)) = notebook.stored
    assert (client == same_client, first, second) == (True, 1, 2)
    assert notebook.texts() == ["first", "second"]


def test_a_transaction_that_fails_keeps_nothing_and_uses_no_sequence_number(profile: "BrowserContext") -> None:
    notebook = FakeNotebook(profile)
    page = tab(profile)
    write(page, "one")
    outcome = page.evaluate(
        """async () => {
            const add = IDBObjectStore.prototype.add
            IDBObjectStore.prototype.add = () => { throw new DOMException("full", "QuotaExceededError") }
            try { await rig.write("lost"); return "kept" } catch (error) { return error.name }
            finally { IDBObjectStore.prototype.add = add }
        }"""
    )
    write(page, "two")
    send_all(page)
    assert outcome == "QuotaExceededError"
    assert [sequence for _, sequence in notebook.stored] == [1, 2]


def test_a_conflict_gives_a_new_client_id_to_all_entries_that_were_never_sent(chromium: Chromium) -> None:
    original = chromium.profile()
    notebook = FakeNotebook(original)
    page = tab(original)
    write(page, "before the copy")
    send_all(page)
    copied = original.storage_state(indexed_db=True)
    write(page, "of the original")
    send_all(page)
    copy = chromium.profile(storage_state=copied)
    copy_notebook = FakeNotebook(copy)
    copy_notebook.stored = notebook.stored
    page = tab(copy)
    write(page, "of the copy", "of the copy, too")
    send_all(page)
    assert waiting(page) == []
    assert sorted(notebook.texts()) == sorted(["before the copy", "of the original", "of the copy", "of the copy, too"])
    assert len({client for client, _ in notebook.stored}) == 2
    copy.close()
    original.close()


def test_a_draft_is_written_once_though_two_tabs_press_enter(profile: "BrowserContext") -> None:
    notebook = FakeNotebook(profile)
    tabs = [tab(profile), tab(profile)]
    for page in tabs:
        page.evaluate("() => { window.written = rig.write('once', { draft: 'draft 1' }) }")
    kept = [page.evaluate("async () => (await written) !== null") for page in tabs]
    for page in tabs:
        send_all(page)
    assert (sorted(kept), notebook.texts()) == ([False, True], ["once"])


@pytest.mark.parametrize("is_sent", [False, True])
def test_a_change_of_a_waiting_note_replaces_it_if_never_sent_and_otherwise_follows_it(
    profile: "BrowserContext", is_sent: bool
) -> None:
    notebook = FakeNotebook(profile, faults=["answer lost"] if is_sent else [])
    page = tab(profile)
    orders = page.evaluate("async () => [(await rig.write('one')).order, (await rig.write('two')).order]")
    if is_sent:
        page.evaluate("rig.send()")
        wait_for(page, lambda: len(notebook.requests) == 1)
    change = {"text": "new one", "author": "amy", "written_at": 1, "utc_offset": 0}
    page.evaluate("([order, change]) => rig.outbox.revise(order, change)", [orders[0], change])
    page.evaluate("([order, change]) => rig.outbox.takeBack(order, change)", [orders[1], change])
    send_all(page)
    kept = [(entry["kind"], entry["text"], entry["revises"]) for entry in notebook.stored.values()]
    sent = [("note", "one", 0), ("note", "two", 0), ("revision", "new one", 1), ("deletion", "", 2)]
    assert (kept, waiting(page)) == (sent if is_sent else [("note", "new one", 0)], [])


def test_the_pauses_between_attempts_grow_to_half_a_minute(profile: "BrowserContext") -> None:
    notebook = FakeNotebook(profile, faults=["request lost"] * 8)
    page = tab(profile)
    page.clock.install()
    write(page, "note")
    page.evaluate(
        """() => {
            const begin = setTimeout
            window.delays = []
            window.setTimeout = (work, delay) => { delays.push(delay / 1000); return begin(work, delay) }
            rig.send()
        }"""
    )
    for attempt in range(1, 8):
        page.wait_for_function(f"delays.length === {2 * attempt}", polling=20)  # the limit of the request, then the pause
        page.clock.run_for(31_000)
    wait_for(page, lambda: len(notebook.requests) == 8)
    assert page.evaluate("delays")[1:14:2] == [1, 2, 4, 8, 16, 30, 30]


def test_a_lease_has_one_owner_until_it_ends_or_its_tab_says_that_it_closes(profile: "BrowserContext") -> None:
    FakeNotebook(profile)
    page = tab(profile, PLAIN_ORIGIN)
    taken = page.evaluate(
        """async () => {
            let now = 1_000_000
            const [one, two] = [rig.lease("one", () => now), rig.lease("two", () => now)]
            const taken = [await one.take(), await two.take()]
            now += 5_999
            taken.push(await two.take())
            now += 1
            taken.push(await two.take(), await one.take())
            one.noteLeft("two")
            taken.push(await one.take(), await two.take())
            now -= 100_000  // the clock is set back: nobody waits for a day
            taken.push(await two.take())
            return taken
        }"""
    )
    assert taken == [True, False, False, True, False, True, False, True]


@pytest.mark.parametrize("origin", [ORIGIN, PLAIN_ORIGIN])
def test_one_tab_sends_at_a_time_and_another_takes_over_when_it_is_closed(profile: "BrowserContext", origin: str) -> None:
    notebook = FakeNotebook(profile)
    profile.clock.install()
    tabs = {name: tab(profile, origin) for name in ("first", "second")}
    for name, page in tabs.items():
        page.evaluate("([tab, locks]) => rig.lead(tab, { locks })", [name, origin == ORIGIN])
    wait_for(tabs["second"], lambda: len(notebook.leading) == 1)
    leader = notebook.leading[0].removeprefix("begins ")
    (other,) = set(tabs) - {leader}
    assert notebook.leading == [f"begins {leader}"]
    tabs[leader].close()
    profile.clock.fast_forward(LEASE_SECONDS * 1000)
    wait_for(tabs[other], lambda: len(notebook.leading) == 2)
    assert notebook.leading == [f"begins {leader}", f"begins {other}"]
