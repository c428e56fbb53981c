"""The routes of the page's server: what browsers read (notes, history, tags, the calendar, exports), write and follow.

The page keeps no entries. It reports an entry as stored only if the notebook has acknowledged it. A browser that gets no answer
sends the entry again, with the same client id and sequence, so the notebook stores it only once.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date
from typing import Any, get_args

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from udpnote.client.client import Client
from udpnote.client.reading.exporting import Form, export_pieces
from udpnote.client.reading.filters import Filters
from udpnote.errors import Notice
from udpnote.machine.clock import wall_seconds
from udpnote.model.entry import SEQUENCE_MAX, WRITTEN_AT_MAX, WRITTEN_AT_MIN, Kind
from udpnote.page.access import is_local
from udpnote.page.json_objects import note_object, outcome_object, read_entries, seen_object, version_object, wrong_outcome
from udpnote.page.live_events import STREAMS_MAX, parse_cursor
from udpnote.page.note_list import Place, list_notes
from udpnote.page.page_notebook import CALL_SECONDS, PageNotebook
from udpnote.page.rates import Places, host_of_client
from udpnote.page.requests import BodyRoom, body_of
from udpnote.page.responses import EndingStream, Refusal, json_response, malformed, unavailable
from udpnote.page.sessions import Opened
from udpnote.text.calendar_image import calendar_image

NOTES, NOTES_MAX = 50, 200
"""How many notes a list has by default, and the most that a request may ask for."""

TAGS_MAX = 1000
"""The most tags in a list. It has the most frequent ones, and is longer than anybody reads."""

VERSIONS_MAX = 200
"""The most versions in the list of a note's versions. It has the latest ones."""

VERSIONS_CHARACTERS_MAX = 2 << 20
"""The most characters of all whole texts in the list of a note's versions. Further texts, of earlier versions, are cut."""

EXPORTS_MAX = 4
EXPORTS_PER_HOST_MAX = 2
"""How many exports may run at once, and how many of them for one host, so that no host can take them all. Browsers on this
machine may have all."""

QUERY_CHARACTERS_MAX = 1000
"""The most characters of a search, tag or author in a request."""

QUOTES = '"“”„‟＂'
"""The double quotes that `text.query_words` recognizes."""

_EXPORT_TYPES: dict[Form, tuple[str, str]] = {
    "jsonl": ("application/x-ndjson", "jsonl"),
    "markdown": ("text/markdown", "md"),
    "text": ("text/plain", "txt"),
    "csv": ("text/csv", "csv"),
    "html": ("text/html", "html"),
}
"""For each format of an export, its media type and the ending of the file's name."""


class ReadingRoutes:
    """The routes that read. `notebook_of` returns the notebook that a request may use, or raises a `Refusal`.

    `docs/page.md` explains the answers. Each route raises the `Refusal` of `notebook_of`, that of `PageNotebook.read` if the
    notebook cannot be read now, and a `Refusal` (400) if a parameter is malformed.
    """

    def __init__(self, notebook_of: Callable[[Request], Opened]) -> None:
        self._notebook_of = notebook_of
        self._exports = Places(EXPORTS_MAX, EXPORTS_PER_HOST_MAX)

    def routes(self) -> list[Route]:
        """Return the routes, for the application."""
        return [
            Route("/api/notes", self._notes),
            Route("/api/notes/{number}", self._note),
            Route("/api/notes/{number}/history", self._history),
            Route("/api/tags", self._tags),
            Route("/api/stats.svg", self._stats),
            Route("/api/export", self._export),
        ]

    async def _notes(self, request: Request) -> Response:
        """Answer with a list of notes (see `list_notes`)."""
        notebook, query = self._notebook_of(request).notebook, request.query_params
        limit = _number(query, "limit", NOTES_MAX, default=NOTES)
        before, after = _place(query, "before"), _place(query, "after")
        filters: dict[str, Any] = {"author": _text(query, "author") or None, "tags": _text(query, "tag") or ()}
        text = _text(query, "q")
        # A shell would have split the text into arguments at white space, but not between quotes; `parse_words` does that.
        arguments = [text] if set(text) & set(QUOTES) else text.split()
        return json_response(await notebook.read(lambda client: list_notes(client, arguments, filters, limit, before, after)))

    async def _note(self, request: Request) -> Response:
        """Answer with one whole note. Raises a `Refusal` (404, 410) as `_path_number` and `_whole_note` do."""
        notebook, number = self._notebook_of(request).notebook, _path_number(request)
        return json_response(await notebook.ask(lambda client: _whole_note(client, number)))

    async def _history(self, request: Request) -> Response:
        """Answer with the latest versions of a note. Raises a `Refusal` (404) if there is no such note."""
        notebook, number = self._notebook_of(request).notebook, _path_number(request)

        def versions(client: Client) -> list[dict[str, object]]:
            found: list[dict[str, object]] = []
            characters = 0
            # The latest versions come first, so that the limits leave out and cut the earliest ones.
            for stored in client.log(numbers=[number], newest_first=True, limit=VERSIONS_MAX):
                characters += len(stored.text)
                found.append(version_object(stored, is_whole=characters <= VERSIONS_CHARACTERS_MAX))
            return found[::-1]

        found = await notebook.read(versions)
        if not found:
            raise Refusal(404, Notice("page_note_not_there", number=number))
        return json_response({"versions": found})

    async def _tags(self, request: Request) -> Response:
        notebook = self._notebook_of(request).notebook
        tallies = await notebook.read(lambda client: client.tags()[:TAGS_MAX])
        return json_response({"tags": [{"tag": each.label, "notes": each.amount} for each in tallies]})

    async def _stats(self, request: Request) -> Response:
        notebook = self._notebook_of(request).notebook

        def image(client: Client) -> str:
            return calendar_image(client.name, dict(client.days()), today=date.fromtimestamp(wall_seconds()), year=None)

        svg = await notebook.read(image)
        return Response(svg, headers={"Cache-Control": "no-store"}, media_type="image/svg+xml")

    async def _export(self, request: Request) -> Response:
        """Answer with a download. It counts for its host until it has ended. Raises a `Refusal` (503) if there are too many."""
        notebook, form = self._notebook_of(request).notebook, _form(request.query_params.get("format", "jsonl"))
        media_type, ending = _EXPORT_TYPES[form]
        host = host_of_client(request.scope)
        if not self._exports.take(host, is_local=is_local(request.scope)):
            raise unavailable(Notice("page_busy"))
        try:
            pieces, first = await notebook.read(lambda client: _begin_export(client, form))
        except BaseException:
            self._exports.give_back(host)
            raise
        return EndingStream(
            _export_stream(notebook, first, pieces),
            headers={"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="notes.{ending}"'},
            media_type=media_type,
            on_end=lambda: self._exports.give_back(host),
        )


async def _export_stream(notebook: PageNotebook, first: bytes, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yield `first`, then the `pieces`. Raises a `Refusal` if the notebook cannot be read: `EndingStream` then cuts the
    download off, so that no browser takes a part of it for the whole.
    """
    piece: bytes | None = first
    while piece is not None:
        yield piece
        piece = await notebook.read(lambda _: next(pieces, None))


def _begin_export(client: Client, form: Form) -> tuple[Iterator[bytes], bytes]:
    """Begin an export in the format `form`. Return an iterator of the pieces after the first one, and the first piece, which is
    empty if there is none.

    The first piece is made before the answer begins, because an error in it can still become the answer to the request.
    """
    pieces = export_pieces(client, form, Filters(), for_file=True)
    return pieces, next(pieces, b"")


def _whole_note(client: Client, number: int) -> dict[str, object]:
    """Return the JSON object of the note that has a version with this `number`, with its whole latest text. The field
    `latest` identifies the note's latest version.

    Raises a `Refusal` if there is no such note, or if it is deleted or erased.
    """
    state = client.note_states([number]).get(number)
    if state is None:
        raise Refusal(404, Notice("page_note_not_there", number=number))
    if state.latest.entry.kind in (Kind.DELETION, Kind.ERASED):
        raise Refusal(410, Notice("page_note_deleted", number=number))
    latest = state.latest
    note = state.note._replace(entry=state.note.entry._replace(text=latest.text), version=latest.number)
    return {**note_object(note, is_whole=True), "latest": seen_object(latest)}


def _form(name: str) -> Form:
    for form in get_args(Form):
        if form == name:
            return form  # type: ignore[no-any-return]
    raise malformed("format")


def _text(query: QueryParams, field: str) -> str:
    """Return the text in the `field` of a request, empty if it is missing. Raises a `Refusal` if the text is too long."""
    text = query.get(field, "")
    if len(text) > QUERY_CHARACTERS_MAX:
        raise malformed(field)
    return text


def _number(query: QueryParams, field: str, number_max: int, *, default: int) -> int:
    """Return the number in the `field` of a request, or `default` if it is missing.

    Raises a `Refusal` if the field is not a number from 1 to `number_max`.
    """
    text = query.get(field)
    if text is None:
        return default
    number = _integer(text)
    if number is None or not 0 < number <= number_max:
        raise malformed(field)
    return number


def _path_number(request: Request) -> int:
    """Return the number of a note in the path of `request`. Raises a `Refusal` (404) if no note can have it."""
    number = _integer(request.path_params["number"])
    if number is None or not 0 < number <= SEQUENCE_MAX:
        raise Refusal(404, Notice("page_not_there"))
    return number


def _place(query: QueryParams, field: str) -> Place | None:
    """Return the place in the `field` of a request. Return None if the field is empty or missing.

    The field has the form `NOTED_AT-NUMBER`, in which `list_notes` gives it to browsers. `NOTED_AT` is negative before 1970.
    Raises a `Refusal` if the field has another form.
    """
    text = query.get(field)
    if not text:
        return None
    time, dash, number = text.rpartition("-")
    noted_at, parsed = _integer(time.removeprefix("-")), _integer(number)
    if noted_at is None or parsed is None or not dash:
        raise malformed(field)
    return (min(max(-noted_at if time.startswith("-") else noted_at, WRITTEN_AT_MIN), WRITTEN_AT_MAX), parsed)


def _integer(text: str) -> int | None:
    """Return the number that `text` is in ASCII digits. Return None if `text` has other characters or too many digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(SEQUENCE_MAX)) else None


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
        """Answer with an outcome for each entry in the body. Raises the `Refusal` of `notebook_of`, of `body_of` or of
        `_outcomes`.
        """
        notebook = self._notebook_of(request).notebook
        too_long = Notice("page_body_too_long", bytes_max=ENTRIES_BYTES_MAX)
        async with body_of(request, ENTRIES_BYTES_MAX, self._room, too_long=too_long) as body:
            return json_response({"outcomes": await self._outcomes(notebook, body)})

    async def _outcomes(self, notebook: PageNotebook, body: bytes) -> list[dict[str, object]]:
        """Send the entries in `body` to the notebook, and return an outcome for each, in order. Raises a `Refusal` if `body` is
        malformed or names another notebook, or if the notebook cannot be used now.
        """
        known = notebook.server.known
        entries = read_entries(body, known.notebook_id.hex() if known is not None else None)
        sent = [each.entry for each in entries if each.wrong is None]
        verdicts = iter(await notebook.write(lambda client: client.forward(sent, wait=CALL_SECONDS)) if sent else [])
        return [
            wrong_outcome(entry, wrong) if wrong is not None else outcome_object(entry, next(verdicts))
            for entry, wrong in entries
        ]


STREAMS_PER_HOST_MAX = 16
"""The most streams of one host at a time, so that no host can take them all. Browsers on this machine may have more."""


class StreamRoutes:
    """The route of live events. `notebook_of` returns the notebook that a request may use, or raises a `Refusal`."""

    def __init__(self, notebook_of: Callable[[Request], Opened]) -> None:
        self._notebook_of = notebook_of
        self._streams = Places(STREAMS_MAX, STREAMS_PER_HOST_MAX)

    def routes(self) -> list[Route]:
        """Return the routes, for the application."""
        return [Route("/api/events", self._events, methods=["GET"])]

    async def _events(self, request: Request) -> Response:
        """Answer with a stream of live events. It counts for its host until it has ended.

        If the browser names an entry, the stream sends what was stored after it; if not, what is stored from now on.
        Raises the `Refusal` of `notebook_of`, and a `Refusal` if the name is malformed (400) or if there are too many streams
        (503).
        """
        opened = self._notebook_of(request)
        text = request.headers.get("last-event-id") or request.query_params.get("after")
        cursor = parse_cursor(text) if text else None
        host = host_of_client(request.scope)
        if not self._streams.take(host, is_local=is_local(request.scope)):
            raise unavailable(Notice("page_too_many_streams"))
        if request.method == "HEAD":
            self._streams.give_back(host)
            return Response(headers={"Cache-Control": "no-store"}, media_type="text/event-stream")
        return EndingStream(
            opened.live.stream(cursor),
            headers={"Cache-Control": "no-store"},
            media_type="text/event-stream",
            on_end=lambda: self._streams.give_back(host),
        )
