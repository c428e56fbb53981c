"""Standard input as lines and as one text, also if a line never ends."""

import io
from pathlib import Path

import pytest

from tests.support.machine import Machine
from tests.support.processes import eventually, memory_bytes_max
from udpnote.cli.input_lines import next_line
from udpnote.model.entry import TEXT_BYTES_MAX


def test_of_a_line_that_is_too_long_for_an_entry_the_rest_is_skipped() -> None:
    file = io.StringIO(f"今天\n\n{'x' * 3 * TEXT_BYTES_MAX}\nafter it")
    lines = [next_line(file) for _ in range(4)]
    assert [lines[0], lines[1], lines[3]] == ["今天", "", "after it"]
    assert TEXT_BYTES_MAX < len(lines[2]) < 2 * TEXT_BYTES_MAX
    with pytest.raises(EOFError):
        next_line(file)


@pytest.mark.parametrize("command", ["write", "send"])
def test_a_line_without_end_takes_little_memory(machine: Machine, command: str) -> None:
    with open("/dev/zero", "rb") as endless:
        process = machine.start(command, stdin=endless)
    counts = Path(f"/proc/{process.pid}/io")
    eventually(lambda: int(counts.read_text().split()[1]) > 256 << 20, "256 MiB are read")
    assert memory_bytes_max(process.pid) < 128 << 20


def test_what_must_be_short_is_read_only_so_far(machine: Machine) -> None:
    for command in ("join", "edit 1 -", "send --whole", "import -", "cat /dev/zero | udpnote import -"):
        line = command if command.startswith("cat") else f"udpnote {command} < /dev/zero"
        result = machine.shell(f"ulimit -v 1000000; {line}")
        assert (result.code in (1, 2), result.err.startswith("udpnote: ")) == (True, True), result
