"""Clients that may be killed: each has an outbox of its own, and knows which of its lines that outbox has taken."""

from tests.support.notebook_files import read
from tests.support.processes import Process, Result
from tests.system.lab import Host, lines_of

SECONDS_MAX = 180.0
"""A client that takes longer than this hangs, even beside two hundred others."""


class Writer:
    """A client on `host`. Its outbox has taken the lines `expected`, and the notebook must get each of them once."""

    def __init__(self, host: Host, name: str) -> None:
        self._host, self._name = host, name
        self.home = host.home / name
        self.home.mkdir(mode=0o700)
        self.expected: list[str] = []
        self._lines: list[str] = []
        self._batches = 0
        self.process: Process | None = None

    def start(self, lines: int) -> Process:
        """Start to send `lines` new lines, with a minute's wait for each answer."""
        self.settle()
        self._batches += 1
        self._lines = lines_of(f"{self._name}, batch {self._batches}, line", lines)
        self.process = self._start("send", "--wait", "60", lines=self._lines)
        return self.process

    def kill(self) -> None:
        """Kill the command with SIGKILL, unless it has ended."""
        if self.process is not None:
            self.process.kill()
        self.settle()

    def settle(self) -> None:
        """After the command has ended, add to `expected` those of its lines, the first ones, that the outbox has taken."""
        self.expected += self._lines[: self._taken() - len(self.expected)]
        self._lines = []

    def send_waiting(self) -> Result:
        """Send what waits in the outbox. The earlier command must have ended."""
        self.settle()
        result = self._start("outbox", "--send").wait(SECONDS_MAX)
        assert result.code == 0, result.err
        return result

    def _start(self, *arguments: str, lines: list[str] | None = None) -> Process:
        return self._host.start(*arguments, lines=lines or [], environ={"UDPNOTE_HOME": str(self.home)})

    def _taken(self) -> int:
        """How many entries the outbox has ever taken."""
        outbox = self.home / "outbox.sqlite3"
        return int(read(outbox, "next_sequence FROM sequences")[0][0]) - 1 if outbox.exists() else 0
