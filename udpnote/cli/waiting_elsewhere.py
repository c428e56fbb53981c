"""The notice that the outbox has entries that are not sent to the notebook that a command has used."""

from udpnote.client.client import Client
from udpnote.client.finding.destination import waits_for
from udpnote.errors import Notice
from udpnote.model.notebook import KnownNotebook, display_name, name_or_id
from udpnote.model.outbox_entries import WaitingCount


def waiting_elsewhere(client: Client, notebook: KnownNotebook | None) -> Notice | None:
    """Return a notice that entries in the outbox of `client` wait, and are not sent to `notebook`; None if there is no such
    entry, or if `notebook` is None. Refused entries do not count.

    An entry that is assigned to `notebook` is sent to it, and does not count. The same holds for an entry that is not assigned
    and names no notebook or server, if the user has chosen `notebook` by `udpnote use`. It also holds for an entry that names
    the same as the options of `client`, if `client` has found `notebook` by them: another command has just written this entry.

    The notice does not say that the entries are for another notebook: a server that they name may well have `notebook`.
    """
    counts = client.waiting_counts()
    if notebook is None or not counts:
        return None
    chosen, own = client.chosen(), client.notebook
    is_chosen = chosen is not None and chosen.notebook_id == notebook.notebook_id
    is_own = own is not None and own.notebook_id == notebook.notebook_id

    def is_for_notebook(waiting: WaitingCount) -> bool:
        if waiting.notebook_id is None and not waiting.destination.names_nothing:
            return is_own and waiting.destination == client.destination
        return waits_for(waiting, notebook) and (is_chosen or waiting.notebook_id is not None)

    entries = sum(each.entries for each in counts if each.refused is None and not is_for_notebook(each))
    if not entries:
        return None
    known = client.known()
    return Notice("waits_elsewhere", entries=entries, name=display_name(notebook, known), argument=name_or_id(notebook, known))
