"""The key file: for its owner's eyes, whole or not there, and read as it was meant or refused with the next step."""

import os
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.disks import fill
from udpnote.errors import InvalidKey, NoSpace, StorageError
from udpnote.model.join_code import KEY_BYTES, join_code
from udpnote.storage.key_file import (
    KEY_FILE_BYTES_MAX,
    KEYS_KEPT_MAX,
    EarlierKey,
    NotebookKeys,
    ended_early,
    key_path,
    read_code_file,
    read_key_file,
    rotated,
    write_key_file,
)

KEYS = [bytes([number]) * KEY_BYTES for number in range(1, 9)]
CODE = join_code(KEYS[0])
MOMENT = 1_795_622_400_000_000
"""2026-11-25T16:00:00Z, in microseconds."""

TWO_KEYS = NotebookKeys(KEYS[0], (EarlierKey(KEYS[1], MOMENT),))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "notebook.sqlite3.key"


def written(path: Path, keys: NotebookKeys = TWO_KEYS, *, name: str = "厨房") -> str:
    write_key_file(str(path), keys, notebook_name=name)
    return path.read_text()


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# Reading and writing


EARLIER = st.builds(EarlierKey, st.sampled_from(KEYS), st.integers(-62_135_510_400_000_000, 253_402_214_400_000_000))


@given(
    st.builds(NotebookKeys, st.binary(min_size=16, max_size=16), st.lists(EARLIER, max_size=KEYS_KEPT_MAX - 1).map(tuple)),
    st.text(max_size=40),
)
def test_what_is_written_is_read_again_whatever_the_notebook_is_called(
    tmp_path_factory: pytest.TempPathFactory, keys: NotebookKeys, name: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.key"
    written(path, keys, name=name)
    assert read_key_file(str(path)) == keys
    assert read_code_file(str(path)) == keys.current


def test_a_person_reads_what_the_file_is_and_that_it_is_secret(path: Path) -> None:
    text = written(path)
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert '"厨房"' in comments[0]
    assert any("secret" in line for line in comments)
    assert text.endswith(
        f'\n\nkey = "{CODE}"\n\n[[earlier]]\nkey = "{join_code(KEYS[1])}"\naccepted_until = 2026-11-25T16:00:00.000000+00:00\n'
    )


def test_where_there_is_no_file_there_are_no_keys(path: Path) -> None:
    assert read_key_file(str(path)) is None


def test_the_key_file_is_beside_the_notebook_and_not_beside_a_link_to_it(tmp_path: Path) -> None:
    assert key_path(str(tmp_path / "notes")) == str(tmp_path / "notes.key")
    (tmp_path / "link").symlink_to("notes")
    assert key_path(str(tmp_path / "link")) == str(tmp_path / "notes.key")


def test_a_file_that_somebody_has_mended_by_hand_is_read(path: Path) -> None:
    path.write_bytes(f"\ufeff# mine\r\nkey='{CODE.lower()}' # now\r\n".encode())
    assert read_key_file(str(path)) == NotebookKeys(KEYS[0])
    path.write_text(
        f"""earlier = [{{key = "{join_code(KEYS[1])}", accepted_until = 2026-11-26T00:00:00+08:00}}]\nkey = "{CODE}"\n"""
    )
    assert read_key_file(str(path)) == TWO_KEYS


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "its key is missing"),
        ("key = 3", "its key is missing"),
        ("key = ", "is damaged"),
        (f'key = "{CODE[:-1]}"', "26 symbols"),
        (f'key = "{CODE}"\nkey = "{CODE}"', "is damaged"),
        (f'key = "{CODE}"\ncolour = "red"', "'colour'"),
        (f'key = "{CODE}"\nearlier = 3', "not a list"),
        (f'key = "{CODE}"\nearlier = ["{CODE}"]', "not a list"),
        (f'key = "{CODE}"\n[[earlier]]\nkey = "{CODE}"', "accepted_until"),
        (f'key = "{CODE}"\n[[earlier]]\nkey = "{CODE}"\naccepted_until = 2026-11-30', "accepted_until"),
        (f'key = "{CODE}"\n[[earlier]]\nkey = "{CODE}"\naccepted_until = 2026-11-30T08:00:00', "accepted_until"),
        (f'key = "{CODE}"\n[[earlier]]\naccepted_until = 2026-11-30T08:00:00Z', "an earlier key is missing"),
        (f'key = "{CODE}"\n[[earlier]]\nkey = "{CODE}"\naccepted_until = 2026-11-30T08:00:00Z\nby = "me"', "'by'"),
        (
            f'key = "{CODE}"\n' + f'[[earlier]]\nkey = "{CODE}"\naccepted_until = 2026-11-30T08:00:00Z\n' * KEYS_KEPT_MAX,
            "4 earlier keys, and 3 is the most",
        ),
    ],
)
def test_a_damaged_file_is_refused_with_the_next_step(path: Path, text: str, complaint: str) -> None:
    path.write_text(text)
    with pytest.raises(StorageError, match=complaint) as raised:
        read_key_file(str(path))
    message = str(raised.value)
    assert message.startswith(f"the key file {path} is damaged")
    assert "restore it from a backup" in message
    assert CODE not in message


@pytest.mark.parametrize("data", [b"\xff\xfe", b"#" * (KEY_FILE_BYTES_MAX + 1)], ids=["not UTF-8", "too long"])
def test_what_holds_no_text_or_too_much_is_no_key_file(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    for read in (read_key_file, read_code_file):
        with pytest.raises(StorageError, match="holds no key"):
            read(str(path))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=f"cannot use {tmp_path} "):
        read_key_file(str(tmp_path))


@pytest.mark.parametrize("kind", ["device", "link", "socket"])
def test_what_is_no_file_is_not_read(tmp_path: Path, kind: str) -> None:
    path = Path(os.devnull)
    if kind == "link":
        path = tmp_path / "key"
        path.symlink_to(os.devnull)
    elif kind == "socket":
        path = tmp_path / "key"
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(os.fspath(path))
    for read in (read_key_file, read_code_file):
        with pytest.raises(StorageError, match=f"^{path} is no file, .* name a file"):
            read(str(path))


# For its owner only, whole or not there


@pytest.mark.parametrize("umask", [0, 0o022, 0o077], ids=oct)
@pytest.mark.parametrize("is_there", [False, True], ids=["a new file", "one that others could read"])
def test_the_file_is_for_its_owner_only(tmp_path: Path, umask: int, is_there: bool) -> None:
    path = tmp_path / "folder" / "notes.key"
    before = os.umask(umask)
    try:
        if is_there:
            path.parent.mkdir(mode=0o700)
            path.touch()
            path.chmod(0o644)
        written(path)
    finally:
        os.umask(before)
    assert mode_of(path) == 0o600
    assert mode_of(path.parent) == 0o700


def calls_of_writing(path: Path) -> list[str]:
    """What the operating system is asked for when a key file is written, from its draft's being made on."""
    program = (
        "from udpnote.storage.key_file import NotebookKeys, write_key_file; "
        f"write_key_file({str(path)!r}, NotebookKeys(bytes(16)), notebook_name='kitchen')"
    )
    trace = path.with_suffix(".trace")
    command = ["strace", "-qq", "-e", "trace=openat,write,fsync,rename,renameat,renameat2", "-o", str(trace)]
    done = subprocess.run([*command, sys.executable, "-c", program], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"strace may not trace here: {done.stderr}")
    lines = trace.read_text().splitlines()
    return lines[next(place for place, line in enumerate(lines) if "O_EXCL" in line and path.name in line) :]


@pytest.mark.skipif(shutil.which("strace") is None, reason="there is no strace here")
def test_the_keys_are_on_the_disk_before_they_are_in_their_place_and_then_the_folder_is(path: Path) -> None:
    first, *calls = calls_of_writing(path)
    assert ", 0600)" in first, "for its owner only from the first byte on"
    names = [call.split("(")[0] for call in calls]
    assert [name for name in names if name != "openat"] == ["write", "fsync", "rename", "fsync"]


def test_a_disk_without_room_keeps_the_keys_that_are_there(small_disk: Path) -> None:
    path = small_disk / "notes.key"
    written(path, NotebookKeys(KEYS[3]))
    filler = fill(small_disk)
    with pytest.raises(NoSpace):
        written(path)
    filler.unlink()
    assert os.listdir(small_disk) == ["notes.key"]
    assert read_key_file(str(path)) == NotebookKeys(KEYS[3])


def test_a_secret_is_not_written_into_a_pipe(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(StorageError, match="is not a file"):
        written(path)


# Changing keys


def test_a_new_key_takes_the_place_of_the_current_one_which_is_accepted_for_a_while() -> None:
    assert rotated(NotebookKeys(KEYS[1]), KEYS[0], accepted_until=MOMENT) == TWO_KEYS


def test_the_oldest_key_is_dropped() -> None:
    keys = NotebookKeys(KEYS[0])
    for number, key in enumerate(KEYS[1:], 1):
        keys = rotated(keys, key, accepted_until=MOMENT + number)
    assert keys == NotebookKeys(KEYS[7], tuple(EarlierKey(KEYS[number], MOMENT + number + 1) for number in (6, 5, 4)))
    assert 1 + len(keys.earlier) == KEYS_KEPT_MAX


def test_a_key_that_comes_back_is_no_earlier_one() -> None:
    assert rotated(TWO_KEYS, KEYS[1], accepted_until=7) == NotebookKeys(KEYS[1], (EarlierKey(KEYS[0], 7),))
    assert rotated(TWO_KEYS, KEYS[0], accepted_until=TWO_KEYS.earlier[0].accepted_until) == TWO_KEYS


def test_no_earlier_key_is_accepted_for_longer_than_the_one_that_is_replaced() -> None:
    graceful = rotated(NotebookKeys(KEYS[0]), KEYS[1], accepted_until=1_000)
    assert rotated(graceful, KEYS[2], accepted_until=0).earlier == (EarlierKey(KEYS[1], 0), EarlierKey(KEYS[0], 0))
    assert rotated(graceful, KEYS[2], accepted_until=2_000).earlier == (EarlierKey(KEYS[1], 2_000), EarlierKey(KEYS[0], 1_000))


def test_a_change_tells_which_keys_it_ends_before_their_time() -> None:
    earlier = (EarlierKey(KEYS[1], MOMENT + 3), EarlierKey(KEYS[2], MOMENT + 2), EarlierKey(KEYS[3], MOMENT + 1))
    before = NotebookKeys(KEYS[0], earlier)
    for accepted_until, shortened in (
        (MOMENT + 9, []),
        (MOMENT + 2, [(earlier[0], MOMENT + 2)]),
        (MOMENT, [(each, MOMENT) for each in earlier[:2]]),
    ):
        after = rotated(before, KEYS[4], accepted_until=accepted_until)
        assert ended_early(before, after, now=MOMENT) == ([earlier[2]], shortened)
        assert ended_early(before, after, now=MOMENT + 3) == ([], []), "their time is over"


def test_a_key_that_becomes_the_current_one_again_does_not_end() -> None:
    before = NotebookKeys(KEYS[0], (EarlierKey(KEYS[1], MOMENT),))
    assert ended_early(before, rotated(before, KEYS[1], accepted_until=0), now=0) == ([], [])


# A file with a join code


@pytest.mark.parametrize(
    "text", [CODE, f"\n  {CODE.lower()}\r\n\n", f"# the kitchen's\n{CODE[:15]}\n{CODE[15:]}", f"\ufeff{CODE}"]
)
def test_a_join_code_alone_is_taken_from_its_file(path: Path, text: str) -> None:
    path.write_text(text)
    assert read_code_file(str(path)) == KEYS[0]


def test_a_code_that_ends_in_an_equals_sign_is_no_key_file(path: Path) -> None:
    key = (35).to_bytes(KEY_BYTES)
    path.write_text(join_code(key))
    assert join_code(key).endswith("=")
    assert read_code_file(str(path)) == key


@pytest.mark.parametrize("text", ["", "# nothing\n", CODE[:-1], f"{CODE}\n{CODE}\n"])
def test_a_code_that_is_none_names_its_file(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(InvalidKey, match=rf"^{path}: the join code has \d+ symbols") as raised:
        read_code_file(str(path))
    assert CODE[:-1] not in str(raised.value)


def test_a_damaged_key_file_is_no_code_either(path: Path) -> None:
    path.write_text("[[earlier]]\n")
    with pytest.raises(StorageError, match="its key is missing"):
        read_code_file(str(path))


def test_a_code_file_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(StorageError, match=f"there is no {path}: "):
        read_code_file(str(path))


@pytest.mark.parametrize(
    "text", ["key = " + "[" * 5000, "key = " + "9" * 5000, f'key = "{CODE}"\n[[earlier]]\nkey = "{CODE}"\n'
             "accepted_until = 0001-01-01T00:00:00+14:00"]
)  # fmt: skip
def test_a_key_file_that_nobody_would_write_is_told_of_like_any_other(tmp_path: Path, text: str) -> None:
    (tmp_path / "key").write_text(text)
    with pytest.raises(StorageError, match="damaged"):
        read_key_file(str(tmp_path / "key"))
