"""The program that a service starts, and whether a service of the whole system can trust this program.

If another user than root can change the program, Python, or a module that Python loads, that user can do all that the service
can do. And a service of the system does not see home folders and temporary files (`ProtectHome=`, `PrivateTmp=`).
"""

import os
import pwd
import shutil
import site
import stat
import sys
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path

from udpnote.cli.systemd.systemctl import ServiceRefused
from udpnote.errors import Notice

HIDDEN_FOLDERS = ("/home", "/root", "/run/user")
"""The folders that `ProtectHome=yes` hides (systemd.exec(5))."""

_UNSAFE = {*map(chr, range(32)), "\x7f", '"', "'", "\\"}
"""The characters that systemd refuses in the path of a program."""


def server_program() -> list[str]:
    """Return the command line that starts this `udpnote`: the path of the installed command. If there is none, the command line
    is `python -P -m udpnote`, with Python's path.

    Raises `ServiceRefused` if the program's path has a character that systemd refuses: a control character, a quotation mark or
    a backslash.
    """
    beside = Path(sys.executable).with_name("udpnote")
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which(sys.argv[0])
    program = [os.path.abspath(found)] if found is not None and os.path.basename(found) == "udpnote" else []
    words = program or [os.path.abspath(sys.executable), "-P", "-m", "udpnote"]
    if not _UNSAFE.isdisjoint(words[0]):
        raise ServiceRefused("service_program_unsafe", path=words[0])
    return words


def places_of_code(program: str) -> list[str]:
    """Return the paths of `program`, of the Python interpreter, and of the files and folders from which Python loads modules.

    The folder with this user's own packages is left out, because the service runs as another user.
    """
    own = site.getusersitepackages()
    folders = [os.path.abspath(each) for each in sys.path if each and os.path.abspath(each) != own]
    return [program, sys.executable, str(files("udpnote")), *folders]


def check_trusted(places: Iterable[str]) -> None:
    """Raise `ServiceRefused` if one of `places` is in a folder that the service does not see (such as `/home`), or if another
    user than root can change it.

    A user who can rename a folder above a place can replace the place. So all folders above it are checked, too, and so are the
    symbolic links on the way to it, with the folders above these links.
    """
    for place in places:
        real = os.path.realpath(place)
        for each in (place, real):
            if any(each == folder or each.startswith(f"{folder}/") for folder in HIDDEN_FOLDERS):
                raise ServiceRefused("service_in_home", path=each)
        for each in _way_to(place):
            status = os.lstat(each)
            if status.st_uid:
                raise ServiceRefused("service_not_of_root", path=each, owner=_user_name(status.st_uid))
            is_writable = status.st_mode & stat.S_IWOTH or (status.st_mode & stat.S_IWGRP and status.st_gid)
            if is_writable and not stat.S_ISLNK(status.st_mode):
                raise ServiceRefused("service_writable_by_others", path=each)


def _way_to(place: str) -> Iterator[str]:
    """Yield the folders and links that lead to `place`, from `/` on, and then `place` itself. If one does not exist, end before
    it.
    """
    links_left = 40  # as many as Linux follows
    way, rest = "/", [part for part in place.split("/") if part]
    yield way
    while rest:
        part = rest.pop(0)
        way = os.path.normpath(os.path.join(way, part))
        if not os.path.lexists(way):
            return
        yield way
        if os.path.islink(way) and links_left:
            links_left -= 1
            target = os.readlink(way)
            rest = [each for each in target.split("/") if each] + rest
            way = "/" if target.startswith("/") else os.path.dirname(way)


def _user_name(user: int) -> str | Notice:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return Notice("user_without_name", user=user)
