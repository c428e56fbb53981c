"""Serves the page of a notebook at a real port of this machine, for tests that send HTTP requests."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

import httpx

from tests.support.processes import DEADLINE_SECONDS
from udpnote import Client
from udpnote.errors import Notice
from udpnote.lan.interfaces import no_interfaces
from udpnote.lan.probing_endpoint import ProbingEndpoint
from udpnote.lan.tcp_listener import listen_tcp
from udpnote.model.notebook import KnownNotebook
from udpnote.page.access import AllowedHosts
from udpnote.page.app import Page
from udpnote.page.page_notebook import CALL_SECONDS, wait_for_index
from udpnote.page.serving import Listener, serve
from udpnote.page.worker_threads import READING_THREADS
from udpnote.storage.database import IN_MEMORY
from udpnote.storage.outbox.outbox import Outbox

SILENCE_SECONDS = 12.0
"""How long nothing may come before a test fails: less than `HEARTBEAT_SECONDS`, so that a stream with only those fails, too."""

OUTBOX = "page-outbox.sqlite3"
"""The name of the page's outbox in its folder."""

ADA = "00112233445566778899aabbccddeeff"


class Event(NamedTuple):
    """A server-sent event."""

    name: str
    id: str
    data: Any


class PageServer:
    """Serves a page in a thread until the block ends. It looks for the notebook's server at the UDP port `port`.

    `is_named` says whether the server is named, as with `--server`, or discovery finds it. `at` is the TCP port of the page
    (0: any free port). The page accepts `hosts` as names of its host. `troubles` are what it tells the person who runs it.
    """

    def __init__(self, folder: Path, port: int, *, hosts: Sequence[str] = (), is_named: bool = False, at: int = 0) -> None:
        self._folder = folder
        self._where: dict[str, Any] = {"server": f"127.0.0.1:{port}"} if is_named else {"port": port}
        self.troubles: list[Notice] = []
        allowed = AllowedHosts("pi.lan", hosts, lambda: ["192.0.2.7", "fe80::7"])
        self._page = Page(self._open_client, allowed, on_trouble=self.troubles.append)
        self._sockets = listen_tcp("127.0.0.1", at)
        self.port: int = self._sockets[0].getsockname()[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        self._started, self._ended = threading.Event(), asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self.http = httpx.Client(
            base_url=self.origin,
            headers={"Origin": self.origin},
            timeout=SILENCE_SECONDS,
            verify=False,  # nothing is encrypted, and to load the certificates of the system takes longer than most tests
            limits=httpx.Limits(max_connections=None),
        )

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(DEADLINE_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(DEADLINE_SECONDS)
        assert not self._thread.is_alive(), "the page did not end"

    def get(self, path: str, status: int = 200, **headers: str) -> Any:
        """Send a GET, and return the JSON of the answer, which must have this `status`."""
        answer = self.http.get(path, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    def post(self, path: str, value: object, status: int = 200, **headers: str) -> Any:
        answer = self.http.post(path, content=json.dumps(value), headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def store(self, *entries: dict[str, object], client: str = ADA) -> list[dict[str, Any]]:
        """Send entries as a browser with the client id `client` does, and return their outcomes."""
        outcomes: list[dict[str, Any]] = self.post("/api/entries", {"client": client, "entries": entries})["outcomes"]
        return outcomes

    @contextmanager
    def events(self, path: str = "/api/events", **headers: str) -> Iterator[Iterator[Event]]:
        """Give the block the events of a stream, without its comments."""
        with self.http.stream("GET", path, headers=headers) as answer:
            assert answer.status_code == 200, answer.read()
            yield _parsed(answer.iter_lines())

    @contextmanager
    def busy_reading(self) -> Iterator[None]:
        """Let calls that do not end before the block use all threads for reading."""
        begun, may_end = threading.Semaphore(0), threading.Event()

        def work(_: Client) -> None:
            begun.release()
            may_end.wait(DEADLINE_SECONDS)

        assert self._loop is not None
        calls = [asyncio.run_coroutine_threadsafe(self._page.base.read(work), self._loop) for _ in range(READING_THREADS)]
        try:
            assert all(begun.acquire(timeout=DEADLINE_SECONDS) for _ in calls)
            yield
        finally:
            may_end.set()
            for call in calls:
                call.result(DEADLINE_SECONDS)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await serve(
            self._page, [Listener(self._page.asgi, self._sockets)], self._ended, on_started=lambda _: self._started.set()
        )

    def _open_client(self, key: str | None, known: KnownNotebook | None, on_notice: Callable[[Notice], None]) -> Client:
        outbox = Outbox(IN_MEMORY) if key is not None else str(self._folder / OUTBOX)
        callbacks: dict[str, Any] = {"on_notice": on_notice, "on_indexing": wait_for_index}
        with ExitStack() as opened:
            endpoint = opened.enter_context(closing(ProbingEndpoint(list_interfaces=no_interfaces)))
            client = Client(**self._where, key=key, outbox=outbox, wait=CALL_SECONDS, endpoint=endpoint, **callbacks)
            opened.pop_all()  # the client closes it
        if known is not None and known.key_id == client.named_key_id and isinstance(outbox, Outbox):
            outbox.remember(known)
        return client


def entry(sequence: int, text: str = "", **fields: object) -> dict[str, object]:
    """Make an entry as a browser sends it: by default a note. `fields` replace its other fields."""
    return {
        "sequence": sequence, "kind": "note", "text": text, "author": "王芳", "written_at": 1_557_391_028_000_000,
        "utc_offset": 480, "revises": 0, "seen": None,
    } | fields  # fmt: skip


def _parsed(lines: Iterator[str]) -> Iterator[Event]:
    """Yield the events in the `lines` of a stream, without comments."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            yield Event(fields["event"], fields.get("id", ""), json.loads(fields["data"]))
            fields = {}
        else:
            fields = {}
