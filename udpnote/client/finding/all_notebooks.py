"""A discovery of all notebooks, not only of the client's own, and what each answer says for people."""

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from udpnote.client.driver import Driver
from udpnote.client.finding.answers import Judge, impostor_notice, served_twice_notice
from udpnote.errors import ClientClosed, Notice
from udpnote.lan.udp_socket import format_address, format_host
from udpnote.model.address import Address
from udpnote.model.argument_types import check_type
from udpnote.model.notebook import KnownNotebook, display_name
from udpnote.protocol.discovery import DiscoveryAnswer
from udpnote.protocol.rediscovery import ImpostorFound, known_notebook


class FoundNotebook(NamedTuple):
    """A notebook that has answered a discovery, with its name and the number of its `entries`, or None if it has not told that.

    `notebook_id` is the id in hexadecimal digits. `address` (an IP address) and `port` are those of the server that has
    answered, after `round_trip_seconds`. `impersonates` is the sealed notebook that this server claims to have without having
    its key, or None if the server is no impostor. `has_new_key` says that the notebook's key has changed, and this machine has
    the old one. `other_server` is the address and port of another server that has answered with the same notebook before, or
    None if there is none. If there is one, one of the two servers has a copy of the notebook. `warning` explains an impostor, a
    new key or a copy to the user; it is None if there is nothing to explain.
    """

    name: str
    notebook_id: str
    address: str
    port: int
    entries: int | None
    round_trip_seconds: float
    is_sealed: bool
    impersonates: KnownNotebook | None
    has_new_key: bool
    other_server: str | None
    warning: Notice | None

    @property
    def is_impostor(self) -> bool:
        """Whether the server claims to have a sealed notebook without having its key."""
        return self.impersonates is not None


def find_notebooks(driver: Driver, timeout: float) -> Iterator[FoundNotebook]:
    """Run a discovery for `timeout` seconds, and yield each notebook as soon as it answers. Raises as `Client.find` does."""
    check_type("timeout", timeout, int, float)
    until = driver.now() + timeout
    with driver.connection.lock():
        discovery = driver.discoverer.start(until, driver.discoverer.destination)
    try:
        while driver.now() < until:
            with driver.connection.lock():
                found = [found_notebook(answer, discovery.judge) for answer in driver.discoverer.step(discovery, until)]
            yield from found
            driver.connection.rest()
    finally:
        with suppress(ClientClosed), driver.connection.lock():
            driver.discoverer.end(discovery)


def notebooks_by_address(driver: Driver, lookup_seconds: float) -> dict[Address, FoundNotebook]:
    """Run a discovery until no further notebook is to be expected. Return the notebooks that have answered, by their addresses.

    That is a second after the first answer, or after two and a half seconds without one: see `Prober.settled_at`. If a server
    is named, this waits up to `lookup_seconds` for its address. Raises as `Client.find` does.
    """
    found: dict[Address, FoundNotebook] = {}
    with driver.connection.lock():
        discovery = driver.discoverer.start(driver.now() + lookup_seconds, driver.discoverer.destination)
        while driver.now() < (end := discovery.prober.settled_at):
            for answer in driver.discoverer.step(discovery, end):
                found[answer.source] = found_notebook(answer, discovery.judge)
        driver.discoverer.end(discovery)
    return found


def found_notebook(answer: DiscoveryAnswer[Address], judge: Judge) -> FoundNotebook:
    """Make a `FoundNotebook` of an `answer` to a discovery. The `judge` of this discovery recognizes impostors."""
    offer, impersonates = answer.offer, judge.impersonated(answer)
    warning = None
    if impersonates is not None:
        warning = impostor_notice(ImpostorFound(impersonates, answer.source), judge.known)
    elif answer.has_new_key:
        warning = Notice("key_changed", name=display_name(known_notebook(answer), judge.known))
    elif answer.other_source is not None:
        warning = served_twice_notice(answer, judge.known)
    return FoundNotebook(
        offer.name, offer.notebook_id.hex(), format_host(answer.source), answer.source[1],
        None if answer.has_new_key else offer.entries, answer.round_trip_seconds, answer.key_id is not None, impersonates,
        answer.has_new_key, format_address(answer.other_source) if answer.other_source is not None else None, warning,
    )  # fmt: skip
