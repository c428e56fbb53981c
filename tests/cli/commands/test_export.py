"""`udpnote export`: all notes or some, in each format, in a file that is whole or not there."""

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.exports import notes
from tests.support.machine import Machine, note
from tests.support.processes import Process, eventually


@pytest.fixture
def diary(machine: Machine) -> Machine:
    """A served notebook of four notes from several days and authors; note 3 is revised, note 4 deleted."""
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


def drafts(folder: Path) -> list[Path]:
    """The unfinished files of exports into `folder`."""
    return list(folder.glob("*.udpnote"))


def content(file: Path) -> str | None:
    return file.read_text() if file.exists() else None


def test_text_and_markdown_have_the_notes_as_they_are_now_in_utf_8_whatever_the_locale(diary: Machine) -> None:
    text = diary.run("export", "--format", "text").out
    assert text.encode() == (
        b"2026/11/21 08:00:00\nfirst #milk *stars*\n\n2026/11/22 08:00:00\nsecond\xe2\x90\x87\xe2\x90\x9b[2J\n\n"
        b"2026/11/23 08:00:00\nthird, revised #milk\n\n"
    )
    markdown = diary.run("export --format markdown --tag milk").out
    assert markdown == (
        "# 厨房\n\n## 2026-11-21\n\n- **08:00:00** amy@pi · #1\n\n  first #milk \\*stars\\*\n"
        "\n## 2026-11-23\n\n- **08:00:00** lin@desk · #3\n\n  third, revised #milk\n"
    )
    export = "PYTHONIOENCODING=gb18030 udpnote export --format markdown --tag milk"
    assert diary.shell(f"{export} | cat; {export} -o /dev/stdout | cat").out == markdown * 2


def test_the_ending_chooses_the_format_and_a_file_keeps_its_permissions(diary: Machine, tmp_path: Path) -> None:
    starts = dict.fromkeys([".jsonl", ".ndjson", ""], '{"number": 1') | {".md": "# ", ".MARKDOWN": "# ", ".txt": "2"}
    starts |= {".csv": "\ufeffnumber,", ".html": "<!DOCTYPE html>", ".HTM": "<!D"}
    for ending, start in starts.items():
        path = tmp_path / f"notes{ending}"
        diary.refused(f"export -o {path}", code=0, facts=[path])
        assert (path.read_text()[: len(start)], path.stat().st_mode & 0o777) == (start, 0o600), "only its owner can read it"
        path.chmod(0o644)
        diary.run(f"export -o {path} --format text")
        assert (path.read_text()[:11], path.stat().st_mode & 0o777) == ("2026/11/21 ", 0o644)


def test_a_file_with_an_unknown_ending_is_not_made_and_a_hyphen_is_standard_output(diary: Machine, tmp_path: Path) -> None:
    for name in ("y.pdf", "y.csv.gz", "y.json", "y.xlsx", "2026.11.27"):
        path = tmp_path / name
        diary.refused(f"export -o {path}", code=2, facts=[path, path.suffix, ".csv", "--format"])
        assert not path.exists()
        diary.refused(f"export -o {path} --format csv", code=0, facts=[path])
    table = diary.run("export --format csv").out
    assert diary.shell(f"cd {tmp_path}; udpnote export --format csv -o - | cat; ls ./-").out == table
    assert table.splitlines()[-1] == '3,2026-11-23 08:00:00,UTC+08:00,lin@desk,"third, revised #milk"'
    page = diary.run("export --format html --tag milk").out
    assert (page.count("<article"), "厨房</h1>" in page, page.endswith("</html>\n")) == (2, True, True)


@pytest.mark.parametrize("form", ["markdown", "text", "csv", "html"])
def test_notes_for_people_come_in_the_order_of_writing_and_json_lines_in_that_of_storing(diary: Machine, form: str) -> None:
    diary.send("--at", "2026-11-20 12:00", "the earliest, written down last")
    exported = diary.run(f"export --format {form}").out
    assert exported.index("the earliest") < exported.index("first #milk") < exported.index("third, revised")
    assert "the earliest" in diary.run("export").lines[-1]


def test_a_filter_exports_the_notes_that_a_list_shows_with_their_versions(diary: Machine) -> None:
    for options, found in (
        ("", [(n, "note") for n in (1, 2, 3, 4)] + [(5, "revision"), (6, "deletion")]), ("--on 2026-11-22", [(2, "note")]),
        ("--tag '#milk' --author lin", [(3, "note"), (5, "revision")]),
    ):  # fmt: skip
        assert [(each["number"], each["kind"]) for each in diary.json(f"export {options}")] == found


def test_an_export_to_a_terminal_does_not_harm_it(diary: Machine) -> None:
    for form in ("jsonl", "text", "markdown", "csv", "html"):
        shown = diary.show(f"export --format {form}").raw
        assert ("third" in shown, {"\x07", "\x1b"} & set(shown)) == (True, set())


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Machine, Process]]:
    """A machine and its server, whose notebook is so large that an export takes a while. Tests may only read it."""
    machine = Machine(tmp_path_factory.mktemp("large"))
    source = machine.home / "source"
    source.write_text(notes(*(f"{number} {'x' * 1000}" for number in range(10_000))).jsonl)
    assert machine.run(f"import --file {machine.notebook} {source}").code == 0
    yield machine, machine.serve_process()
    machine.close()


TRIES = 10
"""How often a test starts an export of `large` to stop it in the middle. On a fast machine, some end too early."""


def _stopped_in_the_middle(machine: Machine, server: Process, file: Path, before: str | None) -> Process:
    """Start an export into `file`, and stop its server after a part is written. `before` is the content of `file`, if any."""
    for _ in range(TRIES):
        exporting = machine.start("export", "-o", str(file), "--wait", "60")
        eventually(lambda: any(draft.stat().st_size for draft in drafts(file.parent)) or content(file) != before)
        server.signal(signal.SIGSTOP)
        if content(file) == before:
            return exporting
        server.signal(signal.SIGCONT)
        exporting.end()
        file.unlink() if before is None else file.write_text(before)
    raise AssertionError("each export was faster than this test")


def test_an_export_that_is_interrupted_leaves_the_file_as_it_was(large: tuple[Machine, Process], file: Path) -> None:
    machine, server = large
    for number, code, before in (
        (signal.SIGINT, 130, None), (signal.SIGHUP, 129, None), (signal.SIGTERM, 143, "before"), (signal.SIGKILL, -9, "before"),
    ):  # fmt: skip
        if before is not None:
            file.write_text(before)
        exporting = _stopped_in_the_middle(machine, server, file, before)
        result = exporting.end(number)
        server.signal(signal.SIGCONT)
        assert (result.code, bool(result.err), content(file)) == (code, number != signal.SIGKILL, before)
        assert bool(drafts(file.parent)) is (number == signal.SIGKILL)


def test_an_export_that_fails_names_the_file_and_leaves_it_as_it_was(machine: Machine, tmp_path: Path, file: Path) -> None:
    machine.keep(note(1, "one"))
    file.write_text("before")
    machine.refused(f"export -o {file} --wait 0.2", code=69)
    for path in (tmp_path / "nowhere" / "notes.jsonl", tmp_path, "/proc/notes.jsonl", "/dev/full"):
        said = machine.refused(f"export --file {machine.notebook} -o {path}", facts=[path])
        assert ("cut short" in said) is (path == "/dev/full"), "only that file can be opened"
    assert (file.read_text(), drafts(tmp_path), os.path.exists("/dev/full")) == ("before", [], True)


def test_a_long_export_shows_its_progress_on_a_terminal_and_ends_silently_when_its_reader_leaves(
    large: tuple[Machine, Process],
) -> None:
    machine, _ = large
    terminal = machine.terminal()
    reading, writing = os.pipe()
    exporting = machine.start("export", stdout=writing, stderr=terminal.descriptor)
    os.close(writing)
    data = b""
    while not re.search(r"\d+ entries, [\d,]+/s .*\d:\d\d:\d\d", terminal.text):
        data += (piece := os.read(reading, 1 << 16))
        assert piece, "all was written without progress"
        time.sleep(0.02)  # a slow reader makes it last, however fast the machine is
    os.close(reading)
    assert (exporting.end().code, data[:13], b"entries" in data) == (1, b'{"number": 1,', False)
    assert "udpnote:" not in terminal.text
