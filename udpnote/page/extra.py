"""Whether the packages of the extra `page` are installed. This module needs none of them."""

from importlib.util import find_spec

PACKAGES = ("starlette", "uvicorn", "segno")
"""The packages of the extra `page`, by the names of their modules."""


def is_installed() -> bool:
    """Whether all of `PACKAGES` are there."""
    return all(find_spec(each) is not None for each in PACKAGES)
