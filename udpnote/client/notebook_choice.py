"""The methods of a client that tell and change which notebook is the client's."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from udpnote.client.connection import Connection
from udpnote.client.notebook_finder import NotebookFinder
from udpnote.client.sending import Sender
from udpnote.client.session import Driver
from udpnote.model.notebook import KnownNotebook
from udpnote.storage.outbox import Outbox

if TYPE_CHECKING:
    from udpnote.client.forwarding import Forwarder


class NotebookChoice:
    """The part of `Client` that chooses its notebook. `Client` sets the attributes. Methods raise `StorageError`."""

    _connection: Connection
    _outbox: Outbox
    _driver: Driver
    _sender: Sender
    _forwarder: "Forwarder | None"
    _finder: NotebookFinder
    _ports: Sequence[int]

    @property
    def notebook(self) -> KnownNotebook | None:
        """The client's notebook; None if only a discovery can find it.

        Once this has returned a notebook, the client keeps using it, even if another command chooses another one. Only the
        client's own `use`, `join` and `leave` change it.
        """
        with self._connection.lock():
            return self._finder.known()

    @property
    def is_notebook_decided(self) -> bool:
        """Whether the client's notebook is known, or the user has named it by its server, its name, its id or its key."""
        with self._connection.lock():
            return self._finder.is_notebook_decided

    def check_notebook_is_same(self, number: int) -> None:
        """Raise `WrongNotebook` if a notice has said that the named server has another notebook than before.

        The same `number` may belong to different notes in these two notebooks.
        """
        from udpnote.client.revising import check_notebook_is_same

        with self._connection.lock():
            check_notebook_is_same(self._driver, number)

    def use(self, name_or_id: str) -> KnownNotebook:
        """Choose the notebook that entries go to from now on, by its name, its id or the start of its id, and return it.

        If the outbox knows a notebook with this id, no server needs to answer. For a name, discovery asks which notebooks have
        it now. If the notebook that the outbox knows by this name answers, or if none answers, the known one is chosen. If only
        another notebook of this name answers, that one is chosen, with a notice. Raises `ServerNotFound` if no such notebook is
        known or answers, `SeveralNotebooks` if several could be meant, and the other errors of `NotebookFinder.find`.
        """
        from udpnote.client.choosing import use_notebook  # here, because a one-shot send chooses nothing

        with self._connection.lock():
            notebook = use_notebook(self._driver, name_or_id)
            self._decide_again()
            return notebook

    def join(self, code: str) -> KnownNotebook:
        """Join the sealed notebook with the join code `code`: save its key, choose the notebook from now on, and return it.

        Raises `InvalidKey` if `code` is not a join code, `ServerNotFound` if no server with that key answers, `OldKey` if the
        notebook has a newer key, and the other errors of `NotebookFinder.find`. After an error, nothing was saved.
        """
        from udpnote.client.choosing import join_notebook  # here, because a one-shot send joins nothing

        with self._connection.lock():
            notebook = join_notebook(self._driver, code, ports=self._ports)
            self._decide_again()
            return notebook

    def leave(self, name_or_id: str, *, sends_open: bool = False) -> KnownNotebook:
        """Forget the key of a joined notebook, and that it was sealed. `name_or_id` is its name, its id or the start of its id.

        Returns the notebook as it was known before. From now on the client trusts an open notebook with this id or name. Raises
        `InvalidSetting` unless exactly one joined notebook has this name or id. Raises `EntriesWait` if entries wait for it,
        because they might then be sent unencrypted; `sends_open` allows that.
        """
        from udpnote.client.choosing import leave_notebook  # here, because a one-shot send leaves nothing

        with self._connection.lock():
            notebook = leave_notebook(self._outbox, name_or_id, sends_open=sends_open)
            self._decide_again()
            return notebook

    def _decide_again(self) -> None:
        """Decide again which notebook is the client's, because `use`, `join` or `leave` may have changed it."""
        self._finder.decide_again()
        self._sender.leave_other_notebook()
        if self._forwarder is not None:
            self._forwarder.leave_other_notebook()
