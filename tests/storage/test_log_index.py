"""SQLite's index of a log, on a disk with small blocks: it has no holes, which a full disk could not fill.

That commands do not even open it where there is no space is tested in `tests/system/test_full_disk.py`.
"""

from contextlib import closing
from pathlib import Path

import pytest

from tests.support.disks import small_blocks
from udpnote.storage.log_index import REGION_BYTES
from udpnote.storage.notebook.log import LOG_BYTES, log_bytes_max
from udpnote.storage.notebook.notebook import Notebook
from udpnote.storage.notebook.tables import SCHEMA
from udpnote.storage.outbox.outbox import Outbox

FRAMES_IN_REGION = 4096


@pytest.mark.parametrize(
    ("opened", "frames"), [(Outbox, 0), (Notebook, log_bytes_max(LOG_BYTES) // SCHEMA.page_bytes)], ids=["outbox", "notebook"]
)
def test_an_open_file_has_the_blocks_for_the_index_of_its_longest_log(
    tmp_path: Path, opened: type[Outbox | Notebook], frames: int
) -> None:
    with small_blocks(tmp_path / "disk", megabytes=8) as disk, closing(opened(disk / "file")):
        status = (disk / "file-shm").stat()
        assert status.st_size >= (frames // FRAMES_IN_REGION + 1) * REGION_BYTES
        assert status.st_blocks * 512 >= status.st_size
