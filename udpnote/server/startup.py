"""What a server does at its start: it opens its sockets, gives the notebook its name, and opens or makes its keys."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from udpnote.errors import Notice
from udpnote.lan.endpoint import Endpoint
from udpnote.machine.names import host_name
from udpnote.model.address import is_loopback
from udpnote.storage.notebook.notebook import Notebook
from udpnote.storage.text_mirror import TextMirror

if TYPE_CHECKING:
    from udpnote.server.sealing import SealingKeys


def listen(bind: str | None, ports: Sequence[int], on_notice: Callable[[Notice], None]) -> Endpoint:
    """Open an endpoint on the address `bind`, at the first of the UDP `ports` that is free, and return it.

    `bind` is an IP address or a host name, or None for all addresses. Calls `on_notice` if the first port is not free, or if
    `bind` is a host name whose address only this machine can reach. Raises the errors of `Endpoint.listen`.
    """
    endpoint = Endpoint.listen(bind, *ports)
    if ports[0] not in (0, endpoint.port):
        on_notice(Notice("next_port_used", taken=ports[0], port=endpoint.port))
    host = endpoint.addresses[0][0]
    if bind not in (None, host, "localhost") and is_loopback(endpoint.addresses[0]):
        on_notice(Notice("bound_to_this_machine", host=bind, address=host))
    return endpoint


def open_text_file(notebook: Notebook, path: str | None, on_notice: Callable[[Notice], None]) -> TextMirror | None:
    """Start to keep a copy of the notes in the text file `path`, and save this path in the notebook.

    If `path` is None, no copy is kept, and the result is None. Raises the errors of `TextMirror`, and `StorageError` if the
    notebook cannot be written.
    """
    if path is None:
        return None
    mirror = TextMirror(path, notebook.path, on_notice)
    try:
        notebook.note_text_file(mirror.path)
    except BaseException:
        mirror.close()
        raise
    return mirror


def name_and_seal(notebook: Notebook, name: str | None, *, wants_sealed: bool) -> "SealingKeys | None":
    """Give the notebook its name, and seal it if it is new and `wants_sealed` is true. Returns its keys; None if it is open.

    `wants_sealed` says whether the owner has asked to serve a sealed notebook. If `name` is None, the notebook keeps its name.
    If it has none yet, it gets the name of this host. Raises the errors of `open_sealing_keys`, and `StorageError` if the name
    cannot be saved.
    """
    name = name or notebook.name or host_name()
    keys: SealingKeys | None = None
    if wants_sealed or notebook.is_sealed:
        from udpnote.server.sealing import open_sealing_keys  # here, because an open notebook needs no encryption

        keys = open_sealing_keys(notebook, wants_sealed=wants_sealed, name=name)
    if name != notebook.name:
        notebook.rename(name)
    return keys
