"""What a client remembers in its outbox besides entries: named servers, keys, watched revisions and round-trip times.

Each class serves one table, or one column.
"""

from collections.abc import Iterable

from udpnote.errors import StorageError
from udpnote.model.entry import SeenEntry
from udpnote.model.notebook import KnownNotebook
from udpnote.protocol.congestion import RTO_MIN_SECONDS
from udpnote.storage.disk_errors import storage_errors
from udpnote.storage.outbox.outbox_file import OutboxFile
from udpnote.storage.outbox.tables import is_unwritable

DELETE_UNUSED_KEYS = "DELETE FROM keys WHERE key_id NOT IN (SELECT key_id FROM notebooks WHERE key_id IS NOT NULL)"

REVISIONS_WATCHED_MAX = 100
"""How many of this client's stored revisions are watched in each notebook: as many numbers as one query may name."""

ROUND_TRIP_SECONDS_MIN = RTO_MIN_SECONDS / 3
"""A shorter time is saved as this one. The first timeout is three times the saved time, and at least `RTO_MIN_SECONDS`."""


class NamedServers:
    """Remembers which notebook has answered at each named server: a HOST:PORT that the user gave.

    The records are in the outbox `file`. Methods raise `StorageError` if it cannot be used.
    """

    def __init__(self, file: OutboxFile) -> None:
        self._file = file

    def notebook_id(self, server: str) -> bytes | None:
        """The id of the notebook that answered last at `server`; None if none has."""
        with storage_errors(self._file.path):
            row = self._file.connection.execute("SELECT notebook_id FROM servers WHERE server = ?", (server,)).fetchone()
        return None if row is None else row[0]

    def record(self, server: str, notebook_id: bytes) -> None:
        """Save durably that the notebook `notebook_id` answered last at `server`. Does not write if this is saved already."""
        if self.notebook_id(server) != notebook_id:
            with self._file.transaction() as connection:
                connection.execute("INSERT OR REPLACE INTO servers VALUES (?, ?)", (server, notebook_id))

    def replace(self, server: str | None, notebook_id: bytes) -> None:
        """In the caller's transaction, make `server` the only named server of the notebook `notebook_id`.

        If `server` is None, this removes all named servers of the notebook.

        Raises `sqlite3.Error`.
        """
        self._file.connection.execute("DELETE FROM servers WHERE notebook_id = ?", (notebook_id,))
        if server is not None:
            self._file.connection.execute("INSERT OR REPLACE INTO servers VALUES (?, ?)", (server, notebook_id))


class JoinedKeys:
    """The keys of joined notebooks in the outbox `file`. A new key that cannot be saved is kept in memory (see `renew`).

    Methods raise `StorageError` if the outbox cannot be used.
    """

    def __init__(self, file: OutboxFile) -> None:
        self._file = file
        self._unsaved: dict[bytes, tuple[bytes, bytes]] = {}
        """The new keys that could not be saved: (key id, key) by notebook id."""

    def by_id(self) -> dict[bytes, bytes]:
        """The keys of all joined notebooks, by key id."""
        with storage_errors(self._file.path):
            return dict([*self._file.connection.execute("SELECT key_id, key FROM keys"), *self._unsaved.values()])

    def with_unsaved(self, notebook: KnownNotebook) -> KnownNotebook:
        """Return `notebook`, which was read from the outbox, with the id of its new key if `renew` could not save that key."""
        if notebook.notebook_id not in self._unsaved:
            return notebook
        return notebook._replace(key_id=self._unsaved[notebook.notebook_id][0])

    def renew(self, notebook_id: bytes, key_id: bytes, key: bytes) -> None:
        """Durably save `key`, whose id is `key_id`, in place of an earlier key of the known notebook `notebook_id`.

        From now on the notebook is saved as sealed and joined, also if it was saved as open before. The chosen notebook stays
        the same. If the outbox cannot be written, this object keeps the key in memory, and raises no error.
        """
        try:
            with self._file.transaction() as connection:
                connection.execute("INSERT INTO keys VALUES (?, ?) ON CONFLICT DO NOTHING", (key_id, key))
                connection.execute("UPDATE notebooks SET key_id = ? WHERE notebook_id = ?", (key_id, notebook_id))
                connection.execute(DELETE_UNUSED_KEYS)
        except StorageError as error:
            if not is_unwritable(error):
                raise
            self._unsaved[notebook_id] = (key_id, key)
        else:
            self.forget_unsaved(notebook_id)

    def forget_unsaved(self, notebook_id: bytes) -> None:
        """Forget the key of the notebook `notebook_id` in memory, because the outbox has a later one now, or needs none."""
        self._unsaved.pop(notebook_id, None)


class WatchedRevisions:
    """The stored revisions of this client that udpnote *watches*: it tells their author if somebody replaces one without having
    seen it. They are in the outbox `file`, by notebook id. Methods raise `StorageError` if it cannot be used.
    """

    def __init__(self, file: OutboxFile) -> None:
        self._file = file

    def watch(self, notebook_id: bytes, revision: SeenEntry) -> None:
        """Watch `revision`, a stored revision of this client.

        If more than `REVISIONS_WATCHED_MAX` are watched in this notebook, the oldest are watched no longer.
        """
        with self._file.without_fsync() as connection:
            connection.execute("INSERT OR REPLACE INTO revisions VALUES (?, ?, ?, ?)", (notebook_id, *revision))
        numbers = [each.number for each in self.watched(notebook_id)]
        self.forget(notebook_id, numbers[:-REVISIONS_WATCHED_MAX])

    def watched(self, notebook_id: bytes) -> list[SeenEntry]:
        """The watched revisions of this notebook, in the order of their numbers."""
        query = "SELECT number, client_id, sequence FROM revisions WHERE notebook_id = ? ORDER BY number"
        with storage_errors(self._file.path):
            return [SeenEntry(*row) for row in self._file.connection.execute(query, (notebook_id,))]

    def forget(self, notebook_id: bytes, numbers: Iterable[int]) -> None:
        """Stop watching the revisions with these numbers in this notebook."""
        rows = [(notebook_id, number) for number in numbers]
        if rows:
            with self._file.without_fsync() as connection:
                connection.executemany("DELETE FROM revisions WHERE notebook_id = ? AND number = ?", rows)


class RoundTrips:
    """The round-trip times in the outbox `file`, by notebook id. Methods raise `StorageError` if it cannot be used."""

    def __init__(self, file: OutboxFile) -> None:
        self._file = file
        self._recorded: dict[bytes, float] = {}
        """A cache of saved times by notebook id, because a client calls `record` after each send."""

    def seconds(self, notebook_id: bytes) -> float | None:
        """The saved round-trip time to the server of this notebook, in seconds; None if none is saved."""
        with storage_errors(self._file.path):
            query = "SELECT round_trip FROM notebooks WHERE notebook_id = ?"
            row = self._file.connection.execute(query, (notebook_id,)).fetchone()
        return None if row is None else row[0]

    def record(self, notebook_id: bytes, seconds: float) -> None:
        """Save `seconds`, or `ROUND_TRIP_SECONDS_MIN` if that is more, as a known notebook's round-trip time, without an fsync.

        Does not write if the saved time is from half to twice the new one.
        """
        seconds = max(seconds, ROUND_TRIP_SECONDS_MIN)
        before = self._recorded.get(notebook_id) or self.seconds(notebook_id)
        if before is None or not before / 2 <= seconds <= 2 * before:
            with self._file.without_fsync() as connection:
                connection.execute("UPDATE notebooks SET round_trip = ? WHERE notebook_id = ?", (seconds, notebook_id))
            before = seconds
        self._recorded[notebook_id] = before
