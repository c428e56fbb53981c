"""A laboratory: hosts in network namespaces of their own, joined by switches that nothing else is on.

A switch is a namespace with a bridge in it, a host one with a virtual cable (a veth pair) to each of its switches. No
datagram can leave them: none of their interfaces is ever in the namespace of the machine.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import IO, NamedTuple, NoReturn

import pytest

from udpnote.model.entry import StoredEntry
from udpnote.storage.notebook.notebook import Notebook

REQUIRED = os.environ.get("UDPNOTE_REQUIRE_SYSTEM_TESTS") == "1"
"""Where it is set, a machine that cannot run these tests fails them instead of passing over them."""

ROOT = Path(__file__).parents[2]
COMMAND = os.path.join(os.path.dirname(sys.executable), "udpnote")
COMMAND_SECONDS_MAX = 60.0
"""After this long a command hangs, on the slowest of machines."""

SERVING = "to end     Ctrl-C"
"""What a server says last before it serves."""

_numbers = count(1)


def unavailable(reason: str) -> NoReturn:
    """Skip the test, or fail it where all of them are required."""
    if REQUIRED:
        pytest.fail(f"the system tests are required here, but {reason}")
    pytest.skip(reason)


def require_tool(tool: str) -> None:
    if shutil.which(tool) is None:
        unavailable(f"`{tool}` is not installed")


def shell(*command: str, text: str | None = None) -> str:
    """Run one of the system's own commands, which must succeed; gives its output."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Look again and again until `condition` holds; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} seconds in vain until {what}"
        time.sleep(0.005)


class Result(NamedTuple):
    """What a command that has ended said, and how long it took in seconds."""

    code: int
    output: str
    errors: str
    seconds: float


class Process:
    """A running command; what it prints goes to files, so that it never waits for a reader."""

    def __init__(self, command: list[str], *, folder: Path, environ: dict[str, str], stdin: int | IO[bytes]) -> None:
        number = next(_numbers)
        self._paths = (folder / f"{number}.output", folder / f"{number}.errors")
        self._started_at = time.monotonic()
        with open(self._paths[0], "wb") as output, open(self._paths[1], "wb") as errors:
            self._popen = subprocess.Popen(
                command, stdin=stdin, stdout=output, stderr=errors, env=environ, cwd=folder, start_new_session=True
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        return self._popen.poll() is None

    @property
    def output(self) -> str:
        """What it has printed so far, perhaps only the beginning of a character at the end."""
        return self._paths[0].read_bytes().decode(errors="replace")

    @property
    def errors(self) -> str:
        return self._paths[1].read_bytes().decode(errors="replace")

    def has_printed(self) -> bool:
        """Whether any of its output has come so far."""
        return self._paths[0].stat().st_size > 0

    def feed(self, text: str) -> None:
        """Write to its standard input, which must be a pipe."""
        assert self._popen.stdin is not None
        self._popen.stdin.write(text.encode())
        self._popen.stdin.flush()

    def end_input(self) -> None:
        assert self._popen.stdin is not None
        self._popen.stdin.close()

    def signal(self, number: signal.Signals) -> None:
        self._popen.send_signal(number)

    def wait(self, seconds: float = COMMAND_SECONDS_MAX) -> Result:
        """Wait for its end; fail, with what it said, if it goes on for longer than `seconds`."""
        try:
            code = self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"still running after {seconds:g} s; it said:\n{self.output[-2000:]}\n{self.errors[-2000:]}")
        return Result(code, self.output, self.errors, time.monotonic() - self._started_at)

    def kill(self) -> None:
        """End it at once (SIGKILL), if it still runs, and whatever it has started."""
        if self._popen.stdin is not None:
            self._popen.stdin.close()
        if self.is_running:
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()


class Server:
    """A notebook's server on a host; it can be ended, killed and started again."""

    def __init__(self, host: "Host", arguments: tuple[str, ...], *, notebook: Path, under: Iterable[str]) -> None:
        self._host, self._arguments, self._under, self.notebook = host, arguments, tuple(under), notebook
        self.process = self.start()

    def start(self) -> Process:
        """Start it (again) and wait until it serves."""
        self.process = self._host.start("serve", "--notebook", str(self.notebook), *self._arguments, under=self._under)
        wait_until(
            lambda: SERVING in self.process.errors or not self.process.is_running, "the server serves", COMMAND_SECONDS_MAX
        )
        assert self.process.is_running, self.process.errors
        return self.process

    def end(self, number: signal.Signals = signal.SIGTERM) -> Result:
        """End it as its owner does; it must end well."""
        self.process.signal(number)
        result = self.process.wait()
        assert result.code == 0, result.errors
        return result

    def stored(self) -> list[StoredEntry]:
        """End it, if it still runs, and read its notebook."""
        if self.process.is_running:
            self.end()
        notebook = Notebook(self.notebook)
        try:
            return list(notebook.entries_after(0))
        finally:
            notebook.close()

    def texts(self) -> list[str]:
        return [stored.entry.text for stored in self.stored()]

    def memory_bytes(self, field: str = "VmRSS") -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        [kibibytes] = [line.split()[1] for line in status.splitlines() if line.startswith(f"{field}:")]
        return int(kibibytes) * 1024


class Switch(NamedTuple):
    """A LAN: the namespace with its bridge, and its number in the addresses of its hosts."""

    namespace: str
    number: int


class Host:
    """A machine: its namespace, its `UDPNOTE_HOME`, and an interface eth0, eth1, … to each of its switches."""

    def __init__(self, lab: "Lab", name: str, namespace: str, number: int) -> None:
        self._lab, self.name, self.namespace, self.number = lab, name, namespace, number
        self.home = lab.folder / name
        self.home.mkdir(mode=0o700)  # as udpnote itself makes it: it says so otherwise

    def address(self, switch: Switch, family: int = 4) -> str:
        return f"10.77.{switch.number}.{self.number}" if family == 4 else f"fd77:{switch.number}::{self.number:x}"

    def ip(self, *arguments: str) -> str:
        """Run `ip` for this host's network."""
        return shell("ip", "-n", self.namespace, *arguments)

    def shell(self, *command: str, text: str | None = None) -> str:
        return shell("ip", "netns", "exec", self.namespace, *command, text=text)

    def start(self, *arguments: str, stdin: int | IO[bytes] = subprocess.DEVNULL, under: Iterable[str] = ()) -> Process:
        """Start `udpnote` with `arguments` on this host, perhaps `under` a tracer."""
        return self.start_program(*under, COMMAND, *arguments, stdin=stdin)

    def start_module(self, module: str, *arguments: str) -> Process:
        """Start a program of the tests' own on this host."""
        return self.start_program("env", f"PYTHONPATH={ROOT}", sys.executable, "-m", module, *arguments)

    def start_program(self, *command: str, stdin: int | IO[bytes] = subprocess.DEVNULL) -> Process:
        environ = {key: value for key, value in os.environ.items() if not key.startswith("UDPNOTE_")}
        environ |= {"UDPNOTE_HOME": str(self.home), "UDPNOTE_AUTHOR": f"somebody@{self.name}", "LC_ALL": "C.UTF-8"}
        inside = ["ip", "netns", "exec", self.namespace, *command]
        return self._lab.keep(Process(inside, folder=self._lab.folder, environ=environ, stdin=stdin))

    def run(self, *arguments: str, lines: Iterable[str] | None = None) -> Result:
        """Run `udpnote` to its end, with `lines` as its standard input."""
        if lines is None:
            return self.start(*arguments).wait()
        with self.file_of(lines) as file:
            return self.start(*arguments, stdin=file).wait()

    def file_of(self, lines: Iterable[str]) -> IO[bytes]:
        path = self._lab.folder / f"{next(_numbers)}.input"
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return open(path, "rb")

    def serve(self, *arguments: str, notebook: Path | None = None, under: Iterable[str] = ()) -> Server:
        """Start a server on this host and wait until it serves."""
        return Server(self, arguments, notebook=notebook or self.home / "notebook.sqlite3", under=under)


class Lab:
    """Makes switches and hosts; `close` ends every process and removes every namespace and mount it made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._undo = ExitStack()
        self._switches = 0
        self._hosts = 0

    def close(self) -> None:
        self._undo.close()

    def keep(self, process: Process) -> Process:
        """Kill `process` at the end, if it still runs then."""
        self._undo.callback(process.kill)
        return process

    def switch(self) -> Switch:
        self._switches += 1
        namespace = self._namespace("switch")
        shell("ip", "-n", namespace, "link", "add", "lan", "up", "type", "bridge")
        return Switch(namespace, self._switches)

    def host(self, name: str, *switches: Switch, ipv4: bool = True, ipv6: bool = True) -> Host:
        """A host on `switches`, with the next address of each; without `ipv4`, not even 127.0.0.1 is there."""
        self._hosts += 1
        host = Host(self, name, self._namespace(name), self._hosts)
        sysctls = [f"net.ipv6.conf.{each}.accept_dad=0" for each in ("all", "default")]
        sysctls += [f"net.ipv6.conf.{each}.disable_ipv6={int(not ipv6)}" for each in ("all", "default")]
        host.shell("sysctl", "-qw", *sysctls)
        host.ip("link", "set", "lo", "up")
        for number, switch in enumerate(switches):
            self._plug_in(host, f"eth{number}", switch, ipv4=ipv4, ipv6=ipv6)
        if not ipv4:
            host.ip("-4", "addr", "flush", "dev", "lo")
        return host

    def cut_cable(self, host: Host, switch: Switch) -> None:
        """Take the carrier from the host's interface to `switch`."""
        shell("ip", "-n", switch.namespace, "link", "set", f"port{host.number}", "down")

    def small_disk(self, kibibytes: int) -> Path:
        """A file system of its own, on which there is room for no more than this."""
        folder = self.folder / f"disk{next(_numbers)}"
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={kibibytes}k", "udpnote", str(folder)], capture_output=True, check=False
        )
        if done.returncode:
            unavailable(f"a tmpfs cannot be mounted here: {done.stderr.decode().strip()}")
        self._undo.callback(shell, "umount", "--lazy", str(folder))
        return folder

    @staticmethod
    def enlarge(disk: Path, *, kibibytes: int) -> None:
        shell("mount", "-o", f"remount,size={kibibytes}k", str(disk))

    def _plug_in(self, host: Host, interface: str, switch: Switch, *, ipv4: bool, ipv6: bool) -> None:
        port = f"port{host.number}"
        end, peer = ("name", interface, "netns", host.namespace), ("name", port, "netns", switch.namespace)
        shell("ip", "link", "add", *end, "type", "veth", "peer", *peer)
        shell("ip", "-n", switch.namespace, "link", "set", port, "up", "master", "lan")
        host.ip("link", "set", interface, "up", "gso_max_segs", "1")  # on a cable, datagrams travel one by one
        if ipv4:
            host.ip("addr", "add", f"{host.address(switch)}/24", "brd", "+", "dev", interface)
        if ipv6:
            host.ip("addr", "add", f"{host.address(switch, 6)}/64", "nodad", "dev", interface)
            wait_until(lambda: "fe80:" in self._usable(host, interface), "the interface has its link-local address")

    @staticmethod
    def _usable(host: Host, interface: str) -> str:
        return host.ip("-6", "-o", "addr", "show", "dev", interface, "-tentative")

    def _namespace(self, name: str) -> str:
        namespace = f"udpnote-{os.getpid()}-{next(_numbers)}-{name}"
        shell("ip", "netns", "add", namespace)
        self._undo.callback(shell, "ip", "netns", "del", namespace)
        return namespace


def assert_once(texts: Iterable[str], expected: Iterable[str]) -> None:
    """Each of `expected` is there once, and nothing else is."""
    there, wanted = Counter(texts), Counter(expected)
    missing, surplus = wanted - there, there - wanted
    assert not missing, f"{missing.total()} are not stored, {next(iter(missing))!r} among them"
    assert not surplus, f"{surplus.total()} too many are stored, {next(iter(surplus))!r} among them"
