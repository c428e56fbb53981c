"""The key file: for its owner only, written as a whole or not at all, and refused with the reason if it is damaged."""

import os
import socket
import stat
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.errors import raises
from tests.support.killed import calls_of
from udpnote.errors import InvalidKey, Notice, StorageError
from udpnote.model.entry import WRITTEN_AT_MAX, WRITTEN_AT_MIN
from udpnote.model.join_code import KEY_BYTES, join_code
from udpnote.storage.key_file import (
    EARLIER_KEYS_MAX,
    KEY_FILE_BYTES_MAX,
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


EARLIER = st.builds(EarlierKey, st.sampled_from(KEYS), st.integers(WRITTEN_AT_MIN, WRITTEN_AT_MAX))


@settings(max_examples=50)
@given(
    st.builds(NotebookKeys, st.binary(min_size=16, max_size=16), st.lists(EARLIER, max_size=EARLIER_KEYS_MAX).map(tuple)),
    st.text(max_size=40),
)
def test_keys_are_read_as_they_were_written_whatever_the_notebook_is_called(keys: NotebookKeys, name: str) -> None:
    with TemporaryDirectory() as folder:
        path = f"{folder}/any.key"
        written(Path(path), keys, name=name)
        assert (read_key_file(path), read_code_file(path)) == (keys, keys.current)


def test_the_file_says_to_a_person_what_it_is_and_that_it_is_secret(path: Path) -> None:
    text = written(path)
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert '"厨房"' in comments[0]
    assert any("secret" in line for line in comments)
    assert text.endswith(
        f'\n\nkey = "{CODE}"\n\n[[earlier]]\nkey = "{join_code(KEYS[1])}"\naccepted_until = 2026-11-25T16:00:00.000000+00:00\n'
    )


def test_a_key_file_is_beside_the_notebook_not_beside_a_link_to_it(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("notes")
    assert {key_path(str(tmp_path / name)) for name in ("notes", "link")} == {str(tmp_path / "notes.key")}


def test_a_key_file_that_a_person_has_written_is_read(path: Path) -> None:
    assert read_key_file(str(path)) is None
    path.write_bytes(f"\ufeff# mine\r\nkey='{CODE.lower()}' # now\r\n".encode())
    assert read_key_file(str(path)) == NotebookKeys(KEYS[0])
    earlier = f'{{key = "{join_code(KEYS[1])}", accepted_until = 2026-11-26T00:00:00+08:00}}'
    path.write_text(f'earlier = [{earlier}]\nkey = "{CODE}"\n')
    assert read_key_file(str(path)) == TWO_KEYS


KEY = f'key = "{CODE}"\n'
UNTIL = "accepted_until = 2026-11-30T08:00:00Z\n"
DAMAGES = {
    "": "key_missing_in_file", "key = 3": "key_missing_in_file", "[[earlier]]\n": "key_missing_in_file",
    f"{KEY}[[earlier]]\n{UNTIL}": "earlier_key_missing_in_file", f'{KEY}colour = "red"': "unknown_name_in_key_file",
    f'{KEY}[[earlier]]\n{KEY}{UNTIL}by = "me"': "unknown_name_in_key_file", f"{KEY}earlier = 3": "earlier_keys_not_a_list",
    f'{KEY}earlier = ["{CODE}"]': "earlier_keys_not_a_list", f"{KEY}[[earlier]]\n{KEY}": "accepted_until_not_a_time",
    f"{KEY}[[earlier]]\n{KEY}accepted_until = 2026-11-30": "accepted_until_not_a_time",
    f"{KEY}[[earlier]]\n{KEY}accepted_until = 2026-11-30T08:00:00": "accepted_until_not_a_time",
    f"{KEY}[[earlier]]\n{KEY}accepted_until = 0001-01-01T00:00:00+14:00": "accepted_until_out_of_range",
    KEY + f"[[earlier]]\n{KEY}{UNTIL}" * (EARLIER_KEYS_MAX + 1): "too_many_earlier_keys", f'key = "{CODE[:-1]}"': "join_code",
    "key = ": "toml", KEY + KEY: "toml", "key = " + "[" * 5000: "toml", "key = " + "9" * 5000: "toml",
}  # fmt: skip
"""For each text, the kind of the reason, or the beginning of the kind."""


@pytest.mark.parametrize(("text", "kind"), DAMAGES.items(), ids=range(len(DAMAGES)))
def test_a_damaged_file_is_refused_with_the_reason_and_without_the_key(path: Path, text: str, kind: str) -> None:
    path.write_text(text)
    for read in (read_key_file, read_code_file) if text.startswith(("key", "[")) else (read_key_file,):
        with raises(StorageError, "key_file_damaged", path=str(path)) as raised:
            read(str(path))
        reason = raised.value.notice.values["reason"]
        assert isinstance(reason, Notice) and reason.kind.startswith(kind)
        assert CODE[:-1] not in str(raised.value)


def test_a_file_that_is_no_text_is_not_read(tmp_path: Path) -> None:
    link, listening, noise, much = (tmp_path / name for name in ("link", "socket", "noise", "much"))
    link.symlink_to(os.devnull)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(os.fspath(listening))
    noise.write_bytes(b"\xff\xfe")
    much.write_bytes(b"#" * (KEY_FILE_BYTES_MAX + 1))
    kinds = dict.fromkeys((Path(os.devnull), link, listening), "key_file_is_no_file")
    kinds |= {tmp_path: "path_unusable", noise: "key_file_holds_no_key", much: "key_file_holds_no_key"}
    for path, kind in kinds.items():
        for read in (read_key_file, read_code_file):
            with raises(StorageError, kind):
                read(str(path))


# Writing


@pytest.mark.usefixtures("no_umask")
def test_the_file_is_for_its_owner_only_also_if_others_could_read_the_one_before(path: Path) -> None:
    for _ in ("a new file", "an old one"):
        written(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.chmod(0o644)


def test_the_keys_are_fsynced_before_the_rename_and_the_folder_after_it(path: Path) -> None:
    program = (
        "from udpnote.storage.key_file import NotebookKeys, write_key_file; "
        f"write_key_file({str(path)!r}, NotebookKeys(bytes(16)), notebook_name='kitchen')"
    )
    lines = calls_of(program, "openat,write,fsync,rename,renameat,renameat2")
    first, *calls = lines[next(place for place, line in enumerate(lines) if "O_EXCL" in line and path.name in line) :]
    assert ", 0600)" in first, "for its owner only from the first byte on"
    names = [call.split("(")[0] for call in calls]
    assert [name for name in names if name != "openat"] == ["write", "fsync", "rename", "fsync"]


# Changing keys


def test_only_the_latest_earlier_keys_stay_when_a_new_key_replaces_the_current_one() -> None:
    assert rotated(NotebookKeys(KEYS[1]), KEYS[0], accepted_until=MOMENT) == TWO_KEYS
    keys = NotebookKeys(KEYS[0])
    for number, key in enumerate(KEYS[1:], 1):
        keys = rotated(keys, key, accepted_until=MOMENT + number)
    assert keys == NotebookKeys(KEYS[7], tuple(EarlierKey(KEYS[number], MOMENT + number + 1) for number in (6, 5, 4)))
    assert len(keys.earlier) == EARLIER_KEYS_MAX


def test_a_key_that_becomes_current_again_is_no_earlier_one() -> None:
    again = rotated(TWO_KEYS, KEYS[1], accepted_until=7)
    assert again == NotebookKeys(KEYS[1], (EarlierKey(KEYS[0], 7),))
    assert rotated(TWO_KEYS, KEYS[0], accepted_until=TWO_KEYS.earlier[0].accepted_until) == TWO_KEYS
    assert ended_early(TWO_KEYS, again, now=0) == ([], [])


def test_ended_early_has_the_keys_that_a_rotation_ends_early() -> None:
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


# A file with a join code


EQUALS_KEY = (35).to_bytes(KEY_BYTES)
"""A key whose join code ends in an equals sign, but is not taken for a key file."""


JOIN_CODE_FILES = [CODE, f"\n  {CODE.lower()}\r\n\n", f"# mine\n{CODE[:15]}\n{CODE[15:]}", f"\ufeff{CODE}"]


@pytest.mark.parametrize(("text", "key"), [*((text, KEYS[0]) for text in JOIN_CODE_FILES), (join_code(EQUALS_KEY), EQUALS_KEY)])
def test_a_join_code_alone_is_read_from_its_file(path: Path, text: str, key: bytes) -> None:
    path.write_text(text)
    assert read_code_file(str(path)) == key


def test_an_error_names_the_file_and_not_the_code(path: Path) -> None:
    with raises(StorageError, "code_file_not_there", path=str(path)):
        read_code_file(str(path))
    for text in ("", "# nothing\n", CODE[:-1], f"{CODE}\n{CODE}\n"):
        path.write_text(text)
        with raises(InvalidKey, "code_file_invalid", path=str(path)) as raised:
            read_code_file(str(path))
        assert CODE[:-1] not in str(raised.value)
