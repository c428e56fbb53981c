"""The files of the page: few and small, and nothing in them comes from elsewhere."""

import gzip
import re

from udpnote.page.asset_files import FOLDER

BYTES_MAX = 100_000


def test_all_files_together_are_small_when_compressed() -> None:
    assert sum(len(gzip.compress(path.read_bytes())) for path in FOLDER.iterdir()) < BYTES_MAX


def test_no_file_names_another_host_nor_has_code_in_the_markup() -> None:
    for path in FOLDER.iterdir():
        if path.suffix in {".html", ".css", ".js", ".webmanifest", ".svg"}:
            text = path.read_text()
            assert set(re.findall(r"https?://[\w.-]+", text)) <= {"http://www.w3.org"}, path.name
            assert not re.search(
                r"<script(?![^>]*\ssrc=)|<[^>]*\son\w+=|<[^>]*\sstyle=|\beval\(|innerHTML|new Function", text
            ), path.name
