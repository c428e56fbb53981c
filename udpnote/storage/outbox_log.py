"""Notices that the log of an outbox was damaged while no command used the outbox, and keeps the damaged log.

A command that is killed leaves the log of its latest transactions. SQLite reads it up to the first bad page and drops the rest
without a word, so entries that were never sent would vanish. As in a notebook, the log itself and SQLite's index of it show the
damage (see `notebook.log_frames`).

After a power failure they do not: not all transactions of an outbox are fsynced, and one that the power failure has cut, or
kept only in part, looks like a damaged one. So a log that was last written before this machine was started is not checked.

An outbox is no notebook: it must take the next entry in any case. So the damaged log is kept under another name, and the
outbox goes on with what can be read. If the latest sequences were lost, the next entries get them again; the notebook refuses
these as conflicts, and the client sends them under a new client id.
"""

import os

from udpnote.errors import StorageError
from udpnote.machine.clock import boot_seconds
from udpnote.storage.database import has_log, storage_errors
from udpnote.storage.log_index import is_open_elsewhere
from udpnote.storage.new_files import aside_name, own_like, sync_folder
from udpnote.storage.notebook.log_frames import is_damaged, is_log

LOOKS = 2
"""How often a log must be found damaged: at the first look, another command may just be changing it."""


def check_outbox_log(path: str) -> None:
    """Raise `StorageError` if the outbox at `path` has a damaged log. Call this while this process does not have it open."""
    log = f"{path}-wal"
    with storage_errors(path):
        if all(_is_damaged(path, log) for _ in range(LOOKS)):
            raise StorageError("outbox_log_damaged", path=path, log=log)


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


def _is_damaged(path: str, log: str) -> bool:
    """Whether the log was damaged since this machine was started, and no other process has the outbox open."""
    if is_open_elsewhere(path):  # asked first, because reading the log takes long
        return False
    try:
        return has_log(path) and is_log(log) and os.path.getmtime(log) > boot_seconds() and is_damaged(path)
    except FileNotFoundError:  # the last command has just copied it into the file
        return False
