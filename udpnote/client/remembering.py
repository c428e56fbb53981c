"""Remembers in the outbox what later commands can use, such as a notebook's address; without an outbox to write, goes on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from udpnote.errors import Notice, StorageError


class Remembering:
    """Lets a client go on if its outbox cannot be written, where nothing gets lost by that; calls `on_notice` once then."""

    def __init__(self, on_notice: Callable[[Notice], None]) -> None:
        self._on_notice = on_notice
        self._is_told = False

    @contextmanager
    def if_possible(self) -> Iterator[None]:
        """A context manager: a `StorageError` ends its block and nothing else. The first one becomes a notice."""
        try:
            yield
        except StorageError as error:
            if not self._is_told:
                self._is_told = True
                self._on_notice(Notice("not_remembered", error=error))
