"""What `import` reads: lines of a file, files of a folder, and the notebook to compare with."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.exports import notes
from tests.support.interrupted import interrupted_late
from tests.support.other_programs import Read
from udpnote.cli.importing.comparison import identities_in
from udpnote.cli.importing.exports import JsonLines
from udpnote.cli.importing.source_file import LINE_BYTES_MAX, SourceFile
from udpnote.cli.importing.source_folder import FILE_BYTES_MAX, SourceFolder
from udpnote.client.reading.file_reader import FileReader
from udpnote.client.sending.importing import import_into_file
from udpnote.errors import InvalidImport, Notice, StorageError
from udpnote.model.entry import StoredEntry
from udpnote.text.import_format import Format


def test_the_rest_of_a_line_that_is_too_long_is_not_a_line(tmp_path: Path) -> None:
    log, bad = notes("one", "two"), list[InvalidImport]()
    log.revise(2, "TWO")
    [*lines, revision] = log.jsonl.splitlines(keepends=True)
    (tmp_path / "notes.jsonl").write_text("".join(lines) + "\n" + "x" * LINE_BYTES_MAX + revision)
    with closing(SourceFile(str(tmp_path / "notes.jsonl"))) as file:
        entries = JsonLines(file, bad.append)
        assert ([each.entry.text for each in entries], entries.revised()) == (["one", "two"], set())
    assert [error.notice.values["line"] for error in bad] == [4]


def test_an_entry_that_is_stored_while_the_notebook_is_read_does_not_count_as_erased(tmp_path: Path) -> None:
    path, [first, second] = str(tmp_path / "notebook.sqlite3"), notes("one", "two").entries

    class Growing(FileReader):
        def log(self, **options: Any) -> Iterator[StoredEntry]:
            yield from super().log(**options)
            list(import_into_file(path, [second], set()))

    list(import_into_file(path, [first], set()))
    with Growing(path) as notebook:
        assert identities_in(notebook) == ({first.entry[:2], second.entry[:2]}, set())


def test_a_signal_that_comes_just_before_an_import_waits_for_its_input_ends_it() -> None:
    with interrupted_late() as reader, pytest.raises(KeyboardInterrupt):
        SourceFile(f"/dev/fd/{reader}")


def test_the_progress_ends_at_the_size_of_the_folder_though_some_files_are_bad_or_left_out(tmp_path: Path) -> None:
    journal = tmp_path / "2026" / "11"
    journal.mkdir(parents=True)
    (journal / "23.txt").write_text("[2026-11-23 07:52] milk\n")
    (journal / "24.txt").write_bytes(b"[2026-11-24 07:52] caf\xe9\n")
    (tmp_path / "plans.md").write_text("not of jrnl\n")
    folder = SourceFolder(str(tmp_path))
    assert (folder.size, folder.position()) == (60, 0)
    read = Read(folder.notes, Format.JRNL)
    assert (read.texts, len(read.bad), read.amounts) == (["milk"], 1, {"other_texts": 1})
    assert folder.position() == folder.size


def test_pipes_and_sockets_are_counted_as_what_they_are_whatever_their_names(tmp_path: Path) -> None:
    (tmp_path / "plans.md").write_text("milk\n")
    (tmp_path / "photo.jpeg").touch()
    os.mkfifo(tmp_path / "pipe.md")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket"))
    read = Read(SourceFolder(str(tmp_path)).notes, Format.MARKDOWN)
    assert (len(read.notes), read.amounts) == (1, {"files": 1, "special_files": 2})


@pytest.mark.parametrize("bytes_at_first", [0, FILE_BYTES_MAX + 1])
def test_a_file_that_is_or_becomes_too_long_is_named_with_the_limit_of_files(tmp_path: Path, bytes_at_first: int) -> None:
    (tmp_path / "long.md").touch()
    os.truncate(tmp_path / "long.md", bytes_at_first)
    folder = SourceFolder(str(tmp_path))
    os.truncate(tmp_path / "long.md", FILE_BYTES_MAX + 1)
    [error] = Read(folder.notes, Format.MARKDOWN).bad
    problem = error.notice.values["problem"]
    assert isinstance(problem, InvalidImport) and problem.notice == Notice("import_file_too_long", bytes_max=FILE_BYTES_MAX)


@pytest.mark.parametrize(("form", "text"), [(Format.MARKDOWN, "{}\n"), (Format.JRNL, "[2026-11-24 07:52] {}\n")])
def test_a_file_that_vanishes_is_a_bad_file_and_the_others_are_read(tmp_path: Path, form: Format, text: str) -> None:
    days = [tmp_path / "2026" / "11" / f"{day}.txt" for day in (23, 24, 25)]
    days[0].parent.mkdir(parents=True)
    for day in days:
        day.write_text(text.format(day.stem))
    folder = SourceFolder(str(tmp_path))
    days[0].unlink()
    assert folder.form("") is form
    read = Read(folder.notes, form)
    [error] = read.bad
    assert isinstance(error, StorageError) and error.notice.values["path"] == str(days[0])
    assert (read.texts, folder.position()) == (["24", "25"], folder.size)
