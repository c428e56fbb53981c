"""The tables of an outbox."""

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
            refused INTEGER NOT NULL DEFAULT 0,
            revises INTEGER NOT NULL DEFAULT 0
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
            chosen INTEGER NOT NULL DEFAULT 0,
            key_id BLOB,
            server TEXT
        ) WITHOUT ROWID
        """
    )
    connection.execute(
        "CREATE TABLE revisions (notebook_id BLOB NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (notebook_id, number))"
        " WITHOUT ROWID"
    )
    connection.execute("CREATE TABLE keys (key_id BLOB PRIMARY KEY, key BLOB NOT NULL) WITHOUT ROWID")


SCHEMA = Schema(
    file_kind="outbox",
    application_id=0x554E4F42,  # "UNOB"
    version=1,
    page_bytes=4096,  # SQLite's default: entries are added at one end
    create=_create_outbox,
)
