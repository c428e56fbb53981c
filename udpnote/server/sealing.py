"""A sealed notebook's keys, as its server uses them, and how a notebook comes to be sealed or open."""

import os

from udpnote.errors import NotebookOpen, NotebookSealed, StorageError
from udpnote.model.join_code import new_key
from udpnote.protocol.reception import Envelopes
from udpnote.protocol.sealed_envelope import SealedEnvelope, server_envelope
from udpnote.storage.key_file import NotebookKeys, key_path, read_key_file, remove_key_file, write_key_file
from udpnote.storage.notebook.notebook import Notebook


class SealingKeys:
    """The envelopes of the sealed notebook whose key file is at `path`."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._envelopes: dict[bytes, SealedEnvelope] = {}
        self.keys = self._read()

    def read_again(self) -> None:
        """Take up what the key file holds now; raises `StorageError`, and the keys stay what they were."""
        self.keys = self._read()

    def envelopes(self, now: int) -> Envelopes:
        """The envelopes at `now`, microseconds since 1970 UTC; of a key that stays, the envelope stays the same."""
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
            raise StorageError(
                f"{self.path} is missing, which holds the notebook's key: put it back from a backup, or make a new key with "
                "`udpnote key rotate`, which everybody then joins again with"
            )
        return keys


def open_sealing_keys(notebook: Notebook, *, is_wanted: bool, name: str) -> SealingKeys:
    """The seal of a notebook, which is made if the notebook, to be called `name`, is new.

    Raises `NotebookSealed` if it is sealed and that is not wanted, `NotebookOpen` if that is wanted and it is open, and
    `StorageError`.
    """
    if not is_wanted:
        raise NotebookSealed(
            f"{notebook.path} is sealed, and not for everybody: start it with `udpnote serve --sealed`, or open it for good "
            "with `udpnote unseal`"
        )
    if not notebook.is_sealed:
        if not notebook.is_new:
            raise NotebookOpen(
                f"{notebook.path} is open, and others may be used to that: `udpnote seal` seals it, and keeps every entry; "
                "`udpnote serve --open` serves it as it is"
            )
        seal_notebook(notebook, name=name)
    return SealingKeys(key_path(notebook.path))


def seal_notebook(notebook: Notebook, *, name: str) -> NotebookKeys:
    """SealingKeys an open notebook with a new key, durably; every entry stays.

    Raises `StorageError`, and the notebook stays open; also if a key file is there, which may be the only copy of a key.
    """
    path = key_path(notebook.path)
    if read_key_file(path) is not None:
        raise StorageError(
            f"{path} is there already, though the notebook is open: move it away, or put the notebook back that it belongs to"
        )
    keys = NotebookKeys(new_key(os.urandom))
    try:
        write_key_file(path, keys, notebook_name=name, before_placing=lambda: notebook.mark(is_sealed=True))
    except BaseException:
        if notebook.is_sealed:
            notebook.mark(is_sealed=False)
        raise
    return keys


def unseal_notebook(notebook: Notebook) -> None:
    """Open a sealed notebook for everybody, durably, and do away with its keys; every entry stays.

    Raises `StorageError`, and the notebook stays sealed; if it does not, because its file fails, too, the message says so.
    """
    path = key_path(notebook.path)
    notebook.mark(is_sealed=False)
    try:
        remove_key_file(path)
    except StorageError as error:
        try:
            notebook.mark(is_sealed=True)
        except StorageError:
            raise StorageError(
                f"{notebook.path} is open now, but its keys are still in {path} ({error}). Remove that file before you "
                "seal the notebook again"
            ) from error
        raise StorageError(f"{notebook.path} stays sealed, because its key file cannot be removed: {error}") from error
