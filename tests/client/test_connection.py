"""Several threads of one client, and several clients of one outbox, over real sockets on loopback."""

import ast
import inspect
import sys
import threading
from collections.abc import Callable, Iterator
from queue import Queue
from random import Random
from types import FrameType
from typing import Any

import pytest

from tests.support.loopback import Loopback
from tests.support.processes import DEADLINE_SECONDS
from tests.support.source import modules
from udpnote.client.connection import Connection, SystemClock
from udpnote.client.results import SentEntry
from udpnote.lan.endpoint import Endpoint
from udpnote.lan.interfaces import no_interfaces

InTime = Callable[[Callable[[], object]], threading.Thread]

_LINES, _FIRST_LINE = inspect.getsourcelines(Connection.lock)
TRY_LINE = _FIRST_LINE + max(place for place, line in enumerate(_LINES) if line.strip() == "try:")
"""The first line of `Connection.lock` on which the lock is taken."""


def test_several_threads_share_a_client_and_each_gets_its_own_answers(loopback: Loopback, in_time: InTime) -> None:
    loopback.serve()
    client = loopback.client()
    answers: Queue[tuple[str, SentEntry]] = Queue()

    def send(name: str) -> None:
        for number in range(10):
            text = f"{name} {number}"
            answers.put((text, client.send(text)))

    for thread in [in_time(lambda name=f"thread {n}": send(name)) for n in range(6)]:  # type: ignore[misc]
        thread.join(30)
    given = [answers.get_nowait() for _ in range(60)]
    assert all(text == sent.entry.text for text, sent in given)
    by_number = sorted(given, key=lambda answer: answer[1].number or 0)
    assert loopback.texts() == [text for text, _ in by_number]


def test_send_many_goes_on_when_it_is_woken_for_more(loopback: Loopback, in_time: InTime) -> None:
    loopback.serve()
    client = loopback.client()
    typed: Queue[str | None] = Queue()
    told: Queue[str] = Queue()

    def lines() -> Iterator[str | None]:
        while (text := typed.get_nowait() if not typed.empty() else None) != "end":
            yield text

    def send() -> None:
        for sent in client.send_many(lines()):
            told.put(sent.entry.text)

    in_time(send)
    for text in ("one", "two", "three"):
        typed.put(text)
        client.wake()
        assert told.get(timeout=10) == text
    typed.put("end")
    client.wake()


def test_a_thread_reads_while_another_one_follows_and_writes(loopback: Loopback, in_time: InTime) -> None:
    loopback.serve()
    client = loopback.client()
    client.send("first")
    seen: Queue[str] = Queue()

    def follow() -> None:
        for stored in client.follow(last=1):
            seen.put(stored.entry.text)
            if stored.entry.text == "last":
                return

    in_time(follow)
    assert seen.get(timeout=10) == "first"
    for text in ("news", "last"):
        client.send(text)
        assert seen.get(timeout=10) == text
        assert client.last_number() > 1


def test_a_datagram_that_one_thread_receives_reaches_the_listeners_of_all() -> None:
    droppers = []
    for module in modules().values():
        functions = [node for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef)]
        for function in functions if module.name.startswith("udpnote.client.") else ():
            called = {ast.unparse(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}
            if any(each.endswith("connection.receive") for each in called) and not any(
                each.endswith("connection.pass_on") for each in called
            ):
                droppers.append(module.place(function))
    assert droppers == []


def test_a_thread_that_ctrl_c_interrupts_right_after_it_took_the_lock_can_take_it_again(in_time: InTime) -> None:
    connection = Connection(Endpoint.client(list_interfaces=no_interfaces), SystemClock(), Random(1))

    def interrupt_when_locked(frame: FrameType, event: str, _argument: object) -> Any:
        if frame.f_code.co_name == "lock" and event == "line" and frame.f_lineno == TRY_LINE:
            sys.settrace(None)
            raise KeyboardInterrupt
        return interrupt_when_locked

    def interrupt_and_close() -> None:
        sys.settrace(interrupt_when_locked)
        with pytest.raises(KeyboardInterrupt), connection.lock():
            pass
        with connection.lock():
            connection.close()

    in_time(interrupt_and_close).join(5.0)
    assert connection.is_closed


def test_a_thread_that_waits_for_the_lock_gets_it_after_the_round_of_the_thread_that_has_it(in_time: InTime) -> None:
    connection = Connection(Endpoint.client(list_interfaces=no_interfaces), SystemClock(), Random(1))
    rounds, has_lock, is_done = [0], threading.Event(), threading.Event()

    def receive_again_and_again() -> None:
        while not is_done.is_set():
            with connection.lock():
                rounds[0] += 1
                has_lock.set()
                connection.receive(connection.now() + DEADLINE_SECONDS)

    receiving = in_time(receive_again_and_again)
    waited = 0
    for _ in range(200):
        assert has_lock.wait(DEADLINE_SECONDS)
        before = rounds[0]
        with connection.lock():
            has_lock.clear()
            waited += rounds[0] - before
    is_done.set()
    connection.endpoint.wake()
    receiving.join()
    connection.close()
    assert waited <= 3, "the other thread has almost never taken the lock again before"
