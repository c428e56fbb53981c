"""Makes files and folders that belong to the right user, are closed to others, and are still there after a power failure.

A file that must appear whole or not at all is written as a *draft* beside its place, `NAME.<16 hexadecimal digits>.udpnote`,
and then renamed. A program that is killed leaves its draft. The next program that makes a file in that folder removes the old
draft, even if the new file has another name: backups, for example, often have the date in their names.

If root makes a file, the file must not belong to root where the server of another user has to read it. So a file that root
makes gets the owner of the file beside which it is made or, if there is none, of its folder. SQLite does the same for the files
that it makes.
"""

import fcntl
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import count

from udpnote.machine.clock import wall_seconds

DRAFT_SECONDS_MAX = 3600.0
"""A draft to which nobody has written for this time was left by a program that was killed, and is removed.

Even an export over a slow network writes a megabyte every few minutes.
"""

OTHER_DRAFT_SECONDS_MAX = 86_400.0
"""The same limit for drafts of other files than the one to be made. It is longer, because the program that makes another file
may still read its draft back from a slow disk, or wait for its user's answer."""

_ENDING = ".udpnote"
"""The ending of a draft's name. No other program may use it, because this module removes old files with it in any folder."""

_DRAFT = rf"(\.key|\.index)?\.[0-9a-f]{{16}}\{_ENDING}(-wal|-shm|-journal)?"
"""A pattern for what follows a file's name in the name of a draft of that file, of its key file or of its index, or in the name
of one of SQLite's files for such a draft."""

_ASIDE = r"\.[1-9][0-9]*\.old"
"""A pattern for what `aside_name` adds to a file's name."""


def make_folders(folder: str) -> list[str]:
    """Make `folder` and the folders above it, where they are missing. Return the paths of the new folders, the highest first.

    Only its owner can use a new folder, whatever the umask. If root runs this, a new folder gets the owner of the folder above
    it. After making a folder, this fsyncs the folder above it, so that a power failure does not undo it. Raises `OSError`.
    """
    missing, made = [], []
    folder = os.path.abspath(folder)
    while not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for each in reversed(missing):
        with suppress(
            FileExistsError
        ):  # another process has just made it; if that is a file, the caller cannot use it as a folder
            os.mkdir(each, 0o700)
            made.append(each)
        _own_folder(each)
        sync_folder(os.path.dirname(each))
    return made


def sync_folder(folder: str) -> None:
    """Fsync a folder, so that a file that was just made, linked or renamed in it is there even after a power failure.

    Does nothing if the file system cannot do that.
    """
    with suppress(OSError):  # some file systems cannot fsync a folder; the file itself is on the disk
        descriptor = os.open(folder or ".", os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def draft_of(path: str) -> Iterator[tuple[int, str]]:
    """Make an empty draft of the file `path`. Give the block its descriptor, open for reading and writing, and its path.

    Only this user can read it. At the end of the block the descriptor is closed, so the block must not close it; and the draft
    is removed, unless the block has renamed it. Before it makes the draft, this removes old drafts (see `remove_old_drafts`).
    Raises `OSError`.
    """
    remove_old_drafts(path)
    draft = f"{path}.{os.urandom(8).hex()}{_ENDING}"
    descriptor = -1
    try:  # before the draft is made: a signal may end this program at any moment
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        yield descriptor, draft
    finally:
        if descriptor >= 0:
            os.close(descriptor)
        with suppress(OSError):  # it was renamed, or its folder is gone
            os.unlink(draft)


def link_draft(draft: str, path: str) -> bool:
    """Give the file `draft` the name `path`. Returns False if there is a file `path` already, which then stays as it is.

    The file then has both names. On a file system without hard links, it is renamed instead. Raises `OSError`.
    """
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links: rename the draft, under a lock
        with locked_folder(os.path.dirname(path)):
            if os.path.exists(path):
                return False
            os.rename(draft, path)
    return True


def remove_old_drafts(path: str) -> None:
    """Remove drafts that killed programs have left in the folder of `path`, and SQLite's files for these drafts.

    A draft of `path`, of its key file or of its search index is removed if nobody has written to it for `DRAFT_SECONDS_MAX`; a
    draft of another file, after `OTHER_DRAFT_SECONDS_MAX`. If the file `path` has a second name (a hard link) that is the name
    of a draft or an `aside_name`, that name is removed at any age: a program that was killed while it put a file in its place
    has left the name.
    """
    folder, name = os.path.split(path)
    with suppress(OSError):  # the folder is not there or cannot be read: then nothing is made in it
        for each in os.listdir(folder or "."):
            suffix = each.removeprefix(name) if each.startswith(name) else ""
            # the patterns are compiled only if there is such a name, which is rare
            is_draft = _ENDING in each and re.search(rf"{_DRAFT}\Z", each) is not None
            is_own_draft = is_draft and re.fullmatch(_DRAFT, suffix) is not None
            is_own = is_own_draft or (suffix.endswith(".old") and re.fullmatch(_ASIDE, suffix) is not None)
            if is_draft or is_own:
                beside = os.path.join(folder, each)
                with suppress(OSError):  # another process has just removed it, or it is another user's
                    seconds_max = DRAFT_SECONDS_MAX if is_own else OTHER_DRAFT_SECONDS_MAX
                    is_old = is_draft and wall_seconds() - os.lstat(beside).st_mtime > seconds_max
                    if is_old or (is_own and os.path.exists(path) and os.path.samefile(beside, path)):
                        os.unlink(beside)


def aside_name(path: str, suffixes: Iterable[str] = ("",)) -> str:
    """A name under which the file `path` can be kept when another file takes its place, such as `notebook.sqlite3.1.old`.

    No file has this name, nor this name with one of `suffixes` at its end.
    """
    names = (f"{path}.{number}.old" for number in count(1))
    return next(name for name in names if not any(os.path.lexists(name + suffix) for suffix in suffixes))


def files_set_aside(path: str) -> list[str]:
    """The paths of files that once were at `path` and now have an `aside_name`. Raises `OSError` for an unreadable folder."""
    folder, name = os.path.split(path)
    pattern = re.compile(re.escape(name) + _ASIDE)
    return [os.path.join(folder, each) for each in os.listdir(folder or ".") if pattern.fullmatch(each)]


def kept_beside(path: str) -> list[str]:
    """The paths of files that may have earlier contents of `path`: its drafts, and files and logs with an `aside_name`.

    The list is empty if the folder cannot be read.
    """
    folder, name = os.path.split(path)
    pattern = rf"{re.escape(name)}((-wal)?{_ASIDE}(-wal)?|{_DRAFT})"
    try:
        return sorted(os.path.join(folder, each) for each in os.listdir(folder or ".") if re.fullmatch(pattern, each))
    except OSError:  # the folder cannot be read
        return []


def own_like(descriptor: int, path: str, *, mode_max: int = 0o666) -> None:
    """Give the new file (open as `descriptor`) the owner, group and permissions of `path`, but none beyond `mode_max`.

    If `path` is a folder, only the file's owner can read the file. Only root can give a file to another user: if root does not
    run this, the owner stays. If the file cannot get the group, the group gets no permissions. Raises `OSError`.
    """
    status = os.stat(path)
    mode = 0o600 if stat.S_ISDIR(status.st_mode) else stat.S_IMODE(status.st_mode) & mode_max
    with suppress(PermissionError):  # a file system without owners and permissions
        if os.geteuid() == 0:
            os.fchown(descriptor, status.st_uid, status.st_gid)
        elif mode & 0o070:
            with suppress(PermissionError):  # this user is not in that group
                os.fchown(descriptor, -1, status.st_gid)
        if os.fstat(descriptor).st_gid != status.st_gid:
            mode &= ~0o070
        os.fchmod(descriptor, mode)


@contextmanager
def locked_folder(folder: str) -> Iterator[None]:
    """Hold a lock on `folder` during the block, after waiting for other processes that have locked it. Raises `OSError`."""
    descriptor = os.open(folder or ".", os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _own_folder(folder: str) -> None:
    """If root runs this, give `folder`, which was just made, to the owner of the folder above it. Raises `OSError`."""
    if os.geteuid() != 0:
        return
    above = os.stat(os.path.dirname(folder))
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        with suppress(PermissionError):  # a file system without owners
            os.fchown(descriptor, above.st_uid, above.st_gid)
    finally:
        os.close(descriptor)
