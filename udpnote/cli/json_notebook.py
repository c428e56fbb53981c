"""Notebooks as objects that become JSON, for programs: a known one, and one that `find` has found."""

from udpnote.client.finding import FoundNotebook
from udpnote.model.notebook import KnownNotebook


def notebook_object(notebook: KnownNotebook) -> dict[str, object]:
    """The object for a notebook, for the `--json` of a command that chooses or names one.

    `notebook` is the notebook's id in hexadecimal digits. `address` and `port` are those of the server's last answer. The other
    fields are `name` and `sealed`.
    """
    return {
        "name": notebook.name,
        "notebook": notebook.notebook_id.hex(),
        "address": notebook.host,
        "port": notebook.port,
        "sealed": notebook.key_id is not None,
    }


def found_notebook_object(notebook: FoundNotebook) -> dict[str, object]:
    """A notebook as an object for `find --json`.

    In the object, `notebook` is the notebook's id, `entries` the number of its entries, or None if this machine has an old key,
    and `rtt_ms` the round-trip time in milliseconds. `impostor` says that the server claims to have a sealed notebook without
    having its key. `key_changed` says that the notebook has a newer key than this machine knows. `other_server` is the address
    and port of another server with the same notebook, or None.
    """
    return {
        "name": notebook.name,
        "notebook": notebook.notebook_id,
        "address": notebook.address,
        "port": notebook.port,
        "entries": notebook.entries,
        "rtt_ms": round(notebook.round_trip_seconds * 1000, 3),
        "sealed": notebook.is_sealed,
        "impostor": notebook.is_impostor,
        "key_changed": notebook.has_new_key,
        "other_server": notebook.other_server,
    }
