"""The tables of an outbox, and how they came about."""

import os
import sqlite3

from udpnote.model.entry import CLIENT_ID_BYTES
from udpnote.storage.database import Schema


def _create_outbox(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE identities (identity INTEGER PRIMARY KEY, client_id BLOB NOT NULL UNIQUE)")
    connection.execute("INSERT INTO identities (client_id) VALUES (?)", (os.urandom(CLIENT_ID_BYTES),))
    connection.execute("CREATE TABLE sequences (next_sequence INTEGER NOT NULL)")
    connection.execute("INSERT INTO sequences VALUES (1)")
    connection.execute(
        """
        CREATE TABLE entries (
            sequence INTEGER PRIMARY KEY,
            identity INTEGER NOT NULL REFERENCES identities,
            kind INTEGER NOT NULL,
            written_at INTEGER NOT NULL,
            utc_offset INTEGER NOT NULL,
            author TEXT NOT NULL,
            text TEXT NOT NULL,
            notebook_id BLOB,
            meant_for TEXT,
            refused INTEGER NOT NULL DEFAULT 0
        )
        """
    )
    connection.execute(
        """
        CREATE TABLE notebooks (
            notebook_id BLOB PRIMARY KEY,
            name TEXT NOT NULL,
            host TEXT NOT NULL,
            port INTEGER NOT NULL,
            scope INTEGER NOT NULL,
            chosen INTEGER NOT NULL DEFAULT 0
        ) WITHOUT ROWID
        """
    )


def _add_revisions(connection: sqlite3.Connection) -> None:
    """What waiting entries revise, and the revisions from here that are stored: somebody may replace them unseen."""
    connection.execute("ALTER TABLE entries ADD COLUMN revises INTEGER NOT NULL DEFAULT 0")
    connection.execute(
        "CREATE TABLE revisions (notebook_id BLOB NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (notebook_id, number))"
        " WITHOUT ROWID"
    )


def _add_keys(connection: sqlite3.Connection) -> None:
    """The keys of sealed notebooks, with which of them each notebook has answered, and as which server users have named it."""
    connection.execute("ALTER TABLE notebooks ADD COLUMN key_id BLOB")
    connection.execute("ALTER TABLE notebooks ADD COLUMN server TEXT")
    connection.execute("CREATE TABLE keys (key_id BLOB PRIMARY KEY, key BLOB NOT NULL) WITHOUT ROWID")


SCHEMA = Schema(
    what="outbox",
    application_id=0x554E4F42,  # "UNOB"
    page_bytes=4096,  # SQLite's default: entries are added at one end
    migrations={"outbox": _create_outbox, "revisions": _add_revisions, "keys": _add_keys},
)
