"""Settings and places: a flag over the environment over the settings file over the default."""

import os
import stat
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from udpnote.errors import InvalidEntry, InvalidKey, InvalidSetting
from udpnote.model.address import parse_port, parse_server
from udpnote.model.entry import AUTHOR_BYTES_MAX, check_author

PORT = 6683
"""The server's UDP port: free of IANA assignments that a LAN would use; `NOTE` on a telephone's keys."""

WAIT_SECONDS = 5.0
"""How long a person waits for an answer before being told that the entry is queued."""


_KEYS = {"key", "key_file"}
"""Two ways of naming one thing."""

UNSET: Any = object()
"""A flag that brings the default back, whatever the environment and the settings file say."""


class Settings(NamedTuple):
    """What a command works with; the paths are those of the data, which need not exist yet."""

    server: str | None
    port: int
    key: bytes | None
    key_file: str | None
    author: str
    name: str | None
    bind: str | None
    sealed: bool
    notebook: str
    notebook_id: str | None
    text_file: str | None
    wait: float
    outbox: str
    history: str


class Places(NamedTuple):
    """Where things are kept: the settings file, and the folders of data and of state."""

    settings_file: str
    data: str
    state: str

    @property
    def folders(self) -> list[str]:
        """The folders that are udpnote's own, each once."""
        return list(dict.fromkeys((self.data, self.state, os.path.dirname(self.settings_file))))


def load_settings(flags: Mapping[str, object] | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings in force; a flag that is None was not given, and one that is `UNSET` brings the default back.

    Raises `InvalidSetting`.
    """
    environ = os.environ if environ is None else environ
    places = find_places(environ)
    given: dict[str, object] = _read_settings_file(places.settings_file)
    _give_way(given, [key for key in _PARSERS if _variable(key) in environ])
    for key, parse in _PARSERS.items():
        variable = _variable(key)
        if environ.get(variable) or (key in _KEYS and variable in environ):  # without its key, nothing may go out open
            given[key] = parse(environ[variable], variable)
    _give_way(given, [key for key, value in (flags or {}).items() if value is not None])
    for key, value in (flags or {}).items():
        if value is UNSET:
            given.pop(key, None)
        elif value is not None:
            given[key] = _PARSERS[key](value, f"--{key.replace('_', '-')}")
    defaults: dict[str, object] = {
        "server": None, "port": PORT, "name": None, "bind": None, "notebook_id": None, "text_file": None,
        "key": None, "key_file": None, "sealed": False,
        "wait": WAIT_SECONDS,
        "notebook": os.path.join(places.data, "notebook.sqlite3"),
        "outbox": os.path.join(places.data, "outbox.sqlite3"),
        "history": os.path.join(places.state, "history"),
    }  # fmt: skip
    if "author" not in given:
        defaults["author"] = _default_author(environ)
    return Settings(**{**defaults, **given})  # type: ignore[arg-type]


def _variable(key: str) -> str:
    return f"UDPNOTE_{key.upper()}"


def _give_way(given: dict[str, object], nearer: Collection[str]) -> None:
    """Drop what is `given` for a key if something `nearer` names one, in whichever way."""
    if not _KEYS.isdisjoint(nearer):
        for key in _KEYS:
            given.pop(key, None)


def find_places(environ: Mapping[str, str]) -> Places:
    """Where this user's files belong: under `UDPNOTE_HOME` if that is set, else where the operating system says."""
    home = environ.get("UDPNOTE_HOME")
    if home:
        return Places(os.path.join(home, "config.toml"), home, home)
    from platformdirs import user_config_dir, user_data_dir, user_state_dir

    settings_file = os.path.join(user_config_dir("udpnote", appauthor=False), "config.toml")
    return Places(settings_file, user_data_dir("udpnote", appauthor=False), user_state_dir("udpnote", appauthor=False))


def _read_settings_file(path: str) -> dict[str, object]:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # who reads from a pipe or a device may wait for ever
            raise InvalidSetting(f"{path} should be the settings file, but it is a folder, a pipe or a device: move it away")
        file = open(path, "rb")  # noqa: SIM115 - closed below; a missing file must not cost the import of tomllib
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InvalidSetting(f"cannot read the settings file {path} ({error.strerror}): check its permissions") from error
    import tomllib

    with file:
        try:
            table = tomllib.load(file)
        except (ValueError, RecursionError) as error:  # among them what tomllib says of its own
            raise InvalidSetting(f"the settings file {path} is damaged ({error}): mend it, or move it away") from error
    unknown = sorted(set(table) - set(_PARSERS))
    if unknown:
        raise InvalidSetting(f"{path}: unknown setting {unknown[0]!r}; there are {', '.join(_PARSERS)}")
    return {key: _PARSERS[key](value, f"{path}: {key}") for key, value in table.items()}


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidSetting(f"{where} must be a text that is not empty, not {value!r}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidSetting(f"{where} is not valid UTF-8: {value!r}") from None
    return value


def _path(value: object, where: str) -> str:
    path = _text(value, where)
    if "\0" in path:
        raise InvalidSetting(f"{where} must be the path of a file, not {path!r}")
    return os.path.abspath(os.path.expanduser(path))


def _server(value: object, where: str) -> str:
    server = _text(value, where)
    parse_server(server, PORT)
    return server


def _seconds(value: object, where: str) -> float:
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise InvalidSetting(f"{where} must be a number of seconds from 0 to 86400, not {value!r}")
    return seconds


def _key(value: object, where: str) -> bytes:
    from udpnote.model.join_code import parse_join_code  # here, because most commands name no key

    try:
        return parse_join_code(value if isinstance(value, str) else "")  # what is wrong with it is told without repeating it
    except InvalidKey as error:
        raise InvalidKey(f"{where}: {error}") from None


def _switch(value: object, where: str) -> bool:
    given = str(value).lower()
    if given not in _SWITCHES:
        raise InvalidSetting(f"{where} must be true or false, not {value!r}")
    return _SWITCHES[given]


_SWITCHES = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def _author(value: object, where: str) -> str:
    author = _text(value, where)
    try:
        check_author(author)
    except InvalidEntry as error:
        raise InvalidSetting(f"{where}: {error}") from None
    return author


_PARSERS: dict[str, Callable[[object, str], object]] = {
    "server": _server,
    "port": parse_port,
    "key": _key,
    "key_file": _path,
    "author": _author,
    "name": _text,
    "bind": _text,
    "sealed": _switch,
    "notebook": _path,
    "notebook_id": _text,
    "text_file": _path,
    "wait": _seconds,
}


def _default_author(environ: Mapping[str, str]) -> str:
    """user@host, as far as the system knows them."""
    user = environ.get("LOGNAME") or environ.get("USER") or _user_of_system()
    host = os.uname().nodename
    author = f"{user}@{host}".encode(errors="replace")[:AUTHOR_BYTES_MAX]
    return author.decode(errors="ignore")


def _user_of_system() -> str:
    from getpass import getuser

    try:
        return getuser()
    except (KeyError, OSError, ImportError):
        return "somebody"
