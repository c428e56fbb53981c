"""Permissions: if other users can read udpnote's files, a notice says so, with the command that mends it."""

import os
import stat
import subprocess
from pathlib import Path
from unittest import mock

import pytest

from tests.support.loopback import Loopback
from tests.support.requirements import acting_as, needs_root
from udpnote import Client, Server
from udpnote.client.reading.file_reader import FileReader
from udpnote.errors import Notice, StorageError
from udpnote.settings import find_places
from udpnote.storage.permissions import TOLD_BYTES_MAX, close_to_others, too_open, untold

COMPANIONS = ["-wal", "-shm", ".index", ".index-wal", ".index-shm", ".lock", ".key"]


def make(path: Path, mode: int) -> str:
    if not path.exists():
        path.touch()
    path.chmod(mode)
    return str(path)


def make_folder(path: Path, mode: int) -> str:
    path.mkdir()
    return make(path, mode)


def closed(*paths: str | Path) -> Notice:
    return Notice("closed_to_others", paths=tuple(map(str, paths)), can_read=True, can_change=False)


def others(*paths: str | Path, command: str = "chmod 600", granted: int = 0o044, needs_owner: bool = False) -> Notice:
    values = {"can_read": bool(granted & 0o044), "can_change": bool(granted & 0o022), "needs_owner": needs_owner}
    return Notice("others_have_access", paths=tuple(map(str, paths)), command=command, **values)


def follow_advice(notice: Notice) -> None:
    """Run the command in the notice's sentence."""
    subprocess.run(["sh", "-c", str(notice).split(": ", 1)[1]], check=True)


def test_the_notice_says_what_others_can_do_if_they_can_reach_a_file(tmp_path: Path) -> None:
    missing = [str(tmp_path / "gone"), f"{tmp_path / 'notes'}/under a file", "a\0b"]
    private = make_folder(tmp_path / "folder", 0o700)
    for mode in (0o600, 0o400, 0o700, 0o000):
        assert too_open([make(tmp_path / "notes", mode), *missing], [private, *missing]) == []
    for mode in (0o644, 0o640, 0o604, 0o620, 0o602, 0o666, 0o711):
        file = make(tmp_path / "notes", mode)
        assert too_open([file], []) == [others(file, granted=mode)]


@pytest.mark.parametrize("name", ["notes", '$(x) `y` "it\'s" 我的 \\', "-R"])
def test_one_command_mends_all_files_of_a_database(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for suffix in ["", *COMPANIONS]:
        make(tmp_path / f"{name}{suffix}", 0o666)
    [notice] = too_open([name], [])
    assert str(notice).startswith(f"{name} and 7 more beside it can be read and changed by others on this machine: chmod 600 ")
    follow_advice(notice)
    assert too_open([name], []) == []


def test_each_database_and_each_folder_has_its_own_notice_unless_it_is_meant_for_all_users(tmp_path: Path) -> None:
    files = [make(tmp_path / name, 0o644) for name in ("a", "b")]
    folder, shared = make_folder(tmp_path / "folder", 0o755), make_folder(tmp_path / "tmp", 0o1777)
    (tmp_path / "history").symlink_to("/dev/null")
    *notices, last = too_open([*files, str(tmp_path / "history"), folder], [folder, shared])
    assert [*notices, last] == [*map(others, files), others(folder, command="chmod 700")]
    follow_advice(last)
    assert too_open([], [folder]) == []


def test_the_files_beside_a_links_target_are_checked_and_not_those_beside_the_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    file, key = make(tmp_path / "elsewhere" / "notes", 0o644), make(tmp_path / "elsewhere" / "notes.key", 0o644)
    (tmp_path / "link").symlink_to(file)
    make(tmp_path / "link.key", 0o644)
    assert too_open([str(tmp_path / "link")], []) == [others(tmp_path / "link", key)]


@needs_root
def test_the_notice_says_where_only_the_owner_can_mend_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the folders above it are closed to other users
    tmp_path.chmod(0o755)
    for path, user in ((make(tmp_path / "notes", 0o644), 1234), (make(tmp_path / "notes.key", 0o644), 1235)):
        os.chown(path, user, user)
    assert too_open(["notes"], []) == [others("notes", "notes.key")], "root can mend both"
    with acting_as(1235):
        notices = too_open(["notes"], [])
    assert notices == [others("notes.key"), others("notes", needs_owner=True)]
    assert str(notices[1]).endswith("by others on this machine, and only the owner can mend that: chmod 600 notes")


def test_files_of_this_user_are_closed_and_links_and_files_of_others_left_alone(tmp_path: Path) -> None:
    files = [make(tmp_path / name, mode) for name, mode in (("a", 0o644), ("a-wal", 0o644), ("b", 0o600), ("c", 0o644))]
    (tmp_path / "link").symlink_to(files[3])
    assert close_to_others([files[0], files[2], str(tmp_path / "link"), str(tmp_path / "gone")]) == [closed(*files[:2])]
    assert [stat.S_IMODE(os.stat(each).st_mode) for each in files] == [0o600] * 3 + [0o644]
    if os.geteuid() == 0:
        os.chown(files[3], 1234, 1234)
        assert close_to_others(files) == []


def test_no_notice_says_that_a_file_was_closed_where_the_file_system_ignores_a_new_mode(tmp_path: Path) -> None:
    path = make(tmp_path / "a", 0o644)
    with mock.patch("os.chmod"):
        assert close_to_others([path]) == []
    assert close_to_others([path]) == [closed(path)]


def test_each_notice_is_given_once_unless_more_is_granted_or_the_memory_cannot_be_written(tmp_path: Path) -> None:
    memory = tmp_path / "state" / "told"
    for path, mode, is_new in (("a", 0o644, 1), ("a", 0o644, 0), ("a", 0o664, 1), ("我\n", 0o644, 1), ("我\n", 0o644, 0)):
        assert len(untold(too_open([make(tmp_path / path, mode)], []), str(memory))) == is_new, (path, mode)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (memory, memory.parent)] == [0o600, 0o700]
    memory.write_bytes(b"\n" * TOLD_BYTES_MAX)
    notices = too_open([str(tmp_path / "a")], [])
    assert (untold(notices, str(memory)), untold(notices, str(memory))) == (notices, [])
    assert memory.stat().st_size < 100
    memory.unlink()
    memory.mkdir()
    assert untold(notices, str(memory)) == untold(notices, str(memory)) == notices


# Who reports them


def test_a_client_closes_its_files_and_reports_others_once_and_a_server_reports_its_own(
    loopback: Loopback, tmp_path: Path
) -> None:
    notices: list[Notice] = []
    home = make_folder(tmp_path / "home", 0o755)
    names = ("outbox.sqlite3", "home/history", "home/config.toml", "kitchen.sqlite3.key", "notes.txt")
    outbox, history, settings, key, text_file = (make(tmp_path / name, 0o644) for name in names)
    folder = others(home, command="chmod 700")
    loopback.reserve_port()
    loopback.client(on_notice=notices.append)
    assert notices == [closed(outbox, f"{outbox}-wal", f"{outbox}-shm"), closed(history), closed(settings), folder]
    notices.clear()
    loopback.client(on_notice=notices.append)
    assert notices == []
    Server(loopback.notebook(), bind="127.0.0.1", port=0, text_file=text_file, on_notice=notices.append).stop()
    assert notices == [others(key), others(text_file), folder]


def test_there_is_no_notice_about_files_of_other_programs(loopback: Loopback) -> None:
    notices: list[object] = []
    path = Path(make(loopback.notebook(), 0o644))
    path.write_text("Dear diary")
    for open_file in (
        lambda: Server(path, bind="127.0.0.1", port=0, on_notice=notices.append),
        lambda: Client(outbox=str(path), on_notice=notices.append),
        lambda: FileReader(path, on_notice=notices.append),
    ):
        with pytest.raises(StorageError):
            open_file()
    assert notices == []


def test_the_folders_that_are_checked_are_udpnotes_own_and_none_above_them() -> None:
    folders = find_places({}).folders
    assert len(set(folders)) == len(folders)
    assert {os.path.basename(folder) for folder in folders} == {"udpnote"}
