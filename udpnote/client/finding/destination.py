"""Decides which notebook a client uses: the one that the user has named or, if none is named, the one chosen before.

A `Destination` holds all that options, the environment and the settings file say about the notebook: its name, its id, the
start of its id, its key or its server. A name is compared with the names that the notebooks have now. If the outbox knows
several notebooks with that name, the client uses the chosen one among them. If none of these is chosen, discovery decides, and
`Discoverer` raises `SeveralNotebooks` if several of them answer. `NotebookFinder`, `Client.use`, `Client.leave`, and the
commands that show or deliver waiting entries all call the functions of this module.
"""

from collections.abc import Iterable
from typing import Any

from udpnote.errors import EntriesWait
from udpnote.model.address import parse_server
from udpnote.model.notebook import Destination, KnownNotebook, SealedNotebook, display_name
from udpnote.model.outbox_entries import WaitingCount, WaitingEntry
from udpnote.settings import PORT, UNSET, Settings
from udpnote.storage.outbox.outbox import Outbox
from udpnote.text.language import gettext as _

NOTEBOOK_ID_DIGITS = 32
"""The length of a whole notebook id in hexadecimal digits."""

NOTEBOOK_ID_DIGITS_MIN = 4
"""A text with fewer hexadecimal digits than this can only be a name, not the start of an id."""


def destination_of(settings: Settings, *, names_port: bool, key_id: bytes | None) -> Destination:
    """The `Destination` that `settings` name: with all fields None if they name no server, notebook, key or port.

    `key_id` is the id of the key that the settings name; None if they name no key. `names_port` says whether an argument of the
    client or an option names the port. A port that only the environment or the settings file names, without a server, is no
    destination. The field `port` of the result is the port of the named server. If no server is named, it is the only port at
    which discovery asks, or None for the default ports.
    """
    host, port = (None, settings.port) if settings.server is None else parse_server(settings.server, settings.port or PORT)
    if host is None and settings.notebook is None and key_id is None and not names_port:
        return Destination()
    return Destination(host, port, settings.notebook, key_id)


def named_by(settings: Settings, destination: Destination) -> dict[str, Destination]:
    """For each setting that names the notebook, the part of `destination` that this setting names.

    `destination_of` has made `destination` from `settings`. The keys of the result are the names of settings: "server",
    "notebook", "key" and "key_file". The result is empty if the settings name only a port or nothing: then the chosen notebook
    is used or, if none is chosen, discovery decides.
    """
    parts = {}
    if destination.host is not None:
        parts["server"] = Destination(destination.host, destination.port)
    if destination.name_or_id is not None:
        parts["notebook"] = Destination(name_or_id=destination.name_or_id)
    if destination.key_id is not None:
        parts["key" if settings.key is not None else "key_file"] = Destination(key_id=destination.key_id)
    return parts


def matches(destination: Destination, notebook: KnownNotebook) -> bool:
    """Whether `notebook` has the key id, and the name or id, that `destination` names.

    What `destination` does not name is not compared. Its server is not compared either: a notebook may move, and discovery asks
    only that server.
    """
    has_key = destination.key_id is None or notebook.key_id == destination.key_id
    return has_key and (destination.name_or_id is None or _is_called(destination.name_or_id, notebook))


def choose(destination: Destination, known: Iterable[KnownNotebook], chosen: KnownNotebook | None) -> KnownNotebook | None:
    """Return the notebook in `known` that `destination` names, or None if only a discovery can find it.

    `known` are the notebooks in the outbox. `chosen` is the one that `use`, `join` or an earlier discovery has chosen; None if
    there is none. If `destination` has no server, name, id or key, the result is `chosen`. If several known notebooks match,
    the result is `chosen` if that is among them, else None. If `destination` has a server, the result is None, because only the
    answer of the server tells which notebook it has.
    """
    if destination.host is not None:
        return None
    if destination.name_or_id is None and destination.key_id is None:
        return chosen
    matching = [each for each in known if matches(destination, each)]
    if chosen in matching:
        return chosen
    return matching[0] if len(matching) == 1 else None


def waits_for(waiting: WaitingCount, notebook: KnownNotebook) -> bool:
    """Whether the entries that `waiting` counts will be sent to `notebook`, which must be the chosen notebook.

    Entries that are assigned to a notebook are sent to that one. Entries that are not assigned yet are sent to the chosen one,
    if the user named no notebook, server, port or key when writing them. Refused entries are not sent.
    """
    if waiting.refused is not None:
        return False
    return waiting.notebook_id == notebook.notebook_id if waiting.notebook_id is not None else waiting.destination.names_nothing


def place_name(waiting: WaitingCount | WaitingEntry, known: Iterable[KnownNotebook]) -> str:
    """The notebook for which the entries of `waiting` wait, as a text for people.

    If the notebook is in `known`, the text is its name, with the start of its id if another one in `known` has the same name.
    If it is not in `known`, the text is its id. If the entries are not assigned to a notebook yet, the text is the server,
    port, name or key that the user has named, or `not known yet` if the user has named nothing.
    """
    if waiting.notebook_id is not None:
        known = list(known)
        names = [display_name(each, known) for each in known if each.notebook_id == waiting.notebook_id]
        return str(names[0]) if names else waiting.notebook_id.hex()
    named = waiting.destination
    if named.names_nothing:
        return _("not known yet")
    if named.name_or_id is not None and named == Destination(name_or_id=named.name_or_id):
        return named.name_or_id
    place = named.server or (_("any port") if named.port is None else _("port {port}").format(port=named.port))
    if named.key_id is not None:
        place = _("{place}, by its key").format(place=place)
    return place if named.name_or_id is None else _("{name} at {place}").format(name=named.name_or_id, place=place)


def is_place(text: str, waiting: WaitingCount, known: Iterable[KnownNotebook]) -> bool:
    """Whether `text` names the notebook or server for which the entries of `waiting` wait.

    If the entries are assigned to a notebook, `text` may be its id, the start of its id, or its name in `known`. If they are
    not, `text` may be the HOST or HOST:PORT of the server, or the name or id, that the user has named.
    """
    if waiting.notebook_id is not None:
        notebooks = [each for each in known if each.notebook_id == waiting.notebook_id]
        return any(_is_called(text, each) for each in notebooks or [KnownNotebook(waiting.notebook_id, "", "", 0, 0)])
    named = waiting.destination
    return text in (named.host, named.server, named.name_or_id)


def lacks_key(waiting: WaitingCount, named_key_id: bytes | None) -> bool:
    """Whether the entries that `waiting` counts cannot be delivered now, because the settings do not name the key they need.

    `named_key_id` is the id of the key that the settings name now; None if they name no key. The entries need the key that was
    named when they were written, if any. The result is False for entries that were refused, or are assigned to a notebook.
    """
    if waiting.refused is not None or waiting.notebook_id is not None:
        return False
    return waiting.destination.key_id not in (None, named_key_id)


def destinations_of(waiting: Iterable[WaitingCount], named_key_id: bytes | None) -> list[Destination]:
    """The different destinations of the entries that `waiting` counts, in the order of `waiting`.

    Entries that were refused, or that lack their key (see `lacks_key`), are left out. If entries are assigned to a notebook,
    their destination is the id of that notebook. `named_key_id` is the id of the key that the settings name now; None if they
    name no key. A destination has this `key_id` if the user named the key when writing the entries, or if their notebook is
    sealed with it, as the outbox remembers. If not, its `key_id` is None.
    """
    found: dict[Destination, None] = {}
    for each in waiting:
        if each.refused is None and not lacks_key(each, named_key_id):
            found[_destination_of(each, named_key_id)] = None
    return list(found)


def _destination_of(waiting: WaitingCount, named_key_id: bytes | None) -> Destination:
    """The destination of the entries that `waiting` counts.

    If the entries are assigned to a notebook, it is the id of that notebook, with `named_key_id` if that is the notebook's key.
    If they are not, it is the destination that the user named when writing them.
    """
    if waiting.notebook_id is None:
        return waiting.destination
    key_id = named_key_id if waiting.key_id == named_key_id else None
    return Destination(name_or_id=waiting.notebook_id.hex(), key_id=key_id)


def options_for(destination: Destination) -> dict[str, Any]:
    """The keyword arguments for a `Client` that uses `destination`, whatever other notebook or server the settings name.

    If `destination` has a key, the settings must name this key, because the client takes it from there.
    """
    options: dict[str, Any] = {"notebook": destination.name_or_id or UNSET, "server": destination.server or UNSET}
    if destination.port is not None:
        options["port"] = destination.port
    if destination.key_id is None:
        options.update(key=UNSET, key_file=UNSET)
    return options


def check_nothing_waits(outbox: Outbox, notebook: KnownNotebook) -> None:
    """Raise `EntriesWait` if entries in `outbox` might be for the sealed `notebook`. Refused entries are not counted.

    After the client has forgotten the key of the notebook, these entries might be sent unencrypted.
    """
    chosen, sealed = outbox.chosen(), outbox.sealed()
    entries = 0
    for each in outbox.waiting_counts():
        if each.refused is not None:
            is_for_it = False
        elif each.notebook_id is not None:
            is_for_it = each.notebook_id == notebook.notebook_id
        else:
            is_for_it = _may_go_to(each.destination, notebook, chosen, sealed)
        if is_for_it:
            entries += each.entries
    if entries:
        raise EntriesWait("entries_wait", entries=entries, name=display_name(notebook, outbox.notebooks()))


def _may_go_to(
    destination: Destination, notebook: KnownNotebook, chosen: KnownNotebook | None, sealed: Iterable[SealedNotebook]
) -> bool:
    """Whether entries for `destination`, which are not assigned to a notebook yet, might be for the sealed `notebook`.

    `chosen` is the chosen notebook (None if there is none), `sealed` are all sealed notebooks in the outbox. If `destination`
    names nothing, the result is True only if `notebook` is the chosen one. If it names a key, the result is False, because
    these entries are never sent without the key. If it names another notebook, the result is False, too.

    If it names a server, the result is True if the outbox knows that the notebook is there. It is also True for any host name
    with the port of the notebook's server: host names are not resolved here. If it names only a port, the result is True if the
    notebook's server has that port.
    """
    if destination.names_nothing:
        return chosen is not None and chosen.notebook_id == notebook.notebook_id
    if destination.key_id is not None:
        return False  # an entry that was written for a key is never sent without that key
    if not matches(destination, notebook):
        return False
    if destination.host is None:
        return destination.name_or_id is not None or destination.port == notebook.port
    host, port = destination.host, destination.port or 0
    at_server = [each.notebook.notebook_id for each in sealed if each.is_at(destination.server or "", host, port)]
    is_perhaps_there = not _is_address(host) and port == notebook.port
    return is_perhaps_there or notebook.notebook_id in at_server


def _is_called(name_or_id: str, notebook: KnownNotebook) -> bool:
    """Whether `name_or_id` is the name of `notebook`, its whole id, or the start of its id.

    A text of `NOTEBOOK_ID_DIGITS` hexadecimal digits can only be an id. A text of fewer than `NOTEBOOK_ID_DIGITS_MIN`
    characters can only be a name.
    """
    digits = name_or_id.lower()
    if len(digits) == NOTEBOOK_ID_DIGITS and not set(digits) - set("0123456789abcdef"):
        return notebook.notebook_id.hex() == digits  # not the name, which may look like the id of another notebook
    is_id = len(digits) >= NOTEBOOK_ID_DIGITS_MIN and notebook.notebook_id.hex().startswith(digits)
    return name_or_id == notebook.name or is_id


def _is_address(host: str) -> bool:
    """Whether `host` is an IP address, perhaps with a scope such as `%eth0`, and not a host name."""
    from ipaddress import ip_address  # here, because it is slow to import, and only leaving a notebook needs it

    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
