"""A queue that takes turns between addresses, so that an address that sends very much does not keep the others waiting.

Each host gets an equal share of what is taken, and each port of a host an equal share of the host's. The room is shared alike:
where many addresses have something waiting, each may have fewer items waiting than one alone.
"""

from collections import OrderedDict, deque
from typing import Generic, TypeVar

from udpnote.model.address import Address

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """Items that wait, at most twice `items_max` altogether; a single address has room for `items_max`."""

    def __init__(self, items_max: int) -> None:
        self._items_max = items_max
        self._hosts: OrderedDict[str, OrderedDict[int, deque[Item]]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, item: Item, address: Address) -> bool:
        """Let `item` of `address` wait; returns False if there is no room for it."""
        ports = self._hosts.setdefault(address[0], OrderedDict())
        waiting = ports.setdefault(address[1], deque())
        room = self._items_max // (len(self._hosts) * len(ports))
        has_room = len(waiting) < max(1, room) and self._count < 2 * self._items_max
        if has_room:
            waiting.append(item)
            self._count += 1
        elif not waiting:
            del ports[address[1]]
            if not ports:
                del self._hosts[address[0]]
        return has_room

    def take(self) -> Item:
        """Remove the oldest item of the address whose turn it is; the queue must not be empty."""
        host, ports = next(iter(self._hosts.items()))
        port, waiting = next(iter(ports.items()))
        item = waiting.popleft()
        self._count -= 1
        ports.move_to_end(port)
        self._hosts.move_to_end(host)
        if not waiting:
            del ports[port]
        if not ports:
            del self._hosts[host]
        return item
