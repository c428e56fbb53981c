"""An examination on a simulated LAN: the servers' reports, and which datagrams the doctor ignores."""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from random import Random

from tests.support.lan import CELLAR, KITCHEN, Lan, WaitingEndpoint
from tests.support.network import PORT
from udpnote.client.diagnosis.examination import (
    ADDRESSES_MAX,
    AGAIN_SECONDS,
    DIRECT_SECONDS,
    LATE_SECONDS,
    ROUNDS_SECONDS,
    SERVERS_MAX,
    SHORT_SECONDS,
    SIZING_SECONDS,
    UNMEASURED,
    Examination,
    WayKind,
)
from udpnote.lan.endpoint import DISCOVERY_GROUP
from udpnote.lan.probing_endpoint import THIS_MACHINE, ProbeAttempt
from udpnote.model.address import Address, Datagram
from udpnote.protocol.codec.codec import decode, encode
from udpnote.protocol.codec.examination import EXAMINE_BYTES_MIN
from udpnote.protocol.envelope import BODY_BYTES_MAX, OPEN
from udpnote.protocol.examination_messages import Examine, HeardHost, Report

LAPTOP = ("192.0.2.100", 50_000)
OWN_IPV6 = "2001:db8::100"
TOKEN = b"examined"
DIRECT_WAYS = {30, 31, *range(32, 64)}
"""The numbers of the datagrams that a server gets directly: a short one, a long one, and 32 short ones to count losses."""


class LossyEndpoint(WaitingEndpoint):
    """A client's sockets on a network that loses each datagram for which `passes` is false."""

    def __init__(self, lan: Lan, passes: Callable[[bytes], bool], address: Address = LAPTOP) -> None:
        super().__init__(lan, address)
        self._passes = passes

    def send(self, datagrams: Sequence[Datagram], /) -> None:
        super().send([each for each in datagrams if self._passes(each[0])])


class InterruptedEndpoint(WaitingEndpoint):
    """A client's sockets on a network that loses the first broadcasts."""

    rounds = 0

    def probe_variously(self, data_for: Callable[[str, str], bytes], ports: Collection[int], /) -> list[ProbeAttempt]:
        self.rounds += 1
        return super().probe_variously(data_for, ports if self.rounds > len(ROUNDS_SECONDS) else ())


class CrowdedEndpoint(WaitingEndpoint):
    """The sockets of a client with sixty interfaces, of which the last one leads to the servers."""

    def probe_variously(self, data_for: Callable[[str, str], bytes], ports: Collection[int], /) -> list[ProbeAttempt]:
        targets = [(f"eth{number}", f"10.0.{number}.255") for number in range(60)]
        for interface, target in (*targets, ("eth0", DISCOVERY_GROUP), (THIS_MACHINE, "127.0.0.1")):
            data = data_for(interface, target)
            if interface == "eth59":
                self.probe(data, ports)
        return []


def examine(endpoint: WaitingEndpoint, lan: Lan, *addresses: Address) -> Examination:
    """Run an examination, which also asks `addresses` directly, and return it."""
    made = Examination(
        endpoint, [OPEN], token=TOKEN, ports=(PORT,), own_hosts={LAPTOP[0], OWN_IPV6}, monotonic=lan.monotonic,
        microseconds=lan.microseconds,
    )  # fmt: skip
    made.run(addresses)
    return made


def test_servers_report_which_datagrams_reached_them_and_an_address_without_a_server_does_not(lan: Lan) -> None:
    kitchen, _ = lan.serve(), lan.serve("cellar", host=CELLAR)
    examined = examine(WaitingEndpoint(lan, LAPTOP), lan, (KITCHEN, PORT), ("192.0.2.77", PORT))
    assert {each.addresses for each in examined.servers} == {((KITCHEN, PORT),), ((CELLAR, PORT),)}
    for server in examined.servers:
        assert server.longest == BODY_BYTES_MAX and server.heard == server.answered == {2, *DIRECT_WAYS}
        assert abs(server.clock_ahead) < 1_000_000 and server.heard_hosts == ()
    assert kitchen.notebook_id in {each.notebook_id for each in examined.servers}


def test_with_many_interfaces_no_broadcast_has_the_number_of_another_way(lan: Lan) -> None:
    lan.serve()
    examined = examine(CrowdedEndpoint(lan, LAPTOP), lan)
    numbers = {kind: [each.number for each in examined.ways if each.kind is kind] for kind in WayKind}
    broadcasts = numbers[WayKind.BROADCAST]
    assert len(set(broadcasts)) == 28 and broadcasts.count(UNMEASURED) == 33
    assert not set(broadcasts) & {*numbers[WayKind.MULTICAST], *numbers[WayKind.LOOPBACK]}
    assert [each.heard for each in examined.servers] == [{UNMEASURED, *DIRECT_WAYS}]


def test_if_long_datagrams_are_lost_the_longest_that_is_answered_is_found(lan: Lan) -> None:
    lan.serve()
    [server] = examine(LossyEndpoint(lan, lambda data: len(data) <= 750), lan).servers
    assert (server.longest, server.short_sent, server.short_lost) == (700, 32, 0)


def test_broadcasts_that_are_lost_for_a_moment_are_sent_again(lan: Lan) -> None:
    lan.serve()
    [server] = examine(InterruptedEndpoint(lan, LAPTOP), lan, (KITCHEN, PORT)).servers
    assert server.answered == {2, *DIRECT_WAYS}


def test_if_short_datagrams_are_lost_they_are_counted_and_the_length_is_not_blamed(lan: Lan) -> None:
    def passes(data: bytes) -> bool:
        return len(data) <= 100 and isinstance(asked := decode(data), Examine) and asked.way not in (33, 38, 60)

    lan.serve()
    began = lan.now
    [server] = examine(LossyEndpoint(lan, passes), lan).servers
    assert (server.longest, server.short_sent, server.short_lost) == (EXAMINE_BYTES_MIN, 32, 3)
    assert lan.now >= began + LATE_SECONDS


def test_a_network_that_loses_three_tenths_of_the_datagrams_is_recognized_each_time(lan: Lan) -> None:
    lan.serve()
    random = Random(20190509)
    for host in range(100, 150):
        endpoint = LossyEndpoint(lan, lambda _: random.random() >= 0.3, (f"192.0.2.{host}", 50_000))
        [server] = examine(endpoint, lan, (KITCHEN, PORT)).servers
        assert server.is_lossy, server


def test_the_late_answer_of_a_slow_server_counts_and_ends_the_wait(lan: Lan) -> None:
    began = lan.now
    for way in (2, 31):
        report = encode(Report(TOKEN, way, 0, bytes(16), b"slow one", 0, LAPTOP[0], 1, 0, (), BODY_BYTES_MAX))
        lan.after(2.0, partial(lan.network.send, report, (KITCHEN, PORT), LAPTOP))
    [server] = examine(WaitingEndpoint(lan, LAPTOP), lan, (KITCHEN, PORT)).servers
    assert server.answered == {2, 31} and server.short_sent == 0
    assert 2.0 < lan.now - began < LATE_SECONDS


def test_reports_with_another_token_are_ignored_and_forged_ones_fill_no_memory(lan: Lan) -> None:
    endpoint = WaitingEndpoint(lan, LAPTOP)
    for number in range(200):
        for token, server_id in ((bytes(8), 999), (TOKEN, number)):
            report = Report(token, 30, 1, bytes(16), server_id.to_bytes(8), 0, "192.0.2.5", 1, 0, (), 76)
            lan.network.send(encode(report), (f"198.51.100.{number}", PORT), LAPTOP)
    examined = examine(endpoint, lan)
    assert len(examined.servers) == SERVERS_MAX and (999).to_bytes(8) not in {each.server_id for each in examined.servers}
    asked = [data for data in lan.sent if isinstance(decode(data), Examine)]
    asked_directly = 2 * len(DIRECT_SECONDS + AGAIN_SECONDS) + len(SHORT_SECONDS) + 11 * len(SIZING_SECONDS)
    assert 0 < len(asked) <= len(ROUNDS_SECONDS + AGAIN_SECONDS) + asked_directly * ADDRESSES_MAX


def test_another_host_speaks_neither_for_a_server_here_nor_for_two_servers_at_one_port(lan: Lan) -> None:
    endpoint = WaitingEndpoint(lan, LAPTOP)
    heard = (HeardHost("192.0.2.66", 0, 0, 1),)

    def forge(server_id: bytes, source: Address, *, way: int = 30, unsent: int = 0) -> None:
        report = Report(TOKEN, way, 0, bytes(16), server_id, 0, "192.0.2.5", 1, unsent, heard, 200)
        lan.network.send(encode(report), source, LAPTOP)

    forge(b"of-here!", (LAPTOP[0], PORT), unsent=2)
    forge(b"of-here!", ("127.0.0.1", PORT), way=0)
    for number in range(9):
        forge(number.to_bytes(8), ("192.0.2.66", PORT), unsent=3)
    forge(b"of-here!", ("192.0.2.67", PORT), unsent=9)
    forge(b"IPv6!!!!", (f"{OWN_IPV6}%eth0", PORT, 0, 2), unsent=4)
    forge(b"loopback", ("192.0.2.68", PORT), way=0)
    forge(b"no port!", ("192.0.2.69", PORT + 9))
    servers = {each.server_id: (each.is_here, each.unsent, each.heard_hosts) for each in examine(endpoint, lan).servers}
    assert servers == {b"of-here!": (True, 2, heard), bytes(8): (False, 0, ()), b"IPv6!!!!": (True, 0, ())}
