"""`udpnote seal`, `unseal` and `key` on a notebook's host; `join` and `leave` on its clients."""

import os
import re
import sys
import time
from typing import Any

from udpnote.cli import exit_codes
from udpnote.cli.terminal.streams import say
from udpnote.cli.terminal.text import count, harmless, in_json
from udpnote.client.client import Client
from udpnote.errors import InvalidKey, InvalidSetting, NotebookInUse, NotebookOpen, NotebookSealed, StorageError
from udpnote.model.join_code import join_code, new_key, parse_join_code
from udpnote.model.notebook import KnownNotebook
from udpnote.settings import find_places, load_settings
from udpnote.storage.key_file import (
    KEYS_KEPT_MAX,
    NEVER,
    NotebookKeys,
    changing,
    ended_early,
    key_path,
    read_code_file,
    read_key_file,
    rotated,
    write_key_file,
)
from udpnote.storage.notebook.notebook import Notebook
from udpnote.storage.notebook.read_only import ArchiveFile
from udpnote.storage.outbox import WaitingEntry
from udpnote.storage.permissions import too_open
from udpnote.text.messages.reasons import called

TYPING_TRIES = 3
"""How often somebody at a terminal may mistype a join code before they are better off starting again."""

ACCEPT_OLD_SECONDS_MAX = 366 * 86_400
"""An old key that is accepted for longer than a year is no old key."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def seal(flags: dict[str, Any]) -> int:
    """Seal an open notebook that no server has."""
    from udpnote.server.sealing import seal_notebook

    notebook = _opened(flags)
    try:
        if notebook.is_sealed:
            raise NotebookSealed(f"{notebook.path} is sealed already: `udpnote key show` prints its join code")
        keys = seal_notebook(notebook, name=notebook.name)
        say(f"{harmless(notebook.name)} is sealed, and keeps its {count(notebook.last_number, 'entry', 'entries')}. Now")
        say("  - serve it with `udpnote serve --sealed`")
        say(f"  - back up {key_path(notebook.path)} with it: without that file nobody is answered")
        say("  - say on each machine that is to read and write it:  udpnote join CODE  with this code:")
        print(join_code(keys.current))
    finally:
        notebook.close()
    return exit_codes.DONE


def unseal(flags: dict[str, Any]) -> int:
    """Open a sealed notebook, that no server has, for everybody."""
    from udpnote.server.sealing import unseal_notebook

    notebook = _opened(flags)
    try:
        if not notebook.is_sealed:
            raise NotebookOpen(f"{notebook.path} is open as it is")
        unseal_notebook(notebook)
        name = harmless(notebook.name)
        say(f"{name} is open, and keeps its {count(notebook.last_number, 'entry', 'entries')}; its keys are gone. Now")
        say("  - serve it with `udpnote serve`: everybody on the LAN can read it and write in it")
        say(f"  - say `udpnote leave {name}` on each machine that has joined it: until then it is taken for an impostor there")
    finally:
        notebook.close()
    return exit_codes.DONE


def show_key(flags: dict[str, Any], *, as_json: bool) -> int:
    """Print the join code of a sealed notebook."""
    keys = _keys(_notebook_path(flags))
    now = time.time_ns() // 1000
    accepted = [each for each in keys.earlier if each.accepted_until > now]
    if as_json:
        from udpnote.text.jsonl import iso_time

        earlier = [{"code": join_code(each.key), "accepted_until": iso_time(each.accepted_until, 0)} for each in accepted]
        print(in_json({"code": join_code(keys.current), "accepted": earlier}))
        return exit_codes.DONE
    print(join_code(keys.current))
    for each in accepted:
        say(f"an earlier key is accepted until {_clock(each.accepted_until)}")
    return exit_codes.DONE


def rotate(flags: dict[str, Any], *, accept_old: str, as_json: bool) -> int:
    """Give a sealed notebook a new key, and print its join code."""
    seconds = _seconds(accept_old)
    path = _notebook_path(flags)
    name = _sealed_name(path)
    until = time.time_ns() // 1000 + seconds * 1_000_000 if seconds else NEVER
    with changing(key_path(path)):
        old, new = read_key_file(key_path(path)), new_key(os.urandom)
        keys = rotated(old, new, accepted_until=until) if old is not None else NotebookKeys(new)
        write_key_file(key_path(path), keys, notebook_name=name)
    _tell_of_ended_keys(old, keys)
    if as_json:
        print(in_json({"code": join_code(new)}))
        return exit_codes.DONE
    say(f"{harmless(name)} has a new key; a running server takes it up within a second")
    if old is None:
        say("its key file was missing: no earlier key is known any more")
    else:
        say(f"the old one is accepted until {_clock(until)}" if seconds else "the old one is not accepted any more")
    say("say on each machine that is to go on reading and writing:  udpnote join CODE  with this code:")
    print(join_code(new))
    return exit_codes.DONE


def _tell_of_ended_keys(old: NotebookKeys | None, new: NotebookKeys) -> None:
    """Say who must join again although their key was to be accepted for longer; also to programs, whose reader should know."""
    if old is None:
        return
    now = time.time_ns() // 1000
    dropped, shortened = ended_early(old, new, now=now)
    for each in dropped:
        say(
            f"the key that was to be accepted until {_clock(each.accepted_until)} is dropped, because only "
            f"{KEYS_KEPT_MAX - 1} earlier ones are kept: who joined with it gets no answer any more, and must join again now"
        )
    for each, until in shortened:
        end = f"is accepted until {_clock(until)} only" if until > now else "is not accepted any more, either"
        say(
            f"the key that was to be accepted until {_clock(each.accepted_until)} {end}: who joined with it is then told to "
            "join again"
        )


def join(code: str | None, flags: dict[str, Any], *, key_file: str | None, as_json: bool) -> int:
    """Join a sealed notebook by `code`, or by the one that is asked for."""
    if code is not None and key_file is not None:
        raise InvalidSetting("there is a join code and --key-file: give one of them")
    code = code if code is not None else _found_code(key_file)
    with Client(**flags, key_file=key_file, on_notice=say) as client:
        notebook = client.join(code)
        waiting = client.waiting()
    if as_json:
        print(in_json({"name": notebook.name, "notebook": notebook.notebook_id.hex(), "address": notebook.host,
                       "port": notebook.port}))  # fmt: skip
        return exit_codes.DONE
    print(f"joined {harmless(notebook.name)}  (id {notebook.notebook_id.hex()}, at {notebook.host} port {notebook.port})")
    say("entries go there from now on, sealed; a command that runs already goes on with the notebook that it has")
    unsent = sum(_is_for(notebook, each) for each in waiting)
    if unsent:
        say(f"{count(unsent, 'entry waits', 'entries wait')} for it: `udpnote outbox --send` delivers now")
    return exit_codes.DONE


def _is_for(notebook: KnownNotebook, waiting: WaitingEntry) -> bool:
    """Whether an entry waits for a notebook, or for the one that is chosen."""
    is_unbound = waiting.notebook_id is None and waiting.meant_for is None
    return waiting.refused is None and (is_unbound or waiting.notebook_id == notebook.notebook_id)


def leave(wanted: str, *, sends_open: bool) -> int:
    """Forget the key of a sealed notebook."""
    with Client(on_notice=say) as client:
        notebook = client.leave(wanted, sends_open=sends_open)
        name = called(notebook, client.known())
    say(f"{harmless(name)} is left, and its key forgotten: an open notebook that is called so is believed from now on")
    return exit_codes.DONE


def _found_code(key_file: str | None) -> str:
    """The join code from a file, the settings or whoever types it."""
    if key_file is not None:
        return join_code(read_code_file(os.path.expanduser(key_file)))
    settings = load_settings()
    if settings.key is not None:
        return join_code(settings.key)
    if settings.key_file is not None:
        return join_code(read_code_file(settings.key_file))
    code = _typed_code() if sys.stdin.isatty() else sys.stdin.readline()
    if not code.strip():
        raise InvalidKey("no join code was given: nothing was joined")
    return code


def _typed_code() -> str:
    """The join code, typed without echo; a typing error is told of at once."""
    from getpass import getpass

    for tries_left in reversed(range(TYPING_TRIES)):
        try:
            code = getpass("Join code (`udpnote key show` on the notebook's host prints it; it is not shown here): ")
        except EOFError:
            return ""
        try:
            parse_join_code(code)
        except InvalidKey as error:
            if not tries_left:
                raise
            say(str(error))
        else:
            break
    return code


def _notebook_path(flags: dict[str, Any]) -> str:
    """The notebook's file; if others can read it, its key file or udpnote's folders, that is told, as its server does."""
    path = load_settings(flags).notebook
    for notice in too_open([path], find_places(os.environ).folders):
        say(notice)
    return path


def _opened(flags: dict[str, Any]) -> Notebook:
    """The notebook's file, which has to be there; raises `NotebookInUse` if a server has it."""
    path = _notebook_path(flags)
    ArchiveFile(path).close()  # says what is wrong where there is none, and makes none
    try:
        return Notebook(path)
    except NotebookInUse:
        raise NotebookInUse(f"{path} is being served: end its server first, so that nobody is answered half way") from None


def _keys(path: str) -> NotebookKeys:
    """The keys of the sealed notebook in the file `path`."""
    _sealed_name(path)
    keys = read_key_file(key_path(path))
    if keys is None:
        raise StorageError(
            f"{key_path(path)} is missing: put it back from a backup, or make a new key with `udpnote key rotate`, which "
            "everybody then joins again with"
        )
    return keys


def _sealed_name(path: str) -> str:
    """The name of the notebook in the file `path`; raises `NotebookOpen` if it has no key, whatever lies beside it."""
    file = ArchiveFile(path)
    try:
        if not file.is_sealed:
            raise NotebookOpen(f"{path} is open, and has no key: `udpnote seal` seals it")
        return file.name
    finally:
        file.close()


def _seconds(text: str) -> int:
    """A length of time such as `30m`, `12h`, `3d` or `0`."""
    found = re.fullmatch(r"\s*(\d{1,9})\s*([smhdw]?)\s*", text)
    number, unit = (int(found[1]), found[2]) if found is not None else (-1, "")
    seconds = number * _UNITS.get(unit, 1)
    if found is None or (number and not unit) or seconds > ACCEPT_OLD_SECONDS_MAX:
        raise InvalidSetting(f"--accept-old must be a length of time of at most a year, such as 30m, 12h or 3d, not {text!r}")
    return seconds


def _clock(moment: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment // 1_000_000))
