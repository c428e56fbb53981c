"""What the page answers: JSON, a page with one sentence, and refusals with a sentence for a person."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from html import escape

from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from udpnote.errors import BadAnswer, ClientClosed, EntryRefused, InvalidEntry, InvalidQuery, KeyMissing, Notice, UdpnoteError
from udpnote.page.browser_sentences import sentence_for_browser
from udpnote.page.rates import host_of_client
from udpnote.text.language import gettext as _
from udpnote.text.language import language

RETRY_AFTER_SECONDS = 2
"""After how many seconds a browser may ask again if a request was refused only for the moment."""


PIECE_BYTES = 65_536
"""A longer answer is sent in pieces of this length: the next one only when the browser has read enough of those before."""

UNSENT_BYTES_MAX, UNSENT_BYTES_PER_HOST_MAX = 48 * 1024**2, 16 * 1024**2
"""How many bytes of answers longer than `PIECE_BYTES` may wait for their browsers at once, and how many of these for one host.

The longest of these answers, a history, has 12 MiB at most. A single answer is always allowed.
"""

_unsent: Counter[str] = Counter()


class Refusal(Exception):
    """Raised when the page refuses a request. `status` is the HTTP status, and `notice` says why. `headers` are additional
    headers of the answer.
    """

    def __init__(self, status: int, notice: Notice, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, notice)
        self.status, self.notice, self.headers = status, notice, dict(headers or {})


def malformed(field: str) -> Refusal:
    """Return the refusal (400) of a request whose `field` has another form than the page expects."""
    return Refusal(400, Notice("page_request_malformed", field=field))


def unavailable(notice: Notice) -> Refusal:
    """Return a refusal (503) for the moment, with `notice`. It tells the browser to ask again after `RETRY_AFTER_SECONDS`."""
    return Refusal(503, notice, {"Retry-After": str(RETRY_AFTER_SECONDS)})


def refusal_for(error: UdpnoteError) -> Refusal:
    """Return the refusal of a request that has failed with `error`. If another attempt may succeed, the refusal tells the
    browser when to try again.
    """
    if isinstance(error, InvalidEntry | InvalidQuery):
        return Refusal(400, error.notice)
    if isinstance(error, KeyMissing):
        return Refusal(401, Notice("page_needs_code"))
    if isinstance(error, EntryRefused):
        return Refusal(403, error.notice)
    if isinstance(error, ClientClosed):
        return unavailable(Notice("page_ends"))
    if isinstance(error, BadAnswer):
        return Refusal(502, error.notice, {"Retry-After": str(RETRY_AFTER_SECONDS)})
    return unavailable(error.notice)


def encoded(value: object) -> bytes:
    """Return `value` as JSON in UTF-8. A lone surrogate, which only a malformed request can contain, becomes a question
    mark.
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer with `value` as JSON, an HTTP `status` and additional `headers`. Browsers do not cache it.

    If too many bytes of long answers are unread, the browser gets a refusal (503) instead.
    """
    headers = {"Cache-Control": "no-store", **(headers or {})}
    body = encoded(value)
    kind = Response if len(body) <= PIECE_BYTES else _LongAnswer
    return kind(body, status, headers, media_type="application/json")


def refused(refusal: Refusal) -> Response:
    """Return the answer to a request with this `refusal`: JSON with its notice's `kind` and, as `reason`, the notice's
    sentence in the browser's language.
    """
    return json_response(kind_and_reason(refusal.notice), refusal.status, refusal.headers)


def kind_and_reason(notice: Notice) -> dict[str, str]:
    """Return two fields of a JSON object: the `kind` of `notice` and, as `reason`, its sentence for a person at a browser."""
    return {"kind": notice.kind, "reason": sentence_for_browser(notice)}


class _LongAnswer(Response):
    """An answer longer than `PIECE_BYTES`. If too many bytes of such answers wait for browsers that do not read, it is refused
    (status 503).
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, or the refusal, as ASGI requires."""
        host, body = host_of_client(scope), bytes(self.body)
        is_crowd = _unsent[host] > 0 and _unsent[host] + len(body) > UNSENT_BYTES_PER_HOST_MAX
        if is_crowd or (_unsent.total() > 0 and _unsent.total() + len(body) > UNSENT_BYTES_MAX):
            await refused(unavailable(Notice("page_busy")))(scope, receive, send)
            return
        _unsent[host] += len(body)
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            for start in range(0, len(body), PIECE_BYTES):
                end = start + PIECE_BYTES
                await send({"type": "http.response.body", "body": body[start:end], "more_body": end < len(body)})
        finally:
            _unsent[host] -= len(body)
            if not _unsent[host]:
                del _unsent[host]


class EndingStream(StreamingResponse):
    """A streamed answer that calls `on_end` when it has ended, even if by an error or because the browser has gone.

    If the content raises a `Refusal`, the answer stops there, and uvicorn closes the connection without the last chunk. So the
    browser sees that it does not have the whole.
    """

    def __init__(self, *arguments: object, on_end: Callable[[], None], **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, as ASGI requires."""
        try:
            with suppress(Refusal):
                await super().__call__(scope, receive, send)
        finally:
            self._on_end()


_DOCUMENT = """\
<!doctype html>
<html lang="{language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>udpnote</title>
<p>{sentence}</p>
{link}
</html>
"""


def sentence_page(notice: Notice, status: int, *, has_link: bool) -> Response:
    """Return an HTML page with the sentence of `notice`, and the HTTP status `status`. If `has_link`, it has a link to the
    notebook's page.
    """
    link = f'<p><a href="/">{escape(_("Open the page"))}</a></p>' if has_link else ""
    shown = _DOCUMENT.format(language=language().replace("_", "-"), sentence=marked_up(sentence_for_browser(notice)), link=link)
    return HTMLResponse(shown, status, {"Cache-Control": "no-store"})


def marked_up(text: str) -> str:
    """Return `text` as HTML. Parts in backquotes become code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))
