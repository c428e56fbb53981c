"""The sentences of sealed notebooks: `udpnote seal`, `unseal`, `key`, `join` and `leave`."""

from collections.abc import Callable

SENTENCES: dict[str, str | Callable[..., str]] = {}
