"""Finds out whether the packages of the extra `page` are installed. This module itself needs none of them."""

import sys
from importlib.util import find_spec

from udpnote.errors import UdpnoteError

PACKAGES = ("starlette", "uvicorn", "segno")
"""The packages of the extra `page`, by the names of their modules."""


def check_installed() -> None:
    """Raise an `UdpnoteError` if one of `PACKAGES` is missing. The error names the command that installs them."""
    if any(find_spec(each) is None for each in PACKAGES):
        raise UdpnoteError("page_extra_missing", python=sys.executable)
