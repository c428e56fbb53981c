"""A laboratory: hosts in network namespaces of their own, joined by switches that nothing else is connected to.

A switch is a namespace with a bridge in it. A host is a namespace with a virtual cable (a veth pair) to each of its switches.
No datagram can leave the laboratory: none of its interfaces is ever in the machine's own namespace.
"""

import ctypes
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, TypeVar

from tests.support.processes import COMMAND_WITHOUT_SITE, Process, Result, Terminal, eventually
from udpnote import Client
from udpnote import Server as ThreadServer
from udpnote.client.sending.results import State
from udpnote.model.entry import StoredEntry
from udpnote.storage.notebook.notebook import Notebook

SERVER_PORT = 6683
SECONDS_MAX = 60.0
"""A command that takes longer than this hangs, even on a slow machine."""

NEW_PROCESS = ("env",)
"""Under this program, `udpnote` runs as a new process, not as a fork that shares memory with other processes."""

SERVING = "Ctrl-C"
"""The end of what a server prints before it serves."""

P = TypeVar("P", Process, Terminal)
Case = TypeVar("Case")

_numbers = count(1)


def shell(*command: str, text: str | None = None) -> str:
    """Run a command of the operating system, which must succeed, and return its output."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


class Server:
    """A notebook's server on a host. It can be stopped, killed and started again."""

    def __init__(self, host: "Host", arguments: tuple[str, ...], *, notebook: Path, under: Iterable[str]) -> None:
        self._host, self._arguments, self._under, self.notebook = host, arguments, tuple(under), notebook
        self.process = self.start()

    def start(self) -> Process:
        """Start the server (again), and wait until it serves."""
        self.process = self._host.start("serve", "--file", str(self.notebook), *self._arguments, under=self._under)
        self.process.expect_error(SERVING, SECONDS_MAX)
        return self.process

    def restart(self) -> None:
        """Kill the server with SIGKILL, and start it again."""
        self.process.kill()
        self.start()

    def stop(self) -> Result:
        """Stop the server with SIGTERM. It must exit with code 0."""
        result = self.process.end(15)
        assert result.code == 0, result.err
        return result

    def stored(self) -> list[StoredEntry]:
        """Stop the server, if it still runs, and read its notebook."""
        if self.process.is_running:
            self.stop()
        with closing(Notebook(self.notebook)) as notebook:
            return list(notebook.entries_after(0))

    def numbered_texts(self) -> list[tuple[int, str]]:
        return [(each.number, each.entry.text) for each in self.stored()]

    def texts(self) -> list[str]:
        return [text for _, text in self.numbered_texts()]


class Switch(NamedTuple):
    """A LAN: the namespace with its bridge, and the number that its hosts' addresses have in common."""

    namespace: str
    number: int


class Host:
    """A machine: its namespace, its `UDPNOTE_HOME`, and an interface eth0, eth1, … to each of its switches."""

    def __init__(self, lab: "Lab", name: str, namespace: str, number: int) -> None:
        self._lab, self.name, self.namespace, self.number = lab, name, namespace, number
        self.home = lab.folder / name
        self.home.mkdir(mode=0o700, parents=True)
        self.environ: dict[str, str] = {}

    def address(self, switch: Switch, family: int = 4) -> str:
        """The IPv4 or IPv6 address of this host on `switch`."""
        return f"10.77.{switch.number}.{self.number}" if family == 4 else f"fd77:{switch.number}::{self.number:x}"

    def ip(self, *arguments: str, text: str | None = None) -> str:
        return shell("ip", "-n", self.namespace, *arguments, text=text)

    def set_address(self, address: str) -> None:
        self.ip("-4", "addr", "flush", "dev", "eth0")
        self.ip("addr", "add", f"{address}/24", "brd", "+", "dev", "eth0")

    def shell(self, *command: str, text: str | None = None) -> str:
        """Run a command of the operating system on this host, which must succeed, and return its output."""
        return shell("ip", "netns", "exec", self.namespace, *command, text=text)

    def start(
        self,
        *arguments: str,
        lines: Iterable[str] = (),
        stdin: int | None = None,
        under: Iterable[str] = (),
        at: Terminal | None = None,
        environ: Mapping[str, str] | None = None,
        is_powerless: bool = False,
    ) -> Process:
        """Start `udpnote` on this host, perhaps `under` another program. Its input is a file of `lines`, if not `stdin`.

        The terminal `at` is its input and its outputs. The variables of `environ` are for this process alone.
        """
        variables = {key: value for key, value in os.environ.items() if not key.startswith("UDPNOTE_")}
        variables |= {"UDPNOTE_HOME": str(self.home), "UDPNOTE_AUTHOR": f"somebody@{self.name}", "LC_ALL": "C.UTF-8"}
        variables |= self.environ | dict(environ or {})
        command = [*under, *COMMAND_WITHOUT_SITE, *arguments]
        where: dict[str, Any] = {
            "folder": self._lab.folder,
            "namespace": self.namespace,
            "is_powerless": is_powerless,
            "at": at,
        }
        with tempfile.TemporaryFile() as file:
            file.write("".join(f"{line}\n" for line in lines).encode())
            file.seek(0)
            process = Process(command, variables, **where, stdin=file if stdin is None else stdin)
        return self._lab.kill_at_end(process)

    def start_module(self, module: str, *arguments: str) -> Process:
        """Start one of the tests' own programs on this host."""
        command = [sys.executable, "-S", "-m", module, *arguments]
        process = Process(command, os.environ, folder=Path(__file__).parents[2], namespace=self.namespace)
        return self._lab.kill_at_end(process)

    def at_terminal(self, *arguments: str, encoding: str = "utf-8") -> tuple[Terminal, Process]:
        """Start `udpnote` at a new terminal of this host."""
        terminal = self._lab.kill_at_end(Terminal(encoding=encoding))
        return terminal, self.start(*arguments, at=terminal)

    def start_sending(self) -> Process:
        """Start a `udpnote send` that takes its lines from a pipe, and waits a minute for each answer."""
        return self.start("send", "--wait", "60", stdin=subprocess.PIPE)

    def run(self, *arguments: str, lines: Iterable[str] = (), under: Iterable[str] = ()) -> Result:
        """Run `udpnote` to its end, with `lines` as its standard input, perhaps `under` another program."""
        return self.start(*arguments, lines=lines, under=under).wait(SECONDS_MAX)

    def succeed(self, *arguments: str, lines: Iterable[str] = (), under: Iterable[str] = ()) -> Result:
        """Run `udpnote` to its end. Its exit code must be 0."""
        result = self.run(*arguments, lines=lines, under=under)
        assert result.code == 0, f"udpnote {' '.join(arguments)} on {self.name}: exit code {result.code}: {result.err}"
        return result

    def socket(self, server: str) -> socket.socket:
        """A UDP socket of this process on this host, connected to a server."""
        made = socket_in(self.namespace, socket.AF_INET, socket.SOCK_DGRAM)
        made.connect((server, SERVER_PORT))
        return self._lab.close_at_end(made)

    def serve(self, *arguments: str, notebook: Path | None = None, under: Iterable[str] = ()) -> Server:
        """Start a server on this host and wait until it serves."""
        return Server(self, arguments, notebook=notebook or self.home / "notebook.sqlite3", under=under)

    def serve_in_thread(self, name: str) -> None:
        """Serve a notebook on this host in a thread of this process, for tests of other hosts and commands."""
        with inside(self.namespace):
            self._lab.stop_at_end(ThreadServer(self.home / "notebook.sqlite3", name=name).start())

    def send_in_thread(self, text: str) -> None:
        """Store a note as the user of this host, without the command."""
        with inside(self.namespace), Client(outbox=self.home / "outbox.sqlite3", author=f"somebody@{self.name}") as client:
            assert client.send(text).state is State.STORED


class Lab:
    """Makes switches and hosts; `close` ends every process, and removes every socket and namespace that it made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._undo = ExitStack()
        self._switches = 0
        self._hosts = 0

    def close(self) -> None:
        self._undo.close()

    def kill_at_end(self, started: P) -> P:
        self._undo.callback(started.kill)
        return started

    def stop_at_end(self, started: ThreadServer) -> None:
        self._undo.callback(started.stop)

    def close_at_end(self, made: socket.socket) -> socket.socket:
        return self._undo.enter_context(made)

    def switch(self) -> Switch:
        self._switches += 1
        namespace = self._namespace("switch")
        shell("ip", "-n", namespace, "link", "add", "lan", "up", "type", "bridge")
        return Switch(namespace, self._switches)

    def host(self, name: str, *switches: Switch, ipv4: bool = True, ipv6: bool = True) -> Host:
        """A host on `switches`, with the next free address of each. Without `ipv4`, it has not even 127.0.0.1."""
        self._hosts += 1
        host = Host(self, name, self._namespace(name), self._hosts)
        with inside(host.namespace):
            for interfaces in ("all", "default"):
                Path("/proc/sys/net/ipv6/conf", interfaces, "accept_dad").write_text("0")
                Path("/proc/sys/net/ipv6/conf", interfaces, "disable_ipv6").write_text(str(int(not ipv6)))
        host.ip("link", "set", "lo", "up")
        for number, switch in enumerate(switches):
            self.plug_in(host, f"eth{number}", switch, ipv4=ipv4, ipv6=ipv6)
        if not ipv4:
            host.ip("-4", "addr", "flush", "dev", "lo")
        return host

    def cut_cable(self, host: Host, switch: Switch) -> None:
        """Take the carrier from the host's interface to `switch`."""
        shell("ip", "-n", switch.namespace, "link", "set", f"port{host.number}", "down")

    def plug_in(self, host: Host, interface: str, switch: Switch, *, ipv4: bool = True, ipv6: bool = True) -> None:
        """Give a host its interface to `switch`."""
        port = f"port{host.number}"
        cable = ("name", port, "up", "master", "lan", "type", "veth", "peer", "name", interface, "netns", host.namespace)
        shell("ip", "-n", switch.namespace, "link", "add", *cable)
        commands = [f"link set {interface} up gso_max_segs 1"]  # on a real cable, datagrams travel one by one
        if ipv4:
            commands.append(f"addr add {host.address(switch)}/24 brd + dev {interface}")
        if ipv6:
            commands.append(f"addr add {host.address(switch, 6)}/64 nodad dev {interface}")
        host.ip("-batch", "-", text="\n".join(commands))
        if ipv6:
            usable = ("-6", "-o", "addr", "show", "dev", interface, "-tentative")
            eventually(lambda: "fe80:" in host.ip(*usable), "the interface has its link-local address")

    def _namespace(self, name: str) -> str:
        namespace = f"udpnote-{os.getpid()}-{next(_numbers)}-{name}"
        self._undo.callback(_remove_namespace, namespace)  # before it is made, because Ctrl-C may come at any moment
        shell("ip", "netns", "add", namespace)
        return namespace


def _remove_namespace(namespace: str) -> None:
    if Path("/run/netns", namespace).exists():
        shell("ip", "netns", "del", namespace)


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Run the block in a network namespace. Sockets that it makes stay in that namespace."""
    libc = ctypes.CDLL(None)
    with open("/proc/thread-self/ns/net") as here, open(f"/run/netns/{namespace}") as there:
        assert libc.setns(there.fileno(), 0) == 0, "only root may enter a namespace"
        try:
            yield
        finally:
            assert libc.setns(here.fileno(), 0) == 0


def socket_in(namespace: str, family: int, kind: int) -> socket.socket:
    """A socket in a network namespace."""
    with inside(namespace):
        return socket.socket(family, kind)


def at_once(work: Callable[[Case], object], cases: Iterable[Case]) -> None:
    """Do `work` with all cases at the same time, because most of it is waiting. Fails if one of them fails."""
    with ThreadPoolExecutor() as threads:
        for done in [threads.submit(work, case) for case in cases]:
            done.result()


def lines_of(name: str, count: int) -> list[str]:
    return [f"{name} {number}：写下来就不会丢" for number in range(count)]


def wait_at_random(source: Random, *, seconds_max: float) -> None:
    """Let a moment pass, so that a kill comes at a random moment; no result depends on how long it is."""
    time.sleep(source.uniform(0, seconds_max))


def lost_and_doubled(texts: Iterable[str], expected: Iterable[str]) -> tuple[list[str], list[str]]:
    """Which of `expected` are missing in `texts`, and which texts are there more often than expected."""
    there, wanted = Counter(list(texts)), Counter(list(expected))
    return list((wanted - there).elements()), list((there - wanted).elements())


def assert_once(texts: Iterable[str], expected: Iterable[str]) -> None:
    """Check that each of `expected` is in `texts` once, and that nothing else is."""
    missing, surplus = lost_and_doubled(texts, expected)
    assert not missing, f"{len(missing)} are not stored, {missing[0]!r} among them"
    assert not surplus, f"{len(surplus)} too many are stored, {surplus[0]!r} among them"
