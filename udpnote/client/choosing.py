"""Implements `Client.use`, `Client.join` and `Client.leave`, which change the notebook that a client uses.

The caller must hold the lock of the connection.
"""

from collections.abc import Sequence

from udpnote.client.destination import check_nothing_waits, matches
from udpnote.client.driver import Driver
from udpnote.client.notebook_finder import NotebookFinder
from udpnote.client.trust import Keyring
from udpnote.errors import InvalidSetting, Notice, OldKey, ServerNotFound, WrongNotebook
from udpnote.model.argument_types import check_type, checked_text
from udpnote.model.join_code import parse_join_code
from udpnote.model.notebook import Destination, KnownNotebook, display_name, short_id
from udpnote.protocol.discovery import DISCOVERY_SECONDS
from udpnote.protocol.rediscovery import known_notebook
from udpnote.storage.outbox.outbox import Outbox


def use_notebook(driver: Driver, name_or_id: str) -> KnownNotebook:
    """Find the notebook called `name_or_id`, choose it in the outbox, and return it. Raises the errors of `Client.use`."""
    notebook = named_notebook(driver, name_or_id)
    driver.outbox.choose(notebook.notebook_id)
    return notebook


def named_notebook(driver: Driver, name_or_id: str) -> KnownNotebook:
    """Find the notebook called `name_or_id`, save it in the outbox, and return it. Raises the errors of `NotebookFinder.find`.

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
    if expected is not None and expected.name != name_or_id:
        return expected
    destination = driver.finder.destination._replace(name_or_id=name_or_id)
    try:
        found = driver.finder.find(destination, driver.now() + DISCOVERY_SECONDS, expected=expected)
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


def join_notebook(driver: Driver, code: str, *, ports: Sequence[int]) -> KnownNotebook:
    """Find the notebook with the join code `code`, save its key in the outbox, choose the notebook, and return it.

    If the user has named a server, only that server is asked. If not, a discovery looks for the notebook on the LAN, at the UDP
    `ports`. Entries that wait for this key are assigned to the notebook (see `KnownNotebooks.join`). Raises the errors of
    `Client.join`.
    """
    if not isinstance(code, str):
        raise TypeError(f"code must be a str, not {type(code).__name__}")  # its value is a secret
    key = parse_join_code(code)
    keyring = Keyring(driver.outbox, key, random_bytes=driver.connection.random.randbytes, is_joining=True)
    destination = driver.finder.destination._replace(name_or_id=None, key_id=keyring.named_id)
    finder = NotebookFinder(driver.connection, driver.outbox, keyring, destination, ports=ports, on_notice=driver.on_notice)
    try:
        notebook = known_notebook(finder.find(destination, driver.now() + DISCOVERY_SECONDS))
    except OldKey:
        raise OldKey("joined_with_old_key") from None
    driver.outbox.join(notebook, key, server=destination.server)
    return notebook


def leave_notebook(outbox: Outbox, name_or_id: str, *, sends_open: bool) -> KnownNotebook:
    """Forget the key of the joined notebook `name_or_id`, and that it was sealed. Returns the notebook as it was known before.

    Raises `InvalidSetting` unless exactly one joined notebook has this name or id. If entries in the outbox wait for this
    notebook, raises `EntriesWait`, because they might then be sent unencrypted. With `sends_open`, that is allowed.
    """
    check_type("name_or_id", name_or_id, str)
    check_type("sends_open", sends_open, bool)
    checked_text(name_or_id, Notice("name_or_id"))
    all_known = outbox.notebooks()
    joined = [each for each in all_known if each.key_id is not None]
    found = [each for each in joined if matches(Destination(name_or_id=name_or_id), each)]
    if len(found) != 1:
        names = [display_name(each, all_known) for each in joined]
        raise InvalidSetting("several_joined" if found else "not_joined", name_or_id=name_or_id, joined=names)
    [notebook] = found
    outbox.leave(notebook.notebook_id, check=None if sends_open else lambda: check_nothing_waits(outbox, notebook))
    return notebook
