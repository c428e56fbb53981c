"""How many requests each address may make."""

from collections import OrderedDict

ADDRESSES_MAX = 1024
"""For how many addresses the page remembers how many requests they have made. A LAN has fewer hosts."""


class Rate:
    """Allows `per_second` requests on average, and `burst` at once after a pause (a token bucket)."""

    def __init__(self, per_second: float, burst: float) -> None:
        self._per_second, self._burst = per_second, burst
        self._left, self._at = float(burst), float("-inf")

    def take(self, now: float) -> bool:
        """Count one more request if it is allowed at the monotonic time `now`, in seconds, and return whether it is."""
        if now > self._at:
            self._left = min(self._left + (now - self._at) * self._per_second, self._burst)
            self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class RatePerAddress:
    """A `Rate` for each address. Of more than `ADDRESSES_MAX`, the one that asked the longest time ago is forgotten."""

    def __init__(self, per_second: float, burst: float) -> None:
        self._limits = per_second, burst
        self._rates: OrderedDict[str, Rate] = OrderedDict()

    def take(self, address: str, now: float) -> bool:
        """Count one more request of `address` as `Rate.take` does, and return whether it is allowed."""
        rate = self._rates.get(address)
        if rate is None:
            rate = self._rates[address] = Rate(*self._limits)
            if len(self._rates) > ADDRESSES_MAX:
                self._rates.popitem(last=False)
        self._rates.move_to_end(address)
        return rate.take(now)
