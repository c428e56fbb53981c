"""The methods of a client that tell and change which notebook is the client's.

The same number belongs to different notes in different notebooks. So this module also decides in which notebook a note is
revised or deleted.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from udpnote.client.connection import Connection
from udpnote.client.driver import Driver
from udpnote.client.finding.destination import check_nothing_waits, matches
from udpnote.client.finding.discoverer import Discoverer
from udpnote.client.finding.notebook_finder import NotebookFinder
from udpnote.client.finding.trust import Keyring
from udpnote.client.sending.sender import Sender
from udpnote.errors import InvalidSetting, Notice, OldKey, ServerNotFound, UdpnoteError, WrongNotebook
from udpnote.model.argument_types import check_type, checked_text
from udpnote.model.notebook import Destination, KnownNotebook, display_name, short_id
from udpnote.protocol.discovery import DISCOVERY_SECONDS
from udpnote.protocol.rediscovery import known_notebook
from udpnote.storage.outbox.outbox import Outbox

if TYPE_CHECKING:
    from udpnote.client.sending.forwarding import Forwarder


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
            replaced = self._finder.server.replaced
            if replaced is not None:
                name, last = replaced.values["name"], replaced.values["last"]
                raise WrongNotebook("number_of_last_notebook", number=number, name=name, last=last)

    def use(self, name_or_id: str) -> KnownNotebook:
        """Choose the notebook that entries go to from now on, by its name, its id or the start of its id, and return it.

        If the outbox knows a notebook with this id, no server needs to answer. For a name, discovery asks which notebooks have
        it now. If the notebook that the outbox knows by this name answers, or if none answers, the known one is chosen. If only
        another notebook of this name answers, that one is chosen, with a notice. Raises `InvalidSetting` if `name_or_id` is
        blank, `ServerNotFound` if no such notebook is known or answers, `SeveralNotebooks` if several could be meant, and the
        other errors of `Discoverer.find`.
        """
        with self._connection.lock():
            notebook = named_notebook(self._driver, name_or_id)
            self._outbox.choose(notebook.notebook_id)
            self._decide_again()
            return notebook

    def join(self, code: str) -> KnownNotebook:
        """Join the sealed notebook with the join code `code`: save its key, choose the notebook from now on, and return it.

        If the user has named a server, only that server is asked. Otherwise a discovery looks for the notebook on the LAN.
        Entries that wait for this key are assigned to the notebook (see `KnownNotebooks.join`). Raises `InvalidKey` if `code`
        is not a join code, `ServerNotFound` if no server with that key answers, `OldKey` if the notebook has a newer key, and
        the other errors of `Discoverer.find`. After an error, nothing was saved.
        """
        from udpnote.model.join_code import parse_join_code  # here, because a one-shot send joins nothing

        if not isinstance(code, str):
            raise TypeError(f"code must be a str, not {type(code).__name__}")  # its value is a secret
        key = parse_join_code(code)
        with self._connection.lock():
            keyring = Keyring(self._outbox, key, random_bytes=self._connection.random.randbytes, is_joining=True)
            destination = self.destination._replace(name_or_id=None, key_id=keyring.named_id)
            discoverer = Discoverer(
                self._connection, self._outbox, keyring, destination, ports=self._ports, on_notice=self._driver.on_notice
            )
            try:
                notebook = known_notebook(discoverer.find(destination, self._driver.now() + DISCOVERY_SECONDS))
            except OldKey:
                raise OldKey("joined_with_old_key") from None
            self._outbox.join(notebook, key, server=destination.server)
            self._decide_again()
            return notebook

    def leave(self, name_or_id: str, *, sends_open: bool = False) -> KnownNotebook:
        """Forget the key of a joined notebook, and that it was sealed. `name_or_id` is its name, its id or the start of its id.

        Returns the notebook as it was known before. From now on the client trusts an open notebook with this id or name. Raises
        `InvalidSetting` unless exactly one joined notebook has this name or id. If entries in the outbox wait for this
        notebook, raises `EntriesWait`, because they might then be sent unencrypted. With `sends_open`, that is allowed.
        """
        check_type("name_or_id", name_or_id, str)
        check_type("sends_open", sends_open, bool)
        checked_text(name_or_id, Notice("name_or_id"))
        with self._connection.lock():
            all_known = self._outbox.notebooks()
            joined = [each for each in all_known if each.key_id is not None]
            found = [each for each in joined if matches(Destination(name_or_id=name_or_id), each)]
            if len(found) != 1:
                names = [display_name(each, all_known) for each in joined]
                raise InvalidSetting("several_joined" if found else "not_joined", name_or_id=name_or_id, joined=names)
            [notebook] = found
            check = None if sends_open else lambda: check_nothing_waits(self._outbox, notebook)
            self._outbox.leave(notebook.notebook_id, check=check)
            self._decide_again()
            return notebook

    def _decide_notebook(self, number: int, *, wait_seconds: float, is_seen: bool) -> None:
        """Decide in which notebook the note `number` is to be revised or deleted.

        If the user has named no notebook and none is chosen, a discovery looks for one. Raises `ServerNotFound` if none
        answers, and `SeveralNotebooks` if several do. If the user has named a server, that server is asked which notebook it
        has, unless it has just failed to answer. If it does not answer, this raises nothing, because the change can wait in the
        outbox. Looking for a notebook or a server takes up to `wait_seconds` (see `Driver.locate`).

        `is_seen` says whether the caller has read the note: then the notebook can tell whether it has the same note. If
        `is_seen` is False, this also raises `WrongNotebook`, as `check_notebook_is_same` does.
        """
        finder = self._finder
        with self._connection.lock():
            if not finder.is_notebook_decided:
                try:
                    self._driver.locate(wait_seconds)
                except ServerNotFound:
                    raise ServerNotFound("number_of_unknown_notebook", number=number) from None
            elif finder.server.lookup is not None and finder.recent_failure() is None:
                with suppress(UdpnoteError):
                    self._driver.locate(wait_seconds)
            if not is_seen:
                self.check_notebook_is_same(number)

    def _decide_again(self) -> None:
        """Decide again which notebook is the client's, after `use`, `join` or `leave`. End sessions with any other notebook."""
        self._finder.decide_again()
        self._sender.leave_other_notebook()
        if self._forwarder is not None:
            self._forwarder.leave_other_notebook()


def named_notebook(driver: Driver, name_or_id: str) -> KnownNotebook:
    """Find the notebook called `name_or_id`, save it in the outbox, and return it. Raises the errors of `Client.use`.

    If `name_or_id` is the id, or the start of the id, of exactly one notebook in the outbox, this returns that notebook without
    a discovery. In all other cases, a discovery looks for notebooks with this name or id. If `name_or_id` is the name of
    exactly one notebook in the outbox:

    - This known notebook is the result if it answers, or if no notebook with this name answers.
    - If only another notebook with this name answers, that one is the result, and a notice says so. This happens if a notebook
      was made anew.
    - If only an impostor of the known notebook answers, this raises `NotSealed`.
    - If the known notebook answers that its key has changed, this raises `OldKey`.
    """
    check_type("name_or_id", name_or_id, str)
    checked_text(name_or_id, Notice("name_or_id"))
    outbox, named = driver.outbox, Destination(name_or_id=name_or_id)
    known = [notebook for notebook in outbox.notebooks() if matches(named, notebook)]
    expected = known[0] if len(known) == 1 else None
    if expected is not None and expected.name != name_or_id:  # so it is the id, or its start
        return expected
    destination = driver.finder.destination._replace(name_or_id=name_or_id)
    try:
        found = driver.discoverer.find(destination, driver.now() + DISCOVERY_SECONDS, expected=expected)
    except (ServerNotFound, WrongNotebook):
        if expected is None:
            raise
        return expected
    notebook = known_notebook(found)
    outbox.remember(notebook)
    if expected is not None and notebook.notebook_id != expected.notebook_id:
        old, new = short_id(expected), short_id(notebook)
        driver.on_notice(Notice("other_notebook_of_this_name", name=notebook.name, old_id=old, new_id=new, host=expected.host))
    return notebook
