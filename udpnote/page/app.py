"""The page's application: its routes, and what these share."""

import asyncio
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from udpnote.client.client import Client
from udpnote.errors import Notice
from udpnote.model.notebook import KnownNotebook
from udpnote.page.access import AllowedHosts, Gate, is_private, port_of
from udpnote.page.asset_files import INDEX, Assets
from udpnote.page.json_objects import json_object
from udpnote.page.live_events import LiveEvents
from udpnote.page.page_notebook import CALL_SECONDS, PageNotebook, wait_for_index
from udpnote.page.rates import host_of_client
from udpnote.page.requests import BodyRoom, body_of
from udpnote.page.responses import Refusal, json_response, kind_and_reason, malformed, refused, sentence_page
from udpnote.page.routes import ReadingRoutes, StreamRoutes, WritingRoutes
from udpnote.page.sessions import Opened, Sessions
from udpnote.page.worker_threads import Threads
from udpnote.storage.database import IN_MEMORY
from udpnote.storage.outbox.outbox import Outbox
from udpnote.version import __version__

CODE_BYTES_MAX = 1024
"""The longest body of a request that has a join code. A join code has 33 characters."""

COOKIE = "udpnote"
COOKIE_OVER_HTTPS = "__Host-udpnote"
"""The name of the cookie that has the session's token begins with `COOKIE` over HTTP, and with `COOKIE_OVER_HTTPS` over HTTPS.
The port of the page's address follows, as in `udpnote-6680`.

A browser sends the cookies of one port of a host to all its ports (RFC 6265, section 8.5). So without the port in the name, two
pages at one host would each replace the other's cookie.

Browsers accept the prefix `__Host-` only over HTTPS, and send such a cookie only to this host (RFC 6265bis).
"""


OpenClient = Callable[[str | None, KnownNotebook | None, Callable[[Notice], None]], Client]
"""A function that opens a client of the page's notebook. `client_opener` explains its arguments."""


def client_opener(server: str | None, notebook: str | None) -> OpenClient:
    """Return a function `(key, known, on_notice)` that opens a client of the page's notebook. Its caller must close the client.

    `server` and `notebook` are the values of the options `--server` and `--notebook`, or None. `key` is the join code that a
    browser gave. With it, the client's outbox is in memory, so that the key is never in a file. This outbox has no addresses
    of notebooks, except that of `known` if this notebook has the same key. If `key` is None, the client uses the user's
    outbox, as other commands do, and ignores `known`. For `on_notice` see `Client`.
    """

    def open_client(key: str | None, known: KnownNotebook | None, on_notice: Callable[[Notice], None]) -> Client:
        outbox = Outbox(IN_MEMORY) if key is not None else None
        client = Client(
            server=server,
            notebook=notebook,
            key=key,
            wait=CALL_SECONDS,
            outbox=outbox,
            on_notice=on_notice,
            on_indexing=wait_for_index,
        )
        if outbox is not None and known is not None and known.key_id == client.named_key_id:
            outbox.remember(known)
        return client

    return open_client


class Page:
    """The page. `asgi` answers browsers until `close` is called. `base` is the page's notebook as it is used for browsers that
    have given no join code.

    `open_client` opens the clients of the notebook. Only requests that name one of `hosts` are answered. With `is_sealed`, the
    notebook counts as sealed whatever its server answers. `on_trouble` tells the person who runs the page why browsers cannot
    use the notebook (see `TroubleReport`).
    """

    def __init__(
        self,
        open_client: OpenClient,
        hosts: AllowedHosts,
        *,
        is_sealed: bool = False,
        on_trouble: Callable[[Notice], None] = lambda _: None,
    ) -> None:
        self._open_client, self._on_trouble = open_client, on_trouble
        self._threads = Threads()
        self._assets = Assets()
        self.base = PageNotebook(
            lambda on_notice: open_client(None, None, on_notice), self._threads, is_sealed=is_sealed, on_trouble=on_trouble
        )
        self._opened = Opened(self.base, LiveEvents(self.base))
        self._sessions = Sessions(self._open_with_code, self.base)
        self.asgi: ASGIApp = Gate(self._starlette(), hosts)

    async def close(self) -> None:
        """End all streams and sessions, and close the notebook's clients. Do not wait for calls that run.

        A second call does nothing.
        """
        self._opened.live.end()
        self._sessions.close()
        await asyncio.to_thread(self.base.close)
        self._threads.close()

    def notebook_of(self, request: Request) -> Opened:
        """Return the notebook that this request may use, and its live events.

        Raises a `Refusal` (401) if the notebook is sealed and the browser has no session, and also if the notebook has another
        key now than the session. While the notebook's server is silent, a browser with the cookie of an ended session is
        refused, too: the cookie shows that the notebook was sealed.
        """
        token = request.cookies.get(_cookie_name(request))
        opened = self._sessions.find(token) if token else None
        if opened is not None:
            if opened.notebook.server.ended is not None:
                raise Refusal(401, opened.notebook.server.ended)
            return opened
        if self.base.server.needs_session or (token and self.base.server.absence is not None):
            raise Refusal(401, Notice("page_needs_code"))
        return self._opened

    def _open_with_code(self, code: str) -> PageNotebook:
        """Return a `PageNotebook` for browsers that have given the join code `code`."""

        def open_client(on_notice: Callable[[Notice], None]) -> Client:
            return self._open_client(code, self.base.server.known, on_notice)

        return PageNotebook(open_client, self._threads, has_key=True, on_trouble=self._on_trouble)

    def _starlette(self) -> Starlette:
        routes = [
            Route("/", self._index),
            Route("/static/{name}", self._static),
            Route("/api/state", self._state),
            Route("/api/session", self._change_session, methods=["POST", "DELETE"]),
            *ReadingRoutes(self.notebook_of).routes(),
            *WritingRoutes(self.notebook_of).routes(),
            *StreamRoutes(self.notebook_of).routes(),
        ]
        starlette = Starlette(routes=routes, exception_handlers={Refusal: _refused, HTTPException: _http_error})
        starlette.router.redirect_slashes = False  # a path with a further slash is one that the page does not have
        return starlette

    async def _index(self, request: Request) -> Response:
        """Answer with the page itself, which needs no session."""
        return self._assets.answer(request, INDEX)

    async def _static(self, request: Request) -> Response:
        """Answer with one of the files for browsers. Raises a `Refusal` (404) if there is no such file."""
        return self._assets.answer(request, request.path_params["name"])

    async def _state(self, request: Request) -> Response:
        """Answer the first question of a browser: which notebook the page shows, and whether the browser may use it.

        `docs/page.md` explains the answer. If the page does not know its notebook yet, it asks the notebook's server first. If
        the notebook is open, the answer removes the cookie of an ended session from the browser. If the browser needs a join
        code, or if the notebook cannot be read, this raises nothing: the answer says so.
        """
        if self.base.server.known is None and self.base.server.absence is None:
            await self.base.server.check()
        state: dict[str, object] = {
            "notebook": None,
            "needs_code": False,
            "may_give_code": is_private(request.scope),
            "away": False,
            "kind": None,
            "reason": None,
            "newest": None,
            "served": None,
            "version": __version__,
            "https": request.scope["scheme"] == "https",
        }
        try:
            notebook = self.notebook_of(request).notebook
            state["served"] = notebook.server.served
            state["newest"] = await notebook.ask(lambda client: client.last_number())
        except Refusal as refusal:
            if refusal.status == 401:
                reason = refusal.notice if is_private(request.scope) else Notice("page_code_needs_https")
                state |= {"needs_code": True, "served": None, **kind_and_reason(reason)}
                return json_response(state | {"notebook": {"name": None, "id": None, "sealed": True}})
            state |= {"away": True, **kind_and_reason(refusal.notice)}
        if (known := notebook.server.known) is not None:
            state["notebook"] = {"name": known.name, "id": known.notebook_id.hex(), "sealed": known.key_id is not None}
        response = json_response(state)
        if notebook is self.base and not state["away"] and _cookie_name(request) in request.cookies:
            _forget_cookie(request, response)  # the notebook is open, so it has no sessions any more
        return response

    async def _change_session(self, request: Request) -> Response:
        """Begin or end a session. Raises the refusals of `_begin_session`."""
        if request.method == "POST":
            return await self._begin_session(request)
        return await self._end_session(request)

    async def _begin_session(self, request: Request) -> Response:
        """Begin a session for a browser that gives a join code, and set the cookie with the session's token.

        Raises a `Refusal`: 403 if the connection is not private (see `is_private`), 400 if the body has no code, and those of
        `body_of` and of `Sessions.begin`. So a wrong code is refused with 403, and after too many codes of one host, each
        further one with 429, right or wrong.
        """
        if not is_private(request.scope):
            raise Refusal(403, Notice("page_code_needs_https"))
        room, too_long = BodyRoom(CODE_BYTES_MAX), Notice("page_code_mistyped")
        async with body_of(request, CODE_BYTES_MAX, room, too_long=too_long) as body:
            code = json_object(body).get("code")
        if not isinstance(code, str):
            raise malformed("code")
        token = await self._sessions.begin(code, host_of_client(request.scope))
        response = Response(status_code=204, headers={"Cache-Control": "no-store"})
        is_secure = request.scope["scheme"] == "https"
        response.set_cookie(_cookie_name(request), token, path="/", secure=is_secure, httponly=True, samesite="strict")
        return response

    async def _end_session(self, request: Request) -> Response:
        """End the browser's session, if it has one, and remove its cookie. Raises nothing without a session."""
        self._sessions.end(request.cookies.get(_cookie_name(request), ""))
        response = Response(status_code=204, headers={"Cache-Control": "no-store"})
        _forget_cookie(request, response)
        return response


def _cookie_name(request: Request) -> str:
    """Return the name of the session's cookie. It depends on the scheme and the port of the address that the browser has
    used.
    """
    is_secure = request.scope["scheme"] == "https"
    port = port_of(request.headers.get("host", "")) or ("443" if is_secure else "80")
    return f"{COOKIE_OVER_HTTPS if is_secure else COOKIE}-{port}"


def _forget_cookie(request: Request, response: Response) -> None:
    """Let `response` remove the session's cookie from the browser."""
    is_secure = request.scope["scheme"] == "https"
    response.delete_cookie(_cookie_name(request), path="/", secure=is_secure, httponly=True, samesite="strict")


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal), "another exception would be reported as a refusal"
    return refused(error)


async def _http_error(request: Request, error: Exception) -> Response:
    """Return the answer to a request for a path that the page does not have, or with a method that the path does not have.

    For a missing path outside of `/api/`, it is a page for people, because somebody may have mistyped the address.
    """
    assert isinstance(error, HTTPException), "another exception would be reported as a missing route"
    notice = Notice("page_method_refused") if error.status_code == 405 else Notice("page_not_there")
    if error.status_code == 404 and not request.url.path.startswith("/api/"):
        return sentence_page(notice, 404, has_link=True)
    return refused(Refusal(error.status_code, notice, error.headers))
