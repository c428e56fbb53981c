"""The key file of a notebook, beside it and for its owner only: text that a person can read, and mend."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from udpnote.errors import InvalidKey, StorageError
from udpnote.model.entry import WRITTEN_AT_MAX, WRITTEN_AT_MIN
from udpnote.model.join_code import join_code, parse_join_code
from udpnote.storage.atomic_file import nothing, whole_file
from udpnote.storage.database import storage_errors

KEYS_KEPT_MAX = 4
"""The current key and three earlier ones: each costs a hash for every datagram of a stranger. Older ones get no answer."""

KEY_FILE_BYTES_MAX = 64 << 10
"""Many times what a key file has: who names a notebook or a device by mistake is told at once."""

NEVER = 0
"""When a key is accepted until that is not accepted any more: before any clock, also one that is wrong."""

_HEADER = """\
# The keys of the udpnote notebook "{name}".
#
# Keep this file secret: whoever has a key can read the notebook and write in it. Back it up with the notebook: without it, no
# client that has a key is answered.
#
# `key` is the join code that clients are given. Each [[earlier]] key is accepted until its time, so that clients can be given
# the new one meanwhile.

"""


class EarlierKey(NamedTuple):
    """A key that was replaced, and until when it is still accepted, in microseconds since 1970 UTC; perhaps that is past."""

    key: bytes
    accepted_until: int


class NotebookKeys(NamedTuple):
    """A notebook's key, and those that it had before, the newest first; all together at most `KEYS_KEPT_MAX`."""

    current: bytes
    earlier: tuple[EarlierKey, ...] = ()


def key_path(notebook_path: str) -> str:
    """The key file of the notebook in the file `notebook_path`, beside the file itself if that is a link."""
    return f"{os.path.realpath(notebook_path)}.key"


def rotated(keys: NotebookKeys, new: bytes, *, accepted_until: int) -> NotebookKeys:
    """The keys once `new` has taken the place of the current one, which is accepted until then (microseconds since 1970 UTC).

    Those before it are not accepted for longer than that, either. The oldest is dropped where there are too many.
    """
    before = [each._replace(accepted_until=min(each.accepted_until, accepted_until)) for each in keys.earlier]
    earlier = [each for each in (EarlierKey(keys.current, accepted_until), *before) if each.key != new]
    return NotebookKeys(new, tuple(earlier[: KEYS_KEPT_MAX - 1]))


def ended_early(
    before: NotebookKeys, after: NotebookKeys, *, now: int
) -> tuple[list[EarlierKey], list[tuple[EarlierKey, int]]]:
    """Which earlier keys a change ends before their time: those that are dropped; and the others, with when that is now.

    Times are in microseconds since 1970 UTC. The keys are as they were `before`.
    """
    kept = {each.key: each.accepted_until for each in after.earlier}
    promised = [each for each in before.earlier if each.accepted_until > now and each.key != after.current]
    dropped = [each for each in promised if each.key not in kept]
    shortened = [(each, kept[each.key]) for each in promised if kept.get(each.key, each.accepted_until) < each.accepted_until]
    return dropped, shortened


def read_key_file(path: str) -> NotebookKeys | None:
    """The keys in the key file `path`; None if there is no such file. Raises `StorageError` if it cannot be used."""
    text = _read(path)
    return None if text is None else _parse(text, path)


def read_code_file(path: str) -> bytes:
    """The key in the file `path`: of the join code that is all there is in it, or a notebook's current one.

    Comments, which are lines that begin with #, and white space do not matter. Raises `StorageError`, and `InvalidKey` with
    the file's name.
    """
    text = _read(path)
    if text is None:
        raise StorageError(f"there is no {path}: write the join code into it, or name another file")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if any(line.partition("=")[0].strip() == "key" or line.lstrip().startswith("[") for line in lines):
        return _parse(text, path).current
    try:
        return parse_join_code("".join(lines))
    except InvalidKey as error:
        raise InvalidKey(f"{path}: {error}") from None


def write_key_file(path: str, keys: NotebookKeys, *, notebook_name: str, before_placing: Callable[[], None] = nothing) -> None:
    """Write `keys` into the key file `path`, durably, for its owner only, and wholly or not at all; raises `StorageError`.

    `before_placing` is called when they are on the disk, and not yet at `path`: if it raises, they do not get there.
    """
    from udpnote.text.jsonl import iso_time  # here, because clients only read

    assert len(keys.earlier) < KEYS_KEPT_MAX, "a file with more would be refused when it is read"
    name = "".join(character if character.isprintable() else " " for character in notebook_name)  # it may not end the comment
    lines = [_HEADER.format(name=name), f'key = "{join_code(keys.current)}"\n']
    for earlier in keys.earlier:
        accepted_until = iso_time(earlier.accepted_until, 0)
        lines.append(f'\n[[earlier]]\nkey = "{join_code(earlier.key)}"\naccepted_until = {accepted_until}\n')
    with storage_errors(path):
        os.makedirs(os.path.dirname(path) or ".", mode=0o700, exist_ok=True)
    with whole_file(path, before_placing=before_placing, is_secret=True) as file:
        file.write("".join(lines).encode())


@contextmanager
def changing(path: str) -> Iterator[None]:
    """Have nobody else change the key file meanwhile: of two new keys, none may be lost."""
    from filelock import FileLock  # here, because only its owner changes it

    with storage_errors(path), FileLock(f"{path}.lock", mode=0o600):
        yield


def remove_key_file(path: str) -> None:
    """Do away with a key file, if it is there; raises `StorageError`."""
    with storage_errors(path), suppress(FileNotFoundError):
        os.unlink(path)


def _read(path: str) -> str | None:
    """The text of the file; None if there is no such file."""
    with storage_errors(path):
        try:
            _check_kind(path)
            with open(path, "rb") as file:
                data = file.read(KEY_FILE_BYTES_MAX + 1)
        except FileNotFoundError:
            return None
    try:
        if len(data) <= KEY_FILE_BYTES_MAX:
            return data.decode("utf-8-sig")  # Windows' editors begin with U+FEFF
    except UnicodeDecodeError:
        pass
    raise StorageError(f"{path} holds no key, it is something else: name another file")


def _check_kind(path: str) -> None:
    """Raise `StorageError` if `path` is a pipe, a device or a socket: who reads from one may wait for ever."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # folders are told of when they are opened
        raise StorageError(
            f"{path} is no file, it is a pipe, a device or a socket: name a file, or give `udpnote join` the join code on "
            "standard input"
        )


def _parse(text: str, path: str) -> NotebookKeys:
    """The keys in the text of a key file."""
    import tomllib  # here, because most clients have a join code alone

    try:
        table = tomllib.loads(text)
        earlier = table.pop("earlier", [])
        if not isinstance(earlier, list):
            raise _Damaged("`earlier` is no list of tables")
        keys = NotebookKeys(_key(table, "its key"), tuple(map(_earlier, earlier)))
        if len(earlier) >= KEYS_KEPT_MAX:
            raise _Damaged(f"it has {len(earlier)} earlier keys, and {KEYS_KEPT_MAX - 1} is the most")
        _check_empty(table)
    except (ValueError, RecursionError, _Damaged) as error:  # among them what tomllib says, and `InvalidKey`
        raise StorageError(
            f"the key file {path} is damaged ({error}): mend it, or restore it from a backup. A join code that clients have "
            'belongs into it as key = "CODE"; without any, move it away, and `udpnote key rotate` makes a new one'
        ) from None
    return keys


class _Damaged(Exception):
    """What a key file should not hold; the message says what, and gives no key away."""


def _earlier(table: object) -> EarlierKey:
    from datetime import UTC, datetime, timedelta  # here, because most notebooks have no earlier key

    if not isinstance(table, dict):
        raise _Damaged("`earlier` is no list of tables")
    key, until = _key(table, "an earlier key"), table.pop("accepted_until", None)
    _check_empty(table)
    if not isinstance(until, datetime) or until.tzinfo is None:
        raise _Damaged("`accepted_until` is no time with its offset, such as 2026-11-30T08:00:00Z")
    accepted_until = (until - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    if not WRITTEN_AT_MIN <= accepted_until <= WRITTEN_AT_MAX:
        raise _Damaged("`accepted_until` is a time that no calendar has")
    return EarlierKey(key, accepted_until)


def _key(table: dict[str, object], what: str) -> bytes:
    """Take the key out of `table`."""
    code = table.pop("key", None)
    if not isinstance(code, str):
        raise _Damaged(f'{what} is missing: there should be a line key = "CODE"')
    return parse_join_code(code)


def _check_empty(table: dict[str, object]) -> None:
    """All that is known was taken out of `table`."""
    if table:
        raise _Damaged(f"nobody knows what {min(table)!r} means")
