"""Notices that the log of an outbox was damaged, removed or left without its outbox while no command used it; keeps the log.

A command that is killed leaves the log of its latest transactions. SQLite reads it up to the first bad page and drops the rest
without a word, so entries that were never sent would vanish. As in a notebook, the log itself and SQLite's index of it show the
damage (see `log_file`).

After a power failure, they do not show it. A client does not fsync all transactions of its outbox, and a transaction that the
power failure has cut, or kept only in part, looks like a damaged one. So a log that was last written before this machine was
started is not checked.

If a person has moved or deleted an outbox without its log, SQLite would apply that log to the new outbox: the client would send
the old notes under its new client id, and the notebook would store them twice if it had them already.

If only the log was removed or emptied, its index may be left, and counts transactions that were in the log alone. Without the
index, nothing shows that there was a log.

Unlike a notebook, an outbox must take the next entry in any case. So the client keeps the damaged log under another name, and
opens the outbox with what SQLite can read. If the latest sequences were lost, the next entries get them again. The notebook
refuses these entries as conflicts, and the client sends them under a new client id.
"""

import os
from contextlib import suppress

from udpnote.errors import StorageError
from udpnote.machine.clock import boot_seconds
from udpnote.storage.database import has_log
from udpnote.storage.disk_errors import storage_errors
from udpnote.storage.log_file import index_counts_uncopied, is_damaged, is_log, is_open_elsewhere
from udpnote.storage.new_files import aside_name, locked_folder, own_like, sync_folder

LOOKS = 2
"""How often a log must be found damaged or gone: at the first look, another command may just be changing it."""


def check_outbox_log(path: str) -> None:
    """Raise `StorageError` if the outbox at `path` has a damaged log or has lost it, or if there is a log without an outbox.

    Call this while this process does not have the outbox open.
    """
    log = f"{path}-wal"
    with storage_errors(path):
        if has_log(path) and not os.path.exists(path):  # in this order: another command may just make both
            raise StorageError("outbox_log_alone", path=path, log=log)
        if all(_is_damaged(path, log) for _ in range(LOOKS)):
            raise StorageError("outbox_log_damaged", path=path, log=log)
        if all(_is_gone(path) for _ in range(LOOKS)):
            raise StorageError("outbox_log_gone", path=path, log=log)


def keep_damaged_log(path: str) -> str:
    """Copy the log of the outbox at `path` to another name beside it, durably, and return that name. Raises `StorageError`."""
    log = f"{path}-wal"
    aside = aside_name(log)
    with storage_errors(aside), open(log, "rb") as source:
        descriptor = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with open(descriptor, "wb") as copy:
            own_like(descriptor, path, mode_max=0o600)
            copy.write(source.read())
            copy.flush()
            os.fsync(descriptor)
        sync_folder(os.path.dirname(aside))
    return aside


def move_lone_log(path: str) -> str | None:
    """If there is no outbox at `path`, rename a log that is there, and return its new name. Raises `StorageError`.

    Returns None if there is an outbox, or if another command has renamed the log meanwhile. A command makes a new outbox only
    when no log is left.
    """
    log = f"{path}-wal"
    with storage_errors(path), locked_folder(os.path.dirname(path)):
        if not has_log(path) or os.path.exists(path):
            return None
        aside = aside_name(log)
        os.rename(log, aside)
        with suppress(FileNotFoundError):
            os.unlink(f"{path}-shm")
    return aside


def _is_damaged(path: str, log: str) -> bool:
    """Whether the file `log`, the log of the outbox at `path`, is damaged and was last written after this machine was started.

    False if another process has the outbox open.
    """
    if is_open_elsewhere(path):  # asked first, because reading the log takes long
        return False
    try:
        return has_log(path) and is_log(log) and os.path.getmtime(log) > boot_seconds() and is_damaged(path)
    except FileNotFoundError:  # the last command has just copied it into the file
        return False


def _is_gone(path: str) -> bool:
    """Whether the log of the outbox at `path` was removed or emptied since this machine was started.

    False if another process has the outbox open.
    """
    if is_open_elsewhere(path):
        return False
    try:
        return not has_log(path) and os.path.getmtime(f"{path}-shm") > boot_seconds() and index_counts_uncopied(path)
    except FileNotFoundError:  # the last command has just copied the log into the file
        return False
