"""How many requests each address may make."""

from collections import OrderedDict

ADDRESSES_MAX = 1024
"""For how many addresses the page remembers the number of requests. A LAN has fewer hosts."""


class Rate:
    """Allows `per_second` requests on average, and `burst` at once after a pause (a token bucket)."""

    def __init__(self, per_second: float, burst: float) -> None:
        self._per_second, self._burst = per_second, burst
        self._left, self._at = float(burst), float("-inf")

    def take(self, now: float) -> bool:
        """Whether one more request is allowed at the monotonic time `now`, in seconds. If it is, the request is counted."""
        if now > self._at:
            self._left = min(self._left + (now - self._at) * self._per_second, self._burst)
            self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class RatePerAddress:
    """A `Rate` for each address. If there are more than `ADDRESSES_MAX`, the address without requests for the longest time is
    dropped.
    """

    def __init__(self, per_second: float, burst: float) -> None:
        self._limits = per_second, burst
        self._rates: OrderedDict[str, Rate] = OrderedDict()

    def take(self, address: str, now: float) -> bool:
        """Whether one more request of `address` is allowed at the monotonic time `now`, in seconds. If it is, the request is
        counted.
        """
        rate = self._rates.get(address)
        if rate is None:
            rate = self._rates[address] = Rate(*self._limits)
            if len(self._rates) > ADDRESSES_MAX:
                self._rates.popitem(last=False)
        self._rates.move_to_end(address)
        return rate.take(now)
