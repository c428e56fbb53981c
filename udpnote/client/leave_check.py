"""What waits for a sealed notebook that is to be left, and might then go out unsealed."""

from udpnote.client.notebook_finder import is_meant, parse_meant_for
from udpnote.errors import EntriesWait
from udpnote.model.notebook import KnownNotebook
from udpnote.storage.outbox import Outbox
from udpnote.text.messages.reasons import called


def check_nothing_waits(outbox: Outbox, notebook: KnownNotebook) -> None:
    """Raise `EntriesWait` if entries wait that could go to `notebook`, by its id, its name, its server or the choice of it."""
    waiting = sum(each.entries for each in outbox.destinations() if _may_go_there(outbox, notebook, each[:2]))
    if waiting:
        wait = "1 entry waits" if waiting == 1 else f"{waiting:,} entries wait"
        raise EntriesWait(
            f"{wait} for {called(notebook, outbox.notebooks())}: `udpnote outbox --send` delivers what waits, "
            "`udpnote outbox --discard` removes it; with --send-open it may go out unsealed"
        )


def _may_go_there(outbox: Outbox, notebook: KnownNotebook, destination: tuple[bytes | None, str | None]) -> bool:
    """Whether entries for `destination`, a notebook's id and what they are meant for, could go to `notebook`."""
    notebook_id, meant_for = destination
    if notebook_id is not None:
        return notebook_id == notebook.notebook_id
    if meant_for is None:
        chosen = outbox.chosen()
        return chosen is not None and chosen.notebook_id == notebook.notebook_id
    wanted, host, port, key_id = parse_meant_for(meant_for)
    if key_id is not None:
        return False  # what is meant for a key goes nowhere without it
    if wanted is not None and not is_meant(wanted, notebook):
        return False
    if host is not None:
        at_server = [each.notebook.notebook_id for each in outbox.sealed() if each.is_at(f"{host}:{port}", host, port)]
        is_perhaps_there = not _is_address(host) and port == notebook.port  # a name is not looked up only to leave
        return is_perhaps_there or notebook.notebook_id in at_server
    return wanted is not None or port == notebook.port


def _is_address(host: str) -> bool:
    from ipaddress import ip_address  # here, because it is slow to import, and hardly anybody leaves

    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
