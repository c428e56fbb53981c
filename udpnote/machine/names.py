"""The names of this machine and of the user who runs this process."""

import os

HOST_NAME_BYTES_MAX = 64
"""The most bytes of a host's name that `host_name` returns. Linux allows no more (HOST_NAME_MAX), other systems do."""


def host_name() -> str:
    """This machine's name, at most `HOST_NAME_BYTES_MAX` bytes of UTF-8; `localhost` if it has none.

    A byte of the name that is not UTF-8 becomes a question mark.
    """
    return cut(os.uname().nodename.strip(), HOST_NAME_BYTES_MAX) or "localhost"


def cut(text: str, bytes_max: int) -> str:
    """The start of `text` that has at most `bytes_max` bytes of UTF-8. What is not Unicode becomes a question mark."""
    return text.encode(errors="replace")[:bytes_max].decode(errors="ignore")


def user_of_system() -> str:
    """The login name of the user who runs this process, by the system's table of users; `somebody` without an entry there."""
    from pwd import getpwuid  # here, because the environment nearly always names the user

    try:
        return getpwuid(os.getuid()).pw_name
    except KeyError:
        return "somebody"
