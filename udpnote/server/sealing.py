"""The keys of a sealed notebook as its server uses them, and how a notebook is sealed and unsealed.

A *sealed* notebook can be used only by clients that have its key, an *open* one by everybody on the LAN.
"""

import os
import time
from collections.abc import Callable
from contextlib import closing, suppress
from enum import Enum, auto

from udpnote.errors import NotebookOpen, NotebookSealed, StorageError
from udpnote.model.join_code import new_key
from udpnote.protocol.reception import Envelopes
from udpnote.protocol.sealed_envelope import SealedEnvelope, key_id, server_envelope
from udpnote.storage.key_file import NotebookKeys, key_path, read_key_file, remove_key_file, write_key_file
from udpnote.storage.notebook.file_guard import is_guarded
from udpnote.storage.notebook.notebook import Notebook
from udpnote.storage.notebook.read_only import ReadOnlyNotebook

TAKE_UP_SECONDS_MAX = 3.0
"""How long `wait_for_use` waits at most. A server reads the key file every second, unless its machine is overloaded."""

LOOK_SECONDS = 0.05
"""The interval at which `wait_for_use` checks whether the server uses the key."""


class KeyUse(Enum):
    """Whether the notebook's server uses a new key.

    NOT_IN_USE also stands for a notebook that cannot be read, and NO_SERVER for one that has no server now.
    """

    IN_USE = auto()
    NOT_IN_USE = auto()
    NO_SERVER = auto()


class SealingKeys:
    """The keys in the key file at `path`, and an envelope (which encrypts and authenticates datagrams) for each of them.

    The constructor reads the file into `keys`. It raises `StorageError` if the file is missing, unreadable or damaged.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._envelopes: dict[bytes, SealedEnvelope] = {}
        self.keys = self._read()

    def read_again(self) -> bool:
        """Read the key file into `keys` again, and return whether the current key differs from before.

        Raises `StorageError` if the file is missing, unreadable or damaged; `keys` then stays as it is.
        """
        before = self.keys.current
        self.keys = self._read()
        return self.keys.current != before

    def envelopes(self, now: int) -> Envelopes:
        """The envelopes of `keys`, in two tuples, at the time `now` (microseconds since 1970 UTC).

        `accepted` has the envelope of the current key, and the envelopes of the earlier keys that are still accepted at `now`.
        `retired` has the envelopes of all other earlier keys. As long as a key stays in the key file, each call returns the
        same envelope object for it. The server depends on this: it treats two READs as requests of one reader only if both came
        in the same envelope object.
        """
        current, earlier = self.keys
        self._envelopes = {key: self._envelope(key) for key in (current, *(each.key for each in earlier))}
        return Envelopes(
            (self._envelopes[current], *(self._envelopes[each.key] for each in earlier if each.accepted_until > now)),
            tuple(self._envelopes[each.key] for each in earlier if each.accepted_until <= now),
        )

    def record_use(self, notebook: Notebook) -> None:
        """Record in `notebook` that its server uses the current key. `wait_for_use` waits for this record.

        If the record cannot be written, this raises no error. The server calls this again each time it reads the key file.
        """
        with suppress(StorageError):
            notebook.record_key(key_id(self.keys.current))

    def _envelope(self, key: bytes) -> SealedEnvelope:
        return self._envelopes.get(key) or server_envelope(key, os.urandom)

    def _read(self) -> NotebookKeys:
        keys = read_key_file(self.path)
        if keys is None:
            raise StorageError("key_file_missing", path=self.path)
        return keys


def open_sealing_keys(notebook: Notebook, *, wants_sealed: bool | None, name: str) -> SealingKeys:
    """Return the keys of the sealed notebook `notebook`. If `notebook` is new and open, seal it first.

    `wants_sealed` says whether the owner has asked to serve a sealed notebook; None if the owner has not said it. `name` goes
    into the comment of a new key file. Raises `NotebookSealed` if the notebook is sealed although the owner has asked for an
    open one. Raises `NotebookOpen` if the owner has asked for a sealed one, and the notebook is open and not new. Raises
    `StorageError` if the key file cannot be read or written, or the new notebook cannot be written. A notebook is new until it
    has a name or an entry.
    """
    if wants_sealed is False:
        raise NotebookSealed("notebook_is_sealed", path=notebook.path)
    if not notebook.is_sealed:
        if not notebook.is_new:
            raise NotebookOpen("notebook_is_open", path=notebook.path)
        seal_notebook(notebook, name=name)
    return SealingKeys(key_path(notebook.path))


def seal_notebook(notebook: Notebook, *, name: str) -> NotebookKeys:
    """Seal an open notebook with a new key, durably. All entries stay. Returns the notebook's keys: only the new one.

    `name` is the notebook's name, for the comment in the key file. Raises `StorageError` if the notebook or the key file cannot
    be written, or if there is a key file already, which may hold the only copy of a key. After an error, the notebook is still
    open. If the error has the kind `key_file_left_behind`, there is now a key file that belongs to no notebook.
    """
    path = key_path(notebook.path)
    if read_key_file(path) is not None:
        raise StorageError("key_file_in_the_way", path=path)
    keys = NotebookKeys(new_key(os.urandom))
    write_key_file(path, keys, notebook_name=name)  # first: nobody could use a sealed notebook without a key file
    try:
        notebook.set_sealed(is_sealed=True)
    except BaseException:
        if not notebook.is_sealed:
            try:
                remove_key_file(path)
            except StorageError as error:
                raise _left_behind(notebook, error) from error
        raise
    return keys


def unseal_notebook(notebook: Notebook) -> None:
    """Make a sealed notebook open, durably, and remove its key file. All entries stay.

    Raises `StorageError` if the notebook cannot be written or the key file cannot be removed. After an error, the notebook is
    still sealed. There is one exception: if the error has the kind `key_file_left_behind`, the notebook is open, and its key
    file is still there.
    """
    path = key_path(notebook.path)
    notebook.set_sealed(is_sealed=False)
    try:
        remove_key_file(path)
    except StorageError as error:
        try:
            notebook.set_sealed(is_sealed=True)
        except StorageError:
            raise _left_behind(notebook, error) from error
        raise StorageError("key_file_not_removed", path=notebook.path, error=error) from error


def wait_for_use(
    path: str, key: bytes, *, monotonic: Callable[[], float] = time.monotonic, sleep: Callable[[float], object] = time.sleep
) -> KeyUse:
    """Wait until the server of the notebook in the file `path` uses `key`, for at most `TAKE_UP_SECONDS_MAX`.

    `key` must be in the key file already. Returns IN_USE as soon as the server uses `key`, and NO_SERVER at once if no server
    runs. Returns NOT_IN_USE after the wait, or at once if the notebook's file cannot be read. Between two looks at the file,
    this calls `sleep`; `monotonic` gives the time.
    """
    until = monotonic() + TAKE_UP_SECONDS_MAX
    while True:
        try:
            with closing(ReadOnlyNotebook(path)) as notebook:
                if notebook.used_key_id == key_id(key):
                    return KeyUse.IN_USE
            if not is_guarded(notebook.path):
                return KeyUse.NO_SERVER
        except StorageError:  # it is not known whether the server uses the key
            return KeyUse.NOT_IN_USE
        if monotonic() >= until:
            return KeyUse.NOT_IN_USE
        sleep(LOOK_SECONDS)


def _left_behind(notebook: Notebook, error: StorageError) -> StorageError:
    """The error to raise if `notebook` is open (not sealed), but its key file could not be removed because of `error`."""
    return StorageError("key_file_left_behind", path=notebook.path, key_file=key_path(notebook.path), error=error)
