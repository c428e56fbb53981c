"""`udpnote bench`: measures the disk, this host and the network, changes nothing, and leaves nothing behind."""

import signal
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.json_page import differences
from tests.support.machine import Machine
from tests.support.processes import eventually, free_port


def leftovers(machine: Machine) -> list[str]:
    """The temporary folders of `bench`, and the command lines of the processes that use them."""
    found = [str(path) for path in machine.home.glob("udpnote-bench-*")]
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # the process has just ended
            command = path.read_bytes()
            if str(machine.home).encode() in command:
                found.append(command.decode())
    return found


def test_bench_measures_this_host_and_the_network_and_writes_nothing_also_after_a_change_of_key(machine: Machine) -> None:
    machine.serve("厨房", sealed=True)
    machine.send("the only entry")
    machine.run("key rotate")
    before = machine.outbox.read_bytes()
    [found] = machine.json("bench", "--json", UDPNOTE_SERVER="", UDPNOTE_PORT=str(machine.port))
    assert differences("bench", [found]) == set()
    [disk], host, notebook = found["disks"], found["host"], found["lan"]
    assert (disk["files"], disk["folder"]) == (["outbox", "notebook"], str(machine.home))
    assert disk["fsyncs"] > 0 < host["sends"]
    assert 0 < host["send_median_ms"] <= host["send_p99_ms"]
    assert host["entries_per_second"] > 0
    assert (notebook["name"], notebook["port"], notebook["datagrams"]) == ("厨房", machine.port, 100)
    assert (machine.texts(), machine.outbox.read_bytes(), leftovers(machine)) == (["the only entry"], before, [])


def test_without_the_named_server_bench_measures_this_host_and_exits_69(machine: Machine) -> None:
    other = free_port()
    result = machine.run("bench", "--server", f"127.0.0.1:{other}", COLUMNS="40", UDPNOTE_NOTEBOOK="")
    assert (result.code, str(other) in result.err, max(map(len, result.lines)) <= 40) == (69, True, True)
    assert [fact for fact in ("fsync", "a second", "█") if fact not in result.out] == []
    assert "round trip" not in result.out
    assert not machine.home.exists(), "bench has removed its folders"
    machine.refused("bench --port 99999", code=2, facts=["99999"])


@pytest.mark.parametrize(("number", "file"), [(signal.SIGINT, "outbox"), (signal.SIGKILL, "notebook")])
def test_a_killed_bench_leaves_no_files_and_no_processes(machine: Machine, number: signal.Signals, file: str) -> None:
    machine.home.mkdir(mode=0o700)
    bench = machine.start("bench")
    bench.expect("fsync")
    eventually(lambda: any(machine.home.glob(f"udpnote-bench-*/{file}.sqlite3")), "the client or the server has its file")
    assert len(leftovers(machine)) == 3, "two folders, and the server's process"
    if number == signal.SIGINT:
        bench.interrupt()
    else:
        bench.signal(number)
    assert bench.wait().code == (130 if number == signal.SIGINT else -number)
    eventually(lambda: not leftovers(machine), "everything is removed")
