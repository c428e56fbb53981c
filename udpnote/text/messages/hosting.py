"""The sentences of `udpnote serve`."""

from collections.abc import Callable

SENTENCES: dict[str, str | Callable[..., str]] = {}
