"""The tables of an outbox file.

`identities` has the client ids that entries were written under, the latest last; `sequences` the next sequence. `entries` holds
the entries that are not acknowledged yet, `notebooks` the known notebooks, and `keys` the keys of joined notebooks.
"""

import os
import sqlite3

from udpnote.model.entry import CLIENT_ID_BYTES
from udpnote.storage.database import Schema

_TABLES = (
    "CREATE TABLE identities (identity INTEGER PRIMARY KEY, client_id BLOB NOT NULL UNIQUE)",
    "CREATE TABLE sequences (next_sequence INTEGER NOT NULL)",
    # host, port, wanted and wanted_key: the `Destination` that the user named, for an entry whose notebook_id is not known yet
    """
    CREATE TABLE entries (
        sequence INTEGER PRIMARY KEY,
        identity INTEGER NOT NULL REFERENCES identities,
        kind INTEGER NOT NULL,
        written_at INTEGER NOT NULL,
        utc_offset INTEGER NOT NULL,
        author TEXT NOT NULL,
        text TEXT NOT NULL,
        revises INTEGER NOT NULL,
        notebook_id BLOB,
        host TEXT,
        port INTEGER,
        wanted TEXT,
        wanted_key BLOB,
        refused INTEGER NOT NULL DEFAULT 0
    )
    """,
    # key_id: the key with which the notebook has answered; server: the HOST:PORT by which the user has named its server
    """
    CREATE TABLE notebooks (
        notebook_id BLOB PRIMARY KEY,
        name TEXT NOT NULL,
        host TEXT NOT NULL,
        port INTEGER NOT NULL,
        scope INTEGER NOT NULL,
        key_id BLOB,
        server TEXT,
        chosen INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID
    """,
    "CREATE TABLE keys (key_id BLOB PRIMARY KEY, key BLOB NOT NULL) WITHOUT ROWID",
    # the stored revisions from this outbox, which somebody may replace without having seen them
    """
    CREATE TABLE revisions (notebook_id BLOB NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (notebook_id, number))
        WITHOUT ROWID
    """,
)


def _create_outbox(connection: sqlite3.Connection) -> None:
    for statement in _TABLES:
        connection.execute(statement)
    connection.execute("INSERT INTO identities (client_id) VALUES (?)", (os.urandom(CLIENT_ID_BYTES),))
    connection.execute("INSERT INTO sequences VALUES (1)")


SCHEMA = Schema(
    file_kind="outbox",
    application_id=0x554E4F42,  # "UNOB"
    version=1,
    page_bytes=4096,  # SQLite's default: entries are added at one end
    create=_create_outbox,
)
