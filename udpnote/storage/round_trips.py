"""The round-trip time to each known notebook's server, which is kept in the outbox: the next command begins with this time."""

import sqlite3
from collections.abc import Callable, Sequence

from udpnote.protocol.congestion import RTO_MIN_SECONDS
from udpnote.storage.database import storage_errors

SECONDS_MIN = RTO_MIN_SECONDS / 3
"""A shorter time is saved as this one. The first timeout, which is three times as long, is not below its minimum then."""


class RoundTrips:
    """The round-trip times in the outbox at `path`, by notebook id. Methods raise `StorageError` if the outbox cannot be used.

    `connection` has the outbox open. `write_without_fsync` executes an SQL statement there, once for each row of values.
    """

    def __init__(
        self,
        path: str,
        connection: sqlite3.Connection,
        write_without_fsync: Callable[[str, Sequence[tuple[object, ...]]], None],
    ) -> None:
        self._path = path
        self._connection = connection
        self._write_without_fsync = write_without_fsync

    def seconds(self, notebook_id: bytes) -> float | None:
        """The round-trip time, in seconds, that `note` has saved for this notebook; None if there is none."""
        with storage_errors(self._path):
            query = "SELECT round_trip FROM notebooks WHERE notebook_id = ?"
            row = self._connection.execute(query, (notebook_id,)).fetchone()
        return None if row is None else row[0]

    def note(self, notebook_id: bytes, seconds: float) -> None:
        """Save the round-trip time of a known notebook, without an fsync. A time below `SECONDS_MIN` is saved as `SECONDS_MIN`.

        Does not write if the saved time is between half and twice as long.
        """
        seconds = max(seconds, SECONDS_MIN)
        before = self.seconds(notebook_id)
        if before is None or not before / 2 <= seconds <= 2 * before:
            statement = "UPDATE notebooks SET round_trip = ? WHERE notebook_id = ?"
            self._write_without_fsync(statement, [(seconds, notebook_id)])
