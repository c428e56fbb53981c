"""A server under a flood: one host floods it, another one is honest, and measures how long each of its requests takes."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from typing import NamedTuple

from tests.support.processes import Process
from tests.system.floods import STORED_LONG_ENTRIES, long_entry, parts_of
from tests.system.hostile_datagrams import fill_notebook
from tests.system.lab import NEW_PROCESS, SECONDS_MAX, SERVER_PORT, Host, Lab, Server, Switch, inside
from udpnote import Client
from udpnote.errors import UdpnoteError
from udpnote.storage.notebook.notebook import Notebook

WAIT_SECONDS = 20.0
PAUSE_SECONDS = 0.03

_numbers = count(1)

TEXT = "一行"

REQUESTS: dict[str, Callable[[Client], object]] = {
    "send": lambda client: client.send(TEXT, wait=WAIT_SECONDS),
    "find": lambda client: next(client.find(), None),
    "list": lambda client: list(client.entries(newest_first=True, limit=10)),
    "search": lambda client: list(client.search("alpha", limit=10)),
}


class Flooded(NamedTuple):
    """A server with some entries, and an honest host, on a LAN of this laboratory."""

    lab: Lab
    lan: Switch
    server: Server
    kitchen: Host
    notebook_id: bytes
    laptop: Host

    @classmethod
    def made(cls, lab: Lab, *, is_bound: bool = False) -> "Flooded":
        """If `is_bound`, the server listens at its own IPv4 address, and the broadcast ones, only."""
        lan = lab.switch()
        kitchen, laptop = (lab.host(name, lan) for name in ("kitchen", "laptop"))
        notebook = kitchen.home / "notebook.sqlite3"
        with closing(Notebook(notebook)) as stored:  # first, so that the other entries are the latest
            for sequence in range(1, STORED_LONG_ENTRIES + 1):
                stored.store(parts_of(long_entry(sequence)), sequence)
        notebook_id = fill_notebook(notebook)
        bound = ("--bind", kitchen.address(lan)) if is_bound else ()
        server = kitchen.serve("--quiet", *bound, notebook=notebook, under=NEW_PROCESS)
        return cls(lab, lan, server, kitchen, notebook_id, laptop)

    @contextmanager
    def flood(self, name: str) -> Iterator[Process]:
        """Let a new host go on with the flood `name`, by IPv4.

        At the end, the process has printed how many datagrams a second it has sent.
        """
        mallory, server = self.lab.host(f"mallory{next(_numbers)}", self.lan), self.kitchen.address(self.lan)
        flooding = mallory.start_module("tests.system.flooder", name, self.notebook_id.hex(), server, str(SERVER_PORT))
        flooding.expect("flooding", SECONDS_MAX)
        yield flooding
        result = flooding.end()
        assert result.code == 0, result.err

    def milliseconds(self, request: str, requests: int, *, family: int = 4) -> list[float]:
        """How long each of `requests` requests of the honest host took, by IPv4 or IPv6 (see the function `milliseconds`)."""
        return milliseconds(self.laptop, self.kitchen.address(self.lan, family), request, requests)


def milliseconds(host: Host, address: str, request: str, requests: int) -> list[float]:
    """How long each of `requests` requests took, in ascending order. Each has a new client. A failed one is infinite."""
    taken: list[float] = []

    def work() -> None:
        with inside(host.namespace):
            for _ in range(requests):
                time.sleep(PAUSE_SECONDS)  # so that the requests are spread over time
                taken.append(_milliseconds(host, address, request))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return sorted(taken)


def _milliseconds(host: Host, address: str, request: str) -> float:
    server = None if request == "find" else f"[{address}]" if ":" in address else address
    started_at = time.monotonic()
    with suppress(UdpnoteError), Client(server=server, outbox=str(host.home / "outbox.sqlite3")) as client:
        if REQUESTS[request](client) is not None:
            return 1000 * (time.monotonic() - started_at)
    return float("inf")
