"""Reads and writes the key file of a sealed notebook: a TOML file beside the notebook, closed to other users."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from udpnote.errors import InvalidKey, StorageError, UdpnoteError
from udpnote.model.entry import WRITTEN_AT_MAX, WRITTEN_AT_MIN
from udpnote.model.join_code import join_code, parse_join_code
from udpnote.storage.atomic_file import secret_file
from udpnote.storage.disk_errors import storage_errors
from udpnote.storage.new_files import locked_folder

EARLIER_KEYS_MAX = 3
"""How many earlier keys a key file may have; older ones are dropped.

Each costs the server one more hash for every datagram that is sealed with an unknown key.
"""

KEY_FILE_BYTES_MAX = 64 << 10
"""The most bytes that are read of a key file. A key file is much shorter, but the user may name another file by mistake."""

NEVER = 0
"""The `accepted_until` of a key that is not accepted any more: 1970, which is past even if the clock is wrong."""

_SUFFIX = ".key"

_HEADER = """\
# The keys of the udpnote notebook "{name}".
#
# Keep this file secret: everybody who has a key can read the notebook and write in it. Back it up together with the notebook:
# without this file the server answers no client.
#
# `key` is the current join code. The server also accepts each [[earlier]] key until its `accepted_until`: by then, give all
# clients the new one.

"""


class EarlierKey(NamedTuple):
    """A key that was replaced. The server accepts it until `accepted_until`, in microseconds since 1970 UTC.

    After that time, the server still tells clients with this key that the key was replaced.
    """

    key: bytes
    accepted_until: int


class NotebookKeys(NamedTuple):
    """A notebook's current key, and at most `EARLIER_KEYS_MAX` earlier ones, the newest first."""

    current: bytes
    earlier: tuple[EarlierKey, ...] = ()


def key_path(notebook_path: str) -> str:
    """The path of the notebook's key file: `notebook_path`, with links resolved, and the suffix `.key`."""
    return f"{os.path.realpath(notebook_path)}{_SUFFIX}"


def rotated(keys: NotebookKeys, new: bytes, *, accepted_until: int) -> NotebookKeys:
    """Return `keys` with `new` as the current key. The key that was current before becomes the newest earlier key.

    No earlier key is accepted after `accepted_until`, a time in microseconds since 1970 UTC. If there are then more than
    `EARLIER_KEYS_MAX` earlier keys, the oldest is dropped. If `new` was an earlier key, it is removed from the earlier keys.
    """
    before = [each._replace(accepted_until=min(each.accepted_until, accepted_until)) for each in keys.earlier]
    earlier = [each for each in (EarlierKey(keys.current, accepted_until), *before) if each.key != new]
    return NotebookKeys(new, tuple(earlier[:EARLIER_KEYS_MAX]))


def ended_early(
    before: NotebookKeys, after: NotebookKeys, *, now: int
) -> tuple[list[EarlierKey], list[tuple[EarlierKey, int]]]:
    """Return the earlier keys that a change of the current key has ended early, as two lists: (dropped, shortened).

    `before` has the keys before that change, `after` the keys after it. `dropped` has the earlier keys of `before` that
    `after` does not have. `shortened` has those that `after` accepts for a shorter time, each with its new `accepted_until`.
    Neither list has the current key of `after`, nor a key whose `accepted_until` had passed at `now`. Times are in microseconds
    since 1970 UTC.
    """
    kept = {each.key: each.accepted_until for each in after.earlier}
    promised = [each for each in before.earlier if each.accepted_until > now and each.key != after.current]
    dropped = [each for each in promised if each.key not in kept]
    shortened = [(each, kept[each.key]) for each in promised if kept.get(each.key, each.accepted_until) < each.accepted_until]
    return dropped, shortened


def read_key_file(path: str) -> NotebookKeys | None:
    """The keys in the key file `path`; None if there is no such file. Raises `StorageError` if it is damaged or unreadable."""
    text = _read(path)
    return None if text is None else _parse(text, path)


def read_code_file(path: str) -> bytes:
    """The key in the file `path`: that of a join code in a text file, or the current key of a key file.

    Lines that begin with # are ignored, and so is white space. Raises `StorageError` if the file is missing, unreadable or a
    damaged key file, and `InvalidKey` if its join code is wrong.
    """
    text = _read(path)
    if text is None:
        raise StorageError("code_file_not_there", path=path)
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if any(line.partition("=")[0].strip() == "key" or line.lstrip().startswith("[") for line in lines):
        return _parse(text, path).current
    try:
        return parse_join_code("".join(lines))
    except InvalidKey as error:
        raise InvalidKey("code_file_invalid", path=path, error=error) from None


def write_key_file(path: str, keys: NotebookKeys, *, notebook_name: str) -> None:
    """Write `keys` into the key file `path`, durably, as a whole or not at all. `notebook_name` is for the comment in it.

    The key file gets the owner, the group and the permissions of the notebook's file, but users outside that group get no
    permission. So the notebook's server can read it even if root runs this. Raises `StorageError` if it cannot be written.
    """
    from udpnote.text.jsonl import iso_time  # here, because clients only read

    assert len(keys.earlier) <= EARLIER_KEYS_MAX, "a file with more keys would be refused when it is read"
    name = "".join(character if character.isprintable() else " " for character in notebook_name)  # no line break
    lines = [_HEADER.format(name=name), f'key = "{join_code(keys.current)}"\n']
    for earlier in keys.earlier:
        accepted_until = iso_time(earlier.accepted_until, 0)
        lines.append(f'\n[[earlier]]\nkey = "{join_code(earlier.key)}"\naccepted_until = {accepted_until}\n')
    with secret_file(path, beside=path.removesuffix(_SUFFIX)) as file:
        file.write("".join(lines).encode())


@contextmanager
def locked_key_file(path: str) -> Iterator[None]:
    """Lock the folder of the key file `path` during the block, after waiting for other commands that have locked it.

    The lock keeps other commands from changing the file between reading and writing. Raises `StorageError`.
    """
    with storage_errors(path), locked_folder(os.path.dirname(path)):
        yield


def remove_key_file(path: str) -> None:
    """Delete the key file `path`, if there is one; raises `StorageError` if that is not possible."""
    with storage_errors(path), suppress(FileNotFoundError):
        os.unlink(path)


def _read(path: str) -> str | None:
    """The text of the file `path`; None if there is no such file.

    Raises `StorageError` if the file is unreadable, longer than `KEY_FILE_BYTES_MAX`, or not UTF-8.
    """
    with storage_errors(path):
        try:
            _check_is_file(path)
            with open(path, "rb") as file:
                data = file.read(KEY_FILE_BYTES_MAX + 1)
        except FileNotFoundError:
            return None
    try:
        if len(data) <= KEY_FILE_BYTES_MAX:
            return data.decode("utf-8-sig")  # Windows' editors begin with U+FEFF
    except UnicodeDecodeError:
        pass
    raise StorageError("key_file_holds_no_key", path=path)


def _check_is_file(path: str) -> None:
    """Raise `StorageError` if `path` is a pipe, a device or a socket: reading from one may block for ever."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # opening a folder raises an error of its own
        raise StorageError("key_file_is_no_file", path=path)


def _parse(text: str, path: str) -> NotebookKeys:
    """The keys in the text of a key file. If the text is wrong, raises a `StorageError` that names the file `path`."""
    from udpnote.model.toml_text import read_toml  # here, because most clients have a join code alone

    try:
        table = read_toml(text)
        earlier = table.pop("earlier", [])
        if not isinstance(earlier, list):
            raise _Damaged("earlier_keys_not_a_list")
        keys = NotebookKeys(_key(table, "key_missing_in_file"), tuple(map(_earlier, earlier)))
        if len(earlier) > EARLIER_KEYS_MAX:
            raise _Damaged("too_many_earlier_keys", count=len(earlier), count_max=EARLIER_KEYS_MAX)
        _check_empty(table)
    except UdpnoteError as error:  # `InvalidToml`, `_Damaged` and `InvalidKey`
        raise StorageError("key_file_damaged", path=path, reason=error.notice) from None
    return keys


class _Damaged(UdpnoteError):
    """The text of a key file is wrong. The error's values never include a key."""


def _earlier(table: object) -> EarlierKey:
    """The earlier key that one `[[earlier]]` table of a key file describes; raises `_Damaged` or `InvalidKey`."""
    from datetime import UTC, datetime, timedelta  # here, because most notebooks have no earlier key

    if not isinstance(table, dict):
        raise _Damaged("earlier_keys_not_a_list")
    key, until = _key(table, "earlier_key_missing_in_file"), table.pop("accepted_until", None)
    _check_empty(table)
    if not isinstance(until, datetime) or until.tzinfo is None:
        raise _Damaged("accepted_until_not_a_time")
    accepted_until = (until - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    if not WRITTEN_AT_MIN <= accepted_until <= WRITTEN_AT_MAX:
        raise _Damaged("accepted_until_out_of_range")
    return EarlierKey(key, accepted_until)


def _key(table: dict[str, object], kind_if_missing: str) -> bytes:
    """Remove the join code from `table` and return its key.

    Raises `_Damaged` with the kind `kind_if_missing` if there is no join code, and `InvalidKey` if the join code is wrong.
    """
    code = table.pop("key", None)
    if not isinstance(code, str):
        raise _Damaged(kind_if_missing)
    return parse_join_code(code)


def _check_empty(table: dict[str, object]) -> None:
    """Raise `_Damaged` if names are left in `table`. The caller has removed the names that it knows, so these are unknown."""
    if table:
        raise _Damaged("unknown_name_in_key_file", name=min(table))
