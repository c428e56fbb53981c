"""The folder that `udpnote import` reads: the progress of reading, and files that are too long or cannot be read."""

import os
import socket
from pathlib import Path

import pytest

from tests.support.other_programs import Read
from udpnote.cli.import_folder import FILE_BYTES_MAX, ImportFolder
from udpnote.errors import InvalidImport, Notice, StorageError
from udpnote.text.import_format import Format


def test_the_progress_ends_at_the_size_of_the_folder_though_some_files_are_bad_or_left_out(tmp_path: Path) -> None:
    journal = tmp_path / "2026" / "11"
    journal.mkdir(parents=True)
    (journal / "23.txt").write_text("[2026-11-23 07:52] milk\n")
    (journal / "24.txt").write_bytes(b"[2026-11-24 07:52] caf\xe9\n")
    (tmp_path / "plans.md").write_text("not of jrnl\n")
    folder = ImportFolder(str(tmp_path))
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
    read = Read(ImportFolder(str(tmp_path)).notes, Format.MARKDOWN)
    assert (len(read.notes), read.amounts) == (1, {"files": 1, "special_files": 2})


@pytest.mark.parametrize("bytes_at_first", [0, FILE_BYTES_MAX + 1])
def test_a_file_that_is_or_becomes_too_long_is_named_with_the_limit_of_files(tmp_path: Path, bytes_at_first: int) -> None:
    (tmp_path / "long.md").touch()
    os.truncate(tmp_path / "long.md", bytes_at_first)
    folder = ImportFolder(str(tmp_path))
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
    folder = ImportFolder(str(tmp_path))
    days[0].unlink()
    assert folder.form("") is form
    read = Read(folder.notes, form)
    [error] = read.bad
    assert isinstance(error, StorageError) and error.notice.values["path"] == str(days[0])
    assert (read.texts, folder.position()) == (["24", "25"], folder.size)
