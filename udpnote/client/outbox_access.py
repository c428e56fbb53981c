"""The methods of a client that show, remove and move what is in its outbox.

Notes are moved to another notebook if their notebook was lost, or if the user had named a wrong one.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from udpnote.client.connection import Connection
from udpnote.client.driver import Driver
from udpnote.client.entry_arguments import check_number, check_numbers
from udpnote.client.finding.destination import is_place, place_name
from udpnote.client.notebook_choice import named_notebook
from udpnote.errors import EntriesWait, InvalidSetting, Notice
from udpnote.model.argument_types import check_type, checked_text
from udpnote.model.entry import Entry
from udpnote.model.notebook import KnownNotebook, display_name
from udpnote.model.outbox_entries import WaitingCount, WaitingEntry
from udpnote.storage.outbox.outbox import Outbox


class OutboxAccess:
    """The part of `Client` for its outbox. `Client` sets the attributes.

    Methods raise `StorageError` if the outbox cannot be read or written.
    """

    _connection: Connection
    _outbox: Outbox
    _driver: Driver

    def known(self) -> list[KnownNotebook]:
        """All notebooks that have answered this client, or another client with the same outbox, ordered by name."""
        with self._connection.lock():
            return self._outbox.notebooks()

    def chosen(self) -> KnownNotebook | None:
        """The chosen notebook, to which entries go if the user names no notebook; None if none is chosen."""
        with self._connection.lock():
            return self._outbox.chosen()

    def waiting(self, *, first: int = 1, latest: int | None = None) -> Iterator[WaitingEntry]:
        """Yield the entries in the outbox, also refused ones, in the order of their sequences, from the sequence `first` on.

        If `latest` is given, this yields the newest `latest` entries instead, and ignores `first`.
        """
        check_number("first", first, least=0)
        if latest is not None:
            check_number("latest", latest, least=0)
        with self._connection.lock():
            page = self._outbox.listing(first if latest is None else self._outbox.first_of_latest(latest))
        while page:
            yield from page
            with self._connection.lock():
                page = self._outbox.listing(page[-1].entry.sequence + 1)

    def is_own(self, entry: Entry) -> bool:
        """Whether `entry` was written with this client's outbox, by this or another client."""
        check_type("entry", entry, Entry)
        with self._connection.lock():
            return self._outbox.writes.is_own(entry.client_id)

    def waiting_counts(self) -> list[WaitingCount]:
        """The numbers of entries in the outbox, as groups (see `WaitingCount`). The group with the oldest entry comes first."""
        with self._connection.lock():
            return self._outbox.waiting_counts()

    def discard(self, sequences: Iterable[int], *, every_refused: bool = False) -> int:
        """Durably remove the entries with these `sequences` from the outbox. Returns how many entries were removed.

        With `every_refused`, all refused entries are removed as well. An entry that was sent before may be stored in the
        notebook all the same.
        """
        sequences = check_numbers("sequences", sequences)
        check_type("every_refused", every_refused, bool)
        with self._connection.lock():
            return self._outbox.discard(sequences, every_refused=every_refused)

    def move(self, to: str, *, origin: str | None = None, sends_open: bool = False) -> "Moved":
        """Move notes that wait in the outbox for other notebooks to the notebook `to`: its name, its id or the start of its id.

        Returns a `Moved` with the notebook and how many notes were moved to it. The next `deliver` or `send` to that notebook
        sends them. `origin` says where they wait now: the name, id or start of the id of a notebook, or HOST or HOST:PORT of a
        server that was named when they were written. None stands for anywhere. A note keeps its client id and sequence, so no
        notebook stores it twice. But if its old notebook has stored it, and only the answer was lost, both notebooks have it.
        Refused entries, revisions, and deletions of stored notes stay where they are.

        Raises `InvalidSetting` if entries wait for several notebooks or servers, and `origin` is None or fits several of them.
        Also raises it if no entry waits for `origin`, or if `origin` is blank. Raises `EntriesWait` if the notes wait for a
        sealed notebook and `to` is open, unless `sends_open` is true. Also raises the errors of `use`. After an error, nothing
        was moved.
        """
        with self._connection.lock():
            return move_waiting(self._driver, to, origin=origin, sends_open=sends_open)


class Moved(NamedTuple):
    """What `Client.move` has done: `notes` is how many notes were moved to `notebook`.

    A deletion that takes back a waiting note moves together with the note, and is not counted. `changes` is how many other
    deletions and revisions were not moved: they wait for their notebook as before.
    """

    notebook: KnownNotebook
    notes: int
    changes: int


def move_waiting(driver: Driver, to: str, *, origin: str | None, sends_open: bool) -> Moved:
    """Do the work of `Client.move`. The caller must hold the lock of the connection."""
    check_type("sends_open", sends_open, bool)
    if origin is not None:
        checked_text(origin, Notice("origin_of_notes"))
    notebook, known = named_notebook(driver, to), driver.outbox.notebooks()

    def select(counts: list[WaitingCount]) -> Iterable[WaitingCount]:
        """Choose from `counts`, all groups of entries in the outbox, those to move. Raises if they may not be moved."""
        elsewhere = [each for each in counts if each.refused is None and each.notebook_id != notebook.notebook_id]
        if origin is not None:
            exactly = [each for each in elsewhere if place_name(each, known) == origin]  # as `several_origins` has shown it
            elsewhere = exactly or [each for each in elsewhere if is_place(origin, each, known)]
        places = list(dict.fromkeys(place_name(each, known) for each in elsewhere))
        if len(places) > 1:
            raise InvalidSetting("several_origins", places=places)
        is_sealed = any(each.key_id is not None or each.destination.key_id is not None for each in elsewhere)
        if is_sealed and notebook.key_id is None and not sends_open:
            raise EntriesWait("entries_for_sealed_notebook", origin=places[0], name=display_name(notebook, known))
        if origin is not None and not elsewhere:
            raise InvalidSetting("nothing_waits_there", origin=origin)
        return elsewhere

    notes, changes = driver.outbox.move(notebook.notebook_id, select=select)
    return Moved(notebook, notes, changes)
