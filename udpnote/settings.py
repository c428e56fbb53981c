"""Settings, and where udpnote keeps its files.

A setting may come from a command's option (called a flag here), an environment variable, the settings file, or the default. If
several of these places have it, the first one in this order counts.
"""

import os
import stat
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Literal, NamedTuple, TypedDict

from udpnote.errors import InvalidEntry, InvalidKey, InvalidSetting, Notice
from udpnote.machine.names import cut, host_name, user_of_system
from udpnote.model.address import SERVER_IN_ASCII, parse_port, parse_server
from udpnote.model.argument_types import checked_text
from udpnote.model.entry import AUTHOR_BYTES_MAX, check_author
from udpnote.model.language import language_named, language_of_locale

PORT = 6683
"""The server's UDP port, which spells `NOTE` on telephone keys. IANA has not assigned it to anything that is used on LANs."""

PORTS = tuple(range(PORT, PORT + 4))
"""The UDP ports of servers if no port is set: a server takes the first free one, and discovery asks at all of them.

So discovery finds a few servers on one host without a port in the settings. More ports would make discovery more expensive.
"""

WAIT_SECONDS = 5.0
"""The default of `wait`: how long a command waits for an answer before it gives up. People do not like to wait longer."""

WAIT_SECONDS_MAX = 86_400.0
"""The longest `wait` that a user can set: a day."""

SETTINGS_FILE_BYTES_MAX = 1 << 16
"""The longest settings file that is read, in bytes: a hundred times as long as a file with all settings."""

_KEYS = {"key", "key_file"}
"""Both settings give the notebook's key: `key` as a join code, `key_file` as the path of a file with the join code or the key.

If both are given, only the one from the place with the higher precedence counts; if both are from one place, `key` counts.
"""


class Settings(NamedTuple):
    """The settings of a command. A setting that is not set has its default, None for most. For `history` see `Places`.

    Paths are absolute. `server` is a text that `model.address.parse_server` accepts, `key` the bytes of a key, `wait` in
    seconds. `notebook` is the name, the id or the start of the id of the notebook to use. `name`, `file`, `sealed`, `text_file`
    and `bind` (the address to listen on) are for the notebook to serve. `language` is one of `model.language.LANGUAGES`.
    """

    author: str
    file: str
    outbox: str
    history: str
    server: str | None = None
    port: int | None = None
    key: bytes | None = None
    key_file: str | None = None
    name: str | None = None
    bind: str | None = None
    sealed: bool | None = None
    notebook: str | None = None
    text_file: str | None = None
    wait: float = WAIT_SECONDS
    language: str | None = None

    @property
    def ports(self) -> Sequence[int]:
        """The UDP ports where discovery asks, and of which a server takes the first free one: `port` if set, else `PORTS`."""
        return PORTS if self.port is None else (self.port,)


class Flags(TypedDict, total=False):
    """The values of options as they were given, under the names of the fields of `Settings`. None: the option was not given."""

    server: str | None
    port: int | None
    key: str | None
    key_file: str | os.PathLike[str] | None
    author: str | None
    name: str | None
    bind: str | None
    sealed: bool | None
    file: str | None
    notebook: str | None
    text_file: str | None
    wait: float | None


UNSET: Any = object()
"""A flag with this value selects the default, even if the environment or the settings file has another value."""


class Places(NamedTuple):
    """Where udpnote keeps a user's files: the path of the settings file, and the folders `data` and `state`.

    The outbox is in `data`, and so is the notebook unless the setting `file` names another path. The history of the lines
    typed in `udpnote write` is in `state`.
    """

    settings_file: str
    data: str
    state: str

    @property
    def told(self) -> str:
        """The path of the file that lists the notices about permissions that the user has seen."""
        return os.path.join(self.state, "told")

    @property
    def folders(self) -> list[str]:
        """The folders `data`, `state` and the one of the settings file, each once. Only the user should have access to them."""
        return list(dict.fromkeys((self.data, self.state, os.path.dirname(self.settings_file))))


class Source(NamedTuple):
    """Where the value of a setting, or the path of a file, comes from.

    `place` is the option of a flag, such as `--server`, the name of the environment variable, or the path of the settings file.
    It is None for a default.
    """

    kind: Literal["flag", "environment", "settings file", "default"]
    place: str | None


DEFAULT = Source("default", None)
OnWrong = Callable[[InvalidSetting, Source], None]  # called with the error about a wrong setting, and its source

XDG_FOLDERS = {"XDG_CONFIG_HOME": ".config", "XDG_DATA_HOME": ".local/share", "XDG_STATE_HOME": ".local/state"}
"""The variables that move the user's folders, each with the usual place of its folder in the home folder."""


def load_settings(
    flags: Flags | None = None, environ: Mapping[str, str] | None = None, on_wrong: OnWrong | None = None
) -> Settings:
    """Find and return all settings. Each value comes from the place with the highest precedence that has the setting.

    `flags` are the given options, `environ` is the environment (None: that of the process). Raises `InvalidSetting` if a value
    or the settings file cannot be used; the error names the place of the value. If `on_wrong` is given, a wrong variable or a
    settings file with a fault is left out, and `on_wrong` gets the error and its source. Then only a wrong flag raises
    `InvalidSetting`, or folders that cannot be used (see `find_places`).
    """
    environ = os.environ if environ is None else environ
    places = find_places(environ)
    given = {name: value for name, (value, _) in given_settings(flags or {}, environ, places.settings_file, on_wrong).items()}
    if "author" not in given:  # only then, because asking the system for the user takes time
        given["author"] = _default_author(environ)
    defaults = {
        "file": os.path.join(places.data, "notebook.sqlite3"),
        "outbox": os.path.join(places.data, "outbox.sqlite3"),
        "history": os.path.join(places.state, "history"),
    }
    return Settings(**(defaults | given))


def chosen_language(environ: Mapping[str, str]) -> str:
    """The language of messages, one of `model.language.LANGUAGES`: the setting `language`, else the language of the locale.

    This function raises no error, because a message about a wrong setting needs a language, too. It ignores wrong settings.
    """
    if (named := language_named(environ.get(_variable("language"), ""))) is not None:
        return named
    with suppress(InvalidSetting, KeyError):  # the settings file cannot be used, or does not have this setting
        return str(_from_file(find_places(environ).settings_file)["language"][0])
    return language_of_locale(environ)


def given_settings(
    flags: Flags, environ: Mapping[str, str], settings_file: str, on_wrong: OnWrong | None = None
) -> dict[str, tuple[Any, Source]]:
    """Return the settings that are given, by name: the value that counts, and its source. Raises as `load_settings` does."""
    in_flags = {name: value for name, value in flags.items() if value is not None}
    given: dict[str, tuple[Any, Source]] = {}
    with _leaving_out(Source("settings file", settings_file), on_wrong):
        given = _from_file(settings_file)
    _forget_key(given, [name for name in _PARSERS if _variable(name) in environ])
    given |= _from_environment(environ, on_wrong)
    _forget_key(given, in_flags)
    for name, value in in_flags.items():
        if value is UNSET:
            given.pop(name, None)
        else:
            option = f"--{name.replace('_', '-')}"
            given[name] = _PARSERS[name](value, option), Source("flag", option)
    return given


def find_places(environ: Mapping[str, str]) -> Places:
    """The places of this user's files, as the environment `environ` determines them.

    If `UDPNOTE_HOME` is set, all files are in the folder that it names. If not, they are in the user's folders for settings,
    data and state. Raises `InvalidSetting` if `UDPNOTE_HOME` is no path, or the home folder is unknown or not UTF-8.
    """
    if home := environ.get("UDPNOTE_HOME"):
        home = absolute_path(home, "UDPNOTE_HOME")
        return Places(os.path.join(home, "config.toml"), home, home)
    if not all(map(os.path.isabs, folders := _user_folders(environ))):  # the system names no absolute path of the home folder
        raise InvalidSetting("no_home_folder", user=os.getuid())
    config, data, state = (checked_text(folder, Notice("home_folder")) for folder in folders)
    return Places(os.path.join(config, "config.toml"), data, state)


def _user_folders(environ: Mapping[str, str]) -> list[str]:
    """The user's folders for udpnote's configuration, data and state. If the home folder is unknown, a path starts with `~`."""
    if sys.platform == "linux" and "ANDROID_ROOT" not in environ:  # the same as platformdirs, which is slow to import
        home = os.path.expanduser("~") if os.path.isabs(os.environ.get("HOME", "/")) else "~"
        given = [(environ.get(variable, ""), usual) for variable, usual in XDG_FOLDERS.items()]
        return [os.path.join(path if os.path.isabs(path) else f"{home}/{usual}", "udpnote") for path, usual in given]
    from platformdirs import user_config_dir, user_data_dir, user_state_dir

    try:
        return [find("udpnote", appauthor=False) for find in (user_config_dir, user_data_dir, user_state_dir)]
    except RuntimeError:
        return ["~"]  # earlier versions of platformdirs return paths that begin like this


@contextmanager
def _leaving_out(source: Source, on_wrong: OnWrong | None) -> Iterator[None]:
    """Catch an `InvalidSetting` of the block: call `on_wrong` with the error and `source`. If `on_wrong` is None, raise it."""
    try:
        yield
    except InvalidSetting as error:
        if on_wrong is None:
            raise
        on_wrong(error, source)


def _from_environment(environ: Mapping[str, str], on_wrong: OnWrong | None) -> dict[str, tuple[Any, Source]]:
    """Return the settings in the environment, by name, with their sources. An empty variable counts as not set.

    Only for `key` and `key_file`, an empty variable is an error: a script whose key is empty by mistake must not send its
    entries unencrypted. Raises `InvalidSetting` for this and for a value that cannot be used, unless `on_wrong` is given.
    """
    given: dict[str, tuple[Any, Source]] = {}
    for name, parse in _PARSERS.items():
        variable = _variable(name)
        if environ.get(variable) or (name in _KEYS and variable in environ):
            source = Source("environment", variable)
            with _leaving_out(source, on_wrong):
                given[name] = parse(environ[variable], variable), source
    return given


def _variable(name: str) -> str:
    """The name of the environment variable for the setting `name`."""
    return f"UDPNOTE_{name.upper()}"


def _forget_key(given: dict[str, Any], names: Collection[str]) -> None:
    """Remove `key` and `key_file` from `given` if either is in `names`, the settings that a place of higher precedence has."""
    if not _KEYS.isdisjoint(names):
        for name in _KEYS:
            given.pop(name, None)


def _from_file(path: str) -> dict[str, tuple[Any, Source]]:
    """Read the settings file `path`. Return its settings by name, with their sources; none if there is no such file.

    Raises `InvalidSetting` if the file cannot be read, has an unknown setting, or has a value that cannot be used.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # reading from a pipe or a device may never end
            raise InvalidSetting("settings_file_irregular", path=path)
        file = open(path, "rb")  # noqa: SIM115 - closed below; without a file, no parser is imported
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InvalidSetting("settings_file_unreadable", path=path, reason=error.strerror) from error
    from udpnote.model.toml_text import InvalidToml, read_toml  # here, because most users have no settings file

    with file:
        data = file.read(SETTINGS_FILE_BYTES_MAX + 1)
    if len(data) > SETTINGS_FILE_BYTES_MAX:
        raise InvalidSetting("settings_file_too_long", path=path, bytes_max=SETTINGS_FILE_BYTES_MAX)
    try:
        table = read_toml(data.decode("utf-8-sig"))  # some editors begin a file with a byte order mark
    except UnicodeDecodeError:
        raise InvalidSetting("settings_file_not_utf8", path=path) from None
    except InvalidToml as error:
        raise InvalidSetting("settings_file_damaged", path=path, reason=error.notice) from None
    for name in table:
        if name not in _PARSERS:
            raise InvalidSetting("setting_unknown", path=path, name=name, known=list(_PARSERS))
    places = {name: Notice("setting_in_file", path=path, name=name) for name in table}
    return {name: (_PARSERS[name](value, places[name]), Source("settings file", path)) for name, value in table.items()}


def absolute_path(value: object, where: str | Notice) -> str:
    """Return the path `value`, a str or an `os.PathLike` of one, as an absolute path of Unicode text.

    A relative path starts from the current folder; `~` is the user's home folder. `where` names the place of the value. Raises
    `InvalidSetting` if `value` is not such a path, if the home folder is unknown, or if the path is relative and the current
    folder was deleted.
    """
    path = checked_text(os.fspath(value) if isinstance(value, os.PathLike) else value, where)
    if "\0" in path:
        raise InvalidSetting("setting_not_a_path", where=where, value=path)
    expanded = os.path.expanduser(path)
    if expanded.startswith("~"):
        raise InvalidSetting("setting_home_unknown", where=where, value=path)
    check_path(expanded, where)
    return os.path.abspath(expanded)


def check_path(path: str, where: str | Notice) -> None:
    """Raise `InvalidSetting` if `path`, set at `where`, is blank, or is relative and the current folder was deleted."""
    try:
        os.path.abspath(path if path.strip() else checked_text(path, where))
    except FileNotFoundError:
        raise InvalidSetting("current_folder_gone", where=where, value=path) from None


def _server(value: object, where: str | Notice) -> str:
    server = checked_text(value, where).translate(SERVER_IN_ASCII)
    parse_server(server, PORT)
    return server


def _seconds(value: object, where: str | Notice) -> float:
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= WAIT_SECONDS_MAX:
        raise InvalidSetting("setting_not_seconds", where=where, value=value, seconds_max=WAIT_SECONDS_MAX)
    return seconds


def _key(value: object, where: str | Notice) -> bytes:
    """Return the key for the join code `value`. Raises `InvalidKey`, whose message shows at most one symbol of `value`."""
    from udpnote.model.join_code import parse_join_code  # here, because most commands name no key

    try:
        return parse_join_code(value if isinstance(value, str) else "")
    except InvalidKey as error:
        raise InvalidKey("setting_not_a_join_code", where=where, error=error) from None


def _boolean(value: object, where: str | Notice) -> bool:
    given = str(value).lower()
    if given not in _BOOLEANS:
        raise InvalidSetting("setting_not_boolean", where=where, value=value)
    return _BOOLEANS[given]


_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def _language(value: object, where: str | Notice) -> str:
    if (language := language_named(checked_text(value, where))) is None:
        raise InvalidSetting("setting_not_a_language", where=where, value=value)
    return language


def _author(value: object, where: str | Notice) -> str:
    author = checked_text(value, where)
    try:
        check_author(author)
    except InvalidEntry as error:
        raise InvalidSetting("setting_not_an_author", where=where, error=error) from None
    return author


_PARSERS: dict[str, Callable[[object, str | Notice], Any]] = {
    "server": _server,
    "port": parse_port,
    "key": _key,
    "key_file": absolute_path,
    "author": _author,
    "name": checked_text,
    "bind": checked_text,
    "sealed": _boolean,
    "file": absolute_path,
    "notebook": checked_text,
    "text_file": absolute_path,
    "wait": _seconds,
    "language": _language,
}
"""For each setting, the function that checks a value and converts it to the type of the field in `Settings`.

The second argument of the function names the place of the value, for the message of the `InvalidSetting` that it raises.
"""


def _default_author(environ: Mapping[str, str]) -> str:
    """The default author, `user@host`, cut to `AUTHOR_BYTES_MAX` bytes of UTF-8. `environ` is the process's environment."""
    user = environ.get("LOGNAME") or environ.get("USER") or user_of_system()
    return cut(f"{user}@{host_name()}", AUTHOR_BYTES_MAX)
