"""Lets a client go on if it cannot write to its outbox what it has learned, or cannot write to the outbox at all."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from udpnote.errors import Notice, StorageError
from udpnote.storage.outbox import Outbox
from udpnote.storage.outbox_tables import is_unwritable


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


def outbox_to_read(path: str, error: StorageError) -> Outbox:
    """The outbox at `path`, which could not be opened because of `error`, for reading only.

    Then reading a notebook still works, and only what adds to the outbox fails. Raises `error` if the outbox cannot be read,
    either: it may have the key of a sealed notebook, without which an impostor would be believed.
    """
    if not is_unwritable(error):
        raise error
    try:
        return Outbox(path, is_read_only=True)
    except StorageError:
        raise error from None
