"""Runs commands as forks of a process that has imported udpnote. A fork needs a quarter of a new Python's processor time.

A fork has a session, standard streams, an environment, a folder, a umask and a network namespace of its own, as a new process
has, and then calls `udpnote.__main__.main`. Two things differ from a new process: all modules are imported already, and Python
does not clean them up at the end.
"""

import atexit
import ctypes
import gc
import json
import os
import pkgutil
import re
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen, TimeoutExpired
from typing import IO, Any

LOCALE = "C.UTF-8"
"""The locale that a fork has: Python chooses the encodings of a process when it starts."""

LOCALE_VARIABLES = ("LC_ALL", "LC_CTYPE", "LANG")
"""The variables in which Python looks for the locale, in this order."""

ENCODING_VARIABLES = {"PYTHONIOENCODING", "PYTHONUTF8"}
"""The variables that give Python other encodings than those of the locale."""

SLOW_IMPORTS = ("prompt_toolkit.shortcuts", "rich.console", "rich.progress", "rich.table", "uvicorn")
"""Modules that udpnote imports inside functions, and that take long to import."""

NUMBER = struct.Struct("i")

SHARED = "PYTEST_FORKS"
"""The environment variable with the address of the process that forks, if several workers share that process."""

_SERVING = "import sys; sys.path += {path!r}; from tests.support.forked import serve; serve({descriptor})()"

_CLONE_NEWNS, _MS_REC, _MS_SLAVE, _MNT_DETACH = 0x20000, 0x4000, 0x80000, 2
_PR_CAPBSET_DROP, _CAPABILITY_VERSION_3 = 24, 0x20080522


class Forked:
    """A command that runs as a fork. It has those methods and attributes of a `Popen` that `Process` uses."""

    def __init__(
        self, control: socket.socket, pid: int, stdin: IO[bytes] | None, stdout: IO[bytes] | None, stderr: IO[bytes] | None
    ) -> None:
        self._control, self.pid = control, pid
        self._code: int | None = None
        self.stdin, self.stdout, self.stderr = stdin, stdout, stderr

    def close(self) -> None:
        """Wait until the command has ended, and close the socket that reports its end."""
        self.wait()
        self._control.close()

    def poll(self) -> int | None:
        """The exit code, or the signal as a negative number; None while it runs."""
        if self._code is None:
            answers = select.poll()  # `select.select` takes no descriptor over 1023
            answers.register(self._control, select.POLLIN)
            if not answers.poll(0):
                return None
        return self.wait()

    def wait(self, timeout: float | None = None) -> int:
        if self._code is None:
            self._control.settimeout(timeout)
            try:
                answer = self._control.recv(NUMBER.size, socket.MSG_PEEK)  # another thread may wait for it, too
            except TimeoutError:
                raise TimeoutExpired("udpnote", timeout or 0) from None
            (self._code,) = NUMBER.unpack(answer)
        return self._code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


class Forks:
    """Starts commands as forks of one process that has imported udpnote.

    The first `start`, or `share`, starts this process. It ends when all that use it have called `close`.
    """

    def __init__(self) -> None:
        self._undo = ExitStack()

    def share(self) -> None:
        """Start the process, and let the `Forks` of all processes that this one starts from now on use it."""
        os.environ[SHARED] = self._requests.getpeername().hex()

    def close(self) -> None:
        self._undo.close()

    def start(
        self,
        argv: Sequence[str],
        environ: Mapping[str, str],
        streams: Sequence[int | IO[bytes]],
        *,
        folder: Path | None,
        namespace: str | None,
        is_powerless: bool,
    ) -> Forked:
        """Start `udpnote` with `argv` in a fork. The arguments have the same meaning as those of `Process`."""
        ours, given = zip(*map(_ends, streams, (True, False, False)), strict=True)
        control, theirs = socket.socketpair()
        socket.send_fds(self._requests, [b"f"], [theirs.fileno(), *given])
        theirs.close()
        for descriptor, mine in zip(given, ours, strict=True):
            if mine is not None:
                os.close(descriptor)
        umask = re.search(r"Umask:\s+(\d+)", Path("/proc/self/status").read_text())
        assert umask is not None
        request = (argv, dict(environ), str(folder or Path.cwd()), namespace, is_powerless, int(umask[1], 8))
        control.sendall(json.dumps(request).encode())
        control.shutdown(socket.SHUT_WR)
        return Forked(control, NUMBER.unpack(control.recv(NUMBER.size))[0], *ours)

    @cached_property
    def _requests(self) -> socket.socket:
        """The socket to which requests are sent. Start the process that forks, unless another one is shared."""
        requests = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if SHARED in os.environ:
            requests.connect(bytes.fromhex(os.environ[SHARED]))
            return self._undo.enter_context(requests)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
            listening.bind("")  # Linux gives it an address that is no file
            listening.listen()
            requests.connect(listening.getsockname())
            serving = _SERVING.format(path=sys.path, descriptor=listening.fileno())
            command = (sys.executable, "-P", "-S", "-c", serving)
            environ = os.environ | {"LC_ALL": LOCALE}
            process = Popen(command, env=environ, pass_fds=[listening.fileno()], stdin=DEVNULL, stdout=DEVNULL)
        self._undo.enter_context(process)
        return self._undo.enter_context(requests)


def can_be_forked(environ: Mapping[str, str]) -> bool:
    """Whether a new process with the variables `environ` would have the same encodings as a fork has."""
    return (
        ENCODING_VARIABLES.isdisjoint(environ)
        and next((environ[name] for name in LOCALE_VARIABLES if environ.get(name)), "C") == LOCALE
    )


def serve(descriptor: int) -> Callable[[], None]:
    """Fork for each request that arrives at a connection of the listening socket `descriptor`, and report how each fork ends.

    This returns a function that the caller must call. In each fork, this returns at once, and the function runs the command: so
    the command has hardly any frames below it on the stack. In this process, this returns when the last connection is closed,
    and the function does nothing.
    """
    listening = socket.socket(fileno=descriptor)
    _import_all()
    running: dict[int, tuple[int, int]] = {}  # by pidfd: the pid, and where to report
    first = listening.accept()[0]
    connections = {first.fileno(): first}
    waiting = select.poll()
    for known in (listening, first):
        waiting.register(known, select.POLLIN)
    while connections:
        for ready, _ in waiting.poll():
            if ready in running:
                waiting.unregister(ready)
                _report(*running.pop(ready))
                os.close(ready)
                continue
            if ready == descriptor:
                another = listening.accept()[0]
                connections[another.fileno()] = another
                waiting.register(another, select.POLLIN)
                continue
            descriptors = socket.recv_fds(connections[ready], 1, 4)[1]
            if not descriptors:
                waiting.unregister(ready)
                connections.pop(ready).close()
                continue
            pid = os.fork()
            if not pid:
                return partial(_become, *descriptors)
            for each in descriptors[1:]:
                os.close(each)
            pidfd = os.pidfd_open(pid)
            running[pidfd] = (pid, descriptors[0])
            waiting.register(pidfd, select.POLLIN)
    return lambda: None


def _ends(stream: int | IO[bytes], is_input: bool) -> tuple[IO[bytes] | None, int]:
    """Return two ends of `stream`: a file for the test if the stream is a pipe (else None), and the descriptor for the fork."""
    if not isinstance(stream, int):
        return None, stream.fileno()
    if stream != PIPE:
        return None, stream
    reading, writing = os.pipe()
    return (open(writing, "wb"), reading) if is_input else (open(reading, "rb", buffering=0), writing)


def _import_all() -> None:
    """Import all modules of udpnote, and those of other packages that take long."""
    import udpnote

    names = [each.name for each in pkgutil.walk_packages(udpnote.__path__, "udpnote.")]
    for name in (*names, *SLOW_IMPORTS):
        import_module(name)
    gc.collect()
    gc.freeze()  # no fork looks through these objects, which would copy their memory


def _report(pid: int, control: int) -> None:
    """Wait until the process `pid` ends, and send its exit code to the socket `control`."""
    with socket.socket(fileno=control) as reporting:
        try:
            reporting.sendall(NUMBER.pack(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])))
        except BrokenPipeError:  # the test waits for this command no more
            return


def _become(control: int, *streams: int) -> None:
    """Turn this fork into the process that is described at the socket `control`, run its command, and exit.

    `streams` are the descriptors of its standard input, output and error.
    """
    os.setsid()
    with socket.socket(fileno=control) as asking:
        asking.sendall(NUMBER.pack(os.getpid()))
        with asking.makefile("rb") as file:
            argv, environ, folder, namespace, is_powerless, umask = json.loads(file.read())
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(3, 1 << 20)
    if namespace is not None:
        _enter(namespace)
    if is_powerless:
        _give_up_capabilities()
    os.umask(umask)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    sys.argv[:] = argv
    sys.stdin = sys.__stdin__ = _stream(0, "r")  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _stream(1, "w")  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _stream(2, "w", buffering=1)  # type: ignore[misc]
    os._exit(_run())


def _run() -> int:
    """Run the command, and return its exit code. Do what Python does when a program ends, except cleaning up the modules."""
    from udpnote.__main__ import main

    try:
        main()
    except SystemExit as ended:  # other errors end this process as they end any other
        code = ended.code
    threading._shutdown()  # type: ignore[attr-defined]  # waits for its threads
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    assert isinstance(code, int)
    return code


def _stream(number: int, mode: str, **options: Any) -> Any:
    return open(number, mode, encoding="utf-8", errors="surrogateescape", newline="\n", closefd=False, **options)


def _enter(namespace: str) -> None:
    """Do what `ip netns exec` does: enter the network namespace, and show its interfaces in /sys, for this process only."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/run/netns/{namespace}") as there:
        done = [libc.setns(there.fileno(), 0), libc.unshare(_CLONE_NEWNS)]
    done.append(libc.mount(b"", b"/", b"none", _MS_SLAVE | _MS_REC, None))
    done.append(libc.umount2(b"/sys", _MNT_DETACH))
    done.append(libc.mount(namespace.encode(), b"/sys", b"sysfs", 0, None))
    assert not any(done), f"cannot enter {namespace}: {os.strerror(ctypes.get_errno())}"


def _give_up_capabilities() -> None:
    """Do what `POWERLESS` of `tests/support/processes.py` does: root may then do no more than other users."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(int(Path("/proc/sys/kernel/cap_last_cap").read_text()) + 1):
        assert libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) == 0, "only root may give up capabilities"
    none = struct.pack("6I", *[0] * 6)  # effective, permitted and inheritable ones, in two halves
    assert libc.capset(struct.pack("Ii", _CAPABILITY_VERSION_3, 0), none) == 0
