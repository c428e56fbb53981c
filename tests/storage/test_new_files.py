"""New files and folders: private, owned by the right user, there after a power failure, and no draft is left for ever."""

import inspect
import os
import re
import stat
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.support.killed import calls_of
from tests.support.requirements import acting_as, needs_root
from udpnote.storage.new_files import (
    DRAFT_SECONDS_MAX,
    OTHER_DRAFT_SECONDS_MAX,
    draft_of,
    make_folders,
    own_like,
    remove_old_drafts,
)

AMY, STAFF, LIN = 1234, 1235, 1236


def test_every_new_folder_is_private_whatever_the_umask_and_fsynced_into_the_one_above(tmp_path: Path) -> None:
    program = f"import os; os.umask(0); from udpnote.storage.new_files import *; make_folders('{tmp_path}/a/b/c')"
    calls = re.findall(rf"(mkdir|fsync)\(.*?{tmp_path}([/abc]*)", "\n".join(calls_of(program, "mkdir,fsync")))
    assert calls == [
        ("mkdir", "/a"), ("fsync", ""), ("mkdir", "/a/b"), ("fsync", "/a"), ("mkdir", "/a/b/c"), ("fsync", "/a/b")
    ]  # fmt: skip
    assert [stat.S_IMODE((tmp_path / each).stat().st_mode) for each in ("a", "a/b", "a/b/c")] == [0o700] * 3


def draft_lines() -> range:
    """The lines of `draft_of` from its `try:` to its `yield`."""
    lines, first = inspect.getsourcelines(draft_of.__wrapped__)  # type: ignore[attr-defined]
    places = {line.split()[0]: first + place for place, line in enumerate(lines) if line.split()[:1] in (["try:"], ["yield"])}
    return range(places["try:"], places["yield"] + 1)


@pytest.mark.parametrize("line", draft_lines())
def test_a_signal_at_any_moment_leaves_no_draft(tmp_path: Path, line: int) -> None:
    def interrupt(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line" and frame.f_code.co_name == "draft_of" and frame.f_lineno == line:
            sys.settrace(None)
            raise KeyboardInterrupt
        return interrupt

    sys.settrace(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt), draft_of(str(tmp_path / "notes")):
            pytest.fail("the block was not interrupted")
    finally:
        sys.settrace(None)
    assert list(tmp_path.iterdir()) == []


def test_drafts_of_killed_programs_are_removed_and_nothing_else(tmp_path: Path) -> None:
    path, digits = tmp_path / "notes", "0123456789abcdef"
    hour, day = DRAFT_SECONDS_MAX + 1, OTHER_DRAFT_SECONDS_MAX + 1
    young = [f"notes.{digits}.udpnote", f"notes.key.{digits}.udpnote"]
    others = [f"{name}.a{digits[1:]}.udpnote" for name in ("note", "notes2", "notes.backup", "备份-2026-11-27.key")]
    foreign = ["notes", f"notes.{digits[1:]}.udpnote", f"notes.{digits}.udpnote.old", f"notes.{digits}.new", "a.udpnote"]
    old = [f"notes.f{digits[1:]}.udpnote", f"notes.key.f{digits[1:]}.udpnote"]
    old += [f"notes.f{digits[1:]}.udpnote-{suffix}" for suffix in ("wal", "shm", "journal")]
    for names, seconds in ((young, 0), (others, hour), (foreign, day), (old, hour)):
        for name in names:
            (tmp_path / name).touch()
            os.utime(tmp_path / name, (time.time() - seconds,) * 2)
    os.link(path, tmp_path / f"notes.e{digits[1:]}.udpnote")
    remove_old_drafts(str(path))
    assert {each.name for each in tmp_path.iterdir()} == {*young, *others, *foreign}
    assert path.stat().st_nlink == 1
    for name in others:
        os.utime(tmp_path / name, (time.time() - day,) * 2)
    remove_old_drafts(str(path))
    assert {each.name for each in tmp_path.iterdir()} == {*young, *foreign}, (
        "drafts of other files, such as dated backups, are removed after a day"
    )


@needs_root
@pytest.mark.parametrize(("mode", "mode_max", "given"), [(0o600, 0o666, 0o600), (0o644, 0o666, 0o644), (0o764, 0o660, 0o660)])
def test_files_that_root_makes_get_the_owner_of_the_file_beside_them(
    tmp_path: Path, mode: int, mode_max: int, given: int
) -> None:
    like, folder = tmp_path / "like", tmp_path / "folder"
    like.touch()
    like.chmod(mode)
    folder.mkdir()
    for each in (like, folder):
        os.chown(each, AMY, STAFF)
    make_folders(str(folder / "deep" / "deeper"))
    for model, expected in ((like, given), (folder, 0o600)):
        with draft_of(str(tmp_path / "new")) as (descriptor, draft):
            own_like(descriptor, str(model), mode_max=mode_max)
            status = os.stat(draft)
        assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (AMY, STAFF, expected)
    owners = {(each.stat().st_uid, each.stat().st_gid) for each in folder.rglob("*")}
    assert owners == {(AMY, STAFF)}


@needs_root
@pytest.mark.parametrize(("groups", "given"), [([], (LIN, LIN, 0o604)), ([STAFF], (LIN, STAFF, 0o664))])
def test_a_group_that_a_file_cannot_be_given_to_gets_no_permissions(
    tmp_path: Path, groups: list[int], given: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the folders above it are closed to other users
    tmp_path.chmod(0o755)
    like, before = tmp_path / "like", os.getgroups()
    like.touch()
    like.chmod(0o664)
    os.chown(like, AMY, STAFF)
    with draft_of("new") as (descriptor, draft):
        os.chown(draft, LIN, LIN)
        os.setgroups(groups)
        with acting_as(LIN):
            own_like(descriptor, "like")
        os.setgroups(before)
        status = os.stat(draft)
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == given
