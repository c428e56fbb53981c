"""The sentences of a client: why an entry waits, why a notebook was not found or is not trusted."""

from collections.abc import Callable, Sequence

from udpnote.model.notebook import KnownNotebook, SilentServer, short_id

LISTED_MAX = 8
"""How many notebooks a message lists: as many as a person compares."""


def _several_notebooks(found: Sequence[KnownNotebook]) -> str:
    argument = "NAME" if len({notebook.name for notebook in found}) == len(found) else "ID"
    return (
        f"{len(found)} notebooks answered and none was chosen: {_list(found)}. Choose one with `udpnote use {argument}`, or "
        "with `--notebook-id ID` for one command"
    )


def _key_not_found(host: str | None, port: int, found: Sequence[KnownNotebook]) -> str:
    place = f"at {host} port {port}" if host is not None else f"at UDP port {port} of this LAN"
    others = f", only {_list(found)}" if found else ""
    return (
        f"no notebook with this key answered {place}{others}. Check that its server runs, and that `udpnote key show` prints "
        "this join code there"
    )


def _wrong_notebook(name_or_id: str, found: Sequence[KnownNotebook]) -> str:
    return f"the notebook at that server is {_list(found)}, not {name_or_id}: nothing was stored there"


def _name_or_id_not_found(name_or_id: str, found: Sequence[KnownNotebook]) -> str:
    return f"no notebook {name_or_id!r} answered, only {_list(found)}: check the name or the id"


def _impostor(address: str, name: str, argument: str) -> str:
    from shlex import quote  # here, because it is slow to import, and impostors are rare

    return (
        f"the server at {address} claims to be {name}, which is sealed, but does not have its key. It may be an impostor, so "
        f"nothing is sent there. If the owner has unsealed the notebook, run `udpnote leave {quote(argument)}`; if the key was "
        "changed, join again"
    )


def _entries_wait(entries: int, name: str) -> str:
    waiting = "1 entry waits" if entries == 1 else f"{entries:,} entries wait"
    return (
        f"{waiting} for {name}: `udpnote outbox --send` delivers what waits, `udpnote outbox --discard` removes it. With "
        "--send-open it may be sent unencrypted"
    )


def _no_answer_yet(server: SilentServer) -> str:
    return (
        f"no answer from {server.name} at {server.host} yet, so this may or may not be stored. The outbox keeps it and sends "
        f"it again with the next entry or by `udpnote outbox --send`{_sealed_hint(server)}"
    )


def _no_answer_to_reading(server: SilentServer) -> str:
    return (
        f"no answer from {server.name} at {server.host}: check that `udpnote serve` runs there. On that host, "
        f"`--notebook FILE` reads the notebook's file{_sealed_hint(server)}"
    )


def _no_answer_to_import(server: SilentServer) -> str:
    return (
        f"no answer from {server.name} at {server.host}: check that `udpnote serve` runs there. Import the same file again to "
        "go on"
    )


def _sealed_hint(server: SilentServer) -> str:
    """Another cause of silence: a server does not answer a client whose key it does not know."""
    if server.is_sealed:
        return ". If the server runs, the key may have been changed: join with the code that `udpnote key show` prints there"
    return ". If the notebook was sealed meanwhile, `udpnote join` it"


def _entry_refused(status: str) -> str:
    return f"the notebook does not take this entry ({_in_words(status)})"


def _import_refused(number: int, status: str) -> str:
    return f"the notebook does not take #{number} of the file ({_in_words(status)})"


def _several_joined(name_or_id: str, joined: Sequence[str]) -> str:
    return f"several notebooks are called {name_or_id!r}: name one by its id. Joined: {', '.join(joined)}"


def _not_joined(name_or_id: str, joined: Sequence[str]) -> str:
    return f"{name_or_id!r} was not joined. Joined: {', '.join(joined) or 'no notebook'}"


def _in_words(status: str) -> str:
    return status.lower().replace("_", " ")


def _list(found: Sequence[KnownNotebook]) -> str:
    listed = [f"{each.name} ({short_id(each)}, at {each.host})" for each in found[:LISTED_MAX]]
    more = [f"{len(found) - LISTED_MAX} more"] if len(found) > LISTED_MAX else []
    return ", ".join(listed + more)


SENTENCES: dict[str, str | Callable[..., str]] = {
    # Which notebook is meant
    "several_notebooks": _several_notebooks,
    "wrong_notebook": _wrong_notebook,
    "name_or_id_not_found": _name_or_id_not_found,
    "no_answer_at_server": (
        "no answer from {host} port {port}: check that `udpnote serve` runs there, and that its firewall lets UDP in. A sealed "
        "notebook answers only after `udpnote join`"
    ),
    "no_answer_on_lan": (
        "no server answered at UDP port {port}: check that `udpnote serve` runs on this LAN; `udpnote find` shows what was "
        "tried. A sealed notebook answers only after `udpnote join`"
    ),
    "number_of_unknown_notebook": (
        "nothing is queued: no notebook answered, and #{number} is another entry in each notebook. Name the notebook with "
        "`--notebook-id NAME` or its server with `--server HOST`"
    ),
    # Keys
    "key_not_found": _key_not_found,
    "key_missing": (
        "{name} is sealed, and this machine does not have its key: run `udpnote join CODE`, or set UDPNOTE_KEY for one "
        "command. Its owner sees the code with `udpnote key show`"
    ),
    "key_changed": (
        "the key of {name} has changed: join again with `udpnote join CODE`. Its owner sees the code with `udpnote key show`"
    ),
    "joined_with_old_key": (
        "this is an earlier key of the notebook, which has another one now: its owner sees the new code with `udpnote key show`"
    ),
    "joined_or_left_meanwhile": (
        "another command has joined or left {name} while this one used it: run this command again to go on"
    ),
    "impostor": _impostor,
    "several_joined": _several_joined,
    "not_joined": _not_joined,
    "entries_wait": _entries_wait,
    # The outcome of an entry
    "no_answer_yet": _no_answer_yet,
    "not_waited": (
        "sent, without waiting for the answer: the outbox keeps this until the next `udpnote send` or "
        "`udpnote outbox --send` gets an answer"
    ),
    "delivered_by_another_command": "another command is delivering this entry",
    "notebook_disk_full": "the notebook's disk is full: the outbox keeps this until there is space",
    "no_such_entry": "there is no entry #{number} in the notebook",
    "entry_refused": _entry_refused,
    "queued_entry_refused": "an entry from the outbox was refused, sequence {sequence}: {reason}",
    "identity_taken": (
        "another entry in the notebook has the identity of your entry {sequence}, perhaps because the outbox was copied or "
        "restored: your entry is sent under a new identity"
    ),
    # The server
    "server_silent": "the server does not answer: looking for it",
    "server_found_again": "the server was found again, at {address}",
    # Reading
    "no_answer_to_reading": _no_answer_to_reading,
    "answer_invalid": (
        "the server's answer makes no sense: check that it is a udpnote server, and that its udpnote is as new as this one"
    ),
    "query_too_long": "the query is too long for one request: use fewer or shorter words",
    "query_refused": "the server cannot answer this query: its udpnote may be older than this one",
    "number_below_one": "entries are numbered from 1 on: there is no #{number}",
    # Importing
    "no_answer_to_import": _no_answer_to_import,
    "import_into_served_file": "a server uses {path}: import through the server, without --notebook, or stop it first",
    "import_refused": _import_refused,
    "no_space_to_import": "the notebook's disk is full: free some space there, and import the same file again to go on",
    # The use of the library
    "client_closed": "this client is closed: make another one",
    "invalid_wait": "wait must be a number of seconds from 0 on, not {wait}",
}
