"""Finds the file of the notebook that this host serves, for the commands that work on the file itself."""

import os

from udpnote.cli.terminal.streams import say
from udpnote.settings import find_places, load_settings
from udpnote.storage.permissions import too_open, untold


def served_path(file: str | None) -> str:
    """Return the absolute path of the notebook's file: of `file`, or of the file in the settings if `file` is None.

    If other users of this machine can read one of the notebook's files, print a notice. It is printed only the first time.
    Raises `InvalidSetting` if `file` or a setting cannot be used.
    """
    path = load_settings({"file": file}).file
    places = find_places(os.environ)
    for notice in untold(too_open([path], places.folders), places.told):
        say(notice)
    return path
