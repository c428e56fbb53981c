"""The methods of a client that tell and change which notebook is the client's.

The same number belongs to different notes in different notebooks. So this module also decides in which notebook a note is
revised or deleted.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from udpnote.client.connection import Connection
from udpnote.client.driver import Driver
from udpnote.client.notebook_finder import LOCATE_SECONDS_MIN, NotebookFinder
from udpnote.client.sending import Sender
from udpnote.errors import ServerNotFound, UdpnoteError, WrongNotebook
from udpnote.model.notebook import Destination, KnownNotebook
from udpnote.storage.outbox.outbox import Outbox

if TYPE_CHECKING:
    from udpnote.client.forwarding import Forwarder


class NotebookChoice:
    """The part of `Client` that chooses its notebook. `Client` sets the attributes.

    Methods raise `StorageError` if the outbox cannot be read or written.
    """

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

    @property
    def destination(self) -> Destination:
        """Which notebook the arguments or settings of this client name, and at which server."""
        return self._finder.destination

    def check_notebook_is_same(self, number: int) -> None:
        """Raise `WrongNotebook` if a notice has said that the named server has another notebook than before.

        The same `number` may belong to different notes in these two notebooks.
        """
        with self._connection.lock():
            check_notebook_is_same(self._driver, number)

    def use(self, name_or_id: str) -> KnownNotebook:
        """Choose the notebook that entries go to from now on, by its name, its id or the start of its id, and return it.

        If the outbox knows a notebook with this id, no server needs to answer. For a name, discovery asks which notebooks have
        it now. If the notebook that the outbox knows by this name answers, or if none answers, the known one is chosen. If only
        another notebook of this name answers, that one is chosen, with a notice. Raises `InvalidSetting` if `name_or_id` is
        blank, `ServerNotFound` if no such notebook is known or answers, `SeveralNotebooks` if several could be meant, and the
        other errors of `NotebookFinder.find`.
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
        `InvalidSetting` unless exactly one joined notebook has this name or id. If entries in the outbox wait for this
        notebook, raises `EntriesWait`, because they might then be sent unencrypted. With `sends_open`, that is allowed.
        """
        from udpnote.client.choosing import leave_notebook  # here, because a one-shot send leaves nothing

        with self._connection.lock():
            notebook = leave_notebook(self._outbox, name_or_id, sends_open=sends_open)
            self._decide_again()
            return notebook

    def _decide_again(self) -> None:
        """Decide again which notebook is the client's, after `use`, `join` or `leave`. End sessions with any other notebook."""
        self._finder.decide_again()
        self._sender.leave_other_notebook()
        if self._forwarder is not None:
            self._forwarder.leave_other_notebook()


def decide_notebook(driver: Driver, number: int, *, wait_seconds: float, is_seen: bool) -> None:
    """Decide in which notebook the note `number` is to be revised or deleted. The caller must hold the lock of the connection.

    If the user has named no notebook and none is chosen, a discovery looks for one. Raises `ServerNotFound` if none answers,
    and `SeveralNotebooks` if several do. If the user has named a server, that server is asked which notebook it has, unless it
    has just failed to answer. If it does not answer, this raises nothing, because the change can wait in the outbox. Looking
    for a notebook or a server takes up to `wait_seconds`, or up to `LOCATE_SECONDS_MIN` if that is longer.

    `is_seen` says whether the caller has read the note: then the notebook can tell whether it has the same note. If `is_seen`
    is False, this also raises `WrongNotebook`, as `check_notebook_is_same` does.
    """
    finder, seconds = driver.finder, max(wait_seconds, LOCATE_SECONDS_MIN)
    if not finder.is_notebook_decided:
        try:
            driver.locate(seconds)
        except ServerNotFound:
            raise ServerNotFound("number_of_unknown_notebook", number=number) from None
    elif finder.server.lookup is not None and finder.recent_failure() is None:
        with suppress(UdpnoteError):
            driver.locate(seconds)
    if not is_seen:
        check_notebook_is_same(driver, number)


def check_notebook_is_same(driver: Driver, number: int) -> None:
    """Raise `WrongNotebook` if another notebook than before has answered this client at the named server.

    The user may know the note `number` from the notebook that was there before.
    """
    replaced = driver.finder.server.replaced
    if replaced is not None:
        name, last = replaced.values["name"], replaced.values["last"]
        raise WrongNotebook("number_of_last_notebook", number=number, name=name, last=last)
