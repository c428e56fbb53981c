"""What clients know a notebook by: gives it its name when a server starts, and opens or makes its keys."""

from typing import TYPE_CHECKING

from udpnote.settings import host_name
from udpnote.storage.notebook.notebook import Notebook

if TYPE_CHECKING:
    from udpnote.server.sealing import SealingKeys


def name_and_seal(notebook: Notebook, name: str | None, *, is_sealed: bool) -> "SealingKeys | None":
    """Give the notebook its name: `name` or, if that is None, the name that it has, or the host's.

    `is_sealed` says whether the owner has asked to serve a sealed notebook; a new notebook is then sealed. Returns the keys of
    a sealed notebook, None for an open one. Raises the errors of `open_sealing_keys`.
    """
    name = name or notebook.name or host_name()
    keys: SealingKeys | None = None
    if is_sealed or notebook.is_sealed:
        from udpnote.server.sealing import open_sealing_keys  # here, because an open notebook needs no encryption

        keys = open_sealing_keys(notebook, wants_sealed=is_sealed, name=name)
    if name != notebook.name:
        notebook.rename(name)
    return keys
