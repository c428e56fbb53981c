"""`udpnote seal`, `unseal`, `key show` and `key rotate`: seal a notebook, and manage its key, on the notebook's host."""

import os
import re
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

from udpnote.cli import exit_codes
from udpnote.cli.command_line.declared_command import DeclaredCommands, Option
from udpnote.cli.open_notebook import serve_options, served_path
from udpnote.cli.options.declared import Json, ServedFile
from udpnote.cli.terminal.streams import say
from udpnote.cli.terminal.text import in_json, local_time
from udpnote.errors import InvalidSetting, NotebookInUse, NotebookOpen, NotebookSealed, Notice, StorageError, UdpnoteError
from udpnote.machine.clock import wall_microseconds
from udpnote.model.join_code import join_code, new_key
from udpnote.storage.key_file import (
    EARLIER_KEYS_MAX,
    NEVER,
    NotebookKeys,
    ended_early,
    key_path,
    locked_key_file,
    read_key_file,
    rotated,
    write_key_file,
)
from udpnote.storage.notebook.notebook import Notebook
from udpnote.storage.notebook.read_only import ReadOnlyNotebook

if TYPE_CHECKING:
    from udpnote.server.sealing import KeyUse

ACCEPT_OLD_SECONDS_MAX = 366 * 86_400
"""The longest time for which an old key can stay accepted: a year. For a longer time, the new key would hardly protect
anything.
"""

_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

app = DeclaredCommands()
key_app = app.group("key", "Show or change the key of a sealed notebook.\n\nRun it on the notebook's host.")


@app.command(changes=True)
def seal(file: ServedFile = None) -> int:
    """Seal an open notebook: only machines with its key can use it.

    Run it on the notebook's host while its server is stopped. Every entry stays. A new notebook is sealed by
    `udpnote serve --sealed`.

    Examples:

        udpnote seal

        udpnote seal --file ~/kitchen.sqlite3
    """
    from udpnote.server.sealing import seal_notebook

    with closing(_opened(file)) as notebook:
        if notebook.is_sealed:
            raise NotebookSealed("sealed_already", path=notebook.path)
        keys = seal_notebook(notebook, name=notebook.name)
        say(Notice("notebook_sealed", name=notebook.name, entries=notebook.last_number))
        say(Notice("sealed_then_serve", options=serve_options(file, is_sealed=True)))
        say(Notice("sealed_then_back_up", path=key_path(notebook.path)))
        say(Notice("sealed_then_join"))
        print(join_code(keys.current))
    return exit_codes.DONE


@app.command(changes=True)
def unseal(file: ServedFile = None) -> int:
    """Make a sealed notebook open: everybody on the LAN can use it.

    Run it on the notebook's host while its server is stopped. Every entry stays; the key is deleted.

    Examples:

        udpnote unseal
    """
    from udpnote.server.sealing import unseal_notebook

    with closing(_opened(file)) as notebook:
        if not notebook.is_sealed:
            raise NotebookOpen("open_already", path=notebook.path)
        unseal_notebook(notebook)
        say(Notice("notebook_unsealed", name=notebook.name, entries=notebook.last_number))
        say(Notice("unsealed_then_serve", options=serve_options(file, is_sealed=False)))
        has_left = _leave_here(notebook.notebook_id)
        say(Notice("unsealed_then_leave_elsewhere" if has_left else "unsealed_then_leave", name=notebook.name))
    return exit_codes.DONE


def _leave_here(notebook_id: bytes) -> bool:
    """Leave the notebook that was just unsealed, as `udpnote leave` does, so that this user's entries go there unencrypted.

    Return whether this user has left it, or had not joined it. Return False if this user cannot leave it now: entries in the
    outbox wait for the notebook, or the outbox cannot be read or written.
    """
    from udpnote.client.client import Client
    from udpnote.settings import load_settings

    try:
        if os.path.exists(load_settings().outbox):
            with Client(on_notice=say) as client:
                client.leave(notebook_id.hex())
    except UdpnoteError as error:  # the notebook is unsealed all the same, and the user can leave it later
        return error.notice.kind == "not_joined"
    return True


@key_app.command("show")
def show_key(file: ServedFile = None, as_json: Json = False) -> int:
    """Print the join code: with it, other machines join the notebook.

    Examples:

        udpnote key show
    """
    keys = _keys(served_path(file))
    now = wall_microseconds()
    accepted = [each for each in keys.earlier if each.accepted_until > now]
    if as_json:
        from udpnote.text.jsonl import iso_time

        earlier = [{"code": join_code(each.key), "accepted_until": iso_time(each.accepted_until, 0)} for each in accepted]
        print(in_json({"code": join_code(keys.current), "accepted": earlier}))
        return exit_codes.DONE
    print(join_code(keys.current))
    for each in accepted:
        say(Notice("earlier_key_accepted", until=local_time(each.accepted_until)))
    return exit_codes.DONE


@key_app.command("rotate", changes=True)
def rotate_key(
    accept_old: Annotated[
        str, Option("--accept-old", metavar="TIME", help="How long the old key is still accepted, such as 30m, 12h, 3d.")
    ] = "0",
    file: ServedFile = None,
    as_json: Json = False,
) -> int:
    """Give the notebook a new key, print the new join code, and say whether the server uses it; the server may be running.

    Machines with the old key must join again; until then their entries wait. A new key protects only later entries: machines
    with the old key may have copied the earlier ones.

    Examples:

        udpnote key rotate

        udpnote key rotate --accept-old 3d
    """
    from udpnote.server.sealing import KeyUse, wait_for_use

    seconds = _seconds(accept_old)
    path = served_path(file)
    name = _sealed_name(path)
    until = wall_microseconds() + seconds * 1_000_000 if seconds else NEVER
    with locked_key_file(key_path(path)):
        old = read_key_file(key_path(path))
        new = new_key(os.urandom)
        keys = rotated(old, new, accepted_until=until) if old is not None else NotebookKeys(new)
        write_key_file(key_path(path), keys, notebook_name=name)
    if not as_json:
        say(Notice("notebook_has_new_key", name=name))
        print(join_code(new), flush=True)
    use = wait_for_use(path, new)
    if as_json:
        print(in_json({"code": join_code(new), "in_force": use is not KeyUse.NOT_IN_USE}))
    code = _report_use(use, local_time(until) if seconds else None, had_key_file=old is not None)
    if old is not None:
        _report_ended_keys(old, keys)
    return code


def _report_use(use: "KeyUse", until: str | None, *, had_key_file: bool) -> int:
    """Print whether the server uses a new key, and until when it accepts the old one. Return the exit code: REFUSED if a server
    runs and does not use the new key, DONE in all other cases.

    `until` is that time as text, or None if the server does not accept the old key any more. `had_key_file` is False if the key
    file was missing: then the old key is lost.
    """
    from udpnote.server.sealing import TAKE_UP_SECONDS_MAX, KeyUse

    match use:
        case KeyUse.IN_USE:
            say(Notice("new_key_used", until=until, had_key_file=had_key_file))
        case KeyUse.NO_SERVER:
            say(Notice("new_key_without_server", until=until, had_key_file=had_key_file))
        case KeyUse.NOT_IN_USE:
            say(Notice("new_key_unused", seconds=TAKE_UP_SECONDS_MAX))
            return exit_codes.REFUSED
    return exit_codes.DONE


def _report_ended_keys(old: NotebookKeys, new: NotebookKeys) -> None:
    """Print a message for each earlier key that `old` accepts now, but `new` accepts for a shorter time or not at all.

    Machines with such a key must join again sooner than their users were told. The keys themselves are not printed.
    """
    now = wall_microseconds()
    dropped, shortened = ended_early(old, new, now=now)
    for each in dropped:
        say(Notice("earlier_key_dropped", until=local_time(each.accepted_until), keys_max=EARLIER_KEYS_MAX))
    for each, until in shortened:
        before = local_time(each.accepted_until)
        if until > now:
            say(Notice("earlier_key_shortened", until=before, end=local_time(until)))
        else:
            say(Notice("earlier_key_ended", until=before))


def _opened(file: str | None) -> Notebook:
    """Open the notebook in `file`, or in the file of the settings if `file` is None, to seal or unseal it. The caller must
    close it.

    If other users can read the file, a notice is printed (see `served_path`). Raises `StorageError` if the file is missing, and
    `NotebookInUse` if a server is using it.
    """
    path = served_path(file)
    ReadOnlyNotebook(path).close()  # raises if the file is missing, which `Notebook` would create
    try:
        return Notebook(path)
    except NotebookInUse:
        raise NotebookInUse("sealing_while_served", path=path) from None


def _keys(path: str) -> NotebookKeys:
    """Read the key file of the sealed notebook in the file `path`. Return the current key and the earlier keys.

    Raises `NotebookOpen` if the notebook is not sealed, and `StorageError` if its key file is missing.
    """
    _sealed_name(path)
    keys = read_key_file(key_path(path))
    if keys is None:
        raise StorageError("key_file_missing", path=key_path(path))
    return keys


def _sealed_name(path: str) -> str:
    """Open the sealed notebook in the file `path`, and return its name.

    Raises `NotebookOpen` if the notebook is not sealed, even if there is a key file beside it.
    """
    with closing(ReadOnlyNotebook(path)) as notebook:
        if not notebook.is_sealed:
            raise NotebookOpen("open_without_key", path=path)
        return notebook.name


def _seconds(text: str) -> int:
    """The number of seconds in `text`, a length of time such as `30m`, `12h`, `3d` or `0`.

    Raises `InvalidSetting` if `text` is not understood, or is longer than `ACCEPT_OLD_SECONDS_MAX`.
    """
    found = re.fullmatch(r"\s*(\d{1,9})\s*([smhdw]?)\s*", text)
    number, unit = (int(found[1]), found[2]) if found is not None else (-1, "")
    seconds = number * _UNIT_SECONDS.get(unit, 1)
    if found is None or (number and not unit) or seconds > ACCEPT_OLD_SECONDS_MAX:
        raise InvalidSetting("accept_old_invalid", text=text)
    return seconds
