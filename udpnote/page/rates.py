"""How many requests each host may make, how much of something it may have, and which addresses count as one host."""

import ipaddress
from collections import Counter, OrderedDict

from starlette.types import Scope

HOSTS_MAX = 1024
"""For how many hosts the page remembers the number of requests. A LAN has fewer."""

NETWORK_BITS = 64
"""The length of an IPv6 prefix, in bits. A host may take any number of addresses in a network of this length (RFC 7421)."""


def counted_host(client: str, server: str) -> str:
    """Return the name under which to count the requests of the browser at the address `client`: an address, or an IPv6 network.

    The name is usually the IPv6 network (/64) of `client`, because a host can take any number of addresses in it. It is
    `client` itself for an IPv4 address, and also where many hosts share one IPv6 network: if `client` is link-local or
    loopback, or in the network of `server`, the page's address to which the browser has connected. If `client` is not an IP
    address, it is returned as it is.
    """
    address, own = _address(client), _address(server)
    if not isinstance(address, ipaddress.IPv6Address):
        return client if address is None else str(address)
    network = ipaddress.IPv6Network((int(address), NETWORK_BITS), strict=False)
    is_neighbour = address.is_link_local or address.is_loopback or (own is not None and own in network)
    return client if is_neighbour else str(network)


def host_of_client(scope: Scope) -> str:
    """Return the name under which to count a request (see `counted_host`); empty if the browser's address is not known."""
    client, server = scope.get("client"), scope.get("server")
    if client is None:
        return ""
    return counted_host(client[0], server[0] if server is not None else "")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the IP address in `text`; None if `text` is not one. An IPv6 address that stands for an IPv4 one becomes the IPv4
    address.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None) or address


class Rate:
    """Allows `per_second` requests a second on average, and `burst` requests at once after a pause (a token bucket)."""

    def __init__(self, per_second: float, burst: float) -> None:
        self._per_second, self._burst = per_second, burst
        self._left, self._at = float(burst), float("-inf")

    def take(self, now: float) -> bool:
        """Return whether one more request is allowed at the time `now`, in seconds of a monotonic clock. If it is, count it."""
        if now > self._at:
            self._left = min(self._left + (now - self._at) * self._per_second, self._burst)
            self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class RatePerHost:
    """A `Rate` for each host, with the limits `per_second` and `burst`. If there are more than `HOSTS_MAX` hosts, the one whose
    last request is the longest ago is forgotten.
    """

    def __init__(self, per_second: float, burst: float) -> None:
        self._limits = per_second, burst
        self._rates: OrderedDict[str, Rate] = OrderedDict()

    def take(self, host: str, now: float) -> bool:
        """Return whether one more request of `host` is allowed at the time `now`, in seconds of a monotonic clock. If it is,
        count it.

        `host` is a result of `counted_host`.
        """
        rate = self._rates.get(host)
        if rate is None:
            rate = self._rates[host] = Rate(*self._limits)
            if len(self._rates) > HOSTS_MAX:
                self._rates.popitem(last=False)
        self._rates.move_to_end(host)
        return rate.take(now)


class Places:
    """Places for what takes a while, such as streams: `places_max` in all, and at most `places_per_host_max` for one host."""

    def __init__(self, places_max: int, places_per_host_max: int) -> None:
        self._places_max, self._places_per_host_max = places_max, places_per_host_max
        self._taken: Counter[str] = Counter()

    def take(self, host: str, *, is_local: bool) -> bool:
        """Take a place for `host`, a result of `counted_host`, and return whether one was free for it. If `is_local`, the host
        is this machine, which may take all.
        """
        is_full = not is_local and self._taken[host] >= self._places_per_host_max
        if is_full or self._taken.total() >= self._places_max:
            return False
        self._taken[host] += 1
        return True

    def give_back(self, host: str) -> None:
        """Give back a place that `host` has taken."""
        self._taken -= Counter([host])  # `-=` also removes a host that has no place any more
