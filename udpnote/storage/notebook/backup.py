"""Makes a backup of a notebook: checks what may stand at its place, copies the notebook, and writes the key file beside it.

`verified_copy` makes the copy, also while a server uses the notebook. If the log of the notebook is damaged or missing, the
copy has what can be read, and the caller is told.
"""

import os
import stat
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from udpnote.errors import InvalidSetting, NotebookInUse, NotebookOpen, StorageError
from udpnote.storage.database import check_belongs_to_none, check_folder
from udpnote.storage.disk_errors import storage_errors
from udpnote.storage.key_file import NotebookKeys, key_path, read_key_file, remove_key_file, write_key_file
from udpnote.storage.new_files import link_draft, sync_folder
from udpnote.storage.notebook.file_guard import is_guarded
from udpnote.storage.notebook.read_only import damage_of
from udpnote.storage.notebook.tables import read_property
from udpnote.storage.notebook.verified_copy import Content, OnProgress, opened_to_copy, verified_copy

MODE_MAX = 0o600
"""The permissions of a backup and its key file: only the owner may read and write them, because they hold all notes."""


class Backup(NamedTuple):
    """A backup that was made: the paths of its file and of its key file (None if it has none), its size, and its content.

    If the log of the notebook is damaged or missing, the backup is not complete: it lacks some of the latest entries.
    """

    path: str
    key_path: str | None
    size_bytes: int
    content: Content
    is_complete: bool


def back_up(
    notebook: str,
    path: str,
    *,
    with_key: bool | None,
    replaces: bool = False,
    on_progress: OnProgress | None = None,
    before_placing: Callable[[], None] = lambda: None,
) -> Backup:
    """Make a backup of the notebook in the file `notebook`, which a server may be using, as the file `path`.

    The backup appears at `path` when it is whole, or not at all. Only its owner can read it. If the notebook is sealed,
    `with_key` must be True or False: whether to copy the key file, too, to `path` with the suffix `.key`. If the notebook is
    open, it must be False or None.

    `on_progress` is called after each step of the copy. `before_placing` is called when the copy is whole and was read back,
    before any file is made at `path`.

    With `replaces`, an earlier backup of the same notebook at `path` is replaced, and so is its key file, which is removed if
    the new backup has none. A backup that would not be complete replaces none: the earlier one may have what it lacks.

    Raises `InvalidSetting` if `with_key` is None and the notebook is sealed, `NotebookOpen` if `with_key` is True and the
    notebook is not sealed, `NotebookInUse` if a server serves the file at `path`, `NoSpace`, and `StorageError`. It is also a
    `StorageError` if the file at `path` may not be replaced, or if the copy is damaged.
    """
    notebook, path = os.path.realpath(notebook), os.path.realpath(path)
    checked_keys = partial(_checked_keys, notebook, path, with_key=with_key, replaces=replaces)
    keys = None
    damage = damage_of(notebook)
    if damage is None:  # all that can forbid the backup is checked first, because a copy may take minutes
        with opened_to_copy(notebook) as source:
            is_sealed, notebook_id = bool(read_property(source, "sealed")), read_property(source, "notebook_id")
        keys = checked_keys(is_sealed=is_sealed, notebook_id=notebook_id)
    elif replaces and os.path.exists(path):
        raise damage
    else:
        _check_place(path, notebook)
    like = path if os.path.exists(path) else os.path.dirname(path)  # the backup gets the owner of this file or folder
    copy = verified_copy(notebook, path, like=like, mode_max=MODE_MAX, on_progress=on_progress, is_damaged=damage is not None)
    with copy as (draft, content):
        if damage is not None:  # only the copy can be read, so it is checked now
            keys = checked_keys(is_sealed=content.is_sealed, notebook_id=content.notebook_id)
        size_bytes = os.path.getsize(draft)
        before_placing()
        _place(draft, path, keys, content.name, replaces=replaces)
    return Backup(path, key_path(path) if keys is not None else None, size_bytes, content, is_complete=damage is None)


def _checked_keys(
    notebook: str, path: str, *, with_key: bool | None, replaces: bool, is_sealed: bool, notebook_id: object
) -> NotebookKeys | None:
    """Check all that can forbid a backup at `path`, and return the keys for its key file; None if it gets no key file.

    `is_sealed` and `notebook_id` are those of the notebook in the file `notebook`. The other arguments and the errors are those
    of `back_up`.
    """
    keys = _keys_to_copy(notebook, is_sealed=is_sealed, with_key=with_key)
    _check_place(path, notebook)
    _check_free(path, keys, notebook_id, replaces=replaces)
    return keys


def _keys_to_copy(notebook: str, *, is_sealed: bool, with_key: bool | None) -> NotebookKeys | None:
    """Return the keys to write into the key file of a backup; None if the backup gets no key file.

    The arguments and the errors about keys are those of `back_up`.
    """
    if is_sealed and with_key is None:
        raise InvalidSetting("backup_key_undecided", path=notebook)
    if not is_sealed and with_key:
        raise NotebookOpen("open_without_key", path=notebook)
    if not with_key:
        return None
    keys = read_key_file(key_path(notebook))
    if keys is None:
        raise StorageError("key_file_missing", path=key_path(notebook))
    return keys


def _write_keys(path: str, keys: NotebookKeys, name: str) -> None:
    """Write `keys` into the key file `path` of a backup, and read it back. Raises `StorageError` if it then has other keys.

    A comment in the key file has the notebook's `name`.
    """
    write_key_file(path, keys, notebook_name=name)
    os.chmod(path, MODE_MAX)
    if read_key_file(path) != keys:
        raise StorageError("key_copy_damaged", path=path)


def _place(draft: str, path: str, keys: NotebookKeys | None, name: str, *, replaces: bool) -> None:
    """Put the backup in the file `draft` at `path`, with a key file that has `keys`; if they are None, without a key file.

    `name` is as in `_write_keys`. A file at `path` is replaced if `replaces` is true; if not, this raises `StorageError`. Also
    raises `OSError`.
    """
    if keys is not None:
        _write_keys(key_path(path), keys, name)
    if replaces:
        os.replace(draft, path)
    elif not link_draft(draft, path):
        raise StorageError("backup_exists", path=path)
    if keys is None:
        remove_key_file(key_path(path))
    sync_folder(os.path.dirname(path))


def _check_place(path: str, notebook: str) -> None:
    """Raise `StorageError` if no backup of the notebook in the file `notebook` may be at `path`, with or without `replaces`.

    The reasons: the folder is missing, `path` is `notebook` itself or no regular file, or `path` belongs to a database.
    """
    with storage_errors(path):
        check_folder(path)
        if os.path.exists(path):
            if os.path.samefile(path, notebook):
                raise StorageError("copy_onto_itself", path=path)
            mode = os.stat(path).st_mode
            if not stat.S_ISREG(mode):
                raise StorageError("is_a_folder" if stat.S_ISDIR(mode) else "backup_needs_a_file", path=path)
        check_belongs_to_none(path)


def _check_free(path: str, keys: NotebookKeys | None, notebook_id: object, *, replaces: bool) -> None:
    """Raise `StorageError` or `NotebookInUse` if a file stands in the way of a new backup at `path`, which gets `keys`.

    Without `replaces`, no file may be at `path`. With `replaces`, an empty file may be there, or an earlier backup of the
    notebook `notebook_id`: the new backup replaces it and its key file. A key file without a backup may be the only copy of its
    keys. So it may be there only if its keys are the same as `keys`.
    """
    if os.path.exists(path) and not replaces:
        raise StorageError("backup_exists", path=path)
    if os.path.exists(path) and os.path.getsize(path):
        if is_guarded(path):
            raise NotebookInUse("backup_in_use", path=path)
        with opened_to_copy(path) as earlier:
            if read_property(earlier, "notebook_id") != notebook_id:
                raise StorageError("backup_of_another", path=path)
    elif os.path.exists(key_path(path)) and (keys is None or read_key_file(key_path(path)) != keys):
        raise StorageError("backup_key_exists", path=key_path(path))
