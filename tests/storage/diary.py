"""A small database: what the tests of databases and of their errors share."""

import sqlite3

from udpnote.storage.database import Schema


def create_lines(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE lines (line TEXT NOT NULL)")


DIARY = Schema(file_kind="diary", application_id=0x44494152, version=2, page_bytes=4096, create=create_lines)
