"""Finds files and folders of udpnote that other users of the machine can read or write: closes them, or warns once of each."""

import os
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress

from udpnote.errors import Notice
from udpnote.storage.database import COMPANION_SUFFIXES
from udpnote.storage.new_files import make_folders, own_like

TOLD_BYTES_MAX = 1 << 16
"""When the file that remembers notices has this length, about 500 notices, it is written anew, without the old notices."""

_READ_BY_OTHERS = 0o044
_WRITTEN_BY_OTHERS = 0o022
_ANYTHING_BY_OTHERS = 0o077


def too_open(files: Iterable[str], folders: Iterable[str]) -> list[Notice]:
    """Return notices about the files and folders to which other users have access, each with the `chmod` command that mends it.

    The notice about a file includes the files beside it that belong to it, such as SQLite's logs, the search index and the key
    file. Paths that do not exist are ignored; so are devices, and folders such as /tmp that all users share.
    """
    notices: list[Notice] = []
    for path in files:
        notices += _notices([path, *_companions(path)], _is_file, "chmod 600")
    for path in folders:
        notices += _notices([path], _is_private_folder, "chmod 700")
    return notices


def close_to_others(files: Iterable[str]) -> list[Notice]:
    """Take away other users' access to those of the files that this user owns. Returns a notice about each changed file.

    The notice about a file includes the files beside it that belong to it (see `too_open`). Links are left alone, and so is a
    file whose mode cannot be changed.
    """
    notices = []
    for path in files:
        closed: dict[str, int] = {}
        for each in [path, *_companions(path)]:
            with suppress(OSError, ValueError):  # it does not exist, or its file system has no permissions
                status = os.lstat(each)
                if stat.S_ISREG(status.st_mode) and status.st_mode & _ANYTHING_BY_OTHERS and status.st_uid == os.geteuid():
                    os.chmod(each, stat.S_IMODE(status.st_mode) & ~_ANYTHING_BY_OTHERS)
                    if not os.lstat(each).st_mode & _ANYTHING_BY_OTHERS:  # some file systems ignore a new mode, such as NTFS
                        closed[each] = status.st_mode
        if closed:
            can_read, can_change = _access(closed)
            notices.append(Notice("closed_to_others", paths=tuple(closed), can_read=can_read, can_change=can_change))
    return notices


def untold(notices: Iterable[Notice], memory: str) -> list[Notice]:
    """Return those of `notices` that this function has not returned before, and record them in the file `memory`.

    `notices` come from `too_open`. If `memory` cannot be written, the next call returns the same notices again. Two notices are
    the same if their first path is the same and other users can do the same with the files.
    """
    new = []
    for notice in notices:
        values = notice.values
        line = f"{values['paths'][0]!a} {values['can_read']:d} {values['can_change']:d}\n"  # type: ignore[index]
        if not _is_remembered(line, memory):
            new.append(notice)
    return new


def _is_remembered(line: str, memory: str) -> bool:
    """Return whether the file `memory` has `line`. If it has not, add the line to it.

    If the file cannot be read or written, this returns False. A file that is full (`TOLD_BYTES_MAX`) is emptied first.
    """
    try:
        make_folders(os.path.dirname(memory))
        with open(os.open(memory, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o600), "r+", encoding="ascii") as file:
            lines = file.read(TOLD_BYTES_MAX)
            if not lines:
                own_like(file.fileno(), os.path.dirname(memory))
            if line in lines.splitlines(keepends=True):
                return True
            if len(lines) >= TOLD_BYTES_MAX:
                file.truncate(0)
                file.seek(0)
            file.write(line)
    except (OSError, UnicodeError):  # the disk is full or read-only, or the file has something else in it
        pass
    return False


def _access(modes: dict[str, int]) -> tuple[bool, bool]:
    """Whether other users can read, and whether they can change, at least one of the files with these modes."""
    granted = 0
    for mode in modes.values():
        granted |= mode
    return bool(granted & _READ_BY_OTHERS), bool(granted & _WRITTEN_BY_OTHERS)


def _companions(path: str) -> list[str]:
    """The paths of the files that may be beside the database `path`. If `path` is a link, they are beside the link's target."""
    target = os.path.realpath(path) if os.path.islink(path) else path
    return [target + suffix for suffix in COMPANION_SUFFIXES]


def _is_file(mode: int) -> bool:
    """Whether a mode is that of a regular file.

    Other kinds are not checked: a history of `udpnote write` may be a link to the device /dev/null, which is open to all.
    """
    return stat.S_ISREG(mode)


def _is_private_folder(mode: int) -> bool:
    """Whether a mode is that of one user's folder. A folder with the sticky bit, such as /tmp, is for all users."""
    return stat.S_ISDIR(mode) and not mode & stat.S_ISVTX


def _notices(paths: list[str], is_private_kind: Callable[[int], bool], command: str) -> list[Notice]:
    """Return at most two notices about those of `paths` to which other users have access.

    A path counts only if `is_private_kind` is true for its mode. One notice is about the paths on which this user may run
    `command`, the other about those on which only their owner may.
    """
    ours: dict[str, int] = {}
    theirs: dict[str, int] = {}
    user = os.geteuid()
    for path in paths:
        with suppress(OSError, ValueError):  # it does not exist, or cannot be reached: opening it gives that error
            status = os.stat(path)
            if status.st_mode & _ANYTHING_BY_OTHERS and is_private_kind(status.st_mode):
                (ours if user in (status.st_uid, 0) else theirs)[path] = status.st_mode
    return [_notice(group, command, needs_owner=group is theirs) for group in (ours, theirs) if group]


def _notice(modes: dict[str, int], command: str, *, needs_owner: bool) -> Notice:
    """The notice about the paths in `modes`, a dict from path to mode. `command` is the `chmod` command that mends them.

    `needs_owner` says that this user may not run the command, because another user owns the paths.
    """
    can_read, can_change = _access(modes)
    return Notice(
        "others_have_access",
        paths=tuple(modes),
        command=command,
        can_read=can_read,
        can_change=can_change,
        needs_owner=needs_owner,
    )
