"""Tells the person who runs the page why browsers cannot use the notebook."""

from collections.abc import Callable

from udpnote.errors import Notice, UdpnoteError
from udpnote.page.browser_sentences import UNUSABLE, notice_for_browser
from udpnote.page.responses import refusal_for


class TroubleReport:
    """Calls `on_trouble` with the reason when browsers are told to ask the person who runs the page.

    For each kind of reason, it does this once, and again only after `forget`: a page that is asked again and again would else
    fill the terminal.
    """

    def __init__(self, on_trouble: Callable[[Notice], None]) -> None:
        self._on_trouble = on_trouble
        self._told: set[str] = set()
        """The kinds of the reasons that the person knows already."""

    def report(self, error: UdpnoteError) -> None:
        """Report `error`, with which a call for a browser has failed, unless the browser's refusal does not name the person who
        runs the page.
        """
        if error.notice.kind not in self._told and notice_for_browser(refusal_for(error).notice) == UNUSABLE:
            self.record_told(error)
            self._on_trouble(error.notice)

    def record_told(self, error: UdpnoteError) -> None:
        """Do not report `error`, because the person learns of it in another way."""
        self._told.add(error.notice.kind)

    def forget(self) -> None:
        """Report all reasons again, because the server was away and answers now."""
        self._told.clear()
