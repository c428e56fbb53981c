"""A notebook as an object that becomes JSON, for programs."""

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
