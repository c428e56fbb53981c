"""What a search index says of itself: which notebook it is of, by which rules it was made, and how far it has come."""

import sqlite3
from typing import NamedTuple, Self

from udpnote.storage.database import Schema
from udpnote.storage.index.counts import create_figures
from udpnote.storage.index.shards import create_shards


class State(NamedTuple):
    """The notebook's id, the rules, the last entry that was taken up, the steps made since, and the mark of that entry.

    The mark is of the one after `indexed` if steps have been made in taking it up.
    """

    notebook_id: bytes | None
    rules: str | None
    indexed: int
    step: int = 0
    client_id: bytes | None = None
    sequence: int | None = None
    stored_at: int | None = None

    @classmethod
    def read(cls, connection: sqlite3.Connection) -> Self:
        """What the index behind `connection` says; raises `sqlite3.Error`, also if it says nothing."""
        row = connection.execute(f"SELECT {', '.join(cls._fields)} FROM state").fetchone()
        if row is None:
            raise sqlite3.DatabaseError("it does not say how far it has come")
        return cls(*row)

    def keep(self, connection: sqlite3.Connection) -> None:
        """Let the index say this from now on."""
        connection.execute(f"UPDATE state SET {', '.join(f'{field} = ?' for field in self._fields)}", self)


def _create_index(connection: sqlite3.Connection) -> None:
    connection.execute(
        """
        CREATE TABLE state (
            notebook_id BLOB,
            rules TEXT,
            indexed INTEGER NOT NULL,
            step INTEGER NOT NULL,
            client_id BLOB,
            sequence INTEGER,
            stored_at INTEGER
        )
        """
    )
    connection.execute("INSERT INTO state (indexed, step) VALUES (0, 0)")
    create_shards(connection)
    create_figures(connection)


SCHEMA = Schema(
    what="search index",
    application_id=0x554E4F49,  # "UNOI"
    page_bytes=4096,  # what FTS5 makes its pages for
    migrations={"index of small steps": _create_index},  # another name whenever the same text is put in another way
)
