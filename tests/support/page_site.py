"""A notebook's server and its page on this machine alone, and a proxy that loses answers on purpose.

`Site` runs them in threads of this process: they start in a few milliseconds, where two processes take half a second of
processor time. `ProcessSite` runs real processes, for tests that kill them or that test a whole installation.
"""

import os
import secrets
import shutil
import socket
import threading
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path

from tests.support import notebook_files
from tests.support.page_server import OUTBOX, PageServer
from tests.support.processes import COMMAND_WITHOUT_SITE, WORKER, Process, free_port
from udpnote import Client, Server
from udpnote.client.sending.results import State
from udpnote.lan.interfaces import no_interfaces
from udpnote.lan.probing_endpoint import ProbingEndpoint
from udpnote.machine.clock import wall_microseconds
from udpnote.model.entry import SEQUENCE_MAX, Entry, Kind, Status

STARTED = "Ctrl-C"
"""The end of what `udpnote serve` and `udpnote page` print before they serve."""

SECONDS_MAX = 60.0
"""How long a process may take to start on a busy machine."""


PORTS = range(20_000 + 400 * (WORKER % 30), 20_400 + 400 * (WORKER % 30), 2)
"""The ports of the pages of this process: Linux gives them to no outgoing connection, so nobody takes one while its page does
not run."""


def free_tcp_port() -> int:
    """Return a TCP port of loopback that is free, and so is the next port, which a page over HTTPS needs, too."""
    while True:
        port = secrets.choice(PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            socket.create_server(("127.0.0.1", port + 1)).close()
            return port


class AnySite:
    """A folder with a notebook and its page. Browsers open `address` or `plain_address`. Subclasses start server and page."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self.folder = folder
        self.notebook = folder / "kitchen.sqlite3"
        self.port, self.page_port = free_port(), free_tcp_port()
        self._browsers_port = self.page_port
        self._undo = ExitStack()

    @property
    def address(self) -> str:
        """The page's address. Browsers trust it as they trust HTTPS."""
        return f"http://127.0.0.1:{self._browsers_port}"

    @property
    def plain_address(self) -> str:
        """The page's address by a host name. Browsers do not trust it: no Web Locks, no service worker."""
        return f"http://kitchen.test:{self._browsers_port}"

    def put_proxy(self) -> "AnswerLosingProxy":
        """Put a proxy in front of the page, and return it. From now on `address` and `plain_address` are those of the proxy."""
        proxy = AnswerLosingProxy(self.page_port)
        self._undo.callback(proxy.close)
        self._browsers_port = proxy.port
        return proxy

    def texts(self) -> list[str]:
        """Return the texts of all entries in the notebook's file, in order. Its server may run."""
        return notebook_files.texts(self.notebook)

    def revised(self) -> list[int]:
        """For each revision and deletion in the notebook's file, in order, the number of the version that its writer saw."""
        return [revises for (revises,) in notebook_files.read(self.notebook, "revises FROM revisions ORDER BY number")]

    def close(self) -> None:
        self._undo.close()


class Site(AnySite):
    """A notebook, its server and its page, in threads of this process."""

    def start(self, *, sealed: bool = False) -> "Site":
        """Start the server and the page."""
        self.serve(sealed=sealed)
        self.start_page()
        return self

    def serve(self, *, sealed: bool = False) -> Server:
        """Start the server."""
        self.server = Server(self.notebook, name="kitchen", bind="127.0.0.1", port=self.port, sealed=sealed)
        return self._undo.enter_context(self.server)

    def start_page(self) -> PageServer:
        """Start the page."""
        self.page = PageServer(self.folder, self.port, hosts=["kitchen.test"], is_named=True, at=self.page_port)
        self._running = self._undo.enter_context(ExitStack())
        return self._running.enter_context(self.page)

    def end_page(self) -> None:
        """End the page, and close its connections."""
        self._running.close()

    def join(self, code: str) -> None:
        """Give this machine the key of the sealed notebook, as `udpnote join` does: the page's outbox keeps it."""
        with self._client() as client:
            client.join(code)

    def new_join_code(self) -> str:
        """Give the sealed notebook a new key, and return its join code."""
        return notebook_files.give_new_key(self.notebook)

    def send(self, *texts: str) -> None:
        """Write notes as bob, another person of the LAN."""
        with self._client() as client:
            assert all(sent.state is State.STORED for sent in client.send_many(texts))

    def import_note(self, text: str) -> None:
        """Store a note under an identity as the imports from other programs compute it, with a long sequence."""
        note = Entry(bytes(16), SEQUENCE_MAX - 2**53, Kind.NOTE, written_at=0, utc_offset=0, author="bob", text=text)
        with self._client() as client:
            assert [verdict and verdict.status for verdict in client.forward([note])] == [Status.STORED]

    def restore(self, backup: Path) -> None:
        """Put an older copy in the place of the notebook, and serve that."""
        self.server.stop()
        shutil.copy(backup, self.notebook)
        self.serve()

    def erase(self, *numbers: int) -> None:
        """Erase notes of the notebook, which no server has open."""
        for number in numbers:
            notebook_files.erase(self.notebook, number, wall_microseconds())

    def _client(self) -> Client:
        """Make a client that uses the outbox of the page."""
        endpoint = ProbingEndpoint(list_interfaces=no_interfaces)
        return Client(server=f"127.0.0.1:{self.port}", author="bob", outbox=str(self.folder / OUTBOX), endpoint=endpoint)


class ProcessSite(AnySite):
    """A notebook, and the processes of its server and its page."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._environ = {key: value for key, value in os.environ.items() if not key.startswith("UDPNOTE_")}
        self._environ |= {"UDPNOTE_HOME": str(folder / "home"), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        (folder / "home").mkdir(mode=0o700, exist_ok=True)

    def start(self, *serve: str) -> "ProcessSite":
        """Start the server, with further options, and the page."""
        self.serve(*serve)
        self.start_page()
        return self

    def serve(self, *options: str) -> Process:
        """Start the server, and wait until it serves."""
        where = ("--file", str(self.notebook), "--bind", "127.0.0.1", "--port", str(self.port), "--name", "kitchen")
        self.server = self._started("serve", *where, "--quiet", *options)
        return self.server

    def start_page(self, *options: str) -> Process:
        """Start the page, with further options, and wait until it serves."""
        where = ("--bind", "127.0.0.1", "--port", str(self.page_port), "--server", f"127.0.0.1:{self.port}")
        self.page = self._started("page", *where, "--allow-host", "kitchen.test", *options)
        return self.page

    def run(self, *arguments: str, lines: Iterable[str] = ()) -> str:
        """Run a command to its end with `lines` as its standard input, and return its standard output.

        Raises `AssertionError`, with its standard error, if the command does not end with code 0.
        """
        process = self._process(*arguments)
        process.type("".join(f"{line}\n" for line in lines))
        process.end_input()
        result = process.wait(SECONDS_MAX)
        assert result.code == 0, f"udpnote {' '.join(arguments)}: {result.err}"
        return result.out

    def send(self, *texts: str) -> None:
        """Write notes as bob, another person of the LAN."""
        for text in texts:
            self.run("send", "--server", f"127.0.0.1:{self.port}", "--author", "bob", "--", text)

    def _started(self, *arguments: str) -> Process:
        process = self._process(*arguments)
        process.expect_error(STARTED, SECONDS_MAX)
        return process

    def _process(self, *arguments: str) -> Process:
        process = Process([*COMMAND_WITHOUT_SITE, *arguments], self._environ, folder=self.folder)
        self._undo.callback(process.kill)
        return process


class AnswerLosingProxy:
    """Passes bytes between browsers and the page. While `loses_answers` is true, no answer to a request with entries arrives.

    The connections of such requests stay open, without an answer, until `cut` is called or the page ends.
    """

    def __init__(self, page_port: int) -> None:
        self._page_port = page_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.loses_answers = False
        self.answers_lost = 0
        self._sockets: set[socket.socket] = set()
        self._asking: set[socket.socket] = set()
        self.asking_at_once_max = 0
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Close all connections, as if the network had failed for a moment."""
        with self._lock:
            for each in self._sockets:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener is shut down
            while True:
                self._serve(self._listener.accept()[0])

    def _serve(self, browser: socket.socket) -> None:
        try:
            page = socket.create_connection(("127.0.0.1", self._page_port), 5)
        except OSError:  # no page is there: the browser sees a connection that is closed
            browser.close()
            return
        page.settimeout(None)
        with self._lock:
            self._sockets |= {browser, page}
        for source, sink in ((browser, page), (page, browser)):
            threading.Thread(target=self._pass, args=(browser, source, sink), daemon=True).start()

    def _pass(self, browser: socket.socket, source: socket.socket, sink: socket.socket) -> None:
        """Pass bytes on from `source` to `sink` until one of them is closed. `browser` is one of the two."""
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if source is browser and data.startswith(b"POST /api/entries"):
                    self._record_request(browser)
                if source is browser or not self._loses(browser):
                    sink.sendall(data)
        with self._lock:
            self._asking.discard(browser)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)
        source.close()
        with self._lock:
            self._sockets.discard(source)

    def _record_request(self, browser: socket.socket) -> None:
        with self._lock:
            self._asking.add(browser)
            self.asking_at_once_max = max(self.asking_at_once_max, len(self._asking))

    def _loses(self, browser: socket.socket) -> bool:
        """Decide whether the answer that the page now sends to `browser` is lost; count it if so."""
        with self._lock:
            if browser not in self._asking:
                return False
            if self.loses_answers:
                self.answers_lost += 1
            else:
                self._asking.discard(browser)
            return self.loses_answers
