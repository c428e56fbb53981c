"""Guards a notebook's file while a server uses it: keeps other servers out, and notices if the file is deleted or replaced.

One file can have several names, by a hard link or a bind mount. SQLite keeps a log for each name, so two servers that use two
names overwrite each other's entries. Therefore the file itself is locked, and a file with several names is refused. So is a
file that is mounted without its folder: in a container, the log would be outside of the mount, and vanish with the container.

The lock is made by flock(2), and the operating system releases it when the process ends. On Linux it does not affect SQLite's
own locks on the file. On other systems the two kinds of locks exclude each other, so another file is locked there:
`NOTEBOOK.lock`, beside the notebook.

A process that closes a descriptor of a file loses the locks that SQLite has on it. So the guard is closed after SQLite's
connections, and a file that this process guards already is not opened again.
"""

import fcntl
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import sleep

from udpnote.errors import NotebookInUse, NotebookLost, StorageError
from udpnote.storage.database import LOG_HEADER_BYTES, uri_of
from udpnote.storage.disk_errors import storage_errors
from udpnote.storage.file_status import identity_of, is_mounted_alone, status_at
from udpnote.storage.inherited_files import refuse_inherited
from udpnote.storage.log_file import is_begun_again
from udpnote.storage.new_files import aside_name, own_like, remove_old_drafts

_LOCK_SUFFIX = "" if sys.platform == "linux" else ".lock"
"""What follows the notebook's name in the name of the file that is locked."""

_Identity = tuple[int, int, int] | None
"""Device, inode and number of names of a file; None if it is not there."""

LOCK_ATTEMPT_SECONDS = 0.01
LOCK_ATTEMPTS_MAX = 100
"""How long at a time, and how often, a server waits for programs that only look whether the file is locked. Such a program
holds a shared lock for some microseconds (see `is_guarded`)."""

_guarded: set[tuple[int, int]] = set()
"""Device and inode of the files that this process guards."""


class FileGuard:
    """Locks the existing notebook at `path`. Make a guard before SQLite opens the file.

    Call `watch` once, when SQLite has opened the file, `end_use` once to close the file, and then `release`. If SQLite never
    opened the file, call only `release`.

    The constructor raises `NotebookInUse` if another server uses the file, and `StorageError` if the file has several names, is
    mounted without its folder, or was open when this process was forked.

    `log_bytes` is the length of the log's file at the last check. The code that uses the guard sets `log_bytes_min` to the
    length that the log's file always has at least. If it is shorter, another program has cut it.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: _Identity = None  # the file and the log that `watch` has found
        self._log: _Identity = None
        self._reader: sqlite3.Connection | None = None  # the connection that `watch` has opened
        self._log_descriptor: int | None = None  # of the log, once `watch_log_header` was called
        self._log_header: bytes | None = None
        self.log_bytes = self.log_bytes_min = 0
        with storage_errors(path):
            refuse_inherited(path)
            self._locked_file = identity_of(path)
            if self._locked_file in _guarded:
                raise NotebookInUse("notebook_in_use", path=path)
            self._descriptor = os.open(f"{path}{_LOCK_SUFFIX}", os.O_RDONLY | (os.O_CREAT if _LOCK_SUFFIX else 0), 0o600)
            try:
                self._lock()
            except BaseException:
                os.close(self._descriptor)
                raise
        _guarded.add(self._locked_file)

    @property
    def is_in_place(self) -> bool:
        """Whether the file that is at the path now is the locked one."""
        found, _ = _identity_and_size(self._path)
        return found is not None and found[:2] == self._locked_file

    def watch(self) -> None:
        """Record which file and log are at the path now, for `check` to compare. Call this once SQLite has opened the file.

        Raises `NotebookLost` if the file at the path is not the locked one, and `StorageError`.
        """
        with storage_errors(self._path):
            # The last connection that closes a database removes the log beside it, even if another program has put that there.
            # This one can only read, so it removes nothing.
            self._reader = sqlite3.connect(uri_of(self._path, "mode=ro"), uri=True, check_same_thread=False)
            self._reader.execute("PRAGMA schema_version").fetchone()  # from now on, SQLite counts this connection
        self._file, self._log = self._found()
        if not self.is_in_place:
            loss = _loss(self._path, (*self._locked_file, 1), self._file)
            raise NotebookLost("notebook_lost", path=self._path, loss=loss)

    def watch_log_header(self) -> None:
        """Let `check` compare the log's header, from now on, with the present one.

        `check` allows a change that SQLite makes when it begins the log again after a checkpoint, even one of another program.

        Call this after a transaction, and `expect_other_log_header` before a checkpoint. Raises `OSError`.
        """
        if self._log_descriptor is None:  # SQLite has no locks on the log, so closing this descriptor drops none
            self._log_descriptor = os.open(f"{self._path}-wal", os.O_RDONLY)
        self._log_header = self._read_log_header()

    def expect_other_log_header(self) -> None:
        """Stop `check` from comparing the log's header: SQLite changes it with the next transaction after a checkpoint."""
        self._log_header = None

    def check(self) -> None:
        """Raise `NotebookLost` if the file or its log was deleted, moved, replaced, hard-linked or cut, or the file is empty.

        Also raises it if the log was overwritten from its beginning (see `watch_log_header`). SQLite would remove the log of an
        empty file. A file that was moved, and has left a symbolic link, is not in its place either: the next start would look
        for its log beside the file to which the link leads.
        """
        file, log = self._found()
        if self._log is None:  # there was none yet, because SQLite had written nothing
            self._log = log
        if file != self._file:
            raise NotebookLost("notebook_lost", path=self._path, loss=_loss(self._path, self._file, file))
        if log != self._log:
            log_path = f"{self._path}-wal"
            raise NotebookLost("log_lost", path=self._path, log=log_path, loss=_loss(log_path, self._log, log))
        if self.log_bytes < self.log_bytes_min or self._is_header_overwritten():
            raise NotebookLost("log_overwritten", path=self._path, log=f"{self._path}-wal")

    def end_use(self, connection: sqlite3.Connection, *, is_log_copied: bool) -> None:
        """Close `connection`, but keep other servers out until `release` is called.

        All other connections of this process to the file must be closed before. If `is_log_copied` is False, the log stays
        where it is: SQLite would copy the log without the mark by which it is recognized afterwards (see `log_check`). If it is
        True, the log is removed. Raises `NotebookLost` for the reasons of `check`; the file is closed then, too.
        """
        try:
            if self._file is not None:  # it is None if `watch` has failed, for example because no more files can be opened
                self.check()
            if is_log_copied:
                self._close_reader()  # then `connection` is the last one, and closing it removes the log
        except NotebookLost:
            self._put_log_aside()
            raise
        finally:
            connection.close()
            self._close_reader()

    def release(self) -> None:
        """Give up the lock, so that another server can use the file. No connection of this process may have it open."""
        if self._log_descriptor is not None:
            os.close(self._log_descriptor)
        os.close(self._descriptor)
        _guarded.discard(self._locked_file)

    def _close_reader(self) -> None:
        """Close the connection of `watch`, if there is one."""
        if self._reader is not None:
            self._reader.close()

    def _put_log_aside(self) -> None:
        """If another notebook is at the path now, rename our log, because SQLite would apply it to that notebook. A log that
        cannot be renamed stays.

        `check_log` gives the log its name back when our notebook is at the path again.
        """
        file, log = self._found()
        is_replaced = file is not None and self._file is not None and file[:2] != self._file[:2]
        if is_replaced and log is not None and log == self._log and not os.path.islink(self._path):
            with suppress(OSError):  # nothing else can be done
                os.rename(f"{self._path}-wal", aside_name(f"{self._path}-wal"))

    def _lock(self) -> None:
        """Take the lock. Raises what the constructor raises."""
        for _ in range(LOCK_ATTEMPTS_MAX):
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not _can_share(self._descriptor):
                    raise NotebookInUse("notebook_in_use", path=self._path) from None
                sleep(LOCK_ATTEMPT_SECONDS)
            except OSError as error:
                raise StorageError("file_system_unsuitable", path=self._path) from error
        else:
            raise NotebookInUse("notebook_in_use", path=self._path)
        if _LOCK_SUFFIX:
            with suppress(OSError):  # the file is another user's
                own_like(self._descriptor, self._path, mode_max=0o660)
        remove_old_drafts(self._path)  # another process may have just linked one to the path: that is a second name, too
        names = status_at(self._path, is_fresh=True).names
        if names > 1:
            raise StorageError("notebook_has_several_names", path=self._path, count=names)
        if is_mounted_alone(self._path):
            raise StorageError("notebook_mounted_alone", path=self._path)

    def _is_header_overwritten(self) -> bool:
        """Whether the log's header was overwritten since `watch_log_header`, and not by SQLite."""
        before = self._log_header
        if before is None or (header := self._read_log_header()) == before:
            return False
        if is_begun_again(header, before):
            self._log_header = header
            return False
        return bool(header)  # empty after a checkpoint of another program that cuts the log, unless `log_bytes_min` forbids it

    def _read_log_header(self) -> bytes:
        assert self._log_descriptor is not None, "a header that was never read would be compared"
        return os.pread(self._log_descriptor, LOG_HEADER_BYTES, 0)

    def _found(self) -> tuple[_Identity, _Identity]:
        """Return the identities of the notebook's file and of its log, as they are at their paths now.

        An identity is None if there is no file; that of the notebook is also None if its file is empty. Sets `log_bytes`.
        """
        file, size = _identity_and_size(self._path)
        log, self.log_bytes = _identity_and_size(f"{self._path}-wal")
        return file if size else None, log


@contextmanager
def guarded(path: str, *, in_use: NotebookInUse) -> Iterator[FileGuard]:
    """Lock the existing notebook at `path` for the block, and give the block the lock.

    Raises `in_use` if a server uses the file, and `StorageError` for the reasons of `FileGuard`.
    """
    try:
        guard = FileGuard(path)
    except NotebookInUse:
        raise in_use from None
    try:
        yield guard
    finally:
        guard.release()


def is_guarded(path: str) -> bool:
    """Whether a server or a command that may change notebooks holds the lock on the notebook at `path`.

    Returns False if there is no file, and True if the lock cannot be tested. The calling process must not have the notebook
    open in SQLite: this function opens and closes the file, and the process would lose SQLite's locks on it.
    """
    try:
        if is_guarded_here(path):
            return True
        descriptor = os.open(f"{path}{_LOCK_SUFFIX}", os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError:  # it is another user's
        return True
    try:
        return not _can_share(descriptor)
    finally:
        os.close(descriptor)


def _can_share(descriptor: int) -> bool:
    """Whether the lock on the open file `descriptor` can be shared: no server holds it.

    Other programs that only look at the lock may share it at this moment. Afterwards `descriptor` has no lock.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return True


def is_guarded_here(path: str) -> bool:
    """Whether this process holds the lock on the notebook at `path`. Raises `OSError`."""
    return identity_of(path) in _guarded


def _loss(path: str, before: _Identity, found: _Identity) -> str:
    """Return what was done to the file at `path`: `gone`, `emptied`, `linked` (it has a further hard link) or `replaced`.

    `before` and `found` are its identities before and now. They differ.
    """
    if os.path.islink(path):  # the file was moved, and a link to it was left
        return "gone"
    if found is None:
        return "emptied" if os.path.exists(path) else "gone"
    return "linked" if before is not None and before[:2] == found[:2] else "replaced"


def _identity_and_size(path: str) -> tuple[_Identity, int]:
    """The identity of the file at `path` and its length in bytes; None and 0 if it cannot be found."""
    try:
        status = status_at(path, follows=False)
    except OSError:  # it is gone, or its folder cannot be used any more
        return None, 0
    return (status.device, status.inode, status.names), status.size
