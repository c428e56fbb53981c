"""Lines are written in the background: in order, and without holding up the caller."""

import os
from contextlib import closing
from functools import partial
from queue import SimpleQueue
from typing import TextIO

import pytest

from tests.support.processes import DEADLINE_SECONDS, Output, eventually
from udpnote.cli.terminal.background_writer import CHARACTERS_MAX, LINES_MAX, BackgroundWriter

Pipe = tuple[int, TextIO]


@pytest.fixture
def pipe() -> Pipe:
    """A pipe: the descriptor to read from, and the stream to write to."""
    reading, writing = os.pipe()
    return reading, open(writing, "w", encoding="ascii", errors="backslashreplace")


def write(writer: BackgroundWriter, *lines: str) -> None:
    for line in lines:
        writer.write(partial(str, line), len(line))


@pytest.mark.parametrize(
    ("line", "kept"), [("x" * (CHARACTERS_MAX // 3), 2), ("short", LINES_MAX)], ids=["characters", "lines"]
)
def test_a_stopped_output_skips_lines_and_reports_how_many_once_it_goes_on(pipe: Pipe, line: str, kept: int) -> None:
    (reading, stream), skipped, first = pipe, SimpleQueue[int](), SimpleQueue[str]()
    writer = BackgroundWriter(stream, skipped.put)
    writer.write(partial(first.get), CHARACTERS_MAX)  # a line is written whatever its length, if none waits before it
    first.put("y" * CHARACTERS_MAX)
    eventually(first.empty)  # from here on the writer is stuck
    lines = [f"{line} {number}\n" for number in range(kept + 5)]
    write(writer, *lines)
    shown = Output(reading)
    assert skipped.get(timeout=DEADLINE_SECONDS) == 5
    writer.close()
    stream.close()
    assert shown.finish().lstrip("y") == "".join(lines[:kept])
    os.close(reading)


def test_lines_that_cannot_be_written_are_lost_alone_and_strange_characters_are_escaped(pipe: Pipe) -> None:
    reading, stream = pipe
    os.close(reading)
    with closing(BackgroundWriter(stream, print)) as writer:
        write(writer, "nobody reads this\n")
    reading, writing = os.pipe()
    os.dup2(writing, stream.fileno())
    os.close(writing)
    with stream, closing(BackgroundWriter(stream, print)) as writer:
        write(writer, "今 \ud800\n")
    with open(reading, encoding="ascii") as shown:
        assert shown.read() == "\\u4eca \\ud800\n"
