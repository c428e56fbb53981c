"""The sentences of `udpnote find`, `use`, `status`, `doctor` and `outbox`."""

from collections.abc import Callable

SENTENCES: dict[str, str | Callable[..., str]] = {}
