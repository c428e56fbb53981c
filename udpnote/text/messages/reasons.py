"""Why something is queued, not found or not believed, in the words in which whoever asked is told."""

from collections.abc import Iterable

from udpnote.lan.udp_socket import format_host
from udpnote.model.entry import Entry, Kind, Status
from udpnote.model.notebook import KnownNotebook, address_of

NOT_WAITED = "sent, and not waited for: kept in the outbox until `udpnote send` or `udpnote outbox --send` hears of it"
"""Why an entry is queued that nobody wanted to wait for."""


ID_DIGITS_SHOWN = 8
"""How much of a notebook's id is shown: enough to tell a few apart, and to name one by."""


def called(notebook: KnownNotebook, known: Iterable[KnownNotebook]) -> str:
    """The name of a notebook, with the start of its id beside it where another one that is `known` has the same name."""
    return notebook.name if _has_own_name(notebook, known) else f"{notebook.name} ({short_id(notebook)})"


def short_id(notebook: KnownNotebook) -> str:
    """The start of a notebook's id, as messages show it and commands take it."""
    return notebook.notebook_id.hex()[:ID_DIGITS_SHOWN]


def _has_own_name(notebook: KnownNotebook, known: Iterable[KnownNotebook]) -> bool:
    return all(each.name != notebook.name or each.notebook_id == notebook.notebook_id for each in known)


def silence_reason(notebook: KnownNotebook, known: Iterable[KnownNotebook]) -> str:
    """Why an entry is queued whose server does not answer; `known` are all notebooks that names may be taken for."""
    where = format_host(address_of(notebook))
    return (
        f"no answer from {called(notebook, known)} at {where} yet. Perhaps stored there, perhaps not: kept in the outbox, and "
        f"delivered with the next entry or by `udpnote outbox --send`{sealed_hint(notebook)}"
    )


def sealed_hint(notebook: KnownNotebook) -> str:
    """What else silence may mean: a server answers nothing to a key that it has forgotten, nor to anybody without its key."""
    if notebook.key_id is None:
        return ". If it was sealed meanwhile, `udpnote join` it"
    return ". If its server runs, its key may have been changed: `udpnote key show` there prints the code to join it with"


def refusal_reason(entry: Entry, status: Status) -> str:
    """Why a notebook does not take an entry."""
    if entry.kind is not Kind.NOTE and status is Status.REFUSED:
        return f"there is no entry #{entry.revises} in the notebook"
    return f"the notebook will not take this entry ({status.name.lower().replace('_', ' ')})"


def unsettled_reason(number: int) -> str:
    """Why a revision or deletion of the entry `number` is not even queued."""
    return (
        f"nothing is queued: each notebook has its own #{number}, none is known here yet, and none answered. `udpnote find` "
        "says what was tried; `--server HOST` or `--notebook-id NAME` says which one is meant, also while it does not answer"
    )


def old_key_reason(notebook: KnownNotebook, known: Iterable[KnownNotebook]) -> str:
    """Why nothing goes to, or comes from, a notebook whose key is another one now."""
    return (
        f"the key of {called(notebook, known)} has changed: join again, by `udpnote join CODE`. Its owner finds the code with "
        "`udpnote key show`; entries wait in the outbox until then"
    )


def posing_reason(notebook: KnownNotebook, where: str, known: Iterable[KnownNotebook]) -> str:
    """Why nothing goes to the server at `where`, which gives itself out as a sealed notebook."""
    from shlex import quote  # here, because most servers are what they say they are

    known = list(known)
    argument = quote(notebook.name) if _has_own_name(notebook, known) else short_id(notebook)
    return (
        f"{where} gives itself out as {called(notebook, known)}, which is sealed, but does not have its key: somebody may "
        f"be posing as it, and nothing goes there. If its owner has unsealed it, `udpnote leave {argument}` trusts it; if its "
        "owner has changed the key, join again"
    )
