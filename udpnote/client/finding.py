"""A discovery of all notebooks, not only of the client's own."""

from collections.abc import Iterator
from contextlib import suppress

from udpnote.client.notebook_finder import FoundNotebook
from udpnote.client.session import Driver
from udpnote.errors import ClientClosed
from udpnote.model.argument_types import check_type


def find_notebooks(driver: Driver, timeout: float) -> Iterator[FoundNotebook]:
    """Run a discovery for `timeout` seconds, and yield each notebook as soon as it answers. Raises as `Client.find` does."""
    check_type("timeout", timeout, int, float)
    until = driver.now() + timeout
    with driver.connection.lock():
        discovery = driver.finder.start(until, driver.finder.destination)
    try:
        while driver.now() < until:
            with driver.connection.lock():
                found = [driver.finder.describe(discovery, each) for each in driver.finder.step(discovery, until)]
            yield from found
            driver.connection.rest()
    finally:
        with suppress(ClientClosed), driver.connection.lock():
            driver.finder.end(discovery)
