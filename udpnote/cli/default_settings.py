"""Hides the settings of the user from a server and a client that a command runs for a demonstration or a measurement."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from udpnote.text.language import language


@contextmanager
def default_settings(folder: str) -> Iterator[None]:
    """In the block, use the default settings, with all files in `folder`, and not the user's environment and settings file.

    Processes that are started in the block use them, too. Only the language remains the user's.
    """
    language()  # looks for it in the settings, if that was not done before
    saved = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("UDPNOTE_")}
    os.environ["UDPNOTE_HOME"] = folder
    try:
        yield
    finally:
        del os.environ["UDPNOTE_HOME"]
        os.environ.update(saved)
