"""Rates: what is allowed at once, what over time, and each address by itself."""

from udpnote.page.rates import ADDRESSES_MAX, Rate, RatePerAddress


def test_a_burst_is_allowed_and_then_the_rate() -> None:
    rate = Rate(2.0, 3)
    assert [rate.take(0.0) for _ in range(4)] == [True, True, True, False]
    assert [rate.take(0.5) for _ in range(2)] == [True, False]
    assert [rate.take(100.0) for _ in range(4)] == [True, True, True, False], "no more than a burst is saved up"


def test_each_address_has_its_own_rate_and_the_oldest_is_forgotten() -> None:
    rates = RatePerAddress(1.0, 1)
    assert [rates.take("a", 0.0), rates.take("b", 0.0), rates.take("a", 0.0)] == [True, True, False]
    for number in range(ADDRESSES_MAX):
        rates.take(str(number), 0.0)
    assert rates.take("a", 0.0)
