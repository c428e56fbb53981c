"""Lets a client go on if it cannot write what it has learned to its outbox, such as a notebook's address."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from udpnote.errors import Notice, StorageError


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
