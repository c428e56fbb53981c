"""The page from which devices download the certificate of the certificate authority. It is served over HTTP, because devices do
not trust HTTPS yet.

Somebody on the network path can replace this page, and the certificate in it. Therefore the last step is to compare the
fingerprint that the device shows with the one in the terminal, which nobody on the path can change.
"""

from html import escape

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from udpnote.errors import Notice
from udpnote.page.access import AllowedHosts, Gate, host_of
from udpnote.page.asset_files import Assets
from udpnote.page.certificates import Authority
from udpnote.page.responses import marked_up
from udpnote.text.language import gettext as _
from udpnote.text.language import language

FILE_NAME = "udpnote.crt"
"""The name of the certificate's file on devices. Android and Windows recognize certificates by this ending."""

ASSETS = ("certificate.css", "icon.svg")
"""The names of the other files that this page needs."""

SYSTEMS = (
    ("Android", Notice("certificate_steps_android", file=FILE_NAME), ("Android",)),
    ("iPhone, iPad", Notice("certificate_steps_ios", file=FILE_NAME), ("iPhone", "iPad")),
    ("Windows", Notice("certificate_steps_windows", file=FILE_NAME), ("Windows",)),
    ("macOS", Notice("certificate_steps_macos", file=FILE_NAME), ("Macintosh",)),
    ("Linux (Chrome, Chromium)", Notice("certificate_steps_linux", file=FILE_NAME), ("Linux", "X11")),
    ("Firefox", Notice("certificate_steps_firefox", file=FILE_NAME), ()),
)
"""For each system: its name, a notice with one line for each step, and words of which the User-Agent of its browsers has one.
The first system that fits counts, because browsers on Android name Linux, too."""


class CertificatePage:
    """Offers the certificate of `authority` to devices, and tells them how to install it.

    `port` is the TCP port of the page over HTTPS, and `host_name` the name of its host. `asgi` answers requests that name one
    of `hosts`.
    """

    def __init__(self, authority: Authority, host_name: str, port: int, hosts: AllowedHosts) -> None:
        self._authority, self._host_name, self._port, self._assets = authority, host_name, port, Assets()
        routes = [
            Route("/", self._steps),
            Route(f"/{FILE_NAME}", self._certificate),
            *(Route(f"/static/{name}", self._asset) for name in ASSETS),
        ]
        self.asgi: ASGIApp = Gate(Starlette(routes=routes), hosts)

    async def _certificate(self, _request: Request) -> Response:
        headers = {"Content-Disposition": f'attachment; filename="{FILE_NAME}"', "Cache-Control": "no-store"}
        return Response(self._authority.der, media_type="application/x-x509-ca-cert", headers=headers)

    async def _asset(self, request: Request) -> Response:
        return self._assets.answer(request, request.url.path.rpartition("/")[2])

    async def _steps(self, request: Request) -> Response:
        host = host_of(request.headers.get("host", ""))
        address = f"https://{f'[{host}]' if ':' in host else host}:{self._port}/"
        agent = request.headers.get("user-agent", "")
        return HTMLResponse(self._html(address, agent), headers={"Cache-Control": "no-store"})

    def _html(self, address: str, agent: str) -> str:
        title = str(Notice("certificate_page_title"))
        parts = [
            f"<h1>{escape(title)}</h1>",
            *_paragraphs(Notice("certificate_page_purpose", host=self._host_name), Notice("certificate_page_limits")),
            f'<p><a class="button" href="/{FILE_NAME}" download>{escape(_("Download the certificate"))}</a></p>',
            *(_section(name, steps, is_open=name == _system_of(agent)) for name, steps, _words in SYSTEMS),
            f"<h2>{escape(_('Compare the fingerprint'))}</h2>",
            *_paragraphs(Notice("certificate_page_compare")),
            f"<p>SHA-256<br><code>{_in_four_lines(self._authority.fingerprint)}</code></p>",
            f"<h2>{escape(_('Open the page'))}</h2>",
            f'<p><a href="{escape(address)}">{escape(address)}</a></p>',
        ]
        return _DOCUMENT.format(language=language().replace("_", "-"), title=escape(title), body="\n".join(parts))


_DOCUMENT = """\
<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<link rel="icon" href="/static/icon.svg">
<link rel="stylesheet" href="/static/certificate.css">
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def _in_four_lines(fingerprint: str) -> str:
    """Return `fingerprint` as HTML in four lines, so that it fits on a phone."""
    pairs = fingerprint.split(":")
    return "<br>".join(":".join(pairs[start : start + 8]) for start in range(0, len(pairs), 8))


def _system_of(agent: str) -> str:
    """Return the name of the browser's system in `SYSTEMS`, according to its User-Agent `agent`. Return an empty string for any
    other system.
    """
    return next((name for name, _steps, words in SYSTEMS if any(word in agent for word in words)), "")


def _section(name: str, steps: Notice, *, is_open: bool) -> str:
    lines = "".join(f"<li>{marked_up(step)}</li>" for step in str(steps).split("\n"))
    return f"<details{' open' if is_open else ''}><summary>{escape(name)}</summary><ol>{lines}</ol></details>"


def _paragraphs(*notices: Notice) -> list[str]:
    return [f"<p>{marked_up(_('{sentences}.').format(sentences=notice))}</p>" for notice in notices]
