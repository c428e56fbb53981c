"""Permissions: whoever lets others read a notebook, a key or a queued entry is told, with the one command that mends it."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.household import House
from udpnote import Client, Server
from udpnote.client.file_reader import Archive
from udpnote.errors import Notice, StorageError
from udpnote.settings import find_places
from udpnote.storage.permissions import too_open

COMPANIONS = ["-wal", "-shm", ".index", ".index-wal", ".index-shm", ".lock", ".key"]


def make(path: Path, mode: int) -> str:
    path.touch()
    path.chmod(mode)
    return str(path)


def mended(message: str) -> None:
    """Do what the message says."""
    subprocess.run(["sh", "-c", message.split(": ", 1)[1]], check=True)


# What is said


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700, 0o000], ids=oct)
def test_nothing_is_said_of_what_nobody_else_gets_at(tmp_path: Path, mode: int) -> None:
    file = make(tmp_path / "notes", mode)
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o700)
    assert too_open([file], [str(folder)]) == []


def test_nothing_is_said_of_what_is_not_there(tmp_path: Path) -> None:
    file = make(tmp_path / "notes", 0o600)
    assert too_open([str(tmp_path / "gone"), f"{file}/under a file", "a\0b"], [str(tmp_path / "gone")]) == []


@pytest.mark.parametrize(
    ("mode", "deed"),
    [
        (0o644, "read"), (0o640, "read"), (0o604, "read"), (0o620, "changed"), (0o602, "changed"), (0o666, "read and changed"),
        (0o624, "read and changed"), (0o711, "reached"),
    ],
)  # fmt: skip
def test_it_is_said_what_others_can_do(tmp_path: Path, mode: int, deed: str) -> None:
    file = make(tmp_path / "notes", mode)
    assert too_open([file], []) == [f"{file} can be {deed} by others on this machine: chmod 600 {file}"]


def test_a_folder_of_our_own_is_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(0o755)
    [message] = too_open([], [str(folder)])
    assert message == f"{folder} can be read by others on this machine: chmod 700 {folder}"
    mended(message)
    assert too_open([], [str(folder)]) == []


@pytest.mark.parametrize("suffix", ["", *COMPANIONS])
def test_what_is_beside_a_database_is_looked_at_too(tmp_path: Path, suffix: str) -> None:
    for each in ["", *COMPANIONS]:
        make(tmp_path / f"notes{each}", 0o644 if each == suffix else 0o600)
    path = tmp_path / f"notes{suffix}"
    assert too_open([str(tmp_path / "notes")], []) == [f"{path} can be read by others on this machine: chmod 600 {path}"]


@pytest.mark.parametrize("name", ["notes", "it's mine", "我的 笔记", '$(x) `y` "z" \\'])
def test_one_command_mends_all_files_of_a_database(tmp_path: Path, name: str) -> None:
    for suffix in ["", *COMPANIONS]:
        make(tmp_path / f"{name}{suffix}", 0o666)
    path = str(tmp_path / name)
    [message] = too_open([path], [])
    assert message.startswith(
        f"{path} and {len(COMPANIONS)} more beside it can be read and changed by others on this machine: "
    )
    mended(message)
    assert too_open([path], []) == []


def test_each_database_has_its_message_and_each_file_its_own_command(tmp_path: Path) -> None:
    files = [make(tmp_path / name, 0o644) for name in ("a", "b")]
    messages = too_open(files, [])
    assert [shlex.split(message.split(": ", 1)[1]) for message in messages] == [["chmod", "600", file] for file in files]


def test_a_name_like_an_option_is_none_in_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "-R", 0o644)
    [message] = too_open(["-R"], [])
    assert message == "-R can be read by others on this machine: chmod 600 ./-R"


def test_what_is_beside_the_file_counts_and_not_what_is_beside_a_link_to_it(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    file, key = make(tmp_path / "elsewhere" / "notes", 0o644), make(tmp_path / "elsewhere" / "notes.key", 0o644)
    link = tmp_path / "link"
    link.symlink_to(file)
    make(tmp_path / "link.key", 0o644)
    [message] = too_open([str(link)], [])
    assert message == f"{link} and 1 more beside it can be read by others on this machine: chmod 600 {link} {key}"
    mended(message)
    assert too_open([str(link)], []) == []


def test_nobody_is_told_to_close_what_is_meant_for_all(tmp_path: Path) -> None:
    (tmp_path / "history").symlink_to("/dev/null")
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp").chmod(0o1777)
    (tmp_path / "folder").mkdir(mode=0o755)
    assert too_open([str(tmp_path / "history"), str(tmp_path / "folder")], [str(tmp_path / "tmp")]) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away and be somebody else")
def test_who_cannot_change_it_is_told_that_only_the_owner_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # what is above is for root only
    tmp_path.chmod(0o755)
    for name, user in (("notes", 1234), ("notes.key", 1235), ("folder", 1234)):
        path = tmp_path / name
        if name == "folder":
            path.mkdir()
            path.chmod(0o755)
        else:
            make(path, 0o644)
        os.chown(path, user, user)
    assert [message.split(": ")[1] for message in too_open(["notes"], [])] == ["chmod 600 notes notes.key"], "root can"
    os.seteuid(1235)
    try:
        messages = too_open(["notes"], ["folder"])
    finally:
        os.seteuid(0)
    assert messages == [
        "notes.key can be read by others on this machine: chmod 600 notes.key",
        "notes can be read by others on this machine, and only the owner can mend that: chmod 600 notes",
        "folder can be read by others on this machine, and only the owner can mend that: chmod 700 folder",
    ]


# Who is told


def openness(*paths: Path) -> list[str]:
    return [f"{path} can be read by others on this machine: chmod {700 if path.is_dir() else 600} {path}" for path in paths]


@pytest.fixture
def home(house: House, tmp_path: Path) -> Path:
    """A home that others can read, and in it a history and a settings file."""
    home = tmp_path / "home"
    assert find_places(os.environ).folders == [str(home)], f"{house} has another home"
    home.mkdir()
    home.chmod(0o755)
    make(home / "history", 0o644)
    make(home / "config.toml", 0o644)
    return home


def test_a_client_tells_of_its_outbox_the_history_the_settings_and_its_own_folder(house: House, home: Path) -> None:
    notices: list[str] = []
    house.reserve_port()
    house.client().close()
    outbox = home.parent / "outbox.sqlite3"
    outbox.chmod(0o644)
    house.client(on_notice=notices.append)
    assert notices == openness(outbox, home / "history", home / "config.toml", home)


def test_a_server_tells_of_its_notebook_its_key_its_text_file_and_its_own_folder(house: House, home: Path) -> None:
    notices: list[Notice] = []
    notebook, text_file = house.notebook(), home.parent / "notes.txt"
    for path in (home.parent / "kitchen.sqlite3.key", text_file):
        make(path, 0o644)
    with Server(notebook, bind="127.0.0.1", port=0, text_file=text_file, on_notice=notices.append):
        pass
    assert [str(notice) for notice in notices] == openness(home.parent / "kitchen.sqlite3.key", text_file, home)


def test_who_reads_a_notebooks_file_is_told_that_others_can(house: House) -> None:
    notices: list[str] = []
    Server(house.notebook(), bind="127.0.0.1", port=0).close()
    index = Path(f"{house.notebook()}.index")
    index.chmod(0o644)
    Archive(house.notebook(), on_notice=notices.append).close()
    assert notices == openness(index)


def test_nobody_is_told_to_change_what_is_not_udpnotes(house: House) -> None:
    notices: list[object] = []
    path = Path(make(house.notebook(), 0o644))
    path.write_text("Dear diary")
    with pytest.raises(StorageError, match="is not a udpnote notebook"):
        Server(path, bind="127.0.0.1", port=0, on_notice=notices.append)
    with pytest.raises(StorageError, match="is not a udpnote outbox"):
        Client(outbox=str(path), on_notice=notices.append)
    with pytest.raises(StorageError, match="is not a udpnote notebook"):
        Archive(path, on_notice=notices.append)
    assert notices == []


def test_the_folders_that_are_udpnotes_own_are_none_above_them() -> None:
    home = "/home/amy"
    environ = {
        "HOME": home,
        "XDG_DATA_HOME": f"{home}/data",
        "XDG_STATE_HOME": f"{home}/state",
        "XDG_CONFIG_HOME": f"{home}/config",
    }
    program = "import os; from udpnote.settings import find_places; print(*find_places(os.environ).folders)"
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    folders = done.stdout.split()
    assert len(set(folders)) == len(folders)
    assert {os.path.basename(folder) for folder in folders} == {"udpnote"}
    assert find_places({"UDPNOTE_HOME": home}).folders == [home]
