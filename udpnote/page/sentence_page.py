"""A page with one sentence, for people who have opened an address at which there is nothing else for them."""

from html import escape

from starlette.responses import HTMLResponse, Response

from udpnote.errors import Notice
from udpnote.page.reader_sentences import for_reader
from udpnote.text.language import gettext as _
from udpnote.text.language import language

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


def sentence_page(notice: Notice, status: int, *, leads_on: bool) -> Response:
    """Return an HTML page with the sentence of `notice`, and the HTTP status `status`. With `leads_on`, it has a link to the
    notebook's page.
    """
    link = f'<p><a href="/">{escape(_("Open the page"))}</a></p>' if leads_on else ""
    shown = _DOCUMENT.format(language=language().replace("_", "-"), sentence=marked_up(for_reader(notice)), link=link)
    return HTMLResponse(shown, status, {"Cache-Control": "no-store"})


def marked_up(text: str) -> str:
    """Return `text` as HTML. Parts in backquotes become code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))
