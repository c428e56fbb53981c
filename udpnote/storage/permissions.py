"""Warns about files and folders of udpnote that other users of the machine can read or write."""

import os
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress

from udpnote.errors import Notice
from udpnote.storage.database import COMPANION_SUFFIXES

_READ_BY_OTHERS = 0o044
_WRITTEN_BY_OTHERS = 0o022
_ANYTHING_BY_OTHERS = 0o077


def too_open(files: Iterable[str], folders: Iterable[str]) -> list[Notice]:
    """Notices about those of these files and folders to which other users have access, with the `chmod` command that mends it.

    The notice about a file includes the files beside it that belong to it, such as SQLite's logs, the search index and the key
    file. Paths that do not exist are ignored; so are devices, and folders such as /tmp that all users share.
    """
    notices: list[Notice] = []
    for path in files:
        notices += _notices([path, *_companions(path)], _is_file, "chmod 600")
    for path in folders:
        notices += _notices([path], _is_private_folder, "chmod 700")
    return notices


def _companions(path: str) -> list[str]:
    """The paths of the files that may be beside the database `path`. If `path` is a link, they are beside the link's target."""
    target = os.path.realpath(path) if os.path.islink(path) else path
    return [target + suffix for suffix in COMPANION_SUFFIXES]


def _is_file(mode: int) -> bool:
    """Whether a mode is that of a regular file. A history of `udpnote write` may be a link to /dev/null, open to all."""
    return stat.S_ISREG(mode)


def _is_private_folder(mode: int) -> bool:
    """Whether a mode is that of one user's folder. A folder with the sticky bit, such as /tmp, is for all users."""
    return stat.S_ISDIR(mode) and not mode & stat.S_ISVTX


def _notices(paths: list[str], is_checked: Callable[[int], bool], command: str) -> list[Notice]:
    """At most two notices about those of these paths whose mode `is_checked` and to which other users have access.

    One is about the paths on which this user may run `command`, the other about the rest.
    """
    ours: dict[str, int] = {}
    theirs: dict[str, int] = {}
    user = os.geteuid()
    for path in paths:
        with suppress(OSError, ValueError):  # it does not exist, or cannot be reached: opening it gives that error
            status = os.stat(path)
            if status.st_mode & _ANYTHING_BY_OTHERS and is_checked(status.st_mode):
                (ours if user in (status.st_uid, 0) else theirs)[path] = status.st_mode
    return [_notice(group, command, needs_owner=group is theirs) for group in (ours, theirs) if group]


def _notice(modes: dict[str, int], command: str, *, needs_owner: bool) -> Notice:
    """The notice about the paths in `modes`, a dict from path to mode. `command` is the `chmod` command that mends them.

    `needs_owner` says that only their owner, another user, may run it.
    """
    granted = 0
    for mode in modes.values():
        granted |= mode
    return Notice(
        "others_have_access",
        paths=tuple(modes),
        command=command,
        can_read=bool(granted & _READ_BY_OTHERS),
        can_change=bool(granted & _WRITTEN_BY_OTHERS),
        needs_owner=needs_owner,
    )
