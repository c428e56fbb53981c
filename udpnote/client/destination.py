"""Decides which notebook is meant, from the notebook that the user has named or chosen, and from the notebooks in the outbox.

Flags, the environment and the settings file that name a notebook become one `Destination`. A destination names a notebook by
its id, the start of its id, its name, its key or its server. A name matches the name that the notebook has now: if two have
the same name, `NotebookFinder` raises `SeveralNotebooks`. The notebook finder, `use`, `leave`, and the commands that show or
deliver waiting entries all decide by this module.
"""

from collections.abc import Iterable
from typing import Any

from udpnote.errors import EntriesWait
from udpnote.model.address import parse_server
from udpnote.model.notebook import Destination, KnownNotebook, SealedNotebook, display_name
from udpnote.settings import UNSET, Settings
from udpnote.storage.outbox import Outbox, WaitingEntry

NOTEBOOK_ID_DIGITS = 32
NOTEBOOK_ID_DIGITS_MIN = 4
"""A text with fewer hexadecimal digits than this can only be a name, not the start of an id."""


def destination_of(settings: Settings, *, names_port: bool, key_id: bytes | None) -> Destination:
    """The destination that the settings name.

    `names_port` says whether the user has named the port; `key_id` is the id of the named key, if there is one.
    """
    host, port = parse_server(settings.server, settings.port) if settings.server is not None else (None, settings.port)
    if host is None and settings.notebook_id is None and key_id is None and not names_port:
        return Destination()
    return Destination(host, port, settings.notebook_id, key_id)


def matches(destination: Destination, notebook: KnownNotebook) -> bool:
    """Whether `destination` names `notebook`: whether it has the named key, and the name_or_id id or name.

    Its address does not matter: a notebook may move, and discovery asks only the named server.
    """
    has_key = destination.key_id is None or notebook.key_id == destination.key_id
    return has_key and (destination.name_or_id is None or _is_called(destination.name_or_id, notebook))


def choose(destination: Destination, known: Iterable[KnownNotebook], chosen: KnownNotebook | None) -> KnownNotebook | None:
    """The one of the `known` notebooks that is meant, or None if only a discovery can show that; `chosen` is the user's choice.

    Which notebook a named server has is not known before the server has answered.
    """
    if destination.host is not None:
        return None
    if destination.name_or_id is None and destination.key_id is None:
        return chosen
    meant = [each for each in known if matches(destination, each)]
    if chosen in meant:
        return chosen
    return meant[0] if len(meant) == 1 else None


def waits_for(waiting: WaitingEntry, notebook: KnownNotebook) -> bool:
    """Whether an entry waits for `notebook`, which is the chosen one."""
    if waiting.refused is not None:
        return False
    return waiting.notebook_id == notebook.notebook_id if waiting.notebook_id is not None else waiting.meant_for.names_nothing


def lacks_key(waiting: WaitingEntry, named_key_id: bytes | None) -> bool:
    """Whether an entry waits for a notebook that the user named by a key alone, and that key is not the one named now."""
    if waiting.refused is not None or waiting.notebook_id is not None:
        return False
    return waiting.meant_for.key_id not in (None, named_key_id)


def destinations_of(waiting: Iterable[WaitingEntry], named_key_id: bytes | None) -> list[Destination]:
    """Each destination for which an entry waits that can be delivered, once.

    An entry whose key is not named now cannot be delivered. The named key is used only for a notebook that has it, or for
    entries that were written for that key.
    """
    found: dict[Destination, None] = {}
    for each in waiting:
        if each.refused is None and not lacks_key(each, named_key_id):
            found[_destination_of(each, named_key_id)] = None
    return list(found)


def _destination_of(waiting: WaitingEntry, named_key_id: bytes | None) -> Destination:
    if waiting.notebook_id is None:
        return waiting.meant_for
    key_id = named_key_id if waiting.key_id == named_key_id else None
    return Destination(name_or_id=waiting.notebook_id.hex(), key_id=key_id)


def options_for(destination: Destination) -> dict[str, Any]:
    """The arguments that make a `Client` go to `destination`, whatever the settings say.

    If `destination` has a key, the settings name the same key, so the arguments do not change it.
    """
    options: dict[str, Any] = {"notebook_id": destination.name_or_id or UNSET, "server": destination.server or UNSET}
    if destination.port is not None:
        options["port"] = destination.port
    if destination.key_id is None:
        options.update(key=UNSET, key_file=UNSET)
    return options


def check_nothing_waits(outbox: Outbox, notebook: KnownNotebook) -> None:
    """Raise `EntriesWait` if entries wait that could go to the sealed `notebook`: without its key they may travel unsealed."""
    chosen, sealed = outbox.chosen(), outbox.sealed()
    entries = 0
    for each in outbox.waiting_counts():
        if each.notebook_id is not None:
            is_for_it = each.notebook_id == notebook.notebook_id
        else:
            is_for_it = _may_go_to(each.meant_for, notebook, chosen, sealed)
        entries += each.entries if is_for_it else 0
    if entries:
        raise EntriesWait("entries_wait", entries=entries, name=display_name(notebook, outbox.notebooks()))


def _may_go_to(
    destination: Destination, notebook: KnownNotebook, chosen: KnownNotebook | None, sealed: Iterable[SealedNotebook]
) -> bool:
    """Whether entries for `destination` could go to the sealed `notebook`.

    True also if only the address of a host name could tell. False if the user named nothing and has chosen no notebook: such an
    entry was not written for this one.
    """
    if destination.names_nothing:
        return chosen is not None and chosen.notebook_id == notebook.notebook_id
    if destination.key_id is not None:
        return False  # an entry that is meant for a key is not sent without that key
    if not matches(destination, notebook):
        return False
    if destination.host is None:
        return destination.name_or_id is not None or destination.port == notebook.port
    host, port = destination.host, destination.port or 0
    at_server = [each.notebook.notebook_id for each in sealed if each.is_at(destination.server or "", host, port)]
    is_perhaps_there = not _is_address(host) and port == notebook.port  # `leave` does not resolve a host name only for this
    return is_perhaps_there or notebook.notebook_id in at_server


def _is_called(name_or_id: str, notebook: KnownNotebook) -> bool:
    """Whether `name_or_id`, a name or (the start of) an id, means this notebook."""
    digits = name_or_id.lower()
    if len(digits) == NOTEBOOK_ID_DIGITS and not set(digits) - set("0123456789abcdef"):
        return notebook.notebook_id.hex() == digits  # not the name, which may look like the id of another notebook
    is_id = len(digits) >= NOTEBOOK_ID_DIGITS_MIN and notebook.notebook_id.hex().startswith(digits)
    return name_or_id == notebook.name or is_id


def _is_address(host: str) -> bool:
    from ipaddress import ip_address  # here, because it is slow to import, and only leaving a notebook needs it

    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
