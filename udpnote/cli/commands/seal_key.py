"""`udpnote seal`, `unseal`, `key show` and `key rotate`: the key of a sealed notebook, on the notebook's host."""

import os
import re
import time
from typing import Annotated

import typer

from udpnote.cli import exit_codes
from udpnote.cli.options import Json, ServedFile, as_command
from udpnote.cli.terminal.streams import say
from udpnote.cli.terminal.text import count, harmless, in_json
from udpnote.errors import InvalidSetting, NotebookInUse, NotebookOpen, NotebookSealed, StorageError
from udpnote.model.join_code import join_code, new_key
from udpnote.settings import find_places, load_settings
from udpnote.storage.key_file import (
    KEYS_KEPT_MAX,
    NEVER,
    NotebookKeys,
    changing,
    ended_early,
    key_path,
    read_key_file,
    rotated,
    write_key_file,
)
from udpnote.storage.notebook.notebook import Notebook
from udpnote.storage.notebook.read_only import ReadOnlyNotebook
from udpnote.storage.permissions import too_open

ACCEPT_OLD_SECONDS_MAX = 366 * 86_400
"""An old key cannot stay accepted for longer than a year: then rotating would change nothing."""

_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

app = typer.Typer(rich_markup_mode="markdown")
key_app = typer.Typer(
    help="Show or change the key of a sealed notebook.\n\nRun it on the notebook's host.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
app.add_typer(key_app, name="key")


@app.command()
@as_command
def seal(file: ServedFile = None) -> int:
    """Seal an open notebook: only machines with its key can use it.

    Run it on the notebook's host while its server is stopped. Every entry stays. A new notebook is sealed by
    `udpnote serve --sealed`.

    Examples:

        udpnote seal

        udpnote seal --notebook ~/kitchen.sqlite3
    """
    from udpnote.server.sealing import seal_notebook

    notebook = _opened(file)
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


@app.command()
@as_command
def unseal(file: ServedFile = None) -> int:
    """Open a sealed notebook to everybody on the LAN.

    Run it on the notebook's host while its server is stopped. Every entry stays; the key is deleted.

    Examples:

        udpnote unseal
    """
    from udpnote.server.sealing import unseal_notebook

    notebook = _opened(file)
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


@key_app.command("show")
@as_command
def show_key(file: ServedFile = None, as_json: Json = False) -> int:
    """Print the join code, with which other machines join the notebook.

    Examples:

        udpnote key show
    """
    keys = _keys(_notebook_path(file))
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


@key_app.command("rotate")
@as_command
def rotate_key(
    accept_old: Annotated[
        str, typer.Option("--accept-old", metavar="TIME", help="How long the old key is still accepted: 30m, 12h, 3d.")
    ] = "0",
    file: ServedFile = None,
    as_json: Json = False,
) -> int:
    """Give the notebook a new key, and print its join code; the server may be running.

    Machines that have the old key must join again; their queued entries wait. What they have read already they can still
    read: a new key only protects what comes after it.

    Examples:

        udpnote key rotate

        udpnote key rotate --accept-old 3d
    """
    seconds = _seconds(accept_old)
    path = _notebook_path(file)
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


def _notebook_path(file: str | None) -> str:
    """The notebook's file; if others can read it, its key file or udpnote's folders, that is told, as its server does."""
    path = load_settings({"notebook": file}).notebook
    for notice in too_open([path], find_places(os.environ).folders):
        say(str(notice))
    return path


def _opened(file: str | None) -> Notebook:
    """The notebook's file, which has to be there; raises `NotebookInUse` if a server has it."""
    path = _notebook_path(file)
    ReadOnlyNotebook(path).close()  # says what is wrong where there is none, and makes none
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
    file = ReadOnlyNotebook(path)
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
    seconds = number * _UNIT_SECONDS.get(unit, 1)
    if found is None or (number and not unit) or seconds > ACCEPT_OLD_SECONDS_MAX:
        raise InvalidSetting(f"--accept-old must be a length of time of at most a year, such as 30m, 12h or 3d, not {text!r}")
    return seconds


def _clock(moment: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment // 1_000_000))
