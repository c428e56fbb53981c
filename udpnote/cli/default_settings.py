"""Hides the settings of the user from a server and a client that a command runs for a demonstration or a measurement."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from udpnote.text.language import language


@contextmanager
def default_settings(folder: str) -> Iterator[None]:
    """Return a context manager. In its block, the user's environment variables and settings file are ignored: udpnote uses the
    defaults, and keeps all its files in `folder`.

    The same holds for processes that are started in the block. Only the language remains the user's.
    """
    language()  # finds the language in the user's settings, before the block hides them
    saved = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("UDPNOTE_")}
    os.environ["UDPNOTE_HOME"] = folder
    try:
        yield
    finally:
        del os.environ["UDPNOTE_HOME"]
        os.environ.update(saved)
