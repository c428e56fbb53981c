"""A LAN in one thread, for tests of the client: real clients, real servers' request handlers, simulated sockets and time.

Time passes only while a client waits for a datagram. So a test of a server that is silent for a minute takes a millisecond, and
ends the same way each time.
"""

import threading
from collections import Counter
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

from tests.support import notebook_files
from tests.support.loopback import NotebookFolder
from tests.support.network import PORT, Clock, Network, SimulatedEndpoint, Weather
from tests.support.notebook_files import give_new_key
from udpnote import Client
from udpnote.errors import Notice
from udpnote.model.address import Address, Datagram
from udpnote.model.join_code import join_code
from udpnote.protocol.reception import OPEN_ENVELOPES
from udpnote.server.request_handler import RequestHandler
from udpnote.server.sealing import SealingKeys, open_sealing_keys
from udpnote.storage.notebook.notebook import Notebook
from udpnote.storage.outbox.outbox import Outbox

KITCHEN, CELLAR = "192.0.2.1", "192.0.2.2"
IN_ORDER = Weather(latency_seconds=(0.000_5, 0.000_5))  # the network until a test changes it: nothing is lost or overtaken


class Lan(NotebookFolder, Clock):
    """A network whose hosts share one clock. `sent` are all datagrams that were sent, `notices` those of all clients.

    Unless a test says otherwise, a method is about the first notebook, kitchen.sqlite3, and about outbox.sqlite3.
    """

    def __init__(self, folder: Path) -> None:
        NotebookFolder.__init__(self, folder)
        Clock.__init__(self, 1000.0)
        self.sent: list[bytes] = []
        self.notices: list[Notice] = []
        self.network = Network(self, Random(6683), Counter())
        self.network.weather = IN_ORDER
        self.network.watcher = lambda data, *_: self.sent.append(data)
        self.woken = threading.Event()
        """Set when a thread wakes a client that waits in another thread."""
        self._clients = 0

    def monotonic(self) -> float:
        return self.now

    def microseconds(self) -> int:
        return self.wall_microseconds

    def utc_offset_minutes(self) -> int:
        return 480

    def serve(
        self, name: str = "kitchen", host: str = KITCHEN, *, called: str | None = None, port: int = PORT, sealed: bool = False
    ) -> "SimulatedServer":
        """Serve the notebook in the file `name` at `host` and `port`. The notebook gets the name `called`, or else `name`."""
        server = SimulatedServer(self, self.notebook(name), called or name, (host, port), is_sealed=sealed)
        self._open.callback(server.stop)
        return server

    def client(self, outbox: str | Outbox = "outbox.sqlite3", **options: object) -> Client:
        """Make a client on a host of its own. `outbox` is an open outbox, or the name of its file."""
        self._clients += 1
        endpoint = WaitingEndpoint(self, (f"192.0.2.{100 + self._clients % 100}", 50_000 + self._clients))
        settings: dict[str, Any] = {"author": "amy@pi", "wait": 5.0, "on_notice": self.notices.append, **options}
        random = Random(endpoint.address[1])
        opened = outbox if isinstance(outbox, Outbox) else str(self.folder / outbox)
        client = Client(outbox=opened, endpoint=endpoint, clock=self, random=random, **settings)
        return self._open.enter_context(client)

    def outbox(self, name: str = "outbox.sqlite3") -> Outbox:
        """Open the file of an outbox, as another command would."""
        return self._open.enter_context(closing(Outbox(self.folder / name)))

    def back_up(self, server: "SimulatedServer") -> bytes:
        """Stop `server`, which serves the first notebook. Return a copy of the notebook, for `restore`."""
        server.stop()
        return self.notebook().read_bytes()

    def restore(self, copy: bytes) -> None:
        """Put a copy in the place of the first notebook, which no server has open."""
        self.notebook().write_bytes(copy)

    def erase(self, number: int) -> None:
        """Erase a note of the first notebook, which no server has open."""
        notebook_files.erase(self.notebook(), number, self.wall_microseconds)

    def refuse(self, text: str) -> None:
        """Let the database of the first notebook raise an error for entries with this `text`, so that they are refused."""
        Notebook(self.notebook()).close()
        notebook_files.refuse(self.notebook(), text)


class WaitingEndpoint(SimulatedEndpoint):
    """A client's sockets: while it waits for a datagram, time passes for everybody."""

    def __init__(self, lan: Lan, address: Address) -> None:
        super().__init__(lan.network, address)
        self._lan = lan
        self._is_woken = False

    def receive(self, timeout_seconds: float | None) -> list[Datagram]:
        assert timeout_seconds is not None or self._inbox, "this client would wait for ever"
        self._lan.run(self._lan.now + (timeout_seconds or 0.0), lambda: bool(self._inbox or self._errors or self._is_woken))
        received, self._inbox, self._is_woken = self._inbox, [], False
        return received

    def wake(self) -> None:
        self._is_woken = True
        self._lan.woken.set()


class SimulatedServer:
    """A notebook's server on the simulated LAN: a real request handler, and a notebook in a real file."""

    def __init__(self, lan: Lan, path: Path, name: str, address: Address, *, is_sealed: bool) -> None:
        self._lan = lan
        self._path = path
        self.address = address
        self._inbox: list[Datagram] = []
        self.notebook = Notebook(path)
        self._keys: SealingKeys | None = None
        if is_sealed:
            self._keys = open_sealing_keys(self.notebook, wants_sealed=True, name=name)
        if self.notebook.name != name:
            self.notebook.rename(name)
        self.notebook_id = self.notebook.notebook_id
        self._handler = RequestHandler(self.notebook)
        self.read_keys()
        lan.network.receivers.pop(address, None)  # a server that was there before is cut off
        lan.network.attach(address, self._receive, hears_broadcasts=True)

    @property
    def code(self) -> str:
        """The join code of a sealed notebook."""
        return join_code(self.key)

    @property
    def key(self) -> bytes:
        assert self._keys is not None
        return self._keys.keys.current

    def rotate(self) -> str:
        """Give the notebook a new key, and return its join code.

        From now on, the server answers datagrams with the old key only that the key has changed.
        """
        code = give_new_key(self._path)
        self.read_keys()
        return code

    def read_keys(self) -> None:
        """Let the server use the keys that are in the key file now."""
        if self._keys is not None:
            self._keys.read_again()
        envelopes = self._keys.envelopes(self._lan.wall_microseconds) if self._keys is not None else OPEN_ENVELOPES
        self._handler.use_envelopes(envelopes)

    def stop(self) -> None:
        self._lan.network.detach(self.address, self._receive)
        self._inbox = []
        self.notebook.close()

    def _receive(self, data: bytes, source: Address) -> None:
        if not self._inbox:
            self._lan.after(0.0, self._answer)  # all that arrive at this moment, in one batch
        self._inbox.append((data, source))

    def _answer(self) -> None:
        batch, self._inbox = self._inbox, []
        if not batch:
            return
        answers = self._handler.handle(batch, self._lan.wall_microseconds)
        self._handler.update_index(lambda: False)
        answers += self._handler.serve_readers(self._lan.now, lambda: False)
        while self._handler.has_readers:
            answers += self._handler.serve_readers(self._lan.now, lambda: False)
        for answer, destination in answers:
            self._lan.network.send(answer, self.address, destination)
