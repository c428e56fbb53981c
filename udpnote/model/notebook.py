"""Notebooks as a client knows them: id, name, last address and key."""

from typing import NamedTuple

from udpnote.model.address import Address


class KnownNotebook(NamedTuple):
    """A notebook that has answered, and where: a host's address, its port and its IPv6 scope (0: none).

    `key_id` tells with which key it is sealed; None: it is open.
    """

    notebook_id: bytes
    name: str
    host: str
    port: int
    scope: int
    key_id: bytes | None = None


class SealedNotebook(NamedTuple):
    """A sealed notebook, and as which server the user has named its own, if that was done."""

    notebook: KnownNotebook
    server: str | None

    def is_at(self, server: str, host: str, port: int) -> bool:
        """Whether its server was named like this, or has answered at this address."""
        return self.server == server or (self.notebook.host, self.notebook.port) == (host, port)


def address_of(notebook: KnownNotebook) -> Address:
    """Where a known notebook has answered last."""
    if ":" in notebook.host:
        return (notebook.host, notebook.port, 0, notebook.scope)
    return (notebook.host, notebook.port)
