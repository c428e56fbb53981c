"""Standard input as lines and as one text, also if a line never ends."""

import io
import os
import threading
from pathlib import Path

import pytest

from tests.support.machine import Machine, note
from tests.support.processes import COMMAND, eventually, memory_bytes_max
from udpnote.cli.terminal.input_lines import CHUNK_BYTES, START_BYTES, InputLines, next_line
from udpnote.errors import Notice
from udpnote.model.entry import TEXT_BYTES_MAX


def test_the_rest_of_a_line_too_long_for_an_entry_is_skipped() -> None:
    file = io.StringIO(f"今天\n\n{'x' * 3 * TEXT_BYTES_MAX}\nafter it")
    lines = [next_line(file) for _ in range(4)]
    assert [lines[0], lines[1], lines[3]] == ["今天", "", "after it"]
    assert TEXT_BYTES_MAX < len(lines[2]) < 2 * TEXT_BYTES_MAX
    with pytest.raises(EOFError):
        next_line(file)


@pytest.mark.parametrize(
    ("typed", "texts", "blank", "bad"),
    [
        ("\ufeffone\r\n\n \t\r\ntwo\rtwo\n\u3000\n three \u2028".encode(), ["one", "two\rtwo", " three \u2028"], 3, []),
        ("今天\n".encode() + b"\xff\n\nx\xc0\n" + "明天".encode(), ["今天", "明天"], 1, [2, 4]),
        (b"x" * (TEXT_BYTES_MAX + 1) + b"\n" + b"y" * TEXT_BYTES_MAX + b"\nz\n", ["y" * TEXT_BYTES_MAX, "z"], 0, [1]),
        (b"x\n" * CHUNK_BYTES + b"\xff\n", ["x"] * CHUNK_BYTES, 0, [CHUNK_BYTES + 1]),
        (b"\n", [], 1, []),
        (b"", [], 0, []),
    ],
)
def test_each_line_is_a_text_blank_ones_are_counted_and_bad_ones_reported(
    tmp_path: Path, typed: bytes, texts: list[str], blank: int, bad: list[int]
) -> None:
    (tmp_path / "typed").write_bytes(typed)
    bad_lines: list[Notice] = []
    with open(tmp_path / "typed", "rb") as file:
        lines = InputLines(file.fileno(), "utf-8", on_ready=lambda: None, on_idle=lambda: None, on_bad=bad_lines.append)
        assert [text for text in lines if text is not None] == texts
    assert (lines.blank_lines, [each.values["line"] for each in bad_lines]) == (blank, bad)
    assert (lines.bytes_read, lines.error) == (len(typed), None)


def test_a_line_of_which_only_the_beginning_is_kept_is_called_too_long_and_is_no_entry() -> None:
    reading, writing = os.pipe2(os.O_DIRECT)  # a read gives what one write has written, which is at most 4,096 bytes
    pieces = [b"\xef\xbb\xbf" + b"x" * 4091, *[b"x" * 4096] * 255, b"x" * 4, b"yy\n", *["中".encode() * 1365] * 300]

    def write() -> None:
        for piece in pieces:
            os.write(writing, piece)
        os.close(writing)

    threading.Thread(target=write, daemon=True).start()
    bad: list[Notice] = []
    lines = InputLines(reading, "utf-8", on_ready=lambda: None, on_idle=lambda: None, on_bad=bad.append)
    assert [text for text in lines if text is not None] == []
    assert [getattr(each.values["problem"], "notice", None) for each in bad] == [
        Notice("text_longer_than", bytes_max=1 << 20)
    ] * 2
    os.close(reading)


def test_the_thread_that_reads_ahead_takes_nothing_from_a_file_that_gets_the_same_descriptor() -> None:
    reading, writing = os.pipe()
    chunks: list[None] = []
    os.write(writing, b"\xff\xfe")
    lines = InputLines(reading, "utf-8", on_ready=lambda: chunks.append(None), on_idle=lambda: None, on_bad=lambda _: None)
    assert [text for text in lines if text is not None] == []  # nothing more is taken from the thread: the text is UTF-16
    next_reading, next_writing = os.pipe()
    os.dup2(next_reading, reading)
    os.write(writing, b"more")
    eventually(lambda: len(chunks) == 2, "the rest is read")
    os.write(next_writing, b"of another command")
    os.close(writing)
    eventually(lambda: len(chunks) == 3, "the thread has ended")
    os.close(next_writing)
    assert os.read(reading, CHUNK_BYTES) == b"of another command"
    os.close(next_reading)
    os.close(reading)


@pytest.mark.parametrize("command", ["write", "send"])
def test_a_line_without_end_takes_little_memory(machine: Machine, command: str) -> None:
    reading, writing = os.pipe()
    with open("/dev/zero", "rb") as zeros:
        machine.start("\\0", "x", command=("tr",), stdin=zeros, stdout=writing)
    process = machine.start(command, command=(COMMAND,), stdin=reading)
    for descriptor in (reading, writing):
        os.close(descriptor)
    counts = Path(f"/proc/{process.pid}/io")
    eventually(lambda: int(counts.read_text().split()[1]) > 160 << 20, "160 MiB are read")
    assert memory_bytes_max(process.pid) < 128 << 20


@pytest.mark.parametrize("encoding", ["UTF-16", "UTF-16BE"])
def test_nothing_of_a_text_in_utf_16_is_stored_and_the_command_that_converts_it_is_named(
    machine: Machine, encoding: str
) -> None:
    machine.keep(note(1, "one"))
    machine.serve()
    typed = "今天开会 🎉\nmilk\neggs\n".encode(encoding)
    for command, code in (("send", 1), ("send --whole", 2), ("edit 1 -", 2)):
        said = machine.refused(command, code=code, typed=typed)
        assert (said.count("\n"), f"iconv -f {encoding} -t UTF-8" in said) == (1, True)
    assert f"iconv -f {encoding}" in machine.run("write", typed=typed).err
    assert "byte 4 is NUL" in machine.refused("send --whole", code=2, typed=b"\xef\xbb\xbfone\0two")
    assert machine.texts() == ["one"]
    result = machine.send(typed=b"x" * START_BYTES + b"\n" + b"a\0b\n\xff\n" * 20 + b"two\n")
    assert (result.code, result.err.count("line "), result.err.count("NUL"), "20 more" in result.err) == (1, 20, 10, True)
    assert [text[:3] for text in machine.texts()] == ["one", "xxx", "two"]


def test_commands_stop_reading_an_endless_input(machine: Machine) -> None:
    for command in ("join", "edit 1 -", "send --whole", "import -", "cat /dev/zero | udpnote import -"):
        line = command if command.startswith("cat") else f"udpnote {command} < /dev/zero"
        result = machine.shell(f"ulimit -v 1000000; {line}")
        assert (result.code in (1, 2), result.err.startswith("udpnote: ")) == (True, True), result
