"""Whether a notebook's server answers, and what it says about the notebook.

While a server does not answer, each browser would wait for as long as a client waits. So the page itself asks the server
whether it answers, once for all browsers. While the server is silent, the page asks again and again, and refuses calls at once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from udpnote.client.client import Client
from udpnote.client.status import NotebookStatus
from udpnote.errors import ClientClosed, KeyMissing, Notice, OldKey, ServerNotFound, StorageError, UdpnoteError
from udpnote.model.notebook import KnownNotebook
from udpnote.page.browser_sentences import UNUSABLE, notice_for_browser
from udpnote.page.responses import refusal_for

WATCH_SECONDS = 2.0
"""The time between two questions whether the server was started again. The page asks them while browsers get live events."""

PROBE_PAUSE_SECONDS_MAX = 4.0
"""While the server is silent, the page asks it again after a pause. The pauses grow from one second to this."""


class ServerWatch:
    """What is known about the server of a notebook, as all browsers with the same key use it.

    `ask` asks the server for its status, as `check` does. `renew_clients` lets later questions and calls use new clients; it
    blocks for a moment. `has_key` says whether the clients have a key that a browser gave. With `is_sealed`, the notebook
    counts as sealed whatever its server answers. For `on_trouble` see `TroubleReport`; it is not called with a failure that
    `check` returns.

    The attributes say what is known. The functions in `on_change` are called when `absence`, `ended` or `served` changes, and
    after `record_sealed`.

    - `known`: the notebook according to the server's latest answer, or None if the server has not answered yet.
    - `absence`: why the notebook's server cannot be used now, or None if the server answers.
    - `ended`: why these browsers can never use the notebook again, because it has a new key; None if they can.
    - `served`: the id that the notebook's server chose when it started, in hexadecimal digits, or None if it is not known yet.
      While no server runs, notes may be erased without an event. So if `served` changes, a browser checks which of its notes
      are still there.
    """

    def __init__(
        self,
        ask: Callable[[], Awaitable[NotebookStatus]],
        renew_clients: Callable[[], None],
        *,
        has_key: bool,
        is_sealed: bool,
        on_trouble: Callable[[Notice], None],
    ) -> None:
        self._ask, self._renew_clients, self._has_key, self._is_sealed = ask, renew_clients, has_key, is_sealed
        self._troubles = TroubleReport(on_trouble)
        self._is_closed = False
        self._probing: asyncio.Task[None] | None = None
        self._checking: asyncio.Task[None] | None = None
        self._absent = asyncio.Event()
        self.absence: Notice | None = None
        self.ended: Notice | None = None
        self.served: str | None = None
        self.known: KnownNotebook | None = None
        self.on_change: list[Callable[[], None]] = []

    @property
    def needs_session(self) -> bool:
        """Whether browsers need a session: the notebook is sealed, and its clients do not use a key that a browser gave."""
        return not self._has_key and (self._is_sealed or (self.known is not None and self.known.key_id is not None))

    async def check(self) -> NotebookStatus:
        """Ask the server whether it answers, and return its status. Set `known`, `served`, `absence` and `ended` to what it
        says.

        If the server is silent or refuses this client, the `failure` of the status says so. Then start to ask again and again
        (see `suspect`). The caller must report the failure. Raises `ClientClosed` after `close`, the errors of opening the
        client, and a `Refusal` if too many calls wait for a thread.
        """
        status = await self._ask()
        if status.failure is not None:
            self._troubles.record_told(status.failure)
        self._record_status(status)
        return status

    async def _ask_in_background(self) -> NotebookStatus:
        """Ask as `_ask` does, for a task that nobody waits for: an error becomes the `failure` of the status, for example if
        the user's outbox is damaged. Raises only `ClientClosed`.
        """
        try:
            return await self._ask()
        except ClientClosed:
            raise
        except UdpnoteError as error:
            return NotebookStatus(
                notebook=None, is_chosen=False, has_key=False, entries=None, round_trip_seconds=None, failure=error
            )

    def _record_status(self, status: NotebookStatus) -> None:
        """Set `known`, `served`, `absence` and `ended` to what `status` says."""
        if status.failure is None:
            self.known = status.notebook
            self._record_server(status.server_id)
            self._record_presence()
        else:
            if self.known is None or isinstance(status.failure, KeyMissing):  # the notebook may have been sealed meanwhile
                self.known = status.notebook or self.known
            self._record_failure(status.failure)

    def suspect(self) -> None:
        """Begin to ask the server in the background whether it answers, again and again until it does. Do nothing if that goes
        on already, and after `end` or `close`.
        """
        if self._probing is None and self.ended is None and not self._is_closed:
            self._probing = asyncio.create_task(self._probe())

    async def wait_for_absence(self) -> None:
        """Wait until the server cannot be used. Return at once if it cannot be used now."""
        await self._absent.wait()

    def check_key(self, client: Client) -> None:
        """Raise `KeyMissing` if `client` has this machine's key: only browsers that give the key may use a sealed notebook.
        Do nothing if the notebook is open, or if a browser gave the key.

        The server may not have said yet that the notebook is sealed. So if `known` is set, this records it there, and
        `needs_session` becomes True.
        """
        if self._has_key or client.key_id is None:
            return
        if self.known is not None:
            self.known = self.known._replace(key_id=client.key_id)
        raise KeyMissing("page_needs_code")

    def record_sealed(self, notebook: KnownNotebook | None) -> None:
        """Record that `notebook` is sealed: its server has answered a client that has a browser's key. If `notebook` is None or
        open, do nothing.

        From then on, browsers without a session are told that they need the join code, not that the server is silent.
        """
        if notebook is not None and notebook.key_id is not None:
            self.known = notebook
            self._tell()

    async def watch(self) -> None:
        """Ask again and again whether the server answers and whether it was started again, and record its answers as `check`
        does. If an answer is missing, call `suspect` and record nothing yet: one lost answer does not mean that the server is
        silent.

        Return after `close`, or when `ended` is set.
        """
        with suppress(ClientClosed):
            while self.ended is None:
                await asyncio.sleep(WATCH_SECONDS)
                if self._probing is not None:
                    continue  # the server is already being asked
                status = await self._ask_in_background()
                if isinstance(status.failure, ServerNotFound):
                    self.suspect()
                else:
                    self._record_status(status)

    def record_answer(self) -> None:
        """Record that the server answers again: `absence` becomes None. Call this when the server has answered another client
        than those that ask it.

        If no browser gave the key of the clients, ask the server first, in the background: the notebook may have been
        sealed meanwhile, and then browsers must not use it by this machine's key.
        """
        if self._has_key:
            self._record_presence()
        elif self.absence is not None and not self._is_closed and (self._checking is None or self._checking.done()):
            self._checking = asyncio.create_task(self._check_in_background())

    async def _check_in_background(self) -> None:
        with suppress(ClientClosed):
            self._record_status(await self._ask_in_background())

    def _record_presence(self) -> None:
        if self.absence is not None:
            self.absence = None
            self._troubles.forget()
            self._absent.clear()
            self._tell()

    def _record_server(self, server_id: bytes | None) -> None:
        served = server_id.hex() if server_id is not None else None
        if served != self.served:
            self.served = served
            self._tell()

    def end(self, reason: Notice) -> None:
        """Record that the browsers of this object can never use the notebook again, because of `reason`. All calls are refused
        from then on.
        """
        if self.ended is None:
            self.ended = self.absence = reason
            self._absent.set()
            self._tell()

    def record_error(self, error: UdpnoteError) -> None:
        """Call `end` if `error` says that the notebook has a newer key than the browser gave. Report any other error as
        `TroubleReport.report` does.
        """
        if self._has_key and isinstance(error, OldKey):
            self.end(error.notice)
        else:
            self._troubles.report(error)

    def close(self) -> None:
        """Stop asking the server."""
        self._is_closed = True
        for task in (self._probing, self._checking):
            if task is not None:
                task.cancel()

    async def _probe(self) -> None:
        """Ask the server until it answers, with growing pauses. Open new clients if the user's outbox cannot be used, because
        somebody may have put another file in its place.
        """
        pause = 1.0
        try:
            while self.ended is None:
                status = await self._ask_in_background()
                self._record_status(status)
                if status.failure is None:
                    break
                await asyncio.sleep(pause)
                if isinstance(status.failure, StorageError):
                    await asyncio.to_thread(self._renew_clients)
                pause = min(2 * pause, PROBE_PAUSE_SECONDS_MAX)
        except ClientClosed:
            pass
        finally:
            self._probing = None

    def _record_failure(self, error: UdpnoteError) -> None:
        self.record_error(error)
        if self.ended is None and self.absence != error.notice:
            self.absence = error.notice
            self._absent.set()
            self._tell()
        self.suspect()

    def _tell(self) -> None:
        for each in list(self.on_change):
            each()


class TroubleReport:
    """Calls `on_trouble` with the reason when browsers are told to ask the person who runs the page.

    For each kind of reason, it calls it once, and again only after `forget`. Otherwise browsers that ask again and again would
    fill the terminal with messages.
    """

    def __init__(self, on_trouble: Callable[[Notice], None]) -> None:
        self._on_trouble = on_trouble
        self._told: set[str] = set()
        """The kinds of the reasons that the person who runs the page knows already."""

    def report(self, error: UdpnoteError) -> None:
        """Report `error`, with which a call has failed, if browsers are therefore told to ask the person who runs the page."""
        if error.notice.kind not in self._told and notice_for_browser(refusal_for(error).notice) == UNUSABLE:
            self.record_told(error)
            self._on_trouble(error.notice)

    def record_told(self, error: UdpnoteError) -> None:
        """Record that the person who runs the page knows of `error`: `report` reports no error of its kind until `forget`."""
        self._told.add(error.notice.kind)

    def forget(self) -> None:
        """Record that the server was away and answers now: errors of every kind are reported again."""
        self._told.clear()
