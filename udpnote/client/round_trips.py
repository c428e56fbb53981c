"""Measures the round trip to the server of a notebook. The client's outbox is only read, and nothing is stored anywhere."""

from collections.abc import Callable
from typing import NamedTuple

from udpnote.client.driver import Driver
from udpnote.model.argument_types import check_type
from udpnote.model.durations import Durations
from udpnote.model.notebook import KnownNotebook, address_of
from udpnote.protocol.discovery import DiscoveryTarget
from udpnote.protocol.round_trip_meter import RoundTripMeter


class RoundTrips(NamedTuple):
    """The result of sending DISCOVER, the question for notebooks, to one server `sent` times. The answer is an OFFER.

    `durations` are the times from each answered DISCOVER to its OFFER, or None if no DISCOVER was answered.
    """

    sent: int
    durations: Durations | None

    @property
    def lost(self) -> int:
        """How many DISCOVERs were not answered."""
        return self.sent - (self.durations.count if self.durations is not None else 0)


def measure_round_trips(driver: Driver, notebook: KnownNotebook, on_progress: Callable[[int], None]) -> RoundTrips:
    """Measure the round trip to the last address of the server of `notebook`. It takes about two seconds.

    `on_progress` is called with the number of DISCOVERs that were sent so far. Raises `KeyMissing` if the notebook is sealed,
    and this client does not have its key.
    """
    check_type("notebook", notebook, KnownNotebook)
    connection, address = driver.connection, address_of(notebook)
    with connection.lock():
        target = DiscoveryTarget(driver.keyring.envelope(notebook), notebook.notebook_id)
        meter = RoundTripMeter(driver.now(), target=target, random=connection.random)
        while not meter.is_finished:
            connection.endpoint.send([(data, address) for data in meter.datagrams_to_send()])
            datagrams, arrived_at = connection.receive(meter.next_timeout()), driver.now()
            for data, _ in datagrams:
                meter.receive_datagram(data, arrived_at)
            connection.pass_on(datagrams, arrived_at)  # some may be answers to other threads
            meter.handle_timeout(arrived_at)
            on_progress(meter.sent)
    return RoundTrips(meter.sent, Durations(meter.round_trips) if meter.round_trips else None)
