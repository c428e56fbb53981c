"""Who may read the files that hold plain text or keys, and the folders that are udpnote's own: nobody but their owner."""

import os
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress

_OTHERS_MAY_READ = 0o044
_OTHERS_MAY_WRITE = 0o022
_OTHERS_MAY_ANYTHING = 0o077

_COMPANIONS = ("-wal", "-shm", ".index", ".index-wal", ".index-shm", ".lock", ".key")
"""So the names go on of the files beside a database that hold its text, too, or its key, or keep a second server away."""


def too_open(files: Iterable[str], directories: Iterable[str]) -> list[str]:
    """A message about each of these paths that others can read or write, with the command that mends it.

    A file's goes for all that is beside it under a name that begins like its own, as SQLite's logs, a search index and a key
    file are. Nothing is said of what is not there.
    """
    messages: list[str] = []
    for path in files:
        messages += _messages([path, *_companions(path)], _is_file, "chmod 600")
    for path in directories:
        messages += _messages([path], _is_folder, "chmod 700")
    return messages


def _companions(path: str) -> list[str]:
    """What may be beside the file; beside the file itself, if `path` is a link to it."""
    target = os.path.realpath(path) if os.path.islink(path) else path
    return [target + suffix for suffix in _COMPANIONS]


def _is_file(mode: int) -> bool:
    """Whether this is no device: the history may be a link to /dev/null, which must stay everybody's."""
    return stat.S_ISREG(mode)


def _is_folder(mode: int) -> bool:
    """Whether this is a folder, and not one that is meant for all, such as /tmp."""
    return stat.S_ISDIR(mode) and not mode & stat.S_ISVTX


def _messages(paths: list[str], is_meant: Callable[[int], bool], command: str) -> list[str]:
    """What is to be said of what belongs together: one message on what is ours to change, and one on what is not."""
    ours: dict[str, int] = {}
    theirs: dict[str, int] = {}
    user = os.geteuid()
    for path in paths:
        with suppress(OSError, ValueError):  # it is not there; or nobody gets at it, and whoever uses it says so
            status = os.stat(path)
            if status.st_mode & _OTHERS_MAY_ANYTHING and is_meant(status.st_mode):
                (ours if user in (status.st_uid, 0) else theirs)[path] = status.st_mode
    return [_message(group, command, are_ours=group is ours) for group in (ours, theirs) if group]


def _message(modes: dict[str, int], command: str, *, are_ours: bool) -> str:
    from shlex import quote  # here, because there is seldom anything to say

    first, *others = modes
    beside = f" and {len(others)} more beside it" if others else ""
    remedy = " ".join([command, *(quote(f"./{path}" if path.startswith("-") else path) for path in modes)])
    known = f"{first}{beside} can be {_deed(modes)} by others on this machine"
    return f"{known}: {remedy}" if are_ours else f"{known}, and only the owner can mend that: {remedy}"


def _deed(modes: dict[str, int]) -> str:
    granted = 0
    for each in modes.values():
        granted |= stat.S_IMODE(each)
    deeds = [deed for deed, bits in (("read", _OTHERS_MAY_READ), ("changed", _OTHERS_MAY_WRITE)) if granted & bits]
    return " and ".join(deeds) or "reached"
