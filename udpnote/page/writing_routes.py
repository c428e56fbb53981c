"""The route that passes entries of browsers on to the notebook, under the identities that the browsers gave them.

The page keeps none of them. It says that an entry is stored only if the notebook has acknowledged it. A browser that gets no
answer sends the entry again, with the same identity, and the notebook has it once.
"""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from udpnote.page.entry_objects import outcome_object, read_entries, wrong_outcome
from udpnote.page.page_notebook import CALL_SECONDS
from udpnote.page.request_body import read_body
from udpnote.page.responses import json_response
from udpnote.page.sessions import Opened

ENTRIES_BYTES_MAX = 2 << 20
"""The longest body with entries: the longest text, of 1 MiB, as a browser writes it in JSON."""


class WritingRoutes:
    """`notebook_of` gives the notebook that a request may use."""

    def __init__(self, notebook_of: Callable[[Request], Opened]) -> None:
        self._notebook_of = notebook_of

    def routes(self) -> list[Route]:
        """The routes of this object."""
        return [Route("/api/entries", self._store, methods=["POST"])]

    async def _store(self, request: Request) -> Response:
        notebook = self._notebook_of(request).notebook
        body = await read_body(request, ENTRIES_BYTES_MAX)
        entries = read_entries(body, notebook.known.notebook_id.hex() if notebook.known is not None else None)
        sent = [each.entry for each in entries if each.wrong is None]
        verdicts = iter(await notebook.write(lambda client: client.forward(sent, wait=CALL_SECONDS)) if sent else [])
        outcomes = [
            wrong_outcome(entry, wrong) if wrong is not None else outcome_object(entry, next(verdicts))
            for entry, wrong in entries
        ]
        return json_response({"outcomes": outcomes})
