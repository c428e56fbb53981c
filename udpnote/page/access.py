"""Which requests the page answers at all, and the headers that tell browsers what the page may do (docs/security.md).

A web site can let a browser send requests to any host of the LAN. It cannot choose the Host, Origin and Sec-Fetch-Site headers
of these requests. So a request is refused in three cases: its Host is not a name or address of this machine (DNS rebinding), it
changes something and does not come from the page itself, or the browser says that it comes from another site.
"""

import ipaddress
import re
import time
from collections.abc import Callable, Collection, Sequence
from urllib.parse import unquote

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from udpnote.errors import Notice
from udpnote.model.language import ENGLISH, language_named
from udpnote.page.addresses import dns_name, own_names
from udpnote.page.rates import RatePerHost, host_of_client
from udpnote.page.responses import Refusal, refused, sentence_page
from udpnote.text.language import speaking

ADDRESSES_SECONDS = 2.0
"""How long the addresses of this machine are remembered, so that many requests with a wrong Host cost little."""

REQUESTS_PER_SECOND, REQUESTS_BURST = 200.0, 400.0
"""How many requests each host may make per second, and how many at once after a pause. Ten busy browsers make fewer. For this
machine itself there is no limit."""

LANGUAGES_READ_MAX = 16
"""How many languages of an Accept-Language header are read. The others are ignored."""

OPENER_POLICY = "cross-origin-opener-policy"
"""Browsers obey this header only over HTTPS or if the page is on their own machine. Elsewhere Chromium logs it as an error."""

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; manifest-src 'self'; "
        "worker-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    OPENER_POLICY: "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
"""The headers of every answer. With them, browsers let the page use only its own files, and let no other page contain it."""


_ABSOLUTE_FORM = re.compile(rb"(?i)(https?)://([^/]*)(.*)")


class AllowedHosts:
    """The names and addresses by which a browser may call this machine: those of its own, `localhost`, and the names and
    addresses `allowed`.

    `host_name` is the machine's name. `own_addresses` returns its IP addresses; it is called once in two seconds at most.
    """

    def __init__(self, host_name: str, allowed: Collection[str], own_addresses: Callable[[], Sequence[str]]) -> None:
        named = [host_name, host_name.partition(".")[0], *allowed]
        self._names = {*own_names(host_name), *filter(None, map(dns_name, named))}
        self._allowed_addresses = {each.strip("[]").lower() for each in allowed}
        self._own_addresses = own_addresses
        self._addresses: set[str] = set()
        self._read_at = float("-inf")

    def __contains__(self, host: str) -> bool:
        """Return whether a browser may call this machine `host`. `host` must be in the form that `host_of` returns."""
        if host in self._names or host in self._allowed_addresses:
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return address.is_loopback or str(address) in self._own()

    def _own(self) -> set[str]:
        now = time.monotonic()
        if now - self._read_at > ADDRESSES_SECONDS:
            self._addresses = {str(ipaddress.ip_address(each)) for each in self._own_addresses()}
            self._read_at = now
        return self._addresses


def is_host(text: str) -> bool:
    """Whether `text` has the form of a DNS name or of an IP address. An address may be in brackets."""
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return dns_name(text) is not None
    return True


def host_of(authority: str) -> str:
    """Return the host in `authority`, the value of a Host header (`HOST`, `HOST:PORT`, `[IPV6]:PORT`), in lower case. Return an
    empty string if `authority` is malformed.
    """
    if authority.startswith("["):
        host, bracket, rest = authority[1:].partition("]")
        is_port = not rest or (rest[0] == ":" and _is_port(rest[1:]))
        return host.lower() if bracket and is_port else ""
    host, colon, port = authority.partition(":")
    return host.rstrip(".").lower() if not colon or _is_port(port) else ""


def port_of(authority: str) -> str:
    """Return the port in `authority`, the value of a Host header, in decimal digits. Return an empty string if it names no
    port, or is malformed.
    """
    _, colon, port = authority.rpartition(":")
    return port if colon and _is_port(port) and host_of(authority) else ""


def is_local(scope: Scope) -> bool:
    """Whether browser and page are on one machine: the request comes from a loopback address and names a loopback host."""
    host, client = host_of(_header(scope, b"host")), scope.get("client")
    return client is not None and _is_loopback(client[0]) and (host == "localhost" or _is_loopback(host))


def is_private(scope: Scope) -> bool:
    """Whether nobody on the LAN can read the request: it comes over HTTPS, or from a browser on this machine."""
    return scope["scheme"] == "https" or is_local(scope)


def in_origin_form(scope: Scope) -> Scope:
    """Return the `scope` of a request with a target that is only a path and a query.

    The target of the request may also be in absolute form, with a scheme and an authority. Then the authority takes the place
    of the Host header (RFC 9112, section 3.2.2). If the scheme is not that of the connection, the Host header becomes empty,
    and `Gate` refuses the request.
    """
    target = _ABSOLUTE_FORM.fullmatch(scope.get("raw_path") or b"")
    if target is None:
        return scope
    scheme, authority, path = target.groups()
    host = authority if scheme.lower() == scope["scheme"].encode() else b""
    others = [(name, value) for name, value in scope["headers"] if name != b"host"]
    return {**scope, "path": unquote(path.decode()) or "/", "raw_path": path or b"/", "headers": [(b"host", host), *others]}


class Gate:
    """Passes allowed requests on to `app`, which answers in the language of the browser. Refuses other requests. Adds `HEADERS`
    to all answers.

    A request is allowed if it names one of `hosts`, if the browser's machine has not made too many requests, and if no other
    web site has caused the request.
    """

    def __init__(self, app: ASGIApp, hosts: AllowedHosts) -> None:
        self._app, self._hosts = app, hosts
        self._rates = RatePerHost(REQUESTS_PER_SECOND, REQUESTS_BURST)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI requires."""
        if scope["type"] != "http":
            return
        scope = in_origin_form(scope)
        with speaking(language_of(_header(scope, b"accept-language"))):
            answer = self._refusal(scope) or self._app
            await answer(scope, receive, _with_headers(send, is_private=is_private(scope)))

    def _refusal(self, scope: Scope) -> Response | None:
        """Return the answer to a request that is not allowed; None if the request is allowed. Count the request."""
        authority, client = _header(scope, b"host"), scope.get("client")
        if host_of(authority) not in self._hosts:
            return _host_refused(scope, host_of(authority))
        if client is not None and not _is_loopback(client[0]) and not self._rates.take(host_of_client(scope), time.monotonic()):
            return refused(Refusal(429, Notice("page_too_many_requests"), {"Retry-After": "1"}))
        is_reading = scope["method"] in ("GET", "HEAD")
        if not is_reading and _header(scope, b"origin").lower() != f"{scope['scheme']}://{authority}".lower():
            return refused(Refusal(403, Notice("page_origin_refused")))
        is_page = scope["path"] == "/" and _header(scope, b"sec-fetch-mode") == "navigate"
        # A link on another site may lead to the page itself.
        if not is_page and _header(scope, b"sec-fetch-site") in ("cross-site", "same-site"):
            return refused(Refusal(403, Notice("page_origin_refused")))
        return None


def language_of(accepted: str) -> str:
    """Return the language for `accepted`, an Accept-Language header (RFC 9110, section 12.5.4).

    It is the one of `model.language.LANGUAGES` that the header prefers, or English if the header names none of them.
    """
    wanted: list[tuple[float, str]] = []
    for part in accepted[:1000].split(",")[:LANGUAGES_READ_MAX]:
        tag, _, parameter = part.strip().partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            weight = 0.0
        name = language_named(tag.strip())
        if name is not None and weight > 0:
            wanted.append((weight, name))
    return max(wanted, key=lambda each: each[0])[1] if wanted else ENGLISH


def _host_refused(scope: Scope, host: str) -> Response:
    """The answer to a request for `host`, which is no name of this machine (status 421, RFC 9110, section 15.5.20)."""
    notice = Notice("page_host_refused", host=_harmless_name(host))
    if scope["path"].startswith("/api/"):
        return refused(Refusal(421, notice))
    return sentence_page(notice, 421, has_link=False)


def _harmless_name(host: str) -> str:
    """Return `host` for a command that a message shows: without the zone after a `%`, which may be any text.

    If `host` is neither a name nor an address, return the placeholder `NAME`: `host` could have characters that a shell
    executes.
    """
    try:
        return dns_name(host) or str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        return "NAME"


def _with_headers(send: Send, *, is_private: bool) -> Send:
    """Return a function that sends messages as `send` does, and adds `HEADERS` to the answer. It adds `OPENER_POLICY` only if
    `is_private`.
    """
    added = [(name.encode(), value.encode()) for name, value in HEADERS.items() if is_private or name != OPENER_POLICY]

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name for name, _ in message["headers"]}
            message["headers"] = [*message["headers"], *((name, value) for name, value in added if name not in present)]
        await send(message)

    return send_with_headers


def _header(scope: Scope, name: bytes) -> str:
    """The value of the header `name`; empty if the request has no such header, or more than one."""
    values: list[bytes] = [value for each, value in scope["headers"] if each == name]
    return values[0].decode("latin-1").strip() if len(values) == 1 else ""


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
