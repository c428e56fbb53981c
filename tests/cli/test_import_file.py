"""The file that `import` reads: what counts as a line of it, and waiting for it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.exports import notes
from tests.support.late_signal import interrupted_late
from udpnote.cli.import_file import LINE_BYTES_MAX, ImportFile, JsonLines, identities_in
from udpnote.client.file_reader import FileReader
from udpnote.client.importing import import_into_file
from udpnote.errors import InvalidImport
from udpnote.model.entry import StoredEntry


def test_the_rest_of_a_line_that_is_too_long_is_not_a_line(tmp_path: Path) -> None:
    log, bad = notes("one", "two"), list[InvalidImport]()
    log.revise(2, "TWO")
    [*lines, revision] = log.jsonl.splitlines(keepends=True)
    (tmp_path / "notes.jsonl").write_text("".join(lines) + "\n" + "x" * LINE_BYTES_MAX + revision)
    with closing(ImportFile(str(tmp_path / "notes.jsonl"))) as file:
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
        ImportFile(f"/dev/fd/{reader}")
