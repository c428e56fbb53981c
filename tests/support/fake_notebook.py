"""Answers a browser in place of `udpnote page`, with a notebook in memory and every fault that an answer can have."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Route

ASSETS = Path(__file__).parents[2] / "udpnote" / "page" / "assets"
RIG = Path(__file__).parents[1] / "browser" / "rig.js"

ORIGIN = "http://localhost"
PLAIN_ORIGIN = "http://kitchen.test"
"""The origins of the blank page. Browsers trust the first as they trust HTTPS; on the second, they offer no Web Locks."""

FAULTS = {
    "request lost": "the request does not arrive",
    "answer lost": "the entries are stored, and no answer arrives",
    "later": "the notebook has no space or does not answer: status 200, and nothing is stored",
    "away": "status 503",
    "broken": "status 500",
    "foreign": "status 200 with a page of somebody else, such as the log-in page of a wireless network",
    "half": "half of the entries are stored, and only that half has outcomes",
    "other": "the entries are stored, and the answer has the outcomes of other sequence numbers",
    "unnumbered": "nothing is stored, and each outcome is `stored` without a number, as a foreign server may answer",
}
"""The faults that the answer to a request may have, and what the browser then sees."""


class FakeNotebook:
    """Answers all requests of the browser profile `profile`: those for rig.js and for the page's scripts with these files.

    Requests that bring entries meet the `faults` (see `FAULTS`), one each, in order; later requests meet none. `requests` has
    the identities in each of them. `leading` says which tabs began to lead or no longer lead, as rig.js reports it.
    """

    def __init__(self, profile: "BrowserContext", *, faults: Iterable[str] = ()) -> None:
        self.faults = list(faults)
        self.stored: dict[tuple[str, int], dict[str, Any]] = {}
        self.requests: list[list[tuple[str, int]]] = []
        self.leading: list[str] = []
        profile.route("**/*", self._answer)

    def texts(self) -> list[str]:
        """Return the texts of all entries that are stored, in the order of their numbers."""
        return [entry["text"] for entry in self.stored.values()]

    def _answer(self, route: "Route") -> None:
        path = "/" + route.request.url.split("/", 3)[3]
        match path.split("/")[1:]:
            case ["api", "entries"]:
                self._take(route)
            case ["begins" | "ends" as what, tab]:
                self.leading.append(f"{what} {tab}")
                route.fulfill(status=204)
            case ["rig.js"]:
                route.fulfill(body=RIG.read_text(), content_type="text/javascript")
            case ["static", name]:
                route.fulfill(body=(ASSETS / name).read_bytes(), content_type="text/javascript")
            case _:
                route.fulfill(body="<!doctype html><title>blank</title>", content_type="text/html")

    def _take(self, route: "Route") -> None:
        """Answer a request that brings entries, with the next fault if there is one left."""
        body = json.loads(route.request.post_data or "")
        entries = body["entries"]
        self.requests.append([(body["client"], entry["sequence"]) for entry in entries])
        fault = self.faults.pop(0) if self.faults else ""
        match fault:
            case "request lost":
                route.abort()
            case "answer lost":
                self._store(body["client"], entries)
                route.abort()
            case "later":
                self._outcomes(route, [{"sequence": each["sequence"], "state": "later", "number": None} for each in entries])
            case "away":
                route.fulfill(status=503, json={"kind": "away", "reason": "It is away."}, headers={"Retry-After": "1"})
            case "broken":
                route.fulfill(status=500, body="Internal Server Error")
            case "foreign":
                route.fulfill(body="<html>Log in", content_type="text/html")
            case "half":
                self._outcomes(route, self._store(body["client"], entries[: len(entries) // 2]))
            case "other":
                outcomes = self._store(body["client"], entries)
                self._outcomes(route, [{**each, "sequence": each["sequence"] + 1000} for each in outcomes])
            case "unnumbered":
                self._outcomes(route, [{"sequence": each["sequence"], "state": "stored", "number": None} for each in entries])
            case "":
                self._outcomes(route, self._store(body["client"], entries))

    def _store(self, client: str, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Store entries of the browser with the client id `client`, and return their outcomes."""
        outcomes = []
        for entry in entries:
            identity = (client, entry["sequence"])
            agrees = self.stored.setdefault(identity, entry) == entry
            number = [*self.stored].index(identity) + 1 if agrees else None
            outcomes.append({"sequence": entry["sequence"], "state": "stored" if agrees else "conflict", "number": number})
        return outcomes

    def _outcomes(self, route: "Route", outcomes: list[dict[str, Any]]) -> None:
        route.fulfill(json={"outcomes": outcomes})
