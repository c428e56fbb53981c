"""Measurements of short commands, each from the start of its process to its end."""

import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from socket import create_server
from statistics import median

from tests.benchmarks.measures import ROUNDS, Row, at_most, server_process, show_progress
from tests.benchmarks.references import Run, measured_run
from tests.benchmarks.workers import process
from tests.support.processes import COMMAND

RUNS = 10
"""How often each command runs in each round. The commands take turns, so that other work of the machine delays all of them."""

NAIVE_CLIENT = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
    connection.sendall(sys.argv[2].encode() + b"\\n")
    print(connection.recv(4096).decode())
"""
"""A script as a user of Python's socket module would write it: sends a line by TCP, and prints the answer."""


def start_up(folder: Path) -> Iterator[Row]:
    """Measure a one-shot send to a remembered notebook against a naive TCP client, and other commands against `import typer`.

    Processor time does not include the time that the commands wait. So the send is measured by the clock as well.
    """
    home, script = folder / "home-of-short-commands", folder / "naive_client.py"
    data = home / ".local" / "share" / "udpnote"
    data.mkdir(mode=0o700, parents=True)
    script.write_text(NAIVE_CLIENT)
    with server_process(folder) as server, process(_answer_lines) as line_port:
        with server.client(data / "outbox.sqlite3") as client:
            client.send("the first one is remembered")
        unset = dict.fromkeys(("UDPNOTE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"), "")
        environ = unset | {"HOME": str(home), "UDPNOTE_PORT": str(server.port), "PYTHONDONTWRITEBYTECODE": ""}
        commands = {
            "naive client": [sys.executable, str(script), str(line_port), "some text"],
            "import typer": [sys.executable, "-c", "import typer"],
            "send": [COMMAND, "send", "some text"],
            "list -n 5": [COMMAND, "list", "-n", "5"],
            "find --timeout 0.1": [COMMAND, "find", "--timeout", "0.1"],
            "--help": [COMMAND, "--help"],
        }
        for command in commands.values():
            measured_run(command, environ)  # so that everything has bytecode, as pip makes it
        rounds = [_round(commands, environ) for _ in range(ROUNDS)]
    yield _ratio("one-shot send / naive TCP client: processor time", rounds, "send", "naive client", 2.2)
    yield _ratio("one-shot send / naive TCP client: by the clock", rounds, "send", "naive client", 2.2, figure="seconds")
    for name in ("list -n 5", "find --timeout 0.1", "--help"):
        yield _ratio(f"{name} / import typer: processor time", rounds, name, "import typer", 1.2)


def _round(commands: dict[str, list[str]], environ: dict[str, str]) -> dict[str, list[Run]]:
    """Run each of `commands` `RUNS` times, and return the runs by the names of the commands."""
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(RUNS):
        for name, command in commands.items():
            runs[name].append(measured_run(command, environ))
    shown = ", ".join(f"{name} {_milliseconds(of_one, 'processor_seconds'):.0f} ms" for name, of_one in runs.items())
    show_progress(f"short commands, processor time: {shown}")
    return runs


def _ratio(
    what: str, rounds: list[dict[str, list[Run]]], ours: str, other: str, target: float, *, figure: str = "processor_seconds"
) -> Row:
    """Make a row for the ratio of the command `ours` to the command `other`: of the medians of `figure` in each round."""
    ratios = [_milliseconds(runs[ours], figure) / _milliseconds(runs[other], figure) for runs in rounds]
    return at_most(what, ratios, target, f"{median(_milliseconds(runs[ours], figure) for runs in rounds):.0f} ms")


def _milliseconds(runs: list[Run], figure: str) -> float:
    """Return the median of the field `figure` of `runs`, which is in seconds, in milliseconds."""
    return 1000 * median(float(getattr(run, figure)) for run in runs)


def _answer_lines(report: Connection) -> None:
    """Serve TCP clients: send each one its line back."""
    with create_server(("127.0.0.1", 0)) as server:
        report.send(server.getsockname()[1])
        while True:
            connection, _ = server.accept()
            with connection:
                connection.sendall(connection.recv(4096))
