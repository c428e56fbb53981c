"""Opens the clients of the page."""

from collections.abc import Callable
from typing import NamedTuple

from udpnote.client.client import Client
from udpnote.errors import Notice
from udpnote.model.notebook import KnownNotebook
from udpnote.page.page_notebook import CALL_SECONDS
from udpnote.storage.database import IN_MEMORY
from udpnote.storage.outbox import Outbox


class NotebookClients(NamedTuple):
    """Opens clients of the page's notebook. `server` and `notebook` are values of the options `--server` and `--notebook`."""

    server: str | None
    notebook: str | None

    def __call__(self, key: str | None, known: KnownNotebook | None, on_notice: Callable[[Notice], None], /) -> Client:
        """Open a client with the join code `key` that a browser gave or, if `key` is None, with the user's outbox, as other
        commands do.

        A client with a `key` has an outbox in memory, so that the key is never in a file. It does not know the notebooks in the
        user's outbox. If `known` has this key, the client uses the notebook `known` at its last address.
        """
        if key is None:
            return Client(server=self.server, notebook=self.notebook, wait=CALL_SECONDS, on_notice=on_notice)
        outbox = Outbox(IN_MEMORY)
        client = Client(
            server=self.server, notebook=self.notebook, key=key, wait=CALL_SECONDS, outbox=outbox, on_notice=on_notice
        )
        if known is not None and known.key_id == client.named_key_id:
            outbox.remember(known)
        return client
