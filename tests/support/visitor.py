"""A person who reads and writes at the page, in a tab of a real browser."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.support.browser import DESKTOP, PHONE, SECONDS_MAX, Chromium
from tests.support.processes import eventually

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page

AT_A_PHONE: dict[str, Any] = {"viewport": PHONE, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
AT_A_DESK: dict[str, Any] = {"viewport": DESKTOP}
WITH_A_WORKER: dict[str, Any] = {"service_workers": "allow"}


def wait_for(page: "Page", condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds. Meanwhile, playwright calls the functions of the test that handle the page's requests."""
    eventually(lambda: page.evaluate("true") is True and condition())


class Visitor:
    """A tab with the page, and the person who uses it. `faults` are errors and warnings of the page's scripts."""

    def __init__(self, profile: "BrowserContext", address: str, *, author: str) -> None:
        """Open the page at `address`. The page asks for the author when the first note is written; the answer is `author`."""
        self.profile, self._address, self._author = profile, address, author
        self.faults: list[str] = []
        self.page: Page = profile.new_page()
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self._record_console)
        self.open()

    def open(self) -> None:
        """Open the page in the tab, and wait until it is ready."""
        self.page.goto(self._address)
        self.wait_until_ready()

    def reload(self) -> None:
        self.page.reload()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        self.page.locator("body.ready").wait_for()

    def wait_until(self, expression: str, seconds: float = SECONDS_MAX) -> None:
        """Wait until the JavaScript `expression` is true in the page.

        The test asks again and again, because the content security policy of the page forbids playwright's own waiting.
        """
        eventually(lambda: bool(self.page.evaluate(expression)), expression, seconds)

    def type(self, text: str) -> None:
        """Put a text into the field for writing, without sending it."""
        self.page.locator("#text").fill(text)

    def write(self, *texts: str) -> None:
        """Write notes with the button, and say who writes if the page asks. Return when each is at least in the outbox."""
        for text in texts:
            self.type(text)
            self.page.locator("#send").click()
            self.sign()
            self.wait_until("document.querySelector('#text').value === ''")

    def store(self, *texts: str) -> None:
        """Write notes (see `write`), and wait until each is shown as stored, and nothing waits."""
        self.write(*texts)
        self.sees(*texts)
        self.sees_nothing_waiting()

    def sign(self) -> None:
        """Say who writes, if the page asks."""
        is_known = "localStorage.getItem('udpnote.author') !== null"
        if not self.page.evaluate(is_known):
            self.page.locator("#who-field").fill(self._author)
            self.page.keyboard.press("Enter")
            self.wait_until(is_known)

    def give_code(self, code: str) -> None:
        """Type a join code where the page asks for one."""
        self.page.locator("#code").fill(code)
        self.page.keyboard.press("Enter")

    def note(self, text: str) -> "Locator":
        """Return a locator of the stored notes that contain `text`."""
        return self.page.locator("#days article", has_text=text)

    def sees(self, *texts: str) -> None:
        """Wait until each of these notes is shown as stored, once."""
        for text in texts:
            self._sees_one(self.note(text), text)

    def _sees_one(self, note: "Locator", text: str) -> None:
        """Wait until `note` is one note that is shown, also while the page loads all notes anew."""
        eventually(lambda: note.count() == 1 and note.is_visible(), f"{text} is shown once")

    def texts(self) -> list[str]:
        """Return the texts of the stored notes that are shown."""
        return self.page.locator("#days article .text").all_inner_texts()

    def waiting(self) -> list[str]:
        """Return the texts of the notes that are shown as waiting."""
        return self.page.locator("#waiting article .text").all_inner_texts()

    def sees_nothing_waiting(self, seconds: float = 2 * SECONDS_MAX) -> None:
        """Wait until no entry is in the page's outbox, and none is shown as waiting."""
        asked = """async () => {
            const { Database } = await import("/static/database.js")
            const { Outbox } = await import("/static/outbox.js")
            const entries = await new Outbox(new Database(indexedDB)).entries()
            return entries.length + document.querySelector("#waiting").children.length
        }"""
        self.wait_until(f"({asked})().then((count) => count === 0)", seconds)

    def handle_answers(self) -> None:
        """Wait for the answer to another request, so that the page has handled all answers that had arrived before."""
        self.page.evaluate("fetch('/api/tags').then((each) => each.text())")

    def search(self, query: str) -> None:
        """Type `query` into the search field. On a narrow screen, open the field first."""
        if not self.page.locator("#query").is_visible():
            self.page.locator("#open-search").click()
        self.page.locator("#query").fill(query)

    def act(self, text: str, action: str) -> None:
        """Open the actions of the note with this text, and choose one by its name."""
        self.note(text).locator("button.more").click()
        self.choose(action)

    def edit(self, text: str, changed: str) -> None:
        """Put `changed` into the field for writing, in place of the text of a stored note, without sending it."""
        self.act(text, "Edit")
        self.page.locator("#editing").wait_for()
        # Before, the field may still have the text of another edit.
        self.wait_until(f"document.querySelector('#text').value.includes({json.dumps(text)})")
        self.type(changed)

    def revise(self, text: str, changed: str) -> None:
        """Replace the text of a stored note by `changed` with the button (see `edit`), and say who writes if the page asks."""
        self.edit(text, changed)
        self.page.locator("#send").click()
        self.sign()

    def menu(self, action: str) -> None:
        """Open the menu, and choose an action by its name."""
        self.page.locator("#open-menu").click()
        self.choose(action)

    def choose(self, action: str) -> None:
        self.page.locator("#sheet").get_by_role("button", name=action, exact=True).click()

    def _record_console(self, message: "ConsoleMessage") -> None:
        """Note errors and warnings, but not those of the network, which tests cause on purpose."""
        meant = ("Failed to load resource", "error occurred when fetching the script", "registration blocked by Playwright")
        is_meant = any(each in message.text for each in meant)
        if message.type in ("error", "warning") and not is_meant:
            self.faults.append(message.text)


class Visitors:
    """Makes visitors, each in a profile of its own. `close` closes the profiles, and fails if a visitor has noted faults."""

    def __init__(self, chromium: Chromium) -> None:
        self._chromium = chromium
        self._profiles: list[BrowserContext] = []
        self._visitors: list[Visitor] = []

    def visit(self, address: str, *, author: str = "amy", profile: "BrowserContext | None" = None, **options: Any) -> Visitor:
        """Make a visitor in a new profile with these options of playwright, or in a further tab of `profile` if it is given."""
        visitor = Visitor(profile or self.profile(**options), address, author=author)
        self._visitors.append(visitor)
        return visitor

    def profile(self, **options: Any) -> "BrowserContext":
        """Make a new profile, without a visitor. Pages there have a service worker only if the options say so.

        That saves time, because a service worker loads all files of the page a second time.
        """
        made = self._chromium.profile(**{"service_workers": "block"} | options)
        self._profiles.append(made)
        return made

    def close(self) -> None:
        for profile in self._profiles:
            for page in profile.pages:
                page.unroute_all(behavior="ignoreErrors")  # a request may still be with a test's handler
            profile.close()
        faults = [fault for visitor in self._visitors for fault in visitor.faults]
        assert not faults, faults
