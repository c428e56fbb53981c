"""Real processes for the tests: start one, type into it, wait for what it prints, and end it."""

import fcntl
import os
import pty
import re
import resource
import signal
import socket
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from random import SystemRandom
from subprocess import PIPE, Popen, TimeoutExpired
from typing import IO, ClassVar, NamedTuple

from tests.support.forked import Forked, Forks, can_be_forked

COMMAND = str(Path(sys.executable).with_name("udpnote"))  # the installed command

_START = f"import sys; sys.path += {sys.path!r}; sys.argv[0] = {COMMAND!r}; from udpnote.__main__ import main; main()"
COMMAND_WITHOUT_SITE = (sys.executable, "-P", "-S", "-c", _START)
"""A command line that does what the installed command does, but without Python's `site`: for a package that is installed in
editable mode, importing `site` takes as long as all else that a short command does."""

POWERLESS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
"""Before a command line, this runs the command without the capabilities of root."""

DEADLINE_SECONDS = 20.0
"""How long anything may take on a busy machine before the test fails; nothing waits that long when all is well."""

PAUSE_SECONDS_MAX = 0.05
"""The longest pause of `eventually` between two calls of its condition, which may start a process or ask a browser."""

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][0-9A-B]|[=>78])")


class Result(NamedTuple):
    """The result of a command that has ended: its exit code, its two outputs, and how many seconds it took."""

    code: int
    out: str
    err: str
    seconds: float = 0.0

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


class Output:
    """The output of a process at the other end of `descriptor`; nothing if that is None. A thread reads the output as it comes.

    `expect` waits for a text, and the next `expect` searches only after this text.
    """

    def __init__(self, descriptor: int | None, encoding: str = "utf-8") -> None:
        self.encoding = encoding
        self._data = bytearray()
        self._position = 0
        self._is_ended = descriptor is None
        self._changed = threading.Condition()  # its lock can be taken again by the same thread
        self._thread = threading.Thread(target=self._read, args=(descriptor,), daemon=True)
        self._thread.start()

    @property
    def raw(self) -> str:
        """All that was written so far, with its escape sequences."""
        with self._changed:
            return self._data.decode(self.encoding, "replace")

    @property
    def text(self) -> str:
        """All that was written so far, without escape sequences."""
        return _ESCAPES.sub("", self.raw)

    def expect(self, pattern: str, seconds: float = DEADLINE_SECONDS) -> re.Match[str]:
        """Wait until a text that matches `pattern` is written, after the texts that were expected before. Return the match.

        Fails if the output ends before, or after `seconds`.
        """
        until = time.monotonic() + seconds
        with self._changed:
            while True:
                text = self.text
                found = re.search(pattern, text[self._position :])
                if found is not None:
                    self._position += found.end()
                    return found
                assert not self._is_ended, f"ended without {pattern!r}: {text!r}"
                assert self._changed.wait(until - time.monotonic()), f"no {pattern!r} came: {text!r}"

    def finish(self) -> str:
        """Wait until all its writers have closed the output, and return all that was written, without escape sequences."""
        self._thread.join(DEADLINE_SECONDS)
        return self.text

    def _read(self, descriptor: int | None) -> None:
        while not self._is_ended:
            try:
                data = os.read(descriptor, 1 << 16) if descriptor is not None else b""
            except OSError:  # a pseudo-terminal whose other side has closed
                data = b""
            with self._changed:
                self._data += data
                self._is_ended = not data
                self._changed.notify_all()


class Process:
    """A running command. Its input and outputs are pipes, unless the test hands in files of its own.

    If `forks` is set, a command that begins with `COMMAND_WITHOUT_SITE` runs as a fork, because that takes less time.
    """

    forks: ClassVar[Forks | None] = None

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        *,
        folder: Path | None = None,
        namespace: str | None = None,
        is_powerless: bool = False,
        at: "Terminal | None" = None,
        stdin: int | IO[bytes] = PIPE,
        stdout: int = PIPE,
        stderr: int = PIPE,
    ) -> None:
        """Start `command` with the variables `environ`, in `folder`, and in the network namespace `namespace` if one is named.

        If `is_powerless` is true, it runs without the capabilities of root. The terminal `at` is its input and its outputs.
        """
        self._started_at = time.monotonic()
        self._popen: Popen[bytes] | Forked
        arguments, files = command[len(COMMAND_WITHOUT_SITE) :], (at.descriptor,) * 3 if at else (stdin, stdout, stderr)
        if self.forks and command == [*COMMAND_WITHOUT_SITE, *arguments] and can_be_forked(environ):
            self._popen = self.forks.start(
                [COMMAND, *arguments], environ, files, folder=folder, namespace=namespace, is_powerless=is_powerless
            )
        else:
            inside = ["ip", "netns", "exec", namespace] if namespace else []
            whole = [*inside, *(POWERLESS if is_powerless else ()), *command]
            self._popen = Popen(
                whole, stdin=files[0], stdout=files[1], stderr=files[2], env=environ, cwd=folder, start_new_session=True
            )
        self.pid = self._popen.pid
        streams = (self._popen.stdout, self._popen.stderr)
        self._out, self._err = (Output(stream.fileno() if stream is not None else None) for stream in streams)
        self.expect, self.expect_error = self._out.expect, self._err.expect
        self.signal = self._popen.send_signal

    @property
    def is_running(self) -> bool:
        return self._popen.poll() is None

    @property
    def output(self) -> str:
        """All that the command has written to standard output so far, without escape sequences."""
        return self._out.text

    @property
    def errors(self) -> str:
        """All that the command has written to standard error so far, without escape sequences."""
        return self._err.text

    def type(self, text: str) -> None:
        """Write `text` to the standard input of the command."""
        assert self._popen.stdin is not None
        self._popen.stdin.write(text.encode())
        self._popen.stdin.flush()

    def end_input(self) -> None:
        """Close the standard input of the command, if that is a pipe."""
        if self._popen.stdin is not None:
            with suppress(BrokenPipeError):
                self._popen.stdin.close()

    def interrupt(self) -> None:
        """Press Ctrl-C as at a terminal: the programs that the command has started get the signal too."""
        os.killpg(self.pid, signal.SIGINT)

    def wait(self, seconds: float = DEADLINE_SECONDS) -> Result:
        """Wait until the command ends by itself, and return its `Result`.

        If that takes longer than `seconds`, kill the command and fail. Also fail if it has printed a traceback.
        """
        try:
            code = self._popen.wait(seconds)
        except TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running after {seconds:g} s: {self.output[-2000:]}{self.errors[-2000:]}") from None
        taken = time.monotonic() - self._started_at
        out, err = self._out.finish(), self._err.finish()
        assert "Traceback" not in out + err, out + err
        return Result(code, out, err, taken)

    def end(self, number: int | None = None) -> Result:
        """Send the signal `number` or, if it is None, end the standard input. Wait until the command ends; see `wait`."""
        if number is not None:
            self.signal(number)
        else:
            self.end_input()
        return self.wait()

    def kill(self) -> None:
        """If the command still runs, kill it and the programs that it has started. Then close its pipes."""
        if self.is_running:
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()
        self.end_input()
        for output, stream in ((self._out, self._popen.stdout), (self._err, self._popen.stderr)):
            output.finish()
            if stream is not None:
                stream.close()
        if isinstance(self._popen, Forked):
            self._popen.close()


class Terminal(Output):
    """A pseudo-terminal: `descriptor` is for the process; the test types and reads at the other side."""

    def __init__(self, *, columns: int = 100, encoding: str = "utf-8") -> None:
        self._side, self.descriptor = pty.openpty()
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        super().__init__(self._side, encoding)

    def type(self, keys: str) -> None:
        os.write(self._side, keys.encode(self.encoding))

    def finish(self) -> str:
        """Close the process's side, and return all that was written. The process must have ended, or closed its own copy."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
        return super().finish()

    def kill(self) -> None:
        """Close both sides of the terminal."""
        self.finish()
        os.close(self._side)


def script(path: Path, text: str) -> Path:
    """Write a script of the shell that only this user can run, and return its path."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return path


@contextmanager
def few_files(left: int) -> Iterator[None]:
    """During the block, let this process open at most `left` more files and sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + left, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def longest_file(byte_count: int) -> Iterator[None]:
    """During the block, let this process make no file longer than `byte_count`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (byte_count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
"""The number of the process that runs these tests; several may run at the same time."""

FREE_PORTS = range(10_000 + WORKER % 30, 20_000, 30)
"""Linux gives these ports to no outgoing connection, and each worker has its own ports. So nobody takes a port between
`free_port` and its use."""


def free_port() -> int:
    """Return a port that nobody uses, neither for UDP nor for TCP, out of `FREE_PORTS`."""
    for port in SystemRandom().sample(FREE_PORTS, 100):
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
            suppress(OSError),
        ):
            udp.bind(("", port))
            tcp.bind(("", port))
            return port
    raise AssertionError("a hundred ports are taken")


def memory_bytes_max(pid: int) -> int:
    """Return the most memory that the process `pid` has used so far, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def processor_seconds(pid: int) -> float:
    """Return the processor time that the process `pid` has used, also inside system calls, in steps of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def eventually(condition: Callable[[], bool], what: str = "it comes true", seconds: float = DEADLINE_SECONDS) -> None:
    """Call `condition` again and again until it returns True. Fail after `seconds`; the failure says `what` was awaited."""
    until, pause = time.monotonic() + seconds, 0.01
    while not condition():
        assert time.monotonic() < until, f"waited {seconds:g} seconds in vain until {what}"
        time.sleep(pause)
        pause = min(1.2 * pause, PAUSE_SECONDS_MAX)
