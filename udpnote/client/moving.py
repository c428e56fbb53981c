"""Moves notes that wait in the outbox to another notebook: their notebook was lost, or the user had named a wrong one."""

from collections.abc import Iterable
from typing import NamedTuple

from udpnote.client.choosing import named_notebook
from udpnote.client.destination import is_place, place_name
from udpnote.client.session import Driver
from udpnote.errors import EntriesWait, InvalidSetting
from udpnote.model.argument_types import check_type
from udpnote.model.notebook import KnownNotebook, display_name
from udpnote.model.waiting_entry import WaitingCount


class Moved(NamedTuple):
    """What `Client.move` has done: `notes` is how many notes were moved to `notebook`.

    A deletion that takes back a waiting note moves with it, and is not counted. `changes` is how many other deletions and
    revisions were not moved: they wait for their notebook as before.
    """

    notebook: KnownNotebook
    notes: int
    changes: int


def move_waiting(driver: Driver, to: str, *, origin: str | None, sends_open: bool) -> Moved:
    """Move waiting notes to the notebook `to`. `origin` says where they wait now; None stands for anywhere. See `Client.move`.

    The caller must hold the lock of the connection. With `sends_open`, notes for a sealed notebook may be moved to an open one.
    """
    check_type("sends_open", sends_open, bool)
    notebook, known = named_notebook(driver, to), driver.outbox.notebooks()

    def select(counts: list[WaitingCount]) -> Iterable[WaitingCount]:
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
