"""Where the settings and files in use come from: an option, a variable, the settings file or a default."""

import os
from collections.abc import Mapping

from udpnote.settings import DEFAULT, XDG_FOLDERS, Flags, Settings, Source, find_places, given_settings

_FOLDER_VARIABLES = ("UDPNOTE_HOME", *XDG_FOLDERS)
"""The variables that move the folders of `Places`: the first one moves all folders, each of the others moves a single one."""


def find_sources(flags: Flags, environ: Mapping[str, str]) -> dict[str, Source]:
    """For each field of `Settings`, the source of its value in the result of `load_settings` for the same arguments.

    Raises `InvalidSetting` in the same cases as `load_settings`.
    """
    given = given_settings(flags, environ, find_places(environ).settings_file)
    return {name: given[name][1] if name in given else DEFAULT for name in Settings._fields}


def source_of_place(path: str, environ: Mapping[str, str]) -> Source:
    """Return the variable in `environ` that names the folder in which the file `path` is; `DEFAULT` if none does.

    `path` is the path of the settings file, or the value of a setting whose source is `DEFAULT`.
    """
    for variable in _FOLDER_VARIABLES:
        folder = environ.get(variable)
        if folder and path.startswith(os.path.join(os.path.abspath(os.path.expanduser(folder)), "")):
            return Source("environment", variable)
    return DEFAULT
