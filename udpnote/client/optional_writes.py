"""Opens a client's outbox; a client goes on if it cannot write there what it has learned, or cannot write there at all."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from udpnote.errors import Notice, StorageError
from udpnote.settings import Settings, absolute_path, find_places
from udpnote.storage.database import make_own_folder
from udpnote.storage.outbox import Outbox
from udpnote.storage.outbox_tables import is_unwritable
from udpnote.storage.permissions import close_to_others, too_open, untold


class OptionalWrites:
    """Writes to the outbox that may fail, because no entry gets lost by that. `on_notice` is called at the first failure."""

    def __init__(self, on_notice: Callable[[Notice], None]) -> None:
        self._on_notice = on_notice
        self._is_told = False

    @contextmanager
    def tolerated(self) -> Iterator[None]:
        """A context manager: a `StorageError` ends the block, but is not raised further. The first one becomes a notice."""
        try:
            yield
        except StorageError as error:
            if not self._is_told:
                self._is_told = True
                self._on_notice(Notice("not_remembered", error=error))


def open_outbox(outbox: str | os.PathLike[str] | Outbox, settings: Settings, on_notice: Callable[[Notice], None]) -> Outbox:
    """Open the file `outbox`, and close the user's files to other users; give a notice about each that was open to them."""
    if isinstance(outbox, Outbox):
        return outbox
    outbox = absolute_path(outbox, "outbox")
    places = find_places(os.environ)
    own = [outbox, settings.history, places.settings_file]
    files = [*own, *([settings.key_file] if settings.key_file else [])]
    try:
        make_own_folder(outbox, places.folders)
        opened = Outbox(outbox)  # before its mode is changed, because it may be another file
    except StorageError as error:
        return _outbox_to_read(outbox, error)
    if too_open(files, places.folders):
        for notice in [*close_to_others(own), *untold(too_open(files, places.folders), places.told)]:
            on_notice(notice)
    return opened


def _outbox_to_read(path: str, error: StorageError) -> Outbox:
    """Open the outbox at `path` for reading only, after it could not be opened for writing because of `error`.

    With such an outbox, commands can read a notebook, and fail only where they add to the outbox. Raises `error` if the outbox
    cannot even be read: it may hold the key of a sealed notebook, without which the client would believe an impostor.
    """
    if not is_unwritable(error):
        raise error
    try:
        return Outbox(path, is_read_only=True)
    except StorageError:
        raise error from None
