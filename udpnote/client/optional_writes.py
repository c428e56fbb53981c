"""Writes to the outbox that may fail: the client goes on without them."""

from collections.abc import Callable
from types import TracebackType

from udpnote.errors import StorageError


class OptionalWrites:
    """A context manager for writes to the outbox that may fail without loss of an entry.

    A `StorageError` ends its block, but is not raised further. The first such error is passed to `on_failure`.
    """

    def __init__(self, on_failure: Callable[[StorageError], None]) -> None:
        self._on_failure = on_failure
        self._has_failed = False

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> bool:
        if not isinstance(error, StorageError):
            return False
        if not self._has_failed:
            self._has_failed = True
            self._on_failure(error)
        return True
