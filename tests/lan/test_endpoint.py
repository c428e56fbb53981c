"""Endpoints on this machine: found, woken, and refused a port or an address by name."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from udpnote.errors import AddressInUse, AddressUnavailable, ServerNotFound
from udpnote.lan.endpoint import Endpoint, resolve
from udpnote.lan.interfaces import Interface, no_interfaces
from udpnote.model.address import Address, Datagram

DEADLINE_SECONDS = 10.0
"""How long to wait for what takes a millisecond, before the test fails."""

FOREIGN = "198.51.100.1"
"""An address for documentation (RFC 5737): no machine's own."""


@contextmanager
def listening(bind: str | None = "127.0.0.1", port: int = 0) -> Iterator[Endpoint]:
    with closing(Endpoint.listen(bind, port, list_interfaces=no_interfaces)) as endpoint:
        yield endpoint


@pytest.fixture
def client() -> Iterator[Endpoint]:
    with closing(Endpoint.client(list_interfaces=no_interfaces)) as endpoint:
        yield endpoint


def receive(endpoint: Endpoint, count: int) -> list[Datagram]:
    """Wait for `count` datagrams."""
    datagrams: list[Datagram] = []
    deadline = time.monotonic() + DEADLINE_SECONDS
    while len(datagrams) < count and time.monotonic() < deadline:
        datagrams += endpoint.receive(DEADLINE_SECONDS)
    return datagrams


@pytest.mark.parametrize("bind", ["127.0.0.1", "::1"])
def test_a_request_arrives_and_its_answer_finds_the_way_back(client: Endpoint, bind: str) -> None:
    with listening(bind) as server:
        client.send([(b"request", server.addresses[0])])
        ((request, source),) = receive(server, 1)
        server.send([(b"answer", source)])
        assert request == b"request"
        assert receive(client, 1) == [(b"answer", server.addresses[0])]


def test_many_datagrams_to_several_addresses_arrive_in_order(client: Endpoint) -> None:
    with listening() as one, listening("::1") as two:
        numbers = [number.to_bytes(2) * 100 for number in range(500)]
        client.send([(data, server.addresses[0]) for data in numbers for server in (one, two)])
        for server in (one, two):
            assert [data for data, _ in receive(server, 500)] == numbers


def test_a_listener_everywhere_has_one_port_for_both_families(client: Endpoint) -> None:
    with listening(None) as server:
        assert {address[1] for address in server.addresses} == {server.port}
        assert [address[0] for address in server.addresses] == ["0.0.0.0", "::"]
        client.send([(b"4", ("127.0.0.1", server.port)), (b"6", ("::1", server.port, 0, 0))])
        assert sorted(data for data, _ in receive(server, 2)) == [b"4", b"6"]


def test_a_listener_on_one_address_is_not_reached_at_another(client: Endpoint) -> None:
    with listening("127.0.0.1") as server:
        client.send([(b"elsewhere", ("127.0.0.2", server.port)), (b"elsewhere", ("::1", server.port, 0, 0))])
        client.send([(b"here", ("127.0.0.1", server.port))])
        assert [data for data, _ in receive(server, 1)] == [b"here"]


@pytest.mark.parametrize("bind", ["127.0.0.1", None])
def test_a_port_that_is_taken_is_refused_by_its_number(bind: str | None) -> None:
    with listening("127.0.0.1") as first:
        with (
            pytest.raises(AddressInUse, match=f"port {first.port} is taken .*--port"),
            listening(bind, first.port),
        ):
            pytest.fail("two servers on one port")
        assert first.receive(0) == []


def test_a_port_taken_for_ipv6_only_is_refused_and_nothing_stays_open() -> None:
    with listening("::1") as first:
        for _ in range(2):
            with pytest.raises(AddressInUse, match=rf"port {first.port} is taken .*::"), listening(None, first.port):
                pytest.fail("two servers on one port")
        with listening("127.0.0.1", first.port) as second:
            assert second.port == first.port


def test_a_port_is_free_again_at_once_when_its_listener_has_closed() -> None:
    with listening(None) as first:
        port = first.port
    with listening(None, port) as second:
        assert second.port == port


def test_an_address_that_is_not_this_machines_is_unavailable() -> None:
    with pytest.raises(AddressUnavailable, match=f"cannot listen at {FOREIGN}"), listening(FOREIGN):
        pytest.fail("listening at a foreign address")


@pytest.mark.parametrize("host", ["no such host", "", "x" * 64 + ".example", "300.300.300.300.300"])
def test_a_name_that_does_not_resolve_is_a_server_not_found(host: str) -> None:
    with pytest.raises(ServerNotFound, match=f"cannot resolve {host!r} .*: check the name"):
        resolve(host, 6683)
    with pytest.raises(AddressUnavailable, match="no address of this machine"), listening(host):
        pytest.fail("listening at an address that is none")


def test_an_address_resolves_to_itself() -> None:
    assert resolve("192.0.2.7", 6683) == [("192.0.2.7", 6683)]
    assert resolve("2001:db8::1", 6683) == [("2001:db8::1", 6683, 0, 0)]


def test_the_name_of_this_machine_resolves_to_loopback() -> None:
    assert {address[0] for address in resolve("localhost", 6683)} <= {"127.0.0.1", "::1"}


def unreachable(address: Address) -> list[Datagram]:
    return [(b"x", address), (b"x" * 70_000, address), (b"y", address), (b"y", address)]


def test_what_cannot_leave_is_lost_and_the_rest_leaves(client: Endpoint) -> None:
    with listening() as server, listening("::1") as other:
        good: list[Datagram] = [(b"good", server.addresses[0]), (b"good", other.addresses[0])]
        client.send([*unreachable(("127.0.0.1", 0)), *unreachable(("::1", 0, 0, 0)), *good])
        assert [data for data, _ in (*receive(server, 1), *receive(other, 1))] == [b"good", b"good"]


def test_empty_datagrams_arrive_each_for_itself(client: Endpoint) -> None:
    with listening() as server:
        client.send([(data, server.addresses[0]) for data in (b"", b"", b"", b"end")])
        assert [data for data, _ in receive(server, 4)] == [b"", b"", b"", b"end"]


def test_a_datagram_of_a_family_that_is_not_there_is_lost() -> None:
    with listening("127.0.0.1") as only_ipv4, listening("::1") as only_ipv6:
        only_ipv4.send([(b"x", only_ipv6.addresses[0]), (b"y", only_ipv4.addresses[0])])
        assert [data for data, _ in receive(only_ipv4, 1)] == [b"y"]


def in_thread(target: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread


def test_wake_ends_a_receive_that_waits(client: Endpoint) -> None:
    received: list[list[Datagram]] = []
    waiter = in_thread(lambda: received.append(client.receive(None)))
    client.wake()
    waiter.join(DEADLINE_SECONDS)
    assert received == [[]]


def test_wakes_before_a_receive_end_it_at_once_and_only_it(client: Endpoint) -> None:
    for _ in range(100_000):
        client.wake()
    assert client.receive(None) == []
    started_at = time.monotonic()
    assert client.receive(0.05) == []
    assert time.monotonic() - started_at >= 0.04


def test_wake_after_closing_does_nothing() -> None:
    endpoint = Endpoint.client(list_interfaces=no_interfaces)
    endpoint.close()
    endpoint.wake()


def test_a_receive_waits_no_longer_than_it_was_told(client: Endpoint) -> None:
    assert client.receive(0) == []
    assert client.receive(0.001) == []


def test_a_probe_reaches_this_machine_and_tells_where_it_went(client: Endpoint) -> None:
    with listening("127.0.0.1") as server, listening("::1", server.port) as other:
        attempts = client.probe(b"who is there?", server.port)
        assert attempts == [("this machine", "127.0.0.1", None), ("this machine", "::1", None)]
        assert [data for data, _ in (*receive(server, 1), *receive(other, 1))] == [b"who is there?"] * 2


def test_an_interface_that_has_gone_is_noted_and_passed_over() -> None:
    gone = Interface("gone0", 2**31 - 1, ((FOREIGN, "198.51.100.255"),), has_ipv6=True)
    with listening() as server, closing(Endpoint.client(list_interfaces=lambda: [gone])) as client:
        attempts = client.probe(b"who is there?", server.port)
        assert [(attempt.interface, attempt.destination) for attempt in attempts[:3]] == [
            ("gone0", "198.51.100.255"),
            ("gone0", "255.255.255.255"),
            ("gone0", "ff12::756e:6f74:65"),
        ]
        assert all(attempt.error for attempt in attempts[:3])
        assert [data for data, _ in receive(server, 1)] == [b"who is there?"]
        client.end_probing()
        with closing(Endpoint.listen("127.0.0.1", 0, list_interfaces=lambda: [gone])) as listener:
            listener.refresh()


def test_interfaces_are_read_anew_for_every_probe() -> None:
    readings = iter([[], [Interface("new0", 2**31 - 1, (), has_ipv6=True)]])
    with closing(Endpoint.client(list_interfaces=lambda: next(readings))) as client, listening() as server:
        assert [len(client.probe(b"x", server.port)) for _ in range(2)] == [2, 3]
