"""The system calls in their order: nothing is sent, and nothing is acknowledged, before it is on the disk."""

import re
from pathlib import Path

import pytest

from tests.support.processes import Process, eventually
from tests.system.conftest import Pair
from tests.system.lab import require_tool, unavailable

TEXT = "a text to look for"
APPEND, ACK = b"UN\x01\x03", b"UN\x01\x04"

CALLS = "pwrite64,write,fsync,fdatasync,sendto,sendmsg,sendmmsg,recvfrom,recvmsg"
_CALL = re.compile(r"^\d+ +(?P<name>\w+)\((?P<descriptor>\d+<[^>]*>)(?P<rest>.*)$")


def tracer(trace: Path) -> list[str]:
    require_tool("strace")
    return ["strace", "-f", "--seccomp-bpf", "-qq", "-y", "-xx", "-s", "8192", "-e", f"trace={CALLS}", "-o", str(trace)]


def as_traced(data: bytes) -> str:
    """`data` as strace writes it."""
    return "".join(f"\\x{byte:02x}" for byte in data)


def steps(trace: Path, database: str) -> list[str]:
    """The steps in `trace`, in order, each once in a row: written, synced, and the datagrams received and sent."""
    found: list[str] = []
    for call in map(_CALL.match, trace.read_text().splitlines()):
        step = _step(call["name"], call["descriptor"], call["rest"], database) if call else None
        if step is not None and step not in found[-1:]:
            found.append(step)
    return found


def _step(name: str, descriptor: str, rest: str, database: str) -> str | None:
    in_database = database.encode().hex() in descriptor.replace("\\x", "") or database in descriptor
    match name:
        case "fsync" | "fdatasync" if in_database:
            return "synced"
        case "pwrite64" | "write" if in_database and as_traced(TEXT.encode()) in rest:
            return "written"
        case "recvfrom" | "recvmsg" if as_traced(APPEND) in rest:
            return "APPEND received"
        case "sendto" | "sendmsg" | "sendmmsg" if as_traced(APPEND) in rest:
            return "APPEND sent"
        case "sendto" | "sendmsg" | "sendmmsg" if as_traced(ACK) in rest:
            return "ACK sent"
    return None


def require_trace(process: Process) -> None:
    """Skip the test, or fail it where required, if strace may not trace here."""
    if "Operation not permitted" in process.errors:
        unavailable(f"strace may not trace here: {process.errors.splitlines()[0]}")


@pytest.mark.parametrize("is_known", [False, True], ids=["a new installation", "a known notebook"])
def test_an_entry_is_on_the_clients_disk_before_its_first_datagram_leaves(pair: Pair, tmp_path: Path, is_known: bool) -> None:
    server = pair.kitchen.serve()
    if is_known:
        pair.laptop.succeed("send", "to know the notebook")
    trace = tmp_path / "client.trace"
    client = pair.laptop.start("send", TEXT, under=tracer(trace))
    result = client.wait()
    require_trace(client)
    assert result.code == 0, result.err
    taken = steps(trace, "outbox.sqlite3")
    before = taken[: taken.index("APPEND sent")]
    assert "written" in before, taken
    assert "synced" in before[before.index("written") :], taken
    assert TEXT in server.texts()


def test_an_entry_is_on_the_servers_disk_before_it_is_acknowledged(pair: Pair, tmp_path: Path) -> None:
    trace, notebook = tmp_path / "server.trace", pair.kitchen.home / "notebook.sqlite3"
    pair.kitchen.serve(notebook=notebook).stop()  # before, because the trace of that would be long
    server = pair.kitchen.serve("--quiet", notebook=notebook, under=tracer(trace))
    require_trace(server.process)
    pair.laptop.succeed("send", TEXT)
    eventually(lambda: "ACK sent" in steps(trace, "notebook.sqlite3"), "the trace has the acknowledgement")
    taken = steps(trace, "notebook.sqlite3")
    received, acknowledged = taken.index("APPEND received"), taken.index("ACK sent")
    assert taken[acknowledged - 2 : acknowledged] == ["written", "synced"], taken
    assert received < acknowledged - 2, taken
