"""The route that passes entries of browsers on to the notebook, under the client ids and sequences that the browsers chose.

The page keeps no entries. It reports an entry as stored only if the notebook has acknowledged it. A browser that gets no answer
sends the entry again, with the same client id and sequence, so the notebook stores it only once.
"""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from udpnote.errors import Notice
from udpnote.page.entry_objects import outcome_object, read_entries, wrong_outcome
from udpnote.page.page_notebook import CALL_SECONDS, PageNotebook
from udpnote.page.requests import BodyRoom, body_of
from udpnote.page.responses import json_response
from udpnote.page.sessions import Opened

ENTRIES_BYTES_MAX = (6 << 20) + (64 << 10)
"""The longest body with entries: one text of 1 MiB, which JSON makes up to six times as long, and other fields."""

BODIES_BYTES_MAX = 4 * ENTRIES_BYTES_MAX
"""The most bytes of all bodies of requests that are in memory at the same time."""


class WritingRoutes:
    """The route that stores entries. `notebook_of` returns the notebook that a request may use, or raises a `Refusal`."""

    def __init__(self, notebook_of: Callable[[Request], Opened]) -> None:
        self._notebook_of, self._room = notebook_of, BodyRoom(BODIES_BYTES_MAX)

    def routes(self) -> list[Route]:
        """Return the routes, for the application."""
        return [Route("/api/entries", self._store, methods=["POST"])]

    async def _store(self, request: Request) -> Response:
        notebook = self._notebook_of(request).notebook
        too_long = Notice("page_body_too_long", bytes_max=ENTRIES_BYTES_MAX)
        async with body_of(request, ENTRIES_BYTES_MAX, self._room, too_long=too_long) as body:
            return json_response({"outcomes": await self._outcomes(notebook, body)})

    async def _outcomes(self, notebook: PageNotebook, body: bytes) -> list[dict[str, object]]:
        """Send the entries in `body` to the notebook, and return an outcome for each, in order. Raises a `Refusal` if `body` is
        malformed or names another notebook, or if the notebook cannot be used now.
        """
        entries = read_entries(body, notebook.known.notebook_id.hex() if notebook.known is not None else None)
        sent = [each.entry for each in entries if each.wrong is None]
        verdicts = iter(await notebook.write(lambda client: client.forward(sent, wait=CALL_SECONDS)) if sent else [])
        return [
            wrong_outcome(entry, wrong) if wrong is not None else outcome_object(entry, next(verdicts))
            for entry, wrong in entries
        ]
