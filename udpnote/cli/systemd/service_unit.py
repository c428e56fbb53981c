"""The unit file of a service: its name, its text, and whether udpnote has written it.

The first line of the file has the SHA-256 of the lines after it. This line tells `udpnote service` that the file is its own,
and whether somebody has changed it. The last section, `X-udpnote`, has the path of the notebook's file and the notebook's name.
systemd ignores sections whose names begin with `X-` (systemd.unit(5)).
"""

import hashlib
import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum
from importlib.resources import files
from typing import NamedTuple

from udpnote.errors import InvalidSetting, StorageError
from udpnote.storage.atomic_file import whole_file
from udpnote.storage.disk_errors import storage_errors
from udpnote.storage.new_files import make_folders

SYSTEM_FOLDER = "/etc/systemd/system"
"""The folder of the administrator's own system units."""

STATE_FOLDER = "/var/lib"
"""The folder in which systemd makes the folder of a system service (`StateDirectory=`)."""

INSTANCE_BYTES_MAX = 48
"""The most bytes of UTF-8 in the `instance` of a `Service`. In the unit's name an escaped byte takes four, and 255 is the limit
(NAME_MAX).
"""

UNIT_BYTES_MAX = 1 << 16
"""How many bytes of a unit file are read at most. The files that udpnote writes are far shorter."""

UNIT_MODE = 0o644
"""The permissions of a unit file. It has no secret, and every user may read it, as `udpnote service status` does."""

_FIRST_LINE = "# Made by `udpnote service install`. SHA-256 of the lines below: "
_SECTION = "[X-udpnote]\n"


class Service(NamedTuple):
    """A service of the whole system or of this user. `instance` is its name, the value of `--instance`, if it serves a further
    notebook. For the service of the first notebook, `instance` is empty.
    """

    is_system: bool
    instance: str

    @property
    def unit(self) -> str:
        """The name of the unit. Bytes of `instance` that are not allowed in it are escaped as systemd-escape(1) does."""
        if not self.instance:
            return "udpnote.service"
        escaped = re.sub(rb"[^A-Za-z0-9_.-]", lambda found: f"\\x{found[0][0]:02x}".encode(), self.instance.encode())
        return f"udpnote-{escaped.decode()}.service"

    @property
    def folder_name(self) -> str:
        """The name of a system service's folder in `STATE_FOLDER`."""
        return f"udpnote-{self.instance}" if self.instance else "udpnote"

    @property
    def path(self) -> str:
        """The path of the unit file."""
        return os.path.join(unit_folder(is_system=self.is_system), self.unit)

    @property
    def options(self) -> list[str]:
        """The options of `udpnote service` that name this service."""
        scope = ["--system"] if self.is_system else []
        return scope + (["--instance", self.instance] if self.instance else [])


class Unit(NamedTuple):
    """What a unit file says of the notebook: the path of the notebook's file, and the notebook's name.

    `file` is None if the unit file has no line for it, or if the value in this line is not a JSON string. `name` is None in the
    same cases, and if the server chooses the name. Somebody may have changed the values: see `Found.CHANGED`.
    """

    file: str | None
    name: str | None


class Found(Enum):
    """What is at the path of a unit file: nothing, udpnote's own file, that file with somebody's changes, or another file."""

    NOTHING = "nothing"
    OURS = "ours"
    CHANGED = "changed"
    FOREIGN = "foreign"


def check_instance(instance: str) -> None:
    """Raise `InvalidSetting` unless `instance` can be a part of the names of a unit and of a folder.

    It may have letters and digits of all scripts, `-`, `_` and `.`. It must begin with a letter or digit, and have at most
    `INSTANCE_BYTES_MAX` bytes.
    """
    is_name = instance[:1].isalnum() and all(each.isalnum() or each in "-_." for each in instance)
    if not is_name or len(instance.encode()) > INSTANCE_BYTES_MAX:
        raise InvalidSetting("service_instance_invalid", instance=instance)


def unit_folder(*, is_system: bool) -> str:
    """Return the folder of the system's unit files. If not `is_system`, return the folder of this user's unit files."""
    if is_system:
        return SYSTEM_FOLDER
    configuration = os.environ.get("XDG_CONFIG_HOME", "")
    folder = configuration if os.path.isabs(configuration) else os.path.expanduser("~/.config")
    return os.path.join(folder, "systemd", "user")


def unit_text(service: Service, command: Sequence[str], *, file: str, name: str | None, home: str | None) -> str:
    """Return the text of the unit file that starts the server by `command`: the program and its arguments.

    `file` is the path of the notebook's file, and `name` the notebook's name (None if the server chooses it); `udpnote service
    status` prints them. `home` is the value of UDPNOTE_HOME for the server, or None if it is not set.
    """
    template = (files(__package__) / ("system.service" if service.is_system else "user.service")).read_text(encoding="utf-8")
    body = template.format(
        description="udpnote, a notebook for the LAN" + (f": {service.instance}" if service.instance else ""),
        exec_start=" ".join([_quoted(command[0], is_argument=False), *map(_quoted, command[1:])]),
        state_directory=service.folder_name,
        home=home,
        environment="" if home is None else f"Environment={_quoted(f'UDPNOTE_HOME={home}', is_argument=False)}\n",
    )
    values = "".join(f"{key}={json.dumps(value, ensure_ascii=False)}\n" for key, value in (("File", file), ("Name", name)))
    return _signed(f"{body}\n{_SECTION}{values}")


def _quoted(word: str, *, is_argument: bool = True) -> str:
    """Return `word` as one word of `ExecStart=` (systemd.service(5), "Command lines") or of `Environment=`.

    systemd expands `%` in every word. It expands `$` only in arguments of a program (`is_argument`), not in the program's path
    or in `Environment=`.
    """
    escaped = word.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n").replace("\t", r"\t").replace("%", "%%")
    if is_argument:
        escaped = escaped.replace("$", "$$")
    return escaped if re.fullmatch(r"[\w./:=@+,-]+", escaped) else f'"{escaped}"'


def _signed(body: str) -> str:
    """Return the text of a unit file: a first line with the SHA-256 of `body`, and then `body`."""
    return f"{_FIRST_LINE}{hashlib.sha256(body.encode()).hexdigest()}\n{body}"


def read_unit(path: str) -> tuple[Found, Unit | None]:
    """Read the file at `path`. Return what it is, and what it says about the notebook.

    The second value is None unless the file is `OURS` or `CHANGED`. Raises `StorageError` if the file cannot be read.
    """
    with storage_errors(path):
        if not os.path.lexists(path):
            return Found.NOTHING, None
        if not os.path.isfile(path):  # a folder, a pipe, or the link of a masked unit
            return Found.FOREIGN, None
        with open(path, "rb") as file:
            text = file.read(UNIT_BYTES_MAX).decode(errors="replace")
    first, _, body = text.partition("\n")
    if not first.startswith(_FIRST_LINE):
        return Found.FOREIGN, None
    values = dict(re.findall(r"^(File|Name)=(.*)$", body.rpartition(_SECTION)[2], re.MULTILINE))
    unit = Unit(_text_of(values.get("File", "")), _text_of(values.get("Name", "")))
    return (Found.OURS if text == _signed(body) else Found.CHANGED), unit


def _text_of(value: str) -> str | None:
    """Return the string that the JSON `value` stands for. Return None if `value` is not a JSON string: it is `null`, or
    somebody has changed the file.
    """
    try:
        text = json.loads(value)
    except ValueError:
        return None
    return text if isinstance(text, str) else None


def write_unit(path: str, text: str) -> None:
    """Write `text` to the unit file `path`, all of it or nothing. Make its folder if that is missing. Raises `StorageError`."""
    with storage_errors(path):
        make_folders(os.path.dirname(path))
    with whole_file(path) as file:
        file.write(text.encode())
        os.fchmod(file.fileno(), UNIT_MODE)


def put_aside(path: str) -> str:
    """Rename the unit file `path` to `path.1.old` or the next free number, so that systemd does not see it any more. Return its
    new path.

    Raises `StorageError`.
    """
    number = 1
    while os.path.lexists(aside := f"{path}.{number}.old"):
        number += 1
    with storage_errors(path):
        os.rename(path, aside)
    return aside


def remove_unit(path: str) -> None:
    """Remove the unit file `path`. Raises `StorageError`."""
    with storage_errors(path):
        os.unlink(path)


def installed_services() -> list[Service]:
    """Return the services that `udpnote service install` has made: those of this user, then those of the system.

    Both are sorted by the names of their unit files. A file that this user cannot read is left out.
    """
    found = []
    for is_system in (False, True):
        folder = unit_folder(is_system=is_system)
        try:
            names = sorted(os.listdir(folder))
        except OSError:  # there is no such folder, or this user cannot read it
            continue
        for name in names:
            service = Service(is_system, _instance_of(name) or "")
            with suppress(StorageError):
                if service.unit == name and read_unit(service.path)[1] is not None:
                    found.append(service)
    return found


def _instance_of(unit: str) -> str | None:
    """Return the `instance` (see `Service`) in the name of a unit file, without escapes. Return None if the name has none."""
    matched = re.fullmatch(r"udpnote-(.+)\.service", unit)
    if matched is None:
        return None
    unescaped = re.sub(rb"\\x([0-9a-f]{2})", lambda found: bytes.fromhex(found[1].decode()), os.fsencode(matched[1]))
    return unescaped.decode(errors="replace")
