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
    """Opens clients of the page's notebook. `server` and `notebook` are the values of the options `--server` and `--notebook`,
    or None.
    """

    server: str | None
    notebook: str | None

    def __call__(self, key: str | None, known: KnownNotebook | None, on_notice: Callable[[Notice], None], /) -> Client:
        """Open a client. The caller must close it.

        With a join code `key`, which a browser gave, the client uses that key. Its outbox is in memory, so that the key is
        never in a file, and it does not know the notebooks in the user's outbox. If the notebook `known` has this key, the
        client uses that notebook at its last address.

        If `key` is None, the client uses the user's outbox, as other commands do.
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
