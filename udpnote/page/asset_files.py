"""The files that the page sends to browsers. They are part of udpnote, have fixed names, and are read once, when the page
starts.
"""

import gzip
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from udpnote.errors import Notice
from udpnote.page.responses import Refusal

FOLDER = Path(__file__).parent / "assets"
INDEX = "index.html"

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json; charset=utf-8",
}
"""The media types of the page's files, by the endings of their names."""


class Asset(NamedTuple):
    """A file of the page: its bytes, these bytes compressed by gzip, its media type, and its entity tag (ETag)."""

    data: bytes
    compressed: bytes
    media_type: str
    etag: str


class Assets:
    """All files of the page, by their names."""

    def __init__(self) -> None:
        self._assets = {path.name: _asset(path) for path in FOLDER.iterdir() if path.suffix in TYPES}

    def answer(self, request: Request, name: str) -> Response:
        """Return the answer with the file `name`. Its status is 304, without the file, if the browser has the same file
        already.

        Raises a `Refusal` if there is no such file.
        """
        asset = self._assets.get(name)
        if asset is None:
            raise Refusal(404, Notice("page_not_there"))
        # `no-cache`: the browser keeps the file, and asks each time whether it is still the same one
        headers = {"ETag": asset.etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding", "Content-Type": asset.media_type}
        if name == "worker.js":  # a service worker could otherwise serve only `/static/`, the folder of its file
            headers["Service-Worker-Allowed"] = "/"
        if asset.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", "") and len(asset.compressed) < len(asset.data):
            return Response(asset.compressed, headers={**headers, "Content-Encoding": "gzip"})
        return Response(asset.data, headers=headers)


def _asset(path: Path) -> Asset:
    data = path.read_bytes()
    return Asset(data, gzip.compress(data, mtime=0), TYPES[path.suffix], f'"{sha256(data).hexdigest()[:16]}"')
