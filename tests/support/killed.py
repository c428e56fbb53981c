"""Runs source code in a process of its own: once, or again and again, killed before one of its steps, as a crash would."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from subprocess import PIPE

from tests.support.requirements import require_tool, unavailable


def printed_by(program: str, *, under: Sequence[str] = ()) -> str:
    """Run `program`, source code of Python, in a process of its own, perhaps `under` another command.

    Returns what it prints, and then the error that ends it. The warning of a fork beside threads, which Python gives from 3.12
    on, is left out.
    """
    python = [sys.executable, "-W", "ignore:This process:DeprecationWarning"]
    done = subprocess.run([*under, *python, "-c", program], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def calls_of(program: str, names: str) -> list[str]:
    """Run `program` as `printed_by` does. Return its system calls with these `names`, as strace writes them.

    Skip the test where strace may not trace.
    """
    require_tool("strace")
    traced = ["strace", "-qq", "-y", "-e", f"trace={names}", sys.executable, "-c", program]
    done = subprocess.run(traced, capture_output=True, text=True, check=False)
    if done.returncode:
        unavailable(f"strace may not trace here: {done.stderr}")
    return done.stderr.splitlines()


FORKING = """
import os, sys
from udpnote import errors
def in_child(action):
    sys.stdout.flush()
    if not (pid := os.fork()):
        try:
            print(action(), flush=True)
        except errors.UdpnoteError as error:
            print(error.notice.kind, flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
"""
"""Source code of a function that runs `action` in a child process, and prints what it returns or which error it raises."""

_FORKING = """
import json, os, signal, sys
def step():
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
{program}
for line in sys.stdin:
    child = os.fork()
    if not child:
        left, *arguments = json.loads(line)
        run(*arguments)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@contextmanager
def killable(program: str) -> Iterator[Callable[..., bool]]:
    """Give the block a function that runs the source code `program` in a process of its own, and may kill it.

    `program` defines a function `run`, which calls `step()` before each of its steps. The first argument of the given function
    is the number of steps after which `run` is killed. The others are passed on to `run`, each as a bool or a str. The given
    function returns whether `run` was killed. Each process is a fork of one that has imported the modules of `program` already.
    """
    with subprocess.Popen(
        [sys.executable, "-c", _FORKING.format(program=program)], stdin=PIPE, stdout=PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def run(steps: int, *arguments: object) -> bool:
            print(json.dumps([steps, *map(_plain, arguments)]), file=stdin, flush=True)
            code = int(stdout.readline())
            assert code in (0, -signal.SIGKILL), "`run` has failed: standard error says why"
            return code != 0

        yield run


def _plain(argument: object) -> object:
    return argument if isinstance(argument, bool) else str(argument)
