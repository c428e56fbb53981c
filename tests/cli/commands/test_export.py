"""`udpnote export`: all notes or some, in three formats, in a file that is whole or not there."""

import json
import os
import re
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.disks import fill
from tests.support.exports import notes
from tests.support.machine import Machine, note
from tests.support.processes import Process, eventually


@pytest.fixture
def diary(machine: Machine) -> Machine:
    """A server of notes of several days and authors; the third is revised, the fourth deleted."""
    machine.keep(
        note(1, "first #milk *stars*", "2026-11-21T08:00:00+08:00", author="amy@pi"),
        note(2, "second\x07\x1b[2J", "2026-11-22T08:00:00+08:00"),
        note(3, "third", "2026-11-23T08:00:00+08:00"),
        note(4, "gone", "2026-11-23T08:00:00+08:00"),
    )
    machine.serve("厨房")
    machine.run("edit", "3", "third, revised #milk")
    machine.run("delete", "4")
    return machine


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "notes.jsonl"


def drafts(folder: Path) -> list[Path]:
    return list(folder.glob("*.new"))


# Formats and filters


def test_text_and_markdown_have_the_notes_as_they_are_now(diary: Machine) -> None:
    text = diary.run("export", "--format", "text").out
    assert text.encode() == (
        b"2026/11/21 08:00:00\nfirst #milk *stars*\n\n2026/11/22 08:00:00\nsecond\x07\x1b[2J\n\n"
        b"2026/11/23 08:00:00\nthird, revised #milk\n\n"
    )
    markdown = diary.run("export", "--format", "markdown", "--tag", "milk").out
    assert markdown == (
        "# 厨房\n\n## 2026-11-21\n\n- **08:00:00** amy@pi · #1\n\n  first #milk \\*stars\\*\n"
        "\n## 2026-11-23\n\n- **08:00:00** lin@desk · #3\n\n  third, revised #milk\n"
    )


@pytest.mark.parametrize("form", ["jsonl", "text", "markdown"])
def test_a_notebooks_file_gives_the_same_beside_its_server(diary: Machine, form: str) -> None:
    beside = diary.run("export", "--format", form, "--notebook", str(diary.notebook))
    assert (beside.code, beside.err, beside.out) == (0, "", diary.run("export", "--format", form).out)


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("notes.jsonl", '{"number": 1'), ("notes.json", '{"number": 1'), ("notes.md", "# "), ("notes.MARKDOWN", "# "),
        ("notes.txt", "2"), ("notes", '{"number": 1'),
    ],
)  # fmt: skip
def test_the_files_name_says_the_format(diary: Machine, tmp_path: Path, name: str, start: str) -> None:
    path = tmp_path / name
    result = diary.run("export", "-o", str(path))
    assert (result.code, result.out) == (0, "")
    assert str(path) in result.err
    assert path.read_text().startswith(start)
    diary.run("export", "-o", str(path), "--format", "text")
    assert path.read_text().startswith("2026/11/21 ")


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("", [1, 2, 3, 4]),
        ("--since 2026-11-22", [2, 3, 4]),
        ("--until 2026-11-22", [1, 2]),
        ("--on 2026-11-22", [2]),
        ("--author amy", [1]),
        ("--tag #milk --author lin", [3]),
    ],
)
def test_the_filters_are_those_of_the_list(diary: Machine, options: str, found: list[int]) -> None:
    lines = [json.loads(line) for line in diary.run("export", *options.split()).lines]
    assert [line["number"] for line in lines if line["kind"] == "note"] == found
    assert {line["kind"] for line in lines if line["number"] > 4} == ({"revision"} if 3 in found else set()) | (
        {"deletion"} if 4 in found else set()
    )


def test_a_filter_that_cannot_be_understood_is_wrong_usage_and_leaves_no_file(diary: Machine, file: Path) -> None:
    result = diary.run("export", "--since", "someday", "-o", str(file))
    assert (result.code, "--since" in result.err, file.exists()) == (2, True, False)


@pytest.mark.parametrize("form", ["jsonl", "text", "markdown"])
def test_an_export_on_a_terminal_does_no_harm(diary: Machine, form: str) -> None:
    shown = diary.show("export", "--format", form).raw
    assert "third" in shown
    assert not {"\x07", "\x1b"} & set(shown)


# Files that are whole or not there


def test_a_new_file_is_its_owners_only_and_an_old_one_keeps_its_permissions(diary: Machine, file: Path) -> None:
    for mode in (0o600, 0o644):
        assert diary.run("export", "-o", str(file)).code == 0
        assert file.stat().st_mode & 0o777 == mode
        file.chmod(0o644)


def begun(machine: Machine, server: Process, file: Path) -> Process:
    """An export to `file` that has begun, and waits for its server, which stands still."""
    exporting = machine.start("export", "-o", str(file), "--wait", "60")
    eventually(lambda: bool(drafts(file.parent)))
    server.signal(signal.SIGSTOP)
    assert not file.exists() or file.read_text() == "before", "the export was faster than this test"
    return exporting


@pytest.fixture(scope="module")
def large_notebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a notebook of more than is exported in a moment; nobody serves it."""
    folder = tmp_path_factory.mktemp("large")
    source, notebook = folder / "source", folder / "notebook.sqlite3"
    source.write_text(notes(*(f"{number} {'x' * 1000}" for number in range(10_000))).jsonl)
    assert Machine(folder).run("import", "--notebook", str(notebook), str(source)).code == 0
    return notebook


@pytest.fixture
def large(machine: Machine, large_notebook: Path) -> Machine:
    """A copy of it; nobody serves it yet."""
    machine.home.mkdir(mode=0o700)
    shutil.copy(large_notebook, machine.home)
    return machine


@pytest.mark.parametrize(
    ("number", "code", "before"),
    [(signal.SIGINT, 130, None), (signal.SIGTERM, 143, "before"), (signal.SIGHUP, 129, None), (signal.SIGKILL, -9, "before")],
)
def test_an_export_that_is_interrupted_leaves_the_file_as_it_was(
    large: Machine, file: Path, number: signal.Signals, code: int, before: str | None
) -> None:
    if before is not None:
        file.write_text(before)
    result = begun(large, large.serve_process(), file).end(number)
    assert (result.code, bool(result.err)) == (code, number != signal.SIGKILL)
    assert (file.read_text() if file.exists() else None) == before
    assert bool(drafts(file.parent)) is (number == signal.SIGKILL)


def test_a_server_that_does_not_answer_leaves_the_file_as_it_was(machine: Machine, file: Path) -> None:
    file.write_text("before")
    assert machine.run("export", "-o", str(file), "--wait", "0.2").code == 69
    assert (file.read_text(), drafts(file.parent)) == ("before", [])


def test_a_folder_that_is_not_there_or_may_not_be_written_is_named(diary: Machine, tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere" / "notes.jsonl", tmp_path, Path("/proc/notes.jsonl")):
        result = diary.run("export", "-o", str(path))
        assert (result.code, result.out, str(path) in result.err) == (1, "", True)


def test_a_full_disk_leaves_the_file_as_it_was(machine: Machine, small_disk: Path) -> None:
    file = small_disk / "notes.jsonl"
    machine.keep(*(note(n, "x" * 100_000) for n in range(1, 51)))
    file.write_text("before")
    filler = fill(small_disk)
    result = machine.run("export", "--notebook", str(machine.notebook), "-o", str(file))
    filler.unlink()
    assert (result.code, str(file) in result.err) == (1, True)
    assert (file.read_text(), drafts(small_disk)) == ("before", [])


def test_a_device_is_written_to_as_it_is_and_the_text_is_utf_8_whatever_the_locale(diary: Machine) -> None:
    assert "厨房" in diary.shell("PYTHONIOENCODING=gb18030 udpnote export --format markdown -o /dev/stdout | cat").out
    result = diary.run("export", "-o", "/dev/full")
    assert (result.code, "/dev/full" in result.err) == (1, True)
    assert os.path.exists("/dev/full")


def test_a_reader_that_leaves_ends_the_export_without_a_word(large: Machine) -> None:
    large.serve()
    result = large.shell("udpnote export | head -n 1; echo ${PIPESTATUS[0]}")
    assert result.lines[0].startswith('{"number": 1,')
    assert (result.lines[1:], result.err) == (["1"], "")


def test_a_long_export_shows_its_progress_on_a_terminal(large: Machine) -> None:
    large.serve()
    terminal = large.terminal()
    reading, writing = os.pipe()
    exporting = large.start("export", stdout=writing, stderr=terminal.descriptor)
    os.close(writing)
    data = b""
    while not re.search(r"\d+ entries, [\d,]+/s .*\d:\d\d:\d\d", terminal.text):
        data += os.read(reading, 1 << 16)
        assert len(data) < 10_000_000, "all was written without progress"
        time.sleep(0.02)  # a slow reader makes it last, however fast the machine is
    os.close(reading)
    assert exporting.end().code == 1
    assert b"entries" not in data
