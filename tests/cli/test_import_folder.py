"""The folder that `udpnote import` reads: how far the reading is."""

from pathlib import Path

from tests.support.other_programs import Read
from udpnote.cli.import_folder import ImportFolder
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
