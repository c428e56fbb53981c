"""The notebooks that an outbox knows: which one is chosen, which are sealed, and which waiting entries are for them."""

from collections.abc import Callable, Sequence

from udpnote.model.entry import NOTHING_SEEN, SeenEntry
from udpnote.model.notebook import Destination, KnownNotebook, SealedNotebook
from udpnote.storage.disk_errors import storage_errors
from udpnote.storage.outbox.outbox_file import OutboxFile
from udpnote.storage.outbox.records import DELETE_UNUSED_KEYS, JoinedKeys, NamedServers
from udpnote.storage.outbox.tables import DESTINATION, SEEN

_NOTEBOOK = "notebook_id, name, host, port, scope, key_id"
_INSERT_NOTEBOOK = f"INSERT INTO notebooks ({_NOTEBOOK}) VALUES (?, ?, ?, ?, ?, ?)"


class KnownNotebooks:
    """The notebooks in an outbox. This is the base class of `Outbox`, which sets the attributes.

    A notebook is *known* when the outbox has its id, name and address, because its server has answered this client. It is
    *joined* when the outbox has its key. The *chosen* notebook gets the new entries if the user names no notebook. A notebook
    that is saved with the id of a key is *sealed*, any other is *open*: its entries travel unencrypted.

    Every method raises `StorageError` if the outbox cannot be used.
    """

    path: str
    keys: JoinedKeys
    named_servers: NamedServers
    _file: OutboxFile

    def remember(self, notebook: KnownNotebook, *, may_choose: bool = False) -> KnownNotebook | None:
        """Durably save the name, address and key id with which `notebook` has answered.

        With `may_choose`, `notebook` becomes the chosen one if none is chosen. Returns the notebook that is chosen after that,
        or None. In two cases `notebook` is neither saved nor chosen: it has answered as open but is saved as sealed, or it has
        answered with another key than the one with which this client has joined it. Only `join`, `leave` and `JoinedKeys.renew`
        save such a change.
        """
        with self._file.transaction() as connection:
            connection.execute(
                f"{_INSERT_NOTEBOOK} ON CONFLICT (notebook_id) DO UPDATE SET name = excluded.name, host = excluded.host,"
                " port = excluded.port, scope = excluded.scope, key_id = excluded.key_id"
                " WHERE notebooks.key_id IS NULL OR notebooks.key_id = excluded.key_id"
                " OR (excluded.key_id IS NOT NULL AND notebooks.key_id NOT IN (SELECT key_id FROM keys))",
                notebook,
            )
            if may_choose:
                connection.execute(
                    "UPDATE notebooks SET chosen = 1 WHERE notebook_id = ? AND key_id IS ?"
                    " AND NOT EXISTS (SELECT 1 FROM notebooks WHERE chosen)",
                    (notebook.notebook_id, notebook.key_id),
                )
            return self.chosen()

    def choose(self, notebook_id: bytes) -> None:
        """Durably make the notebook `notebook_id` the chosen one. If it is not known, the choice stays as it is."""
        known = "EXISTS (SELECT 1 FROM notebooks WHERE notebook_id = ?1)"
        with self._file.transaction() as connection:
            connection.execute(f"UPDATE notebooks SET chosen = (notebook_id = ?1) WHERE {known}", (notebook_id,))

    def join(self, notebook: KnownNotebook, key: bytes, *, server: str | None = None) -> None:
        """Durably save a sealed notebook and its `key`, which replaces an earlier key, and make the notebook the chosen one.

        Entries for which the user named only this key are assigned to the notebook. `server` is the HOST:PORT that the user
        gave, or None. From now on, an open server there counts as an impostor. The servers that were saved for this notebook
        before are forgotten.
        """
        with self._file.transaction() as connection:
            connection.execute("INSERT INTO keys VALUES (?, ?) ON CONFLICT DO NOTHING", (notebook.key_id, key))
            connection.execute("DELETE FROM notebooks WHERE notebook_id = ?", (notebook.notebook_id,))
            connection.execute(_INSERT_NOTEBOOK, notebook)
            connection.execute("UPDATE notebooks SET chosen = (notebook_id = ?)", (notebook.notebook_id,))
            self.named_servers.replace(server, notebook.notebook_id)
            connection.execute(DELETE_UNUSED_KEYS)
            self._assign_for_key(notebook)
        self.keys.forget_unsaved(notebook.notebook_id)

    def assign_for_replaced_key(self, notebook: KnownNotebook) -> None:
        """Durably assign to `notebook` the entries for which the user named only the key with the id `notebook.key_id`.

        The caller has learned that the notebook has a newer key now. If the notebook is not known yet, it is saved first (see
        `remember`).
        """
        if self.notebook(notebook.notebook_id) is None:
            self.remember(notebook)
        with self._file.transaction():
            self._assign_for_key(notebook)

    def _assign_for_key(self, notebook: KnownNotebook) -> None:
        """Assign to `notebook` the entries for which the user named only its key: no server, id or name."""
        assert notebook.key_id is not None, "an open notebook has no key that the user could have named"
        self._assign(notebook.notebook_id, "host IS NULL AND wanted IS NULL AND wanted_key = ?", (notebook.key_id,))

    def _assign(self, notebook_id: bytes, condition: str, values: Sequence[object]) -> None:
        """Assign to the notebook `notebook_id` the entries that have no notebook yet and meet the SQL `condition`.

        `values` are the values for the question marks of `condition`. See `assign`.
        """
        condition = f"notebook_id IS NULL AND {condition}"
        self._file.connection.execute(
            f"UPDATE entries SET ({SEEN}) = (?, ?, ?) WHERE revises > 0 AND seen_number = 0 AND {condition}",
            (*self._seen_in(notebook_id), *values),
        )
        self._file.connection.execute(f"UPDATE entries SET notebook_id = ? WHERE {condition}", (notebook_id, *values))

    def leave(self, notebook_id: bytes, *, check: Callable[[], None] | None = None) -> None:
        """Durably forget the key of the notebook `notebook_id`. From now on it is saved as an open notebook, and is not chosen.

        `check` is called first, in the same transaction, so that no other process can add an entry between the check and the
        change. If `check` raises an error, nothing changes.
        """
        with self._file.transaction() as connection:
            if check is not None:
                check()
            connection.execute("UPDATE notebooks SET key_id = NULL, chosen = 0 WHERE notebook_id = ?", (notebook_id,))
            connection.execute(DELETE_UNUSED_KEYS)
        self.keys.forget_unsaved(notebook_id)

    def chosen(self) -> KnownNotebook | None:
        """The chosen notebook; None if none is chosen."""
        return next(iter(self._notebooks("WHERE chosen")), None)

    def notebooks(self) -> list[KnownNotebook]:
        """All known notebooks, sorted by name."""
        return self._notebooks("ORDER BY name, notebook_id")

    def sealed(self) -> list[SealedNotebook]:
        """All known notebooks that are sealed, sorted by notebook name.

        A notebook is in the list once for each server that the user named for it. If the user named none, it is there once,
        with None as its server.
        """
        with storage_errors(self.path):
            rows = self._file.connection.execute(
                f"SELECT {_NOTEBOOK}, server FROM notebooks LEFT JOIN servers USING (notebook_id) ORDER BY name, notebook_id"
            )
            known = [SealedNotebook(self.keys.with_unsaved(KnownNotebook(*row)), server) for *row, server in rows]
        return [each for each in known if each.notebook.key_id is not None]

    def notebook(self, notebook_id: bytes) -> KnownNotebook | None:
        """The known notebook with this id; None if it is not known."""
        return next(iter(self._notebooks("WHERE notebook_id = ?", notebook_id)), None)

    def assign(self, notebook_id: bytes, *, destination: Destination) -> None:
        """Durably assign to the notebook `notebook_id` the entries that have no notebook yet and exactly this destination.

        If the `seen` of a revision or deletion is `NOTHING_SEEN`, it becomes the newest entry that the notebook had when it
        last answered.
        """
        with self._file.transaction():
            self._assign(notebook_id, f"({DESTINATION}) IS (?, ?, ?, ?)", destination)

    def _notebooks(self, clause: str, *values: object) -> list[KnownNotebook]:
        """The known notebooks that the SQL `clause` selects, with `values` for its question marks."""
        with storage_errors(self.path):
            rows = self._file.connection.execute(f"SELECT {_NOTEBOOK} FROM notebooks {clause}", values)
            return [self.keys.with_unsaved(KnownNotebook(*row)) for row in rows]

    def _notebook_at(self, destination: Destination) -> bytes | None:
        """The id of the notebook that last answered from the address of `destination`; None if none or several did."""
        rows = self._file.connection.execute(
            "SELECT notebook_id FROM notebooks WHERE host = ? AND port = ?", (destination.host, destination.port)
        ).fetchall()
        return rows[0][0] if len(rows) == 1 else None

    def _seen_in(self, notebook_id: bytes | None) -> SeenEntry:
        """The newest entry that the notebook had when it last answered; `NOTHING_SEEN` if that, or the notebook, is unknown."""
        row = self._file.connection.execute(f"SELECT {SEEN} FROM notebooks WHERE notebook_id = ?", (notebook_id,)).fetchone()
        return NOTHING_SEEN if row is None else SeenEntry(*row)
