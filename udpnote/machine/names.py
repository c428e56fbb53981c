"""The names of this machine and of the user who runs this process."""

import os

HOST_NAME_BYTES_MAX = 64
"""The longest host name that `host_name` returns, in bytes: the limit of Linux (HOST_NAME_MAX). Other systems allow more."""


def host_name() -> str:
    """This machine's name, at most `HOST_NAME_BYTES_MAX` bytes of UTF-8; `localhost` if the machine has no name.

    Each byte of the name that is not UTF-8 becomes a question mark.
    """
    return cut(os.uname().nodename.strip(), HOST_NAME_BYTES_MAX) or "localhost"


def cut(text: str, bytes_max: int) -> str:
    """The longest beginning of `text` that fits in `bytes_max` bytes of UTF-8. Each lone surrogate becomes a question mark."""
    return text.encode(errors="replace")[:bytes_max].decode(errors="ignore")


def user_of_system() -> str:
    """The login name of the user who runs this process, from the system's list of users; `somebody` if it lacks the user."""
    from pwd import getpwuid  # here, because the environment nearly always names the user

    try:
        return getpwuid(os.getuid()).pw_name
    except KeyError:
        return "somebody"
