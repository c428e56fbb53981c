"""The server that the user names for a client: its addresses, and which notebook has answered there before."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from udpnote.client.connection import Connection
from udpnote.client.finding.answers import unreachable_notice
from udpnote.client.finding.destination import matches
from udpnote.errors import Notice, ServerNotFound
from udpnote.lan.udp_socket import format_address
from udpnote.model.address import Address
from udpnote.model.notebook import Destination, KnownNotebook, address_of, display_name
from udpnote.settings import PORT
from udpnote.storage.outbox.outbox import Outbox

if TYPE_CHECKING:
    from udpnote.lan.host_names import HostLookup

RESOLVING_SECONDS = 1.0
"""How long a discovery waits for the addresses of the named server, if it is known which notebook has answered there before.
After that, the discovery looks for this notebook without the server. A discovery of less than two seconds waits for half of its
time. Name servers that answer at all usually do so in some milliseconds."""


class NamedServer:
    """The server that `destination` names, if it names one.

    `lookup` is the lookup of its host name, or None if no server is named. `outbox` remembers which notebook answered there.
    When another notebook answers, `replaced` becomes the notice about this; it is None before. `on_notice` is called with this
    notice, and with the other notices about the server.
    """

    def __init__(
        self, connection: Connection, outbox: Outbox, destination: Destination, on_notice: Callable[[Notice], None]
    ) -> None:
        self._connection = connection
        self._outbox = outbox
        self._destination = destination
        self._on_notice = on_notice
        self._is_stand_in_told = self._is_unreachable_told = False
        self._unreachable: set[tuple[str, int]] = set()
        self._refusals: dict[tuple[str, int], str] = {}
        self.lookup: HostLookup | None = None
        if destination.host is not None:
            self.lookup = connection.endpoint.host_lookup(destination.host, destination.port or PORT)
        self.replaced: Notice | None = None

    def last_notebook(self, destination: Destination | None = None) -> KnownNotebook | None:
        """The notebook that has answered last at the server that the user has named. The outbox remembers it.

        None if no server is named, or if no notebook has answered there. Also None if that notebook does not match the name, id
        or key in `destination`. If `destination` is None, the name, id or key that the user has named with the server count
        instead.
        """
        server = self._destination.server
        notebook_id = self._outbox.named_servers.notebook_id(server) if server is not None else None
        notebook = self._outbox.notebook(notebook_id) if notebook_id is not None else None
        return notebook if notebook is not None and matches(destination or self._destination, notebook) else None

    def remember(self, notebook: KnownNotebook) -> None:
        """Save in the outbox that `notebook` has answered at the server. Does nothing if no server is named.

        If `last_notebook` was another notebook, gives a notice about that, and keeps the notice in `replaced`. Raises
        `StorageError`.
        """
        server = self._destination.server
        if server is None:
            return
        last = self.last_notebook()
        if last is not None and last.notebook_id != notebook.notebook_id:
            known = [*self._outbox.notebooks(), notebook]
            has_moved = address_of(last) != address_of(notebook)
            self.replaced = Notice(
                "other_notebook_at_server",
                server=server,
                name=display_name(notebook, known),
                last=display_name(last, known),
                address=format_address(address_of(last)) if has_moved else None,
            )
            self._on_notice(self.replaced)
        self._outbox.named_servers.record(server, notebook.notebook_id)

    def resolve(self, until: float, destination: Destination) -> KnownNotebook | None:
        """Look up the addresses of the named server, and wait for them until the monotonic time `until`.

        Returns None when they are found, and at once if no server is named. If they are not found, and a `last_notebook` for
        `destination` is known, returns that one: the caller can look for it instead, and a notice says so, only once. In this
        case, this waits for a second at most (see `RESOLVING_SECONDS`). If they are not found, and no `last_notebook` is known,
        raises `ServerNotFound`.
        """
        lookup = self.lookup
        if lookup is None:
            return None
        notebook = self.last_notebook(destination)
        if notebook is not None:
            now = self._connection.now()
            until = now + min(RESOLVING_SECONDS, (until - now) / 2)
        lookup.begin()
        while lookup.is_running and self._connection.now() < until:
            self._connection.wait(until)  # ends early when the lookup ends
        if not lookup.has_no_result:
            return None
        failure = lookup.failure or ServerNotFound("host_not_resolved_in_time", host=self._destination.host)
        if notebook is None:
            raise failure
        if not self._is_stand_in_told:
            self._is_stand_in_told = True
            name = display_name(notebook, self._outbox.notebooks())
            self._on_notice(Notice("notebook_of_lost_host_sought", failure=failure.notice, name=name))
        return notebook

    def refusal(self, address: Address) -> str | None:
        """The system's error text if it has refused to send a datagram to `address`; None if it has not."""
        return self._refusals.get(address[:2])

    def record_errors(self) -> None:
        """Give a notice, only once, if the system says that the server cannot be reached at any of its addresses."""
        errors = self._connection.endpoint.errors()
        self._unreachable |= {address[:2] for address in errors}
        refused = {address: error for address, error in errors.items() if not error.came_by_icmp}
        self._refusals |= {address[:2]: os.strerror(error.number) for address, error in refused.items()}
        addresses = {address[:2] for address in self.lookup.addresses} if self.lookup is not None else set()
        if errors and addresses and addresses <= self._unreachable and not self._is_unreachable_told:
            self._is_unreachable_told = True
            self._on_notice(unreachable_notice(*next(iter(errors.items()))))
