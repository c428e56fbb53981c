"""Reads the memos in a database of usememos/memos: the SQLite file `memos_prod.db`, of any version."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from udpnote.errors import InvalidImport, StorageError
from udpnote.storage.database import uri_of
from udpnote.storage.disk_errors import storage_errors
from udpnote.storage.reading_database import reading_mode

_UIDS = ("uid", "resource_name")
"""The columns that may have the random id of a memo, depending on the version; before 0.19 there was none."""

_NEWER_COLUMNS = {
    "updatedTs": "updated_ts",
    "rowStatus": "row_status",
    "visibility": "visibility",
    "pinned": "pinned",
    "creatorId": "creator_id",
}
"""The fields of a memo that some versions do not have, with their columns."""


def read_memos(path: str) -> Iterator[dict[str, Any]]:
    """Yield the memos in the database at `path`, the earliest first, with the field names of the API before version 0.22.

    The database is opened for reading only, also while memos uses it. Bytes of a text that are not UTF-8 become lone
    surrogates, which no entry may contain. Raises `InvalidImport` if it is not a database of memos, and `StorageError` if it
    cannot be read. If the database is damaged, the memos before the damage may have been yielded.
    """
    try:
        yield from _memos(path)
    except StorageError as error:
        if error.notice.kind == "database_damaged":  # its message speaks of a notebook
            raise StorageError("import_memos_damaged", path=path, problem=error.notice.values["problem"]) from error
        raise


def _memos(path: str) -> Iterator[dict[str, Any]]:
    """Do the work of `read_memos`, but raise the `StorageError` of `storage_errors` if the database is damaged."""
    with storage_errors(path):
        mode = reading_mode(path)
        if mode == "mode=rw":  # the database belongs to another program: SQLite leaves an empty log, but writes no more
            mode = "mode=ro"
        with closing(sqlite3.connect(uri_of(path, mode), uri=True)) as connection:
            connection.text_factory = lambda data: data.decode(errors="surrogateescape")
            columns = _columns(connection, "memo")
            if not {"id", "created_ts", "content"} <= columns:
                raise InvalidImport("import_database_unknown", path=path)
            users = _users(connection)
            files = _counted(connection, ("attachment", "resource"))
            relations = _counted(connection, ("memo_relation",))
            uid = next((name for name in _UIDS if name in columns), "''")
            chosen = {"id": "id", "uid": uid, "createdTs": "created_ts", "content": "content"}
            chosen |= {field: column for field, column in _NEWER_COLUMNS.items() if column in columns}
            for row in connection.execute(f"SELECT {', '.join(chosen.values())} FROM memo ORDER BY created_ts, id"):
                memo = dict(zip(chosen, row, strict=True))
                yield {
                    **memo,
                    "creatorUsername": users.get(memo.get("creatorId"), ""),
                    # only the lengths of these two lists are used: how many files and relations are left out
                    "resourceList": [None] * files[memo["id"]],
                    "relationList": [None] * relations[memo["id"]],
                }


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    """The names of the columns of `table` that are stored in the file; an empty set if there is no such table.

    A view or a virtual table counts as missing, because reading its rows can take for ever if the file's maker wants that.
    """
    stored = "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 AND name = ?"
    return {name for (name,) in connection.execute(f"SELECT name FROM pragma_table_info(({stored}))", (table,))}


def _users(connection: sqlite3.Connection) -> dict[Any, str]:
    """The name of each user, by the user's id. Empty if the database has no names."""
    if "username" not in _columns(connection, "user"):
        return {}
    return dict(connection.execute("SELECT id, username FROM user"))


def _counted(connection: sqlite3.Connection, tables: tuple[str, ...]) -> Counter[Any]:
    """How many rows of all `tables` together belong to each memo, by the memo's id. A table may be missing: it has no rows."""
    counts: Counter[Any] = Counter()
    for table in tables:
        if "memo_id" in _columns(connection, table):
            counts.update(dict(connection.execute(f"SELECT memo_id, COUNT(*) FROM {table} GROUP BY memo_id")))
    return counts
