"""A queue that takes turns between addresses, so that all are served even if one of them sends very much.

Each host (an IP address) gets an equal share of the items that are taken, and each port of a host gets an equal share of the
host's share. The more hosts have items waiting, the fewer items may wait for each host. In the same way, the more ports of one
host have items waiting, the fewer items may wait for each port.
"""

from collections import Counter, OrderedDict, deque
from typing import Generic, TypeVar

from udpnote.model.address import Address

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """A queue of items. Each item belongs to one address, such as the sender of a datagram.

    `address_items_max` is the most items that may wait for an address if no other address has items waiting. The share of a
    host is `address_items_max` divided by the number of hosts that have items waiting. The share of a port is its host's share
    divided by the number of that host's ports that have items waiting. Each share is at least 1. The shares become smaller when
    another host or port comes. The items that are waiting at that time stay, even if they exceed the share.
    """

    def __init__(self, address_items_max: int) -> None:
        self._address_items_max = address_items_max
        self._hosts: OrderedDict[str, OrderedDict[int, deque[Item]]] = OrderedDict()
        self._counts: Counter[str] = Counter()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, item: Item, address: Address) -> bool:
        """Add `item`, which belongs to `address`, to the queue if there is room for it. Returns whether it was added.

        There is no room in three cases: the items of this port have reached the port's share, the items of this host have
        reached twice the host's share, or all items together have reached four times `address_items_max`. The last two
        limits are so large that newcomers find room although items that were added before exceed the shares.
        """
        host, port = address[:2]
        ports = self._hosts.setdefault(host, OrderedDict())
        waiting = ports.setdefault(port, deque())
        share = max(1, self._address_items_max // len(self._hosts))
        has_room = (
            len(waiting) < max(1, share // len(ports))
            and self._counts[host] < 2 * share
            and self._count < 4 * self._address_items_max
        )
        if has_room:
            waiting.append(item)
            self._counts[host] += 1
            self._count += 1
        else:
            self._forget_empty(host, port)
        return has_room

    def take(self) -> Item:
        """Remove and return the oldest item of the address whose turn it is.

        Hosts take turns, and so do the ports of each host. The queue must not be empty.
        """
        host, ports = next(iter(self._hosts.items()))
        port, waiting = next(iter(ports.items()))
        item = waiting.popleft()
        self._counts[host] -= 1
        self._count -= 1
        ports.move_to_end(port)
        self._hosts.move_to_end(host)
        self._forget_empty(host, port)
        return item

    def _forget_empty(self, host: str, port: int) -> None:
        """Remove `port` of `host` if it has no items waiting, and then `host` if none of its ports has items waiting."""
        ports = self._hosts[host]
        if not ports[port]:
            del ports[port]
        if not ports:
            del self._hosts[host], self._counts[host]
