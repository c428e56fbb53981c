"""A LAN in one thread, for tests of the client: real clients, real servers' request handlers, simulated sockets and time.

Time passes only while a client waits for a datagram. So a test of a server that is silent for a minute takes a millisecond, and
ends the same way each time.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from random import Random
from typing import Any

from udpnote import Client
from udpnote.lan.endpoint import ProbeAttempt
from udpnote.model.address import Address, Datagram
from udpnote.model.join_code import join_code
from udpnote.protocol.reception import OPEN_ENVELOPES
from udpnote.server.request_handler import RequestHandler
from udpnote.server.sealing import SealingKeys, open_sealing_keys
from udpnote.storage.key_file import key_path, read_key_file, rotated, write_key_file
from udpnote.storage.notebook.notebook import Notebook
from udpnote.storage.outbox import Outbox

PORT = 6683
KITCHEN, CELLAR = "192.0.2.1", "192.0.2.2"
ROUND_TRIP_SECONDS = 0.001
HOURS_MAX, DATAGRAMS_MAX = 1, 200_000
"""After so much time, or so many datagrams, a test has failed: what a client waits for never comes."""

STARTED_AT = 1_557_391_028
"""2019-05-09 16:37:08 +0800, in seconds since 1970 UTC."""


class Lan:
    """The network, and the clock of everybody on it; the first client and the first server need no names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 1000.0
        self.loss = 0.0
        self.sent = 0
        self._random = Random(6683)
        self._open = ExitStack()
        self._servers: dict[tuple[str, int], SimulatedServer] = {}
        self._endpoints: dict[tuple[str, int], SimulatedEndpoint] = {}
        self._due: list[tuple[float, Callable[[], object]]] = []

    def monotonic(self) -> float:
        return self.now

    def time_ns(self) -> int:
        return STARTED_AT * 1_000_000_000 + int(self.now * 1e9)

    def utc_offset_minutes(self) -> int:
        return 480

    def serve(
        self, name: str = "kitchen", host: str = KITCHEN, *, called: str | None = None, port: int = PORT, sealed: bool = False
    ) -> "SimulatedServer":
        """Serve the notebook `name` at an address; `called` is another name than that of its file."""
        server = SimulatedServer(self, self.notebook(name), called or name, (host, port), is_sealed=sealed)
        self._servers[host, port] = server
        self._open.callback(server.stop)
        return server

    def client(self, outbox: str = "outbox.sqlite3", **options: object) -> Client:
        """A client on a host of its own, with an outbox in the file of this name."""
        endpoint = SimulatedEndpoint(self, (f"192.0.2.{100 + len(self._endpoints) % 100}", 50_000 + len(self._endpoints)))
        self._endpoints[endpoint.address] = endpoint
        settings: dict[str, Any] = {"author": "amy@pi", "wait": 5.0, **options}
        random = Random(endpoint.address[1])
        client = Client(outbox=str(self.folder / outbox), endpoint=endpoint, clock=self, random=random, **settings)
        return self._open.enter_context(client)

    def notebook(self, name: str = "kitchen") -> Path:
        return self.folder / f"{name}.sqlite3"

    def outbox(self, name: str = "outbox.sqlite3") -> Outbox:
        """The outbox of a client, as another command opens it."""
        return self._open.enter_context(closing(Outbox(self.folder / name)))

    def texts(self, name: str = "kitchen") -> list[str]:
        """What a notebook holds, read beside its server."""
        with closing(sqlite3.connect(f"file:{self.notebook(name)}?mode=ro", uri=True)) as connection:
            return [text for (text,) in connection.execute("SELECT text FROM entries ORDER BY number")]

    def refuse(self, text: str) -> None:
        """Have the notebook refuse entries of this text, as it does what its database will not take."""
        Notebook(self.notebook()).close()
        with closing(sqlite3.connect(self.notebook())) as connection, connection:
            connection.execute(
                "CREATE TRIGGER refusing BEFORE INSERT ON entries WHEN NEW.text = "
                f"'{text}' BEGIN SELECT RAISE(ABORT, 'refused'); END"
            )

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Have something happen while a client waits."""
        self._due.append((self.now + seconds, action))

    def deliver(self, data: bytes, source: tuple[str, int], destination: Address) -> None:
        """Carry a datagram, unless it is lost."""
        self.sent += 1
        assert self.sent < DATAGRAMS_MAX, "a client sends for ever"
        place = (destination[0], destination[1])
        if self._random.random() < self.loss:
            return
        if place in self._servers:
            self._servers[place].inbox.append((data, source))
        elif place in self._endpoints:
            self._endpoints[place].inbox.append((data, source))

    def probe(self, data: bytes, source: tuple[str, int], port: int) -> None:
        """Carry a datagram to all servers at `port`."""
        for place in [place for place in self._servers if place[1] == port]:
            self.deliver(data, source, place)

    def leave(self, server: "SimulatedServer") -> None:
        """Nobody answers there any more."""
        if self._servers.get(server.address) is server:
            del self._servers[server.address]

    def let_servers_answer(self) -> None:
        """Let each server answer all that has arrived there, in one batch."""
        for server in list(self._servers.values()):
            server.answer()

    def pass_time(self, until: float) -> None:
        """Let time pass until then, or until the next thing happens."""
        assert self.now < 1000.0 + HOURS_MAX * 3600, "a client waits for what never comes"
        due = min(self._due, key=lambda each: each[0], default=None)
        if due is None or due[0] > until:
            self.now = max(self.now, until)
            return
        self._due.remove(due)
        self.now = max(self.now, due[0])
        due[1]()

    def close(self) -> None:
        self._open.close()


class SimulatedEndpoint:
    """A client's sockets on the simulated LAN."""

    def __init__(self, lan: Lan, address: tuple[str, int]) -> None:
        self._lan = lan
        self.address = address
        self.inbox: list[Datagram] = []

    def send(self, datagrams: Sequence[Datagram]) -> None:
        for data, destination in datagrams:
            self._lan.deliver(data, self.address, destination)

    def receive(self, timeout_seconds: float | None) -> list[Datagram]:
        assert timeout_seconds is not None or self.inbox, "this client would wait for ever"
        until = self._lan.now + (timeout_seconds or 0.0)
        self._lan.let_servers_answer()
        while not self.inbox and self._lan.now < until:
            self._lan.pass_time(until)
            self._lan.let_servers_answer()
        received, self.inbox = self.inbox, []
        return received

    def probe(self, data: bytes, port: int) -> list[ProbeAttempt]:
        self._lan.probe(data, self.address, port)
        return [ProbeAttempt("eth0", "192.0.2.255", None)]

    def wake(self) -> None:
        """Nobody waits in another thread."""

    def end_probing(self) -> None:
        """There is nothing to close."""

    close = end_probing


class SimulatedServer:
    """A notebook's server on the simulated LAN: its request handler, and a real file."""

    def __init__(self, lan: Lan, path: Path, name: str, address: tuple[str, int], *, is_sealed: bool) -> None:
        self._lan = lan
        self._path = path
        self.address = address
        self.inbox: list[Datagram] = []
        self.notebook = Notebook(path)
        self._keys: SealingKeys | None = None
        if is_sealed:
            self._keys = open_sealing_keys(self.notebook, wants_sealed=True, name=name)
        if self.notebook.name != name:
            self.notebook.rename(name)
        self.notebook_id = self.notebook.notebook_id
        self._handler = RequestHandler(self.notebook)
        self.read_keys()

    @property
    def code(self) -> str:
        """The join code of a sealed notebook."""
        return join_code(self.key)

    @property
    def key(self) -> bytes:
        assert self._keys is not None
        return self._keys.keys.current

    def answer(self) -> None:
        if not self.inbox:
            return
        batch, self.inbox = self.inbox, []
        self._lan.now += ROUND_TRIP_SECONDS
        answers = self._handler.handle(batch, self._lan.time_ns() // 1000)
        self._handler.update_index(lambda: False)
        while self._handler.has_readers:
            answers += self._handler.serve_readers(self._lan.now, lambda: False)
        for answer, destination in answers:
            self._lan.deliver(answer, self.address, destination)

    def rotate(self, new: bytes = b"n" * 16, *, accepted_until: int = 0) -> str:
        """Give the notebook a new key; returns its join code. The old one is answered, but not accepted after that time."""
        path = key_path(str(self._path))
        keys = read_key_file(path)
        assert keys is not None
        write_key_file(path, rotated(keys, new, accepted_until=accepted_until), notebook_name="kitchen")
        self.read_keys()
        return join_code(new)

    def read_keys(self) -> None:
        if self._keys is not None:
            self._keys.read_again()
        self._handler.use_envelopes(
            self._keys.envelopes(self._lan.time_ns() // 1000) if self._keys is not None else OPEN_ENVELOPES
        )

    def stop(self) -> None:
        self._lan.leave(self)
        self.notebook.close()
