"""Endpoints on this machine: datagrams, probes and wakes arrive, and a port or an address that cannot be had is an error."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.support.errors import raises
from tests.support.processes import few_files
from udpnote.errors import AddressInUse, AddressUnavailable, ServerNotFound, TooManyOpenFiles
from udpnote.lan.endpoint import Endpoint
from udpnote.lan.host_names import resolve
from udpnote.lan.interfaces import Interface, no_interfaces
from udpnote.lan.listening_endpoint import ListeningEndpoint
from udpnote.lan.probing_endpoint import THIS_MACHINE, ProbingEndpoint
from udpnote.model.address import Address, Datagram

DEADLINE_SECONDS = 10.0
"""How long to wait for what takes a millisecond, before the test fails."""

FOREIGN = "198.51.100.1"
"""An address for documentation (RFC 5737): no machine has it."""

GONE = Interface("gone0", 2**31 - 1, ((FOREIGN, "198.51.100.255"),), has_ipv6=True)
"""An interface that this machine does not have."""


@contextmanager
def listening(bind: str | None = "127.0.0.1", *ports: int) -> Iterator[ListeningEndpoint]:
    with closing(ListeningEndpoint(bind, *ports or (0,), list_interfaces=no_interfaces)) as endpoint:
        yield endpoint


@pytest.fixture
def client() -> Iterator[ProbingEndpoint]:
    with closing(ProbingEndpoint(list_interfaces=no_interfaces)) as endpoint:
        yield endpoint


def receive(endpoint: Endpoint, count: int) -> list[Datagram]:
    """Wait for `count` datagrams."""
    datagrams: list[Datagram] = []
    deadline = time.monotonic() + DEADLINE_SECONDS
    while len(datagrams) < count and time.monotonic() < deadline:
        datagrams += endpoint.receive(DEADLINE_SECONDS)
    return datagrams


def texts(endpoint: Endpoint, count: int) -> list[bytes]:
    return [data for data, _ in receive(endpoint, count)]


def test_a_listener_everywhere_has_one_port_for_both_families(
    client: ProbingEndpoint,
) -> None:
    with listening(None) as server:
        assert server.addresses == [("0.0.0.0", server.port), ("::", server.port, 0, 0)]
        client.send([(b"4", ("127.0.0.1", server.port)), (b"6", ("::1", server.port, 0, 0))])
        assert sorted(texts(server, 2)) == [b"4", b"6"]


def test_only_the_datagrams_of_a_batch_that_cannot_leave_are_lost(
    client: ProbingEndpoint,
) -> None:
    with listening() as server, listening("::1") as other:
        good: list[Datagram] = [(b"good", server.addresses[0]), (b"good", other.addresses[0])]
        client.send([*unreachable(("127.0.0.1", 0)), *unreachable(("::1", 0, 0, 0)), *good])
        assert texts(server, 1) == texts(other, 1) == [b"good"]
        server.send([(b"no socket for IPv6", other.addresses[0]), (b"to itself", server.addresses[0])])
        assert texts(server, 1) == [b"to itself"]


@pytest.mark.parametrize(("taken", "bind"), [("127.0.0.1", "127.0.0.1"), ("127.0.0.1", None), ("::1", None)])
def test_a_taken_port_is_an_error_with_its_number_and_nothing_stays_open(taken: str, bind: str | None) -> None:
    with listening(taken) as first:
        port = first.port
        for _ in range(2):
            with pytest.raises(AddressInUse) as error, listening(bind, port):
                pytest.fail("two servers on one port")
            assert error.value.notice.values["port"] == port
        assert first.receive(0) == []
        with listening("127.0.0.1" if taken == "::1" else "::1", port):
            pass
    with listening(bind, port):
        pass  # it is free as soon as its listener has closed


def test_of_several_ports_the_first_is_taken_at_which_no_other_server_gets_the_same_datagrams() -> None:
    loopback = [Interface("lo", 1, (("127.0.0.2", "127.255.255.255"), ("127.0.0.3", "127.255.255.255")), has_ipv6=False)]
    with listening(None) as first, listening(None) as second:
        with pytest.raises(AddressInUse) as error, listening(None, first.port, second.port):
            pytest.fail("two servers on one port")
        assert error.value.notice.kind == "ports_taken"
        with listening(None, first.port, 0) as third:
            assert third.port not in (first.port, second.port)
            free = third.port
        taken = second.port
    with (
        closing(ListeningEndpoint("127.0.0.2", taken, free, list_interfaces=lambda: loopback)) as bound,
        closing(ListeningEndpoint("127.0.0.3", taken, free, list_interfaces=lambda: loopback)) as beside,
        closing(ListeningEndpoint("127.0.0.3", taken, list_interfaces=lambda: loopback)) as unheard,
    ):
        assert (bound.port, beside.port, unheard.port) == (taken, free, taken)


def test_a_listener_at_all_ipv6_addresses_does_not_count_its_own_port_as_taken(client: ProbingEndpoint) -> None:
    loopback = [Interface("lo", 1, (), has_ipv6=True)]
    with closing(ListeningEndpoint("::", 0, 0, list_interfaces=lambda: loopback)) as server:
        client.send([(b"6", ("::1", server.port, 0, 0))])
        assert texts(server, 1) == [b"6"]


def test_only_own_addresses_can_be_listened_at() -> None:
    for foreign in (FOREIGN, "2001:db8::1", f"fe80::1%{GONE.scope}"):
        with raises(AddressUnavailable, "not_an_own_address", host=foreign), listening(foreign):
            pytest.fail("listening at a foreign address")


def test_if_too_few_sockets_can_be_opened_there_is_no_endpoint_and_none_stays_open() -> None:
    resolve("localhost", 6683)  # the system opens more files for the first name
    for left in range(4):
        for bind in (None, "localhost"):
            with few_files(left), raises(TooManyOpenFiles, "too_many_open_files"):
                ListeningEndpoint(bind, 0)
        with few_files(left), raises(TooManyOpenFiles, "too_many_open_files"):
            ProbingEndpoint()
    with few_files(0), raises(ServerNotFound, "too_many_open_files"):
        resolve("localhost", 6683)


def unreachable(address: Address) -> list[Datagram]:
    """Datagrams that cannot leave: their port is 0, and one is too long."""
    return [(b"x", address), (b"x" * 70_000, address), (b"y", address), (b"y", address)]


def test_a_wake_ends_a_receive_that_waits_or_else_the_next_one_alone(client: ProbingEndpoint) -> None:
    received: list[list[Datagram]] = []
    waiter = threading.Thread(target=lambda: received.append(client.receive(None)), daemon=True)
    waiter.start()
    client.wake()
    waiter.join(DEADLINE_SECONDS)
    assert received == [[]]
    os.write(client.wake_descriptor, b"\x0f")  # as Python does when a signal comes
    assert client.receive(None) == []
    for _ in range(5000):  # more than the pair of sockets holds
        client.wake()
    assert client.receive(None) == []
    started_at = time.monotonic()
    assert client.receive(0.01) == []
    assert time.monotonic() - started_at >= 0.009
    client.close()
    client.wake()
    client.close()


def test_a_probe_leaves_by_each_interface_and_its_answer_arrives_until_probing_ends() -> None:
    loopback = Interface("lo", 1, (("127.0.0.1", "127.255.255.255"),), has_ipv6=False)
    with listening(None) as server, closing(ProbingEndpoint(list_interfaces=lambda: [loopback])) as client:
        attempts = client.probe(b"who is there?", [server.port])
        assert attempts[0] == ("lo", "127.255.255.255", None)
        sources = [source for _, source in receive(server, 3) if len(source) == 2]
        by_broadcast, to_loopback = sources[0], sources[-1]
        server.send([(b"I am", by_broadcast)])
        assert texts(client, 1) == [b"I am"]
        client.end_probing()
        server.send([(b"too late", by_broadcast), (b"end", to_loopback)])
        assert texts(client, 1) == [b"end"]


def test_each_probe_reaches_this_machine_and_reads_the_interfaces_again() -> None:
    readings = iter([[], [GONE], []])
    with (
        listening() as server,
        listening("::1", server.port) as other,
        closing(ProbingEndpoint(list_interfaces=lambda: next(readings))) as client,
    ):
        attempts = [client.probe(b"who is there?", [server.port]) for _ in range(3)]
        assert attempts[0] == attempts[1][3:] == attempts[2] == [(THIS_MACHINE, "127.0.0.1", None), (THIS_MACHINE, "::1", None)]
        assert [each.destination for each in attempts[1][:3]] == ["198.51.100.255", "255.255.255.255", "ff12::756e:6f74:65"]
        assert all(attempt.interface == "gone0" and attempt.error for attempt in attempts[1][:3])
        assert texts(server, 3) == texts(other, 3) == [b"who is there?"] * 3
        client.end_probing()


def test_a_listener_passes_over_an_interface_that_has_gone() -> None:
    with closing(ListeningEndpoint("127.0.0.1", 0, list_interfaces=lambda: [GONE])) as listener:
        listener.join_new_interfaces()


@pytest.mark.parametrize("flooded", [0, 1], ids=["IPv4", "IPv6"])
def test_each_socket_has_its_share_of_the_datagrams(client: ProbingEndpoint, flooded: int) -> None:
    with listening(None) as server:
        if len(server.addresses) == 1:
            pytest.skip("this machine has one address family only")
        addresses: tuple[Address, Address] = ("127.0.0.1", server.port), ("::1", server.port, 0, 0)
        for _ in range(40):
            client.send([(b"flood", addresses[flooded])] * 50)
        client.send([(b"alone", addresses[1 - flooded])])
        received = [data for data, _ in server.receive(DEADLINE_SECONDS)]
    assert received.count(b"alone") == 1
    assert len(received) < 40 * 50
