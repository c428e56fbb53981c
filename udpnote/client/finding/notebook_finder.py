"""Which notebook is the client's, and finding it: in the outbox, by discovery on the LAN, or at the server that the user names.

`client.finding.destination` decides which notebook is the client's. A known notebook is recognized by its id, even if it has
moved or has a new name. A name that the user gives must be the notebook's current one.
"""

from collections.abc import Callable
from typing import NamedTuple

from udpnote.client.finding.destination import choose
from udpnote.client.finding.discoverer import Discoverer
from udpnote.client.optional_writes import OptionalWrites
from udpnote.errors import JoinedOrLeftMeanwhile, Notice, OldKey, UdpnoteError
from udpnote.model.address import Address
from udpnote.model.notebook import Destination, KnownNotebook, display_name
from udpnote.protocol.discovery import DiscoveryAnswer
from udpnote.protocol.rediscovery import known_notebook
from udpnote.storage.outbox.outbox import Outbox

LOCATE_PAUSE_SECONDS = 30.0
"""For this long after a discovery that failed, entries are only queued, and no other discovery looks for their notebook."""

LOCATE_SECONDS_MIN = 0.3
"""A discovery waits for answers at least this long, even if the `wait` of its caller is shorter."""


class Located(NamedTuple):
    """The client's notebook, and the round-trip time to its server, or None if that time is unknown.

    If a discovery has just found the notebook, this is the time that its answer took. If not, it is the time that the outbox
    remembers from earlier sessions.
    """

    notebook: KnownNotebook
    round_trip_seconds: float | None


class NotebookFinder:
    """Knows which notebook is the client's: the one that `discoverer.destination` names. If it is not in `outbox`, finds it by
    `discoverer`, and saves it there. `now` returns the monotonic time. A caller must hold the lock of the connection.

    `server` is the server that the user has named, if any. `on_notice` is called with a notice about data that cannot be saved
    in the outbox.
    """

    def __init__(
        self, discoverer: Discoverer, outbox: Outbox, *, now: Callable[[], float], on_notice: Callable[[Notice], None]
    ) -> None:
        self.discoverer = discoverer
        self._outbox = outbox
        self._now = now
        self.destination, self.server = discoverer.destination, discoverer.server
        self.optional_writes = OptionalWrites(lambda error: on_notice(Notice("not_remembered", error=error)))
        self._failure: Notice | None = None
        self._discover_again_at = 0.0
        self._answered: KnownNotebook | None = None
        """The notebook of the latest `remember`. It is not in the outbox if the outbox cannot be written."""
        self._fixed_notebook_id: bytes | None = None
        """The id of the notebook that `known` returns until `decide_again` is called; None if that is still to be decided."""
        self._checked: dict[tuple[bytes, bytes | None], int] = {}
        """For the ids of a notebook and its key: the `Outbox.version` at which `check` has found them up to date."""

    def known(self) -> KnownNotebook | None:
        """The client's notebook; None if only a discovery can find it.

        Once this has returned a notebook, it returns the same one, with its present name and address, until `decide_again` is
        called. So a note that was read from one notebook is revised in the same one, even if another command chooses another
        notebook meanwhile. If the user has named a server, the result is None until that server has answered. It is None again
        after another command has joined or left the notebook of that server.
        """
        if self.destination.host is not None:
            return self._answered if self._answered is not None and self._is_up_to_date(self._answered) else None
        if self._fixed_notebook_id is not None:
            return self._outbox.notebook(self._fixed_notebook_id) or self._answered  # the latter if it could not be saved
        notebook = choose(self.destination, self._outbox.notebooks(), self._outbox.chosen())
        self._fixed_notebook_id = notebook.notebook_id if notebook is not None else None
        return notebook

    def uses(self, notebook: KnownNotebook) -> bool:
        """Whether `notebook` is the client's notebook now (see `known`)."""
        known = self.known()
        return known is not None and known.notebook_id == notebook.notebook_id

    @property
    def is_notebook_decided(self) -> bool:
        """Whether `known` returns a notebook, or the user has named one by its server, its name, its id or its key.

        If not, a discovery takes the only notebook that answers.
        """
        return _names_notebook(self.destination) or self.known() is not None

    def check(self, notebook: KnownNotebook) -> None:
        """Raise `JoinedOrLeftMeanwhile` if another command has joined or left `notebook` since it was read from the outbox.

        In this case the outbox now has another key id for the notebook than `notebook` has. A notebook that is not in the
        outbox raises nothing.
        """
        version, notebook_and_key = self._outbox.version(), (notebook.notebook_id, notebook.key_id)
        if self._checked.get(notebook_and_key) == version:  # no other command has changed the outbox since
            return
        if not self._is_up_to_date(notebook):
            raise JoinedOrLeftMeanwhile("joined_or_left_meanwhile", name=display_name(notebook, self._outbox.notebooks()))
        self._checked[notebook_and_key] = version

    def decide_again(self) -> None:
        """Decide again which notebook is the client's, because the client has itself chosen, joined or left one.

        Also forget `recent_failure`.
        """
        self._checked.clear()
        self._fixed_notebook_id = None
        self._discover_again_at = 0.0
        self.known()  # now, because another command may choose another notebook before the client needs it

    def locate(self, until: float) -> Located:
        """Return the client's notebook, and the round-trip time to its server, as a `Located`.

        If the notebook is not known, this looks for it by discovery until the monotonic time `until`, and saves it in the
        outbox. Raises the errors of `Discoverer.find`. After an error, `recent_failure` returns its notice for a while. Before
        it raises `OldKey`, it assigns the entries that were written for the old key to the notebook.
        """
        notebook = self.known()
        if notebook is not None:
            return self.located(notebook)
        try:
            found = self.discoverer.find(self.destination, until)
        except UdpnoteError as error:
            if isinstance(error, OldKey) and isinstance(error.notebook, KnownNotebook):
                with self.optional_writes:
                    self._outbox.assign_for_replaced_key(error.notebook)
            self._discover_again_at = self._now() + LOCATE_PAUSE_SECONDS
            self._failure = error.notice
            raise
        return self.remember(found)

    def located(self, notebook: KnownNotebook) -> Located:
        """The `Located` of `notebook`, which the outbox knows, with the round-trip time that the outbox remembers for it."""
        return Located(notebook, self._outbox.round_trips.seconds(notebook.notebook_id))

    def remember(self, found: DiscoveryAnswer[Address]) -> Located:
        """Save the notebook of the answer `found` in the outbox, and return the client's notebook.

        If the user has named no server, name, id or key, and no notebook is chosen yet, this also chooses the notebook.
        Normally the result is the notebook of `found`. It is another one if the user has named nothing, and another command has
        chosen that other one during the discovery.
        """
        notebook, named = known_notebook(found), self.destination
        self._answered = notebook
        chosen = None
        with self.optional_writes:
            chosen = self._outbox.remember(notebook, may_choose=not _names_notebook(named))
            self.server.remember(notebook)
        if named.names_nothing and chosen is not None and chosen.notebook_id != notebook.notebook_id:
            self._fixed_notebook_id = chosen.notebook_id
            return self.located(chosen)
        self._fixed_notebook_id = notebook.notebook_id
        return Located(notebook, found.round_trip_seconds)

    def recent_failure(self) -> Notice | None:
        """The notice of the latest error of `locate`; None if there was none in the last `LOCATE_PAUSE_SECONDS`."""
        return self._failure if self._now() < self._discover_again_at else None

    def _is_up_to_date(self, notebook: KnownNotebook) -> bool:
        """Whether `notebook` has the key id that the outbox has for it now. True if the outbox does not know the notebook."""
        known = self._outbox.notebook(notebook.notebook_id)
        return known is None or known.key_id == notebook.key_id


def _names_notebook(destination: Destination) -> bool:
    """Whether `destination` names a notebook: by its server, its name, its id or its key. A port alone names none."""
    return destination._replace(port=None) != Destination()
