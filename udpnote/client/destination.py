"""Which notebook is meant: by what the user has named, by the choice that was made, and by what the outbox knows.

All that asks this question calls this module: the notebook finder, `use`, `leave`, and the commands that show or
deliver what waits. What a user names in flags, the environment and the settings file becomes one `Destination`.
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
"""Fewer hexadecimal digits than this are taken for a name only, not for the start of an id."""


def destination_of(settings: Settings, *, names_port: bool, key_id: bytes | None) -> Destination:
    """What the settings name; `names_port`: the port was asked for, `key_id`: the id of the key that was named, if any."""
    host, port = parse_server(settings.server, settings.port) if settings.server is not None else (None, settings.port)
    if host is None and settings.notebook_id is None and key_id is None and not names_port:
        return Destination()
    return Destination(host, port, settings.notebook_id, key_id)


def is_meant(destination: Destination, notebook: KnownNotebook) -> bool:
    """Whether `notebook` is what `destination` names: it has the named key, and the wanted id or name.

    Where it answers is not looked at: a notebook may move, and discovery asks only the named server.
    """
    has_key = destination.key_id is None or notebook.key_id == destination.key_id
    return has_key and (destination.wanted is None or _is_called(destination.wanted, notebook))


def choose(destination: Destination, known: Iterable[KnownNotebook], chosen: KnownNotebook | None) -> KnownNotebook | None:
    """The one of the `known` notebooks that is meant, if that is clear without a discovery; `chosen` is the user's choice.

    What answers at a named server is not known before it has answered.
    """
    if destination.host is not None:
        return None
    if destination.wanted is None and destination.key_id is None:
        return chosen
    meant = [each for each in known if is_meant(destination, each)]
    if chosen in meant:
        return chosen
    return meant[0] if len(meant) == 1 else None


def waits_for(waiting: WaitingEntry, notebook: KnownNotebook) -> bool:
    """Whether an entry waits for `notebook`, which is the chosen one."""
    if waiting.refused is not None:
        return False
    return waiting.notebook_id == notebook.notebook_id if waiting.notebook_id is not None else waiting.meant_for.names_nothing


def lacks_key(waiting: WaitingEntry, named_key_id: bytes | None) -> bool:
    """Whether an entry waits for a notebook that was named by a key alone, and that key is not the named one now."""
    if waiting.refused is not None or waiting.notebook_id is not None:
        return False
    return waiting.meant_for.key_id not in (None, named_key_id)


def destinations_of(waiting: Iterable[WaitingEntry], named_key_id: bytes | None) -> list[Destination]:
    """Each destination that something waits for and that can be reached, once.

    The named key is only for a notebook that has it, or for what was written for that key.
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
    return Destination(wanted=waiting.notebook_id.hex(), key_id=key_id)


def options_for(destination: Destination) -> dict[str, Any]:
    """The arguments that make a `Client` go to `destination`, whatever the settings say.

    A key is left as the settings name it where `destination` has one, because it has that one.
    """
    options: dict[str, Any] = {"notebook_id": destination.wanted or UNSET, "server": destination.server or UNSET}
    if destination.port is not None:
        options["port"] = destination.port
    if destination.key_id is None:
        options.update(key=UNSET, key_file=UNSET)
    return options


def check_nothing_waits(outbox: Outbox, notebook: KnownNotebook) -> None:
    """Raise `EntriesWait` if entries wait that could go to the sealed `notebook`, and would travel unsealed without its key."""
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
    """Whether entries for `destination` could go to the sealed `notebook`; in doubt they could."""
    if destination.names_nothing:
        return chosen is not None and chosen.notebook_id == notebook.notebook_id
    if destination.key_id is not None:
        return False  # an entry that is meant for a key goes nowhere without it
    if not is_meant(destination, notebook):
        return False
    if destination.host is None:
        return destination.wanted is not None or destination.port == notebook.port
    host, port = destination.host, destination.port or 0
    at_server = [each.notebook.notebook_id for each in sealed if each.is_at(destination.server or "", host, port)]
    is_perhaps_there = not _is_address(host) and port == notebook.port  # a name is not looked up only to leave
    return is_perhaps_there or notebook.notebook_id in at_server


def _is_called(wanted: str, notebook: KnownNotebook) -> bool:
    """Whether `wanted`, a name or (the start of) an id, means this notebook."""
    digits = wanted.lower()
    if len(digits) == NOTEBOOK_ID_DIGITS and not set(digits) - set("0123456789abcdef"):
        return notebook.notebook_id.hex() == digits  # never the name of a notebook that was called like the id of another one
    is_id = len(digits) >= NOTEBOOK_ID_DIGITS_MIN and notebook.notebook_id.hex().startswith(digits)
    return wanted == notebook.name or is_id


def _is_address(host: str) -> bool:
    from ipaddress import ip_address  # here, because it is slow to import, and only leaving a notebook needs it

    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
