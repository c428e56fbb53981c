"""Tells the person who runs the page why browsers cannot use the notebook."""

from collections.abc import Callable

from udpnote.errors import Notice, UdpnoteError
from udpnote.page.browser_sentences import UNUSABLE, notice_for_browser
from udpnote.page.responses import refusal_for


class TroubleReport:
    """Calls `on_trouble` with the reason when browsers are told to ask the person who runs the page.

    For each kind of reason, it calls it once, and again only after `forget`. Otherwise browsers that ask again and again would
    fill the terminal with messages.
    """

    def __init__(self, on_trouble: Callable[[Notice], None]) -> None:
        self._on_trouble = on_trouble
        self._told: set[str] = set()
        """The kinds of the reasons that the person knows already."""

    def report(self, error: UdpnoteError) -> None:
        """Report `error`, with which a call has failed, if browsers are therefore told to ask the person who runs the page."""
        if error.notice.kind not in self._told and notice_for_browser(refusal_for(error).notice) == UNUSABLE:
            self.record_told(error)
            self._on_trouble(error.notice)

    def record_told(self, error: UdpnoteError) -> None:
        """Record that the person learns of `error` in another way: errors of this kind are not reported then."""
        self._told.add(error.notice.kind)

    def forget(self) -> None:
        """Record that the server was away and answers now: errors of every kind are reported again."""
        self._told.clear()
