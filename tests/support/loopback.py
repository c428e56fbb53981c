"""Real servers and clients on this machine alone, for tests that need sockets or threads. Most tests need only `lan`."""

from contextlib import ExitStack, closing
from pathlib import Path

from tests.support import notebook_files
from udpnote import Client, Server
from udpnote.lan.interfaces import no_interfaces
from udpnote.lan.listening_endpoint import ListeningEndpoint
from udpnote.lan.probing_endpoint import ProbingEndpoint


class NotebookFolder:
    """A folder with notebooks and outboxes. `close` closes all servers and clients that were opened there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open = ExitStack()

    def notebook(self, name: str = "kitchen") -> Path:
        return self.folder / f"{name}.sqlite3"

    def texts(self, name: str = "kitchen") -> list[str]:
        """Return the texts of all entries in the notebook `name`. Its server may run."""
        return notebook_files.texts(self.notebook(name))

    def close(self) -> None:
        self._open.close()


class Loopback(NotebookFolder):
    """The servers and clients of one machine. Clients look for servers on this machine alone."""

    port = 0

    def serve(self, name: str = "kitchen", **options: object) -> Server:
        """Start a server for the notebook `name`. All servers use the same port; the first one chooses a free one."""
        server = Server(self.notebook(name), name=name, bind="127.0.0.1", port=self.port, **options)  # type: ignore[arg-type]
        self._open.enter_context(server)
        self.port = server.port
        return server

    def reserve_port(self) -> None:
        """Choose the port before a server listens there."""
        with closing(ListeningEndpoint("127.0.0.1", 0, list_interfaces=no_interfaces)) as endpoint:
            self.port = endpoint.port

    def client(self, outbox: str = "outbox.sqlite3", **options: object) -> Client:
        settings: dict[str, object] = {"port": self.port, "wait": 5.0, "author": "amy@pi"}
        settings["endpoint"] = options.get("endpoint") or ProbingEndpoint(list_interfaces=no_interfaces)
        client = Client(outbox=str(self.folder / outbox), **settings | options)  # type: ignore[arg-type]
        return self._open.enter_context(client)
