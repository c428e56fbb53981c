"""A queue that takes turns between addresses, so that an address that sends very much does not keep the others waiting.

Each host (an IP address) gets an equal share of what is taken, and each port of a host an equal share of the host's. The more
hosts have items waiting, the fewer each of them may add, and the same holds for the ports of a host.
"""

from collections import Counter, OrderedDict, deque
from typing import Generic, TypeVar

from udpnote.model.address import Address

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """Items that wait, at most `address_items_max` of one address.

    What waits already stays when another address comes. So there may be more of one host, but at most twice as many, and more
    of all hosts together, but at most four times as many.
    """

    def __init__(self, address_items_max: int) -> None:
        self._address_items_max = address_items_max
        self._hosts: OrderedDict[str, OrderedDict[int, deque[Item]]] = OrderedDict()
        self._counts: Counter[str] = Counter()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, item: Item, address: Address) -> bool:
        """Let `item` of `address` wait; returns False if there is no room for it."""
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
        """Remove the oldest item of the address whose turn it is; the queue must not be empty."""
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
        """Forget the port, and the host, if nothing of it waits."""
        ports = self._hosts[host]
        if not ports[port]:
            del ports[port]
        if not ports:
            del self._hosts[host], self._counts[host]
