"""A real Chromium for the tests of the page. All tests of a worker share one process; each test has profiles of its own.

It is Debian's chromium, driven by playwright. If one of them is not installed, the tests are skipped (see `requirements`).
"""

import shutil
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.processes import script
from tests.support.requirements import unavailable

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Playwright

CHROMIUM = "/usr/bin/chromium"

WINDOWLESS = "/usr/bin/chromium-headless-shell"
"""The same browser without any windows, from a package of its own. It needs a fifth of the processor time for a new profile."""

FLAGS = (
    "--no-sandbox",  # the tests run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",  # containers have little shared memory
    "--host-resolver-rules=MAP *.test 127.0.0.1",
)
"""With these, Chromium sends nothing to the network, and names of hosts that end with `.test` stand for this machine."""

PHONE = {"width": 360, "height": 640}
DESKTOP = {"width": 1280, "height": 800}

SECONDS_MAX = 20.0
"""How long a browser may take for anything on a busy machine."""


def windowless() -> str:
    """The path of the Chromium without windows or, if that is not installed, of the usual one."""
    return WINDOWLESS if Path(WINDOWLESS).exists() else CHROMIUM


class Chromium:
    """A running Chromium. `close` ends it."""

    def __init__(self, *, executable: str = CHROMIUM, beside: "Chromium | None" = None) -> None:
        """Start the Chromium at the path `executable`.

        Playwright can run only once in a process. So a second `Chromium` gets the first one as `beside`, and uses its
        Playwright.
        """
        if find_spec("playwright") is None:
            unavailable("playwright is not installed")
        if shutil.which(CHROMIUM) is None:
            unavailable(f"there is no {CHROMIUM}")
        from playwright.sync_api import sync_playwright

        self._executable = executable
        self._undo = ExitStack()
        self._playwright: Playwright = beside._playwright if beside else self._undo.enter_context(sync_playwright())
        self.browser: Browser = self._playwright.chromium.launch(executable_path=executable, args=FLAGS)
        self._undo.callback(self.browser.close)

    def close(self) -> None:
        self._undo.close()

    def profile(self, **options: Any) -> "BrowserContext":
        """Make a new profile: a browser that has never seen any page. The caller closes it."""
        context = self.browser.new_context(**options)
        context.set_default_timeout(SECONDS_MAX * 1000)
        return context

    def profile_on_disk(self, folder: Path) -> "tuple[BrowserContext, int]":
        """Start another process of Chromium, which keeps a profile in `folder`. Return the profile and the process id."""
        number = folder.with_suffix(".pid")
        starter = script(folder.with_suffix(".sh"), f'echo $$ > {number}\nexec {self._executable} "$@"')
        context = self._playwright.chromium.launch_persistent_context(folder, executable_path=starter, args=FLAGS)
        context.set_default_timeout(SECONDS_MAX * 1000)
        return context, int(number.read_text())
