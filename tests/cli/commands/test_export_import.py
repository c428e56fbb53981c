"""`udpnote export` and `udpnote import`: what comes out goes in again, the same and once, and is never half there."""

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.disks import fill
from tests.support.exports import mixed_log, notes
from tests.support.golden import OTHER_CLIENT_ID
from tests.support.machine import Machine, note
from tests.support.processes import Process, eventually, free_port

GOLDEN = "2019/05/09 16:37:08\n我是一个中文\n\n".encode()
"""What the old notebook wrote."""


@pytest.fixture
def served(machine: Machine) -> Machine:
    machine.serve("--quiet")
    return machine


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Machine]:
    """Another machine, with a server and an empty notebook."""
    machine = Machine(tmp_path / "other", free_port())
    machine.serve("--quiet")
    yield machine
    machine.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "notes.jsonl"


def exported(machine: Machine, path: Path, *options: str) -> bytes:
    result = machine.run("export", "-o", str(path), *options)
    assert (result.code, result.out) == (0, ""), result
    return path.read_bytes()


def imported(machine: Machine, path: Path, *options: str) -> dict[str, int]:
    """What `import --json` says."""
    result = machine.run("import", "--json", str(path), *options)
    counts: dict[str, int] = json.loads(result.out)
    is_complete = not (counts["different"] or counts["orphaned"] or counts["bad_lines"])
    assert result.code == (0 if is_complete else 1), result
    return counts


def counts(**others: int) -> dict[str, int]:
    return {"imported": 0, "there_already": 0, "different": 0, "orphaned": 0, "bad_lines": 0} | others


def drafts(folder: Path) -> list[Path]:
    return list(folder.glob("*.new"))


# JSON lines are complete


def test_what_was_exported_is_the_same_after_it_was_imported_elsewhere(served: Machine, other: Machine, tmp_path: Path) -> None:
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    desk = str(tmp_path / "desk")
    served.send("今日记录", "--author", "小明")
    served.send("--whole", typed="长信，" * 11_000, UDPNOTE_HOME=desk)
    served.send(typed="".join(f"line {number}\n" for number in range(300)), UDPNOTE_HOME=desk)
    served.run("edit", "1", "今日记录：改过的")
    served.run("edit", "1", "改了又改", UDPNOTE_HOME=desk)
    served.run("delete", "7")
    before = exported(served, first)
    assert before.count(b"\n") == 305
    assert imported(other, first) == counts(imported=305)
    assert exported(other, second) == before
    assert imported(other, first) == counts(there_already=305)
    assert imported(served, second) == counts(there_already=305)
    assert exported(other, second) == before


def test_every_kind_of_text_and_history_comes_through(served: Machine, other: Machine, file: Path) -> None:
    log = mixed_log(400, seed=21)
    file.write_text(log.jsonl)
    assert imported(served, file) == counts(imported=400)
    assert exported(served, file) == log.jsonl.encode()
    assert imported(other, file) == counts(imported=400)
    assert other.run("export").out == log.jsonl


def test_an_empty_notebook_is_an_empty_file(served: Machine, file: Path) -> None:
    assert exported(served, file) == b""
    assert imported(served, file) == counts()


def test_in_a_notebook_that_is_not_empty_revisions_are_of_the_right_notes(served: Machine, file: Path) -> None:
    served.send(typed="here\nbefore\n")
    log = notes("first", "second", client_id=OTHER_CLIENT_ID)
    log.revise(2, "second, revised")
    log.delete(1)
    file.write_text(log.jsonl)
    result = served.run("import", str(file))
    assert (result.code, result.out, result.err) == (0, "", "udpnote: 4 entries imported\n")
    assert [line.partition("  amy@pi  ")[2] or line.partition("  小明  ")[2] for line in served.run("list").lines] == [
        "second, revised", "here", "before",
    ]  # fmt: skip


def test_what_differs_and_what_revises_nothing_is_named(served: Machine, file: Path) -> None:
    file.write_text(notes("one", "two").jsonl)
    imported(served, file)
    log = notes("one", "TWO", "three")
    log.revise(2, "TWO, revised")
    log.delete(4)
    file.write_text(log.jsonl)
    result = served.run("import", str(file))
    assert result.code == 1
    assert "1 entry imported, 1 there already, 1 differ from what is there, which is kept: #2\n" in result.err
    assert "2 not imported, because what they revise is not there: #4 (of #2), #5 (of #4)\n" in result.err
    assert imported(served, file) == counts(there_already=2, different=1, orphaned=2)
    assert served.texts() == ["one", "two", "three"]


def test_an_import_that_was_interrupted_is_gone_on_with_by_the_same_command(served: Machine, file: Path) -> None:
    log = notes(*(f"第{number}条" for number in range(5000)))
    file.write_text(log.jsonl)
    importing = served.start("import", str(file))
    eventually(lambda: (served.home / "notebook.sqlite3").exists() and len(served.texts()) > 0)
    importing.interrupt()
    result = importing.end()
    assert result.code == 130
    assert "import the same file again to go on" in result.err
    assert 0 < len(served.texts()) < 5000
    result = served.run("import", str(file))
    assert (result.code, "there already" in result.err) == (0, True)
    assert exported(served, file) == log.jsonl.encode()


@pytest.mark.parametrize("command", ["udpnote import - < {}", "cat {} | udpnote import -", "udpnote import <(cat {})"])
def test_a_stream_is_imported_like_a_file(served: Machine, file: Path, command: str) -> None:
    log = mixed_log(50, seed=22)
    file.write_text(log.jsonl)
    result = served.shell(command.format(file))
    assert (result.code, result.err) == (0, "udpnote: 50 entries imported\n")
    assert served.run("export").out == log.jsonl


# The old notebook's text file


def test_the_old_notebooks_file_comes_back_as_it_was(served: Machine, tmp_path: Path) -> None:
    old, new = tmp_path / "old.txt", tmp_path / "new.txt"
    old.write_bytes(GOLDEN + "2019/05/09 16:37:09\n两行\n的记录\n\n".encode())
    assert imported(served, old, "--author", "小明") == counts(imported=2)
    assert exported(served, new) == old.read_bytes()
    assert {row.author for row in served.rows()} == {"小明"}
    assert served.rows()[0].written_at == 1_557_391_028_000_000


def test_a_text_file_adds_nothing_the_second_time_whoever_and_wherever_it_is_imported(served: Machine, tmp_path: Path) -> None:
    old = tmp_path / "old.txt"
    old.write_bytes(GOLDEN + GOLDEN.replace(b"09 16", b"10 16") + GOLDEN)
    assert imported(served, old) == counts(imported=2, there_already=1)
    assert imported(served, old, "--author", "somebody") == counts(there_already=3)
    result = served.run("import", str(old), TZ="UTC")
    assert (result.code, result.err) == (0, "udpnote: 0 entries imported, 3 there already\n")
    assert served.rows()[0].author == "amy@pi"


def test_a_text_file_from_another_system_is_read(served: Machine, tmp_path: Path) -> None:
    old = tmp_path / "old.txt"
    old.write_bytes(b"\xef\xbb\xbf" + GOLDEN.replace(b"\n", b"\r\n") + b"2019/05/10 00:00:00\r\nno newline at its end")
    assert imported(served, old) == counts(imported=2)
    assert served.texts() == ["我是一个中文", "no newline at its end"]


# What is no export


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"Dear diary\n", "neither JSON lines"),
        (b"\x7fELF\x02\x01\x01" + bytes(1000), "neither JSON lines"),
        (b'[{"number": 1}]\n', "neither JSON lines"),
        ("今日记录\n".encode("gb18030"), "iconv -f GB18030 -t UTF-8"),
        ("今日记录\n".encode("utf-16"), "iconv"),
    ],
    ids=["prose", "a program", "a list", "GB18030", "UTF-16"],
)
def test_nothing_is_imported_of_what_is_no_export(served: Machine, file: Path, data: bytes, complaint: str) -> None:
    file.write_bytes(data)
    result = served.run("import", "--json", str(file))
    assert (result.code, result.out) == (1, "")
    assert complaint in result.err
    assert served.texts() == []


def test_bad_lines_are_told_by_their_number_and_the_others_are_imported(served: Machine, file: Path) -> None:
    lines = notes("one", "two", "three").jsonl.splitlines()
    file.write_text("\n".join([lines[0], '{"number": 2', "", lines[1].replace("two", "  "), lines[2]]))
    result = served.run("import", str(file))
    assert result.code == 1
    assert re.search(r"line 2: not JSON .*; it is not imported\n", result.err)
    assert re.search(r"line 4: text: the text is empty.*\n", result.err)
    assert result.err.endswith("udpnote: 2 entries imported\n")
    assert served.texts() == ["one", "three"]
    assert imported(served, file) == counts(there_already=2, bad_lines=2)


def test_of_many_bad_lines_some_are_shown_and_all_are_counted(served: Machine, file: Path) -> None:
    file.write_text(notes("one").jsonl + "{}\n" * 1000)
    result = served.run("import", str(file))
    assert result.err.count("number is missing") + result.err.count("kind is missing") == 20
    assert "980 more were not imported" in result.err
    assert served.texts() == ["one"]


def test_a_line_without_end_is_a_bad_one_and_fills_no_memory(served: Machine, file: Path) -> None:
    good = notes("one").jsonl
    with open(file, "w") as out:
        out.write(good)
        for _ in range(100):
            out.write('{"text": "' + "x" * 1_000_000)
        out.write("\n" + good.replace('"one"', '"two"').replace('"sequence": 1', '"sequence": 2'))
    command = f"ulimit -v 400000; udpnote import {file}"
    result = served.shell(command)
    assert (result.code, served.texts()) == (1, ["one", "two"]), result
    assert "line 2: it has more than" in result.err
    assert result.err.count("it is not imported") == 1


def test_blocks_in_another_encoding_are_told_with_the_remedy(served: Machine, file: Path) -> None:
    file.write_bytes(GOLDEN.decode().encode("gb18030") + GOLDEN)
    result = served.run("import", str(file))
    assert result.code == 1
    assert "the entry at line 1: the text is not valid UTF-8" in result.err
    assert "iconv -f GB18030 -t UTF-8" in result.err
    assert served.texts() == ["我是一个中文"]


def test_a_file_that_cannot_be_read_is_named(served: Machine, tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.jsonl", tmp_path):
        result = served.run("import", str(path))
        assert (result.code, result.out) == (1, "")
        assert f"cannot use {path}" in result.err


# Text and Markdown are the notes as they are now


@pytest.fixture
def revised(served: Machine) -> Machine:
    """A server whose notebook's first note is revised, and its second deleted."""
    served.send(typed="one\ntwo\nthree *stars*\n")
    served.run("edit", "1", "uno")
    served.run("delete", "2")
    return served


def test_text_has_the_notes_as_they_are_now(revised: Machine) -> None:
    blocks = revised.run("export", "--format", "text").out.split("\n\n")
    assert [block.partition("\n")[2] for block in blocks] == ["uno", "three *stars*", ""]
    assert re.fullmatch(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d", blocks[0].partition("\n")[0])


def test_markdown_has_the_notebooks_name_and_the_notes_as_they_are_now(machine: Machine, tmp_path: Path) -> None:
    machine.serve("--quiet", "--name", "厨房")
    machine.send(typed="one\n*two*\n")
    machine.run("delete", "1")
    text = exported(machine, tmp_path / "notes.md").decode()
    assert re.fullmatch(r"# 厨房\n\n## \d{4}-\d\d-\d\d\n\n- \*\*\d\d:\d\d:\d\d\*\* amy@pi · #2\n\n  \\\*two\\\*\n", text)
    assert machine.run("export", "--format", "markdown", "--notebook", str(machine.home / "notebook.sqlite3")).out == text


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("notes.jsonl", '{"number": 1'), ("notes.json", '{"number": 1'), ("notes.md", "# "), ("notes.MARKDOWN", "# "),
        ("notes.txt", "2"), ("notes", '{"number": 1'), ("notes.backup", '{"number": 1'),
    ],
)  # fmt: skip
def test_the_files_name_says_the_format(served: Machine, tmp_path: Path, name: str, start: str) -> None:
    served.send("one")
    assert exported(served, tmp_path / name).decode().startswith(start)
    assert exported(served, tmp_path / name, "--format", "text").decode().startswith("2")


def test_an_export_is_utf_8_whatever_the_locale(served: Machine) -> None:
    served.send("今天")
    assert "今天" in served.run("export", PYTHONIOENCODING="gb18030").out


def test_an_export_on_a_terminal_does_no_harm(served: Machine) -> None:
    served.send("--whole", typed="a bell\x07 and a line\x1b[2J\nanother")
    for form in ("jsonl", "text", "markdown"):
        shown = served.show("export", "--format", form).raw
        assert "another" in shown
        assert not {"\x07", "\x1b"} & set(shown)


# Some of the notes


@pytest.fixture
def several(machine: Machine) -> Machine:
    """A server of notes of several days and authors."""
    machine.keep(
        note(1, "first #milk", "2026-11-21T08:00:00+08:00", author="amy@pi"),
        note(2, "second", "2026-11-22T08:00:00+08:00"),
        note(3, "third #milk", "2026-11-23T08:00:00+08:00"),
    )
    machine.serve("--quiet")
    machine.run("edit", "3", "third, revised #milk")
    return machine


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ((), [1, 2, 3]),
        (("--since", "2026-11-22"), [2, 3]),
        (("--until", "2026-11-22"), [1, 2]),
        (("--on", "2026-11-22"), [2]),
        (("--author", "amy"), [1]),
        (("--tag", "milk"), [1, 3]),
        (("--tag", "#milk", "--author", "lin"), [3]),
    ],
)
def test_the_filters_are_those_of_the_list(several: Machine, options: tuple[str, ...], found: list[int]) -> None:
    for source in ((), ("--notebook", str(several.home / "notebook.sqlite3"))):
        lines = [json.loads(line) for line in several.run("export", *options, *source).lines]
        assert [line["number"] for line in lines if line["kind"] == "note"] == found
        assert [line["number"] for line in lines if line["kind"] == "revision"] == ([4] if 3 in found else [])
        text = several.run("export", "--format", "text", *options, *source).out
        words = [["first #milk", "second", "third, revised #milk"][number - 1] for number in found]
        assert re.findall(r":00\n(.*)\n\n", text) == words


def test_a_filter_that_cannot_be_understood_is_wrong_usage_and_leaves_no_file(several: Machine, file: Path) -> None:
    result = several.run("export", "--since", "someday", "-o", str(file))
    assert (result.code, "--since" in result.err) == (2, True)
    assert not file.exists()


# Files that are whole or not there


def test_the_summary_names_the_file_and_who_may_read_it_is_as_before(served: Machine, file: Path) -> None:
    served.send("one")
    assert served.run("export", "-o", str(file)).err == f"udpnote: 1 entry written to {file}\n"
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    exported(served, file)
    assert file.stat().st_mode & 0o777 == 0o644


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
    assert Machine(folder, free_port()).run("import", "--notebook", str(notebook), str(source)).code == 0
    return notebook


@pytest.fixture
def large(machine: Machine, large_notebook: Path) -> tuple[Machine, Process]:
    """A server of a copy of it."""
    machine.home.mkdir(mode=0o700)
    shutil.copy(large_notebook, machine.home)
    return machine, machine.serve("--quiet")


@pytest.mark.parametrize("is_there", [False, True], ids=["no file before", "a file before"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_an_export_that_is_interrupted_leaves_nothing_and_says_so(
    large: tuple[Machine, Process], file: Path, number: signal.Signals, code: int, is_there: bool
) -> None:
    if is_there:
        file.write_text("before")
    exporting = begun(*large, file)
    result = exporting.end(number)
    assert result.code == code
    assert "nothing of it is left" in result.err
    assert (file.read_text() if file.exists() else None) == ("before" if is_there else None)
    assert not drafts(file.parent)


def test_an_export_that_is_killed_leaves_no_half_file_under_the_name(large: tuple[Machine, Process], file: Path) -> None:
    begun(*large, file).end(signal.SIGKILL)
    assert not file.exists()
    large[1].signal(signal.SIGCONT)
    assert exported(large[0], file).count(b"\n") == 10_000


def test_a_server_that_falls_silent_leaves_the_file_that_was_there(served: Machine, file: Path) -> None:
    served.send("one")
    file.write_text("before")
    result = served.run("export", "-o", str(file), "--wait", "0.2", UDPNOTE_SERVER=f"127.0.0.1:{free_port()}")
    assert result.code == 69
    assert (file.read_text(), drafts(file.parent)) == ("before", [])


def test_a_folder_that_is_not_there_or_may_not_be_written_is_named(served: Machine, tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere" / "notes.jsonl", tmp_path, Path("/proc/notes.jsonl")):
        result = served.run("export", "-o", str(path))
        assert (result.code, result.out) == (1, "")
        assert str(path) in result.err


def test_a_full_disk_leaves_the_file_that_was_there(machine: Machine, small_disk: Path, tmp_path: Path) -> None:
    source, file = tmp_path / "source", small_disk / "notes.jsonl"
    source.write_text(notes(*("x" * 100_000 for _ in range(50))).jsonl)
    notebook = str(tmp_path / "notebook.sqlite3")
    assert machine.run("import", "--notebook", notebook, str(source)).code == 0
    file.write_text("before")
    filler = fill(small_disk)
    result = machine.run("export", "--notebook", notebook, "-o", str(file))
    filler.unlink()
    assert (result.code, "disk is full" in result.err) == (1, True)
    assert (file.read_text(), drafts(small_disk)) == ("before", [])


def test_a_device_is_written_to_as_it_is(served: Machine) -> None:
    served.send("one")
    assert served.run("export", "-o", "/dev/stdout").out.startswith('{"number": 1')
    result = served.run("export", "-o", "/dev/full")
    assert (result.code, "disk is full" in result.err) == (1, True)
    assert os.path.exists("/dev/full")


def test_a_reader_that_leaves_ends_the_export(large: tuple[Machine, Process]) -> None:
    result = large[0].shell("udpnote export | head -n 1; echo ${PIPESTATUS[0]}")
    assert result.lines[0].startswith('{"number": 1,')
    assert (result.lines[1:], result.err) == (["1"], "")


# Without a server, and beside it


def test_a_notebooks_file_is_exported_beside_its_server(revised: Machine, tmp_path: Path) -> None:
    notebook = str(revised.home / "notebook.sqlite3")
    for form in ("jsonl", "text", "markdown"):
        beside = revised.run("export", "--format", form, "--notebook", notebook)
        assert (beside.code, beside.err) == (0, "")
        assert beside.out == revised.run("export", "--format", form).out
    result = revised.run("export", "--notebook", notebook, "--server", "127.0.0.1")
    assert (result.code, "use one of them" in result.err) == (2, True)
    result = revised.run("export", "--notebook", str(tmp_path / "nowhere.sqlite3"))
    assert (result.code, "there is no notebook" in result.err) == (1, True)


def test_a_notebooks_file_is_imported_into_where_no_server_has_it(served: Machine, file: Path, tmp_path: Path) -> None:
    log = mixed_log(100, seed=23)
    file.write_text(log.jsonl)
    new = str(tmp_path / "new.sqlite3")
    assert imported(served, file, "--notebook", new) == counts(imported=100)
    assert imported(served, file, "--notebook", new) == counts(there_already=100)
    assert served.run("export", "--notebook", new).out == log.jsonl
    result = served.run("import", str(file), "--notebook", str(served.home / "notebook.sqlite3"))
    assert (result.code, "import through that, without --notebook" in result.err) == (1, True)
    assert served.texts() == []


def test_without_a_server_nothing_is_imported_and_the_way_out_is_named(machine: Machine, file: Path) -> None:
    file.write_text(notes("one").jsonl)
    result = machine.run("import", str(file), "--wait", "0.2")
    assert (result.code, result.out) == (69, "")
    assert "udpnote serve" in result.err or "udpnote find" in result.err


def test_what_was_queued_is_delivered_by_the_way(machine: Machine, file: Path) -> None:
    assert machine.send("queued", "--wait", "0.1").code == 75
    machine.serve("--quiet")
    file.write_text(notes("one").jsonl)
    result = machine.run("import", str(file))
    assert (result.code, "1 queued entry delivered as well" in result.err) == (0, True)
    assert sorted(machine.texts()) == ["one", "queued"]


# How far it has come


BAR = r"\d+ entries, [\d,]+/s .*\d:\d\d:\d\d"


def test_a_long_export_shows_its_progress_on_a_terminal(large: tuple[Machine, Process]) -> None:
    machine, _ = large
    terminal = machine.terminal()
    reading, writing = os.pipe()
    exporting = machine.start("export", stdout=writing, stderr=terminal.descriptor)
    os.close(writing)
    data = b""
    while not re.search(BAR, terminal.text):
        data += os.read(reading, 1 << 16)
        assert len(data) < 10_000_000, "all was written without a word"
        time.sleep(0.02)  # who reads slowly makes it last, however fast the machine is
    os.close(reading)
    assert exporting.end().code == 1
    assert b"entries" not in data


def test_a_long_import_shows_its_progress_on_a_terminal(machine: Machine, file: Path) -> None:
    server = machine.serve("--quiet")
    file.write_text(notes(*(f"第{number}条" for number in range(5000))).jsonl)
    terminal = machine.terminal()
    importing = machine.start("import", str(file), "--wait", "60", stderr=terminal.descriptor)
    eventually(lambda: len(machine.texts()) > 0)
    server.signal(signal.SIGSTOP)
    time.sleep(1.1)  # longer than is waited for before there is a bar
    server.signal(signal.SIGCONT)
    terminal.expect(BAR)
    assert importing.end().code == 0


def test_a_short_one_shows_none(served: Machine, file: Path) -> None:
    file.write_text(notes("one").jsonl)
    terminal = served.terminal()
    assert served.start("import", str(file), stderr=terminal.descriptor).end().code == 0
    terminal.finish()
    assert terminal.text == "udpnote: 1 entry imported\r\n"


# The text file of a server


def test_a_servers_text_file_is_introduced_and_holds_the_notes(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    server = machine.start("serve", "--bind", "127.0.0.1", "--port", str(machine.port), "--text-file", str(path))
    server.expect_error(f"text file  {path}\n(.*\n)*to end")
    machine.send("今天开会")
    eventually(lambda: path.read_text().endswith("\n今天开会\n\n"))
    machine.run("edit", "1", "明天开会")
    eventually(lambda: path.exists() and path.read_text().endswith("\n明天开会\n\n"))
    server.end(signal.SIGTERM)
    assert (
        path.read_text() == machine.run("export", "--format", "text", "--notebook", str(machine.home / "notebook.sqlite3")).out
    )


def test_the_old_notebooks_own_file_is_not_lost_as_a_text_file(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "old.txt"
    path.write_bytes(GOLDEN)
    server = machine.start("serve", "--bind", "127.0.0.1", "--port", str(machine.port), "--text-file", str(path))
    server.expect_error(f"that is {path}.1.old now")  # before or after it says that it is ready
    assert Path(f"{path}.1.old").read_bytes() == GOLDEN
    assert machine.run("import", f"{path}.1.old").code == 0
    eventually(lambda: path.read_bytes() == GOLDEN)


def test_a_text_file_that_cannot_be_written_is_told_at_the_start(machine: Machine, tmp_path: Path) -> None:
    result = machine.run("serve", "--bind", "127.0.0.1", "--port", str(machine.port), "--text-file", str(tmp_path))
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "--text-file" in result.err
