"""Fsyncs are timed where the files are."""

import os
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from udpnote.storage.disk_timing import WRITE_BYTES, existing_folder, fsync_durations, temporary_folder


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has another call for it")
@pytest.mark.parametrize(("seconds_max", "count"), [(1000.0, 5), (0.0, 1)])
def test_each_fsync_comes_after_new_data_and_the_file_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds_max: float, count: int
) -> None:
    sizes: list[int] = []
    shown: list[int] = []
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: sizes.append(os.fstat(descriptor).st_size))
    durations = fsync_durations(str(tmp_path), seconds_max=seconds_max, count_max=5, on_progress=shown.append)
    assert sizes == [WRITE_BYTES * number for number in range(1, count + 1)]
    assert (durations.count, shown, list(tmp_path.iterdir())) == (count, list(range(1, count + 1)), [])


def test_the_temporary_folder_is_where_the_file_really_is_and_is_removed_whatever_happens(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    (disk / "outbox").touch()
    (tmp_path / "link").symlink_to(disk / "outbox")
    assert existing_folder(str(tmp_path / "link")) == existing_folder(str(disk / "not" / "there" / "outbox")) == str(disk)
    with suppress(KeyboardInterrupt), temporary_folder(str(disk)) as folder:
        assert (Path(folder).parent, os.stat(folder).st_mode & 0o777) == (disk, 0o700)
        (Path(folder) / "file").touch()
        raise KeyboardInterrupt
    assert [path.name for path in disk.iterdir()] == ["outbox"]
