"""The fair queue: hosts take turns, and so do the ports of a host; nobody fills it alone for long."""

import pytest

from udpnote.model.address import Address
from udpnote.protocol.fair_queue import FairQueue

A1, A2, B1, C1 = ("a", 1), ("a", 2), ("b", 1), ("c", 1)


def add(queue: FairQueue[str], address: Address, count: int) -> int:
    """Add items named after `address`; returns how many had room."""
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


def test_another_address_finds_room_when_one_has_filled_its_own_and_all_together_have_twice_as_much() -> None:
    queue: FairQueue[str] = FairQueue(12)
    assert (add(queue, A1, 20), add(queue, B1, 20)) == (12, 6)
    assert sum(add(queue, (f"host {number}", 1), 1) for number in range(20)) == 6 and len(queue) == 24
    assert take(queue, 3) == "a1 b1 host 01"
    assert [add(queue, ("late", port), 1) for port in range(5)] == [1, 1, 1, 0, 0]


def test_nothing_is_kept_of_an_address_that_has_nothing_in_it() -> None:
    queue: FairQueue[str] = FairQueue(1)
    add(queue, A1, 1), add(queue, B1, 1), add(queue, C1, 1), add(queue, A2, 1)
    take(queue, 2)
    assert not queue._hosts
