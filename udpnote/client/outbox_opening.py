"""Opens a client's outbox, even if its log is damaged or gone, or if it can only be read."""

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from udpnote.errors import Notice, StorageError
from udpnote.model.argument_types import check_options
from udpnote.settings import Settings, absolute_path, find_places
from udpnote.storage.database import make_own_folder
from udpnote.storage.outbox.outbox import Outbox
from udpnote.storage.outbox.tables import is_unwritable
from udpnote.storage.permissions import close_to_others, too_open, untold


def open_outbox(outbox: str | os.PathLike[str] | Outbox, settings: Settings, on_notice: Callable[[Notice], None]) -> Outbox:
    """Open the file `outbox` and return it as an `Outbox`. If `outbox` is an `Outbox` already, return it unchanged.

    This follows a symbolic link, because the log of the outbox is beside the link's target. If there is no such file, this
    makes it, and its folder. If the outbox cannot be written, it is opened for reading, until it can be written. If its log is
    damaged or gone, this goes on with what can be read; a damaged log is copied to another name first. A log without an outbox
    is moved to another name. A notice tells the user about a log that is damaged, gone or without an outbox.

    If other users have access to the outbox, the prompt's history or the settings file, this takes the access away, and gives a
    notice about each such file. For the key file and for udpnote's folders, it gives only a notice, once. The history and the
    key file are those that `settings` name. Raises `StorageError` if the outbox is damaged or cannot be read, and the errors of
    `absolute_path` if `outbox` is no path.
    """
    if isinstance(outbox, Outbox):
        return outbox
    check_options({"outbox": outbox})
    outbox = absolute_path(outbox, "outbox")
    places = find_places(os.environ)
    own = [outbox, settings.history, places.settings_file]
    files = [*own, *([settings.key_file] if settings.key_file else [])]
    try:
        make_own_folder(outbox, places.folders)
        opened = _opened(os.path.realpath(outbox), on_notice)  # before its mode is changed, because it may be no outbox
    except StorageError as error:
        return _outbox_to_read(outbox, error, places.folders)
    if too_open(files, places.folders):
        for notice in [*close_to_others(own), *untold(too_open(files, places.folders), places.told)]:
            on_notice(notice)
    return opened


@contextmanager
def opened_outbox(
    outbox: str | os.PathLike[str] | Outbox, settings: Settings, on_notice: Callable[[Notice], None]
) -> Iterator[Outbox]:
    """Give the block the outbox that `open_outbox` returns. It stays open after the block.

    If the block raises an error, an outbox that was opened here is closed. An `Outbox` given by the caller stays open.
    """
    opened = open_outbox(outbox, settings, on_notice)
    try:
        yield opened
    except BaseException:
        if opened is not outbox:
            opened.close()
        raise


def _opened(path: str, on_notice: Callable[[Notice], None]) -> Outbox:
    """Open the outbox at `path`, even if its log is damaged or gone, or if there is a log but no outbox.

    A damaged log is first copied to another name, and a log without an outbox is moved to another name. A notice says what was
    found, and names the copy or the moved log, if there is one.
    """
    try:
        return Outbox(path)
    except StorageError as error:
        if error.notice.kind == "outbox_log_gone":
            on_notice(error.notice)
            return Outbox(path, uses_damaged_log=True)
        if error.notice.kind not in ("outbox_log_damaged", "outbox_log_alone"):
            raise
        from udpnote.storage.outbox.log_check import keep_damaged_log, move_lone_log  # here, because this happens seldom

        is_alone = error.notice.kind == "outbox_log_alone"
        aside = move_lone_log(path) if is_alone else keep_damaged_log(path)
        if aside is not None:
            on_notice(Notice("outbox_log_left" if is_alone else "outbox_log_kept", log=f"{path}-wal", path=path, aside=aside))
        return Outbox(path, uses_damaged_log=not is_alone)


def _outbox_to_read(path: str, error: StorageError, own_folders: Collection[str]) -> Outbox:
    """Open the outbox at `path` for reading, because opening it for writing has raised `error`.

    With this outbox, commands can read a notebook. While it cannot be written, commands that add to it fail. `own_folders` are
    the folders that belong to udpnote. Raises `error` if the reason of `error` is another than that the outbox cannot be
    written, or if the outbox cannot be read. An outbox that cannot be read may hold the key of a sealed notebook, and without
    that key the client would believe an impostor.
    """
    if not is_unwritable(error):
        raise error
    try:
        return Outbox(os.path.realpath(path), is_read_only=True, before_writing=lambda: make_own_folder(path, own_folders))
    except StorageError:
        raise error from None
