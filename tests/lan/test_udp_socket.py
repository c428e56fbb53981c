"""UDP sockets on this machine: each datagram arrives whole and in order, and one that cannot leave says why."""

import errno
import os
import selectors
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from random import Random

import pytest

from udpnote.lan.udp_socket import SendError, UdpSocket, cannot_listen, format_address, format_host, groups
from udpnote.model.address import Address, Datagram

SEED = 6683
HERE: Address = ("192.0.2.7", 6683)
THERE: Address = ("192.0.2.8", 6683)
LOOPBACK: dict[socket.AddressFamily, Address] = {socket.AF_INET: ("127.0.0.1", 0), socket.AF_INET6: ("::1", 0, 0, 0)}
Pair = tuple[UdpSocket, UdpSocket]


@pytest.fixture(params=list(LOOPBACK), ids=["IPv4", "IPv6"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """A sender and a receiver on this machine."""
    family: socket.AddressFamily = request.param
    with closing(UdpSocket(family)) as sender, closing(UdpSocket(family)) as receiver:
        try:
            sender.bind(LOOPBACK[family])
            receiver.bind(LOOPBACK[family])
        except OSError:
            pytest.skip("this machine's loopback does not have this family")
        yield sender, receiver


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports ICMP errors to sockets that are not connected")
def test_a_closed_port_is_reported_with_its_address_and_no_other_datagram_is_lost(pair: Pair) -> None:
    sender, receiver = pair
    with closing(UdpSocket(receiver._socket.family)) as closed:
        closed.bind(LOOPBACK[receiver._socket.family])
        nobody = closed.address
    sender.record_errors()
    for _ in range(3):
        assert sender.send(b"to nobody", nobody) is None
        assert sender.send(b"to somebody", receiver.address) is None
    assert [data for data, _ in receiver.receive(9)] == [b"to somebody"] * 3
    assert sender.receive(9) == []
    assert (sender.errors(), sender.errors()) == ({nobody: SendError(errno.ECONNREFUSED, came_by_icmp=True)}, {})
    with selectors.DefaultSelector() as selector:
        selector.register(sender, selectors.EVENT_READ)
        assert selector.select(0) == [], "an error that stays would wake its reader again and again"


def to_here(*datagrams: bytes) -> list[Datagram]:
    return [(data, HERE) for data in datagrams]


def test_a_run_has_one_size_and_one_address_and_the_order_stays_and_it_fits_one_payload() -> None:
    datagrams = [*to_here(b"a", b"b", b"cc", b"d"), (b"e", THERE), *to_here(b"f")]
    assert groups(datagrams) == [(HERE, [b"a", b"b"]), (HERE, [b"cc"]), (HERE, [b"d"]), (THERE, [b"e"]), (HERE, [b"f"])]
    most = ((10, [64, 64, 2]), (1200, [54, 46]), (65_000, [1, 1]), (65_507, [1, 1, 1]), (0, [1, 1, 1]))
    for size, lengths in most:
        found = groups(to_here(*[bytes(size)] * sum(lengths)))
        assert [len(group) for _, group in found] == lengths
        assert all(sum(map(len, group)) <= 65_507 for _, group in found)


def test_a_datagram_arrives_and_no_more_are_received_than_asked_for_beyond_one_run(pair: Pair) -> None:
    sender, receiver = pair
    for size in (0, 1, 1200, 1201, 65_507):
        data = Random(SEED).randbytes(size)
        assert sender.send(data, receiver.address) is None
        assert receiver.receive(10) == [(data[:1201], sender.address)], (
            "of a datagram that is too long, one byte too many arrives"
        )
        assert receiver.receive(10) == []
    for size in range(1, 6):
        sender.send(bytes(size), receiver.address)
    assert [len(data) for data, _ in receiver.receive(3)] == [1, 2, 3]
    assert [len(data) for data, _ in receiver.receive(3)] == [4, 5]


@pytest.mark.parametrize(("size", "count"), [(1, 64), (1200, 54), (2, 500)], ids=["most", "longest", "too many at once"])
def test_a_run_arrives_as_its_datagrams_in_order(pair: Pair, size: int, count: int) -> None:
    sender, receiver = pair
    random = Random(SEED)
    group = [random.randbytes(size) for _ in range(count)]
    sender.send_group(group, receiver.address)
    sender.send_group([group[0]], receiver.address)
    assert receiver.receive(1000) == [(data, sender.address) for data in (*group, group[0])]


def test_a_datagram_that_cannot_leave_says_why_and_the_next_one_leaves(pair: Pair) -> None:
    sender, receiver = pair
    nowhere = (*receiver.address[:1], 0, *receiver.address[2:])
    assert sender.send(b"x", nowhere)
    assert sender.send(bytes(70_000), receiver.address) == os.strerror(errno.EMSGSIZE)
    sender.send_group([b"x", b"y"], nowhere)
    sender.send_group([b"x", b"y"], receiver.address)
    assert [data for data, _ in receiver.receive(10)] == [b"x", b"y"]
    nobody = receiver.address
    receiver.close()
    for _ in range(3):  # a port where nobody listens is no error
        sender.send(b"x", nobody)
        assert sender.receive(10) == []


def test_an_address_is_written_as_people_write_it() -> None:
    assert format_address(HERE) == "192.0.2.7:6683"
    assert format_address(("2001:db8::1", 6683, 0, 0)) == "[2001:db8::1]:6683"
    index, name = socket.if_nameindex()[0]
    assert format_address(("fe80::1", 6683, 0, index)) == f"[fe80::1%{name}]:6683"
    assert format_host((f"fe80::1%{name}", 6683, 0, index)) == f"fe80::1%{name}"
    assert format_host(("fe80::1", 6683, 0, 2**31 - 1)) == "fe80::1%2147483647", "its interface has gone"


def test_joining_on_an_interface_that_does_not_exist_fails() -> None:
    with closing(UdpSocket(socket.AF_INET6)) as listener:
        assert listener.join("ff12::756e:6f74:65", 2**31 - 1) is False


@pytest.mark.parametrize(
    ("port", "number", "kind"),
    [
        (443, errno.EACCES, "port_for_root"),
        (6683, errno.EACCES, "cannot_listen"),
        (443, errno.EPERM, "cannot_listen"),
        (443, errno.EADDRNOTAVAIL, "not_an_own_address"),
    ],
)
def test_only_a_low_port_that_the_user_may_not_use_is_said_to_be_for_root(port: int, number: int, kind: str) -> None:
    refused = OSError(number, os.strerror(number))
    assert cannot_listen(("192.0.2.7", port), refused).notice.kind == kind
