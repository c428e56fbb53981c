"""The route of live events."""

from collections import Counter
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from udpnote.errors import Notice
from udpnote.page.access import is_local
from udpnote.page.live_events import STREAMS_MAX, parse_cursor
from udpnote.page.rates import host_of_client
from udpnote.page.responses import EndingStream, unavailable
from udpnote.page.sessions import Opened

STREAMS_PER_HOST_MAX = 16
"""The most streams of one other host at a time, so that no host can take them all."""


class StreamRoutes:
    """The route of live events. `notebook_of` returns the notebook that a request may use, or raises a `Refusal`."""

    def __init__(self, notebook_of: Callable[[Request], Opened]) -> None:
        self._notebook_of = notebook_of
        self._streams: Counter[str] = Counter()

    def routes(self) -> list[Route]:
        """Return the routes, for the application."""
        return [Route("/api/events", self._events, methods=["GET"])]

    async def _events(self, request: Request) -> Response:
        opened = self._notebook_of(request)
        text = request.headers.get("last-event-id") or request.query_params.get("after")
        cursor = parse_cursor(text) if text else None
        host = host_of_client(request.scope)
        is_full = not is_local(request.scope) and self._streams[host] >= STREAMS_PER_HOST_MAX
        if is_full or self._streams.total() >= STREAMS_MAX:
            raise unavailable(Notice("page_too_many_streams"))
        if request.method == "HEAD":
            return Response(headers={"Cache-Control": "no-store"}, media_type="text/event-stream")
        self._streams[host] += 1
        return EndingStream(
            opened.live.stream(cursor),
            headers={"Cache-Control": "no-store"},
            media_type="text/event-stream",
            on_end=lambda: self._forget(host),
        )

    def _forget(self, host: str) -> None:
        self._streams -= Counter([host])  # `-=` also removes a host that has no stream any more
