"""Sessions of browsers that have given the join code of a sealed notebook. Keys and sessions are only in memory."""

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import NamedTuple

from udpnote.errors import InvalidKey, KeyMissing, Notice, NotSealed, OldKey, ServerNotFound, WrongNotebook
from udpnote.model.join_code import parse_join_code
from udpnote.page.live_events import LiveEvents
from udpnote.page.page_notebook import PageNotebook
from udpnote.page.rates import RatePerHost
from udpnote.page.responses import Refusal, unavailable

SESSIONS_MAX = 256
"""The most sessions. When one more begins, the session whose last use is the longest ago ends."""

SESSION_IDLE_SECONDS = 14 * 86_400.0
"""A session ends after this time without use, two weeks, so that a lost phone does not keep its access for ever."""

KEYS_MAX = 8
"""For how many keys the page keeps clients. After the notebook got a new key, some browsers still use the old one for a
while.
"""

CODES_PER_MINUTE = 20
"""How many join codes each host may try in a minute. Nobody can guess a code, but for each one the page searches the LAN."""

TOKEN_BYTES = 32
"""The length of a session's token: 256 random bits."""


class Opened(NamedTuple):
    """A notebook that browsers with the same key use, and its live events."""

    notebook: PageNotebook
    live: LiveEvents

    def close(self) -> None:
        """End the streams of live events, and close the clients of the notebook."""
        self.live.end()
        self.notebook.close()


class _Session:
    """A session: the notebook's key that the browser gave, and the monotonic time of the session's last use."""

    def __init__(self, key: bytes, used_at: float) -> None:
        self.key, self.used_at = key, used_at


class Sessions:
    """All sessions of the page.

    `open_notebook` opens the notebook by a join code that a browser gave. `base` is the same notebook, opened without such a
    code. `monotonic` gives the time in seconds of a monotonic clock.
    """

    def __init__(
        self,
        open_notebook: Callable[[str], PageNotebook],
        base: PageNotebook,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_notebook, self._base, self._monotonic = open_notebook, base, monotonic
        self._sessions: dict[str, _Session] = {}
        self._opened: dict[bytes, Opened] = {}
        self._beginning = asyncio.Lock()
        self._codes = RatePerHost(CODES_PER_MINUTE / 60, CODES_PER_MINUTE)

    async def begin(self, code: str, host: str) -> str:
        """Begin a session for a browser that has given the join code `code`, and return the session's token.

        `host` is what `host_of_client` returns for the browser. Raises a `Refusal` if `code` is not the join code of this
        notebook (403), if `host` has tried too many codes (429), or if the notebook's server does not answer (503). A code with
        a typing mistake is refused (403) without being counted. If there are too many sessions, the one whose last use is the
        longest ago ends.
        """
        try:
            key = parse_join_code(code)
        except InvalidKey as error:
            raise Refusal(403, error.notice) from error
        if not self._codes.take(host, self._monotonic()):
            raise Refusal(429, Notice("page_too_many_codes"), {"Retry-After": "60"})
        async with self._beginning:
            opened = self._opened.get(key)
            if opened is None or opened.notebook.server.ended is not None:
                opened = await self._open(key, code)
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._sessions[token] = _Session(key, self._monotonic())
        self._forget_unused()
        return token

    def find(self, token: str) -> Opened | None:
        """Return the notebook for which the session with this token was begun, and the live events of that notebook, which all
        its sessions share.

        Return None if there is no such session, or if the page has closed the notebook, because more than `KEYS_MAX` keys were
        in use. The notebook may have a new key by now: see `ServerWatch.ended`.

        A session ends `SESSION_IDLE_SECONDS` after its last use. Finding it counts as a use.
        """
        session = self._sessions.get(token)
        if session is None or self._monotonic() - session.used_at > SESSION_IDLE_SECONDS:
            return None
        session.used_at = self._monotonic()
        return self._opened.get(session.key)

    def end(self, token: str) -> None:
        """End the session with this token, if there is one. Close its notebook if no other session uses the notebook."""
        self._sessions.pop(token, None)
        self._forget_unused()

    def close(self) -> None:
        """End all sessions, and close their notebooks."""
        self._sessions.clear()
        self._forget_unused()

    async def _open(self, key: bytes, code: str) -> Opened:
        """Open the notebook by `key`, whose join code is `code`, ask its server, and keep the notebook for further sessions.

        Raises a `Refusal` if the server does not answer or does not accept the key, or if it has another notebook.
        """
        notebook = self._open_notebook(code)
        status = await notebook.server.check()
        shown, found = self._base.server.known, status.notebook
        if status.failure is None and (shown is None or found is None or shown.notebook_id == found.notebook_id):
            self._opened[key] = Opened(notebook, LiveEvents(notebook))
            self._base.server.record_sealed(found)
            return self._opened[key]
        notebook.close()
        match status.failure:
            case None | WrongNotebook():
                raise Refusal(403, Notice("page_code_of_other_notebook"))
            case OldKey() | NotSealed() | KeyMissing():
                raise Refusal(403, status.failure.notice)
            case ServerNotFound():
                raise unavailable(Notice("page_code_finds_nothing"))
            case _:
                raise unavailable(status.failure.notice)

    def _forget_unused(self) -> None:
        """End the sessions that are too old or too many. Close the notebooks that no session uses any more, and those of all
        but the `KEYS_MAX` keys that were used last.
        """
        now = self._monotonic()
        by_use = sorted(self._sessions, key=lambda token: -self._sessions[token].used_at)
        self._sessions = {
            token: self._sessions[token]
            for token in by_use[:SESSIONS_MAX]
            if now - self._sessions[token].used_at <= SESSION_IDLE_SECONDS
        }
        keys = list(dict.fromkeys(session.key for session in self._sessions.values()))[:KEYS_MAX]
        for key in self._opened.keys() - set(keys):
            self._opened.pop(key).close()
