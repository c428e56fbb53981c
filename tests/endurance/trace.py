"""Traces of system calls, taken with strace."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.support.processes import Process
from tests.support.requirements import require_tool, unavailable
from udpnote.protocol.codec.codec import Message, decode
from udpnote.protocol.envelope import MAGIC

CALLS = "openat,write,pwrite64,ftruncate,fsync,fdatasync,link,linkat,rename,unlink,sendmsg,recvmsg"
_CALL = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)\) += \d+")
_DESCRIPTOR = re.compile(r"^\w+<((?:\\x..)*)>")
_QUOTED = re.compile(r'"((?:\\x..)*)"')
_DATAGRAM = re.compile(r'iov_base="((?:\\x..)*)"')
_UNFINISHED = " <unfinished ...>"


def tracer(trace: Path) -> list[str]:
    """The command under which a program appends its system calls to `trace`."""
    require_tool("strace")
    shown = ["-y", "-xx", "-s", "70000", "-e", f"trace={CALLS}"]
    return ["strace", "-f", "--seccomp-bpf", "-qq", *shown, "-A", "-o", str(trace)]


def require_trace(process: Process) -> None:
    """Skip the test, or fail it where required, if strace may not trace here."""
    if "Operation not permitted" in process.errors:
        unavailable(f"strace may not trace here: {process.errors.splitlines()[0]}")


class Call(NamedTuple):
    """A system call that succeeded, with its arguments as strace writes them."""

    name: str
    arguments: str

    @property
    def path(self) -> str:
        """The path of the file in the first argument, a descriptor."""
        found = _DESCRIPTOR.match(self.arguments)
        assert found, self
        return _bytes(found[1]).decode()

    @property
    def quoted(self) -> list[bytes]:
        """All arguments that are paths or contents."""
        return list(map(_bytes, _QUOTED.findall(self.arguments)))

    @property
    def last(self) -> int:
        """The last argument, a number."""
        return int(self.arguments.rpartition(",")[2])

    @property
    def messages(self) -> list[Message]:
        """The messages of udpnote that the call sends or receives."""
        datagrams = map(_bytes, _DATAGRAM.findall(self.arguments))
        return [decode(each) for each in datagrams if each.startswith(MAGIC)]


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def calls(trace: Path) -> Iterator[Call]:
    """The calls of all threads, in the order in which they ended."""
    begun: dict[str, str] = {}
    for line in trace.read_text().splitlines():
        thread, _, rest = line.partition(" ")
        rest = rest.strip()
        if rest.endswith(_UNFINISHED):
            begun[thread] = rest.removesuffix(_UNFINISHED)
            continue
        if rest.startswith("<... "):
            rest = begun.pop(thread) + rest.partition("resumed>")[2]
        if found := _CALL.match(rest):
            yield Call(found["name"], found["arguments"])
