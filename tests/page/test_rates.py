"""Rates: what is allowed at once, what over time, and each host by itself."""

import pytest

from udpnote.page.rates import HOSTS_MAX, Rate, RatePerHost, counted_host


def test_a_burst_is_allowed_and_then_the_rate() -> None:
    rate = Rate(2.0, 3)
    assert [rate.take(0.0) for _ in range(4)] == [True, True, True, False]
    assert [rate.take(0.5) for _ in range(2)] == [True, False]
    assert [rate.take(100.0) for _ in range(4)] == [True, True, True, False], "no more than a burst is saved up"


def test_each_host_has_its_own_rate_and_the_oldest_is_forgotten() -> None:
    rates = RatePerHost(1.0, 1)
    assert [rates.take("a", 0.0), rates.take("b", 0.0), rates.take("a", 0.0)] == [True, True, False]
    for number in range(HOSTS_MAX):
        rates.take(str(number), 0.0)
    assert rates.take("a", 0.0)


@pytest.mark.parametrize(
    ("client", "server", "host"),
    [
        ("192.0.2.9", "192.0.2.7", "192.0.2.9"), ("::ffff:192.0.2.9", "::ffff:192.0.2.7", "192.0.2.9"),
        ("2001:db8::9", "2001:db8:0:1::7", "2001:db8::/64"), ("2001:db8::ffff:0:0:1", "192.0.2.7", "2001:db8::/64"),
        ("2001:db8::9", "2001:db8::7", "2001:db8::9"), ("fe80::9%eth0", "fe80::7%eth0", "fe80::9%eth0"),
        ("fe80::9", "fd00::7", "fe80::9"), ("fd00::9", "fe80::7", "fd00::/64"), ("::1", "::1", "::1"), ("", "", ""),
    ],
)  # fmt: skip
def test_the_addresses_of_another_ipv6_network_are_one_host_and_neighbours_are_not(client: str, server: str, host: str) -> None:
    assert counted_host(client, server) == host
