"""The fair queue: hosts take turns, and so do the ports of a host; nobody fills it alone for long."""

import pytest

from udpnote.model.address import Address
from udpnote.protocol.fair_queue import FairQueue

A1, A2, B1, C1 = ("a", 1), ("a", 2), ("b", 1), ("c", 1)


def add(queue: FairQueue[str], address: Address, count: int) -> int:
    """Add `count` items that are named after `address`. Return how many had room."""
    return sum(queue.add(f"{address[0]}{address[1]}", address) for _ in range(count))


def take(queue: FairQueue[str], count: int) -> str:
    return " ".join(queue.take() for _ in range(count))


def test_items_of_one_address_keep_their_order() -> None:
    queue: FairQueue[int] = FairQueue(10)
    for number in range(5):
        queue.add(number, A1)
    assert [queue.take() for _ in range(5)] == [0, 1, 2, 3, 4]
    assert not len(queue)


def test_hosts_take_turns_and_so_do_the_ports_of_a_host_also_after_later_arrivals() -> None:
    queue: FairQueue[str] = FairQueue(100)
    add(queue, A1, 20), add(queue, A2, 20), add(queue, B1, 3)
    assert take(queue, 5) == "a1 b1 a2 b1 a1"
    add(queue, C1, 1)
    assert take(queue, 5) == "b1 a2 c1 a1 a2"


@pytest.mark.parametrize(("others", "room"), [((), 12), ((A2,), 6), ((B1,), 6), ((A2, B1), 3), ((B1, C1), 4)])
def test_the_room_is_shared_by_the_addresses_that_have_something_in_it(others: tuple[Address, ...], room: int) -> None:
    queue: FairQueue[str] = FairQueue(12)
    for other in others:
        add(queue, other, 1)
    assert add(queue, A1, 20) == room


def test_another_port_and_another_host_find_room_when_others_have_filled_theirs() -> None:
    queue: FairQueue[str] = FairQueue(12)
    ports = [("a", port) for port in range(1, 40)]
    assert sum(add(queue, port, 20) for port in ports) == 24, "a host that fills one port after the other"
    assert (add(queue, B1, 20), add(queue, C1, 20)) == (6, 4)
    assert sum(add(queue, (f"host {number}", 1), 1) for number in range(40)) == 48 - 34, "so much of all together"
    assert take(queue, 4) == "a1 b1 c1 host 01"
    assert [add(queue, ("late", port), 1) for port in range(5)] == [1, 1, 0, 0, 0], "a host of many has little room"


def test_nothing_is_kept_of_an_address_without_items() -> None:
    queue: FairQueue[str] = FairQueue(1)
    has_room = [add(queue, address, 2) for address in (A1, B1, C1, A2, ("d", 1), ("e", 1))]
    assert has_room == [1, 1, 1, 1, 0, 0]
    take(queue, 4)
    assert not queue._hosts and not queue._counts
