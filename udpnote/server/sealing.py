"""The keys of a sealed notebook as its server uses them, and how a notebook is sealed and unsealed."""

import os

from udpnote.errors import NotebookOpen, NotebookSealed, StorageError
from udpnote.model.join_code import new_key
from udpnote.protocol.reception import Envelopes
from udpnote.protocol.sealed_envelope import SealedEnvelope, server_envelope
from udpnote.storage.key_file import NotebookKeys, key_path, read_key_file, remove_key_file, write_key_file
from udpnote.storage.notebook.notebook import Notebook


class SealingKeys:
    """The keys in the key file at `path`, and an envelope (which encrypts and authenticates datagrams) for each of them.

    Raises `StorageError` if the file cannot be used.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._envelopes: dict[bytes, SealedEnvelope] = {}
        self.keys = self._read()

    def read_again(self) -> bool:
        """Read the key file again, and return whether the current key has changed.

        Raises `StorageError` if the file cannot be used; the keys then stay as they are.
        """
        before = self.keys.current
        self.keys = self._read()
        return self.keys.current != before

    def envelopes(self, now: int) -> Envelopes:
        """The envelopes of the keys that are accepted at `now` (microseconds since 1970 UTC), and of the retired keys.

        A key that is kept always has the same envelope object, because the server recognizes a reader's requests by it.
        """
        current, earlier = self.keys
        self._envelopes = {key: self._envelope(key) for key in (current, *(each.key for each in earlier))}
        return Envelopes(
            (self._envelopes[current], *(self._envelopes[each.key] for each in earlier if each.accepted_until > now)),
            tuple(self._envelopes[each.key] for each in earlier if each.accepted_until <= now),
        )

    def _envelope(self, key: bytes) -> SealedEnvelope:
        return self._envelopes.get(key) or server_envelope(key, os.urandom)

    def _read(self) -> NotebookKeys:
        keys = read_key_file(self.path)
        if keys is None:
            raise StorageError("key_file_missing", path=self.path)
        return keys


def open_sealing_keys(notebook: Notebook, *, wants_sealed: bool, name: str) -> SealingKeys:
    """The keys of a notebook that is sealed, or that is new and shall be: then it is sealed first, under the name `name`.

    `wants_sealed` says whether the owner has asked to serve a sealed notebook. Raises `NotebookSealed` if not, `NotebookOpen`
    if the notebook is open and not new, and `StorageError` if the key file cannot be used.
    """
    if not wants_sealed:
        raise NotebookSealed("notebook_is_sealed", path=notebook.path)
    if not notebook.is_sealed:
        if not notebook.is_new:
            raise NotebookOpen("notebook_is_open", path=notebook.path)
        seal_notebook(notebook, name=name)
    return SealingKeys(key_path(notebook.path))


def seal_notebook(notebook: Notebook, *, name: str) -> NotebookKeys:
    """Seal an open notebook with a new key, durably, and return the key; all entries stay.

    Raises `StorageError` if the files cannot be written, or if there is a key file already, which may hold the only copy of a
    key. Then the notebook stays open. If the error has the kind `key_file_left_behind`, there is a useless key file now.
    """
    path = key_path(notebook.path)
    if read_key_file(path) is not None:
        raise StorageError("key_file_in_the_way", path=path)
    keys = NotebookKeys(new_key(os.urandom))
    write_key_file(path, keys, notebook_name=name)  # first: nobody could use a sealed notebook without a key file
    try:
        notebook.mark(is_sealed=True)
    except BaseException:
        if not notebook.is_sealed:
            try:
                remove_key_file(path)
            except StorageError as error:
                raise _left_behind(notebook, error) from error
        raise
    return keys


def unseal_notebook(notebook: Notebook) -> None:
    """Open a sealed notebook to everybody, durably, and remove its key file; all entries stay.

    Raises `StorageError` if that fails. Then the notebook stays sealed, unless the error has the kind `key_file_left_behind`:
    then it is open, and only its key file is still there.
    """
    path = key_path(notebook.path)
    notebook.mark(is_sealed=False)
    try:
        remove_key_file(path)
    except StorageError as error:
        try:
            notebook.mark(is_sealed=True)
        except StorageError:
            raise _left_behind(notebook, error) from error
        raise StorageError("key_file_not_removed", path=notebook.path, error=error) from error


def _left_behind(notebook: Notebook, error: StorageError) -> StorageError:
    """The error that an open notebook has a key file that could not be removed."""
    return StorageError("key_file_left_behind", path=notebook.path, key_file=key_path(notebook.path), error=error)
