"""Several threads of one client, and several clients of one outbox, over real sockets on loopback."""

import ast
import inspect
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from queue import Queue
from random import Random
from types import FrameType
from typing import Any

import pytest

from tests.support.interrupted import interrupted_after
from tests.support.killed import FORKING, printed_by
from tests.support.loopback import Loopback
from tests.support.processes import DEADLINE_SECONDS, eventually
from tests.support.source import modules
from udpnote import Client
from udpnote.client.connection import Connection
from udpnote.client.sending import send_call
from udpnote.client.sending.results import SentEntry
from udpnote.client.surroundings import SystemClock, SystemRandomness
from udpnote.errors import ClientClosed, Notice, UdpnoteError
from udpnote.lan.interfaces import no_interfaces
from udpnote.lan.probing_endpoint import ProbingEndpoint
from udpnote.model.address import Datagram
from udpnote.storage.outbox.outbox import Outbox

InTime = Callable[[Callable[[], object]], threading.Thread]

WAIT_SECONDS = 10 * DEADLINE_SECONDS
"""A call that waits so long has not ended by itself."""

_LINES, _FIRST_LINE = inspect.getsourcelines(Connection.lock)
TRY_LINE = _FIRST_LINE + max(place for place, line in enumerate(_LINES) if line.strip() == "try:")
"""The first line of `Connection.lock` on which the lock is taken."""


class CountingEndpoint(ProbingEndpoint):
    """Counts how often a client begins to wait for datagrams, and how often it is woken. `timeouts` has each wait's limit."""

    waits = wakes = 0
    timeouts: tuple[float | None, ...] = ()

    def wake(self) -> None:
        self.wakes += 1
        super().wake()

    def receive(self, timeout_seconds: float | None, /) -> list[Datagram]:
        self.waits += 1
        self.timeouts += (timeout_seconds,)
        return super().receive(timeout_seconds)


@pytest.fixture
def patient_client(loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A client that has found its server. If a call of it rests and is not woken, it rests so long that the test fails."""
    monkeypatch.setattr(send_call, "IDLE_SECONDS", 10 * DEADLINE_SECONDS)
    loopback.serve()
    client = loopback.client()
    client.send("first")
    return client


def send_to(told: Queue[str], client: Client, lines: Iterator[str | None]) -> None:
    """Send `lines` by one call, and put the text of each entry into `told` when it has its outcome."""
    for sent in client.send_many(lines):
        told.put(sent.entry.text)


def hold(connection: Connection, may_end: threading.Event) -> None:
    """Hold the lock until `may_end` is set."""
    with connection.lock():
        assert may_end.wait(DEADLINE_SECONDS)


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


def test_a_thread_that_waits_for_the_lock_gets_it_before_its_last_holder(loopback: Loopback, in_time: InTime) -> None:
    loopback.reserve_port()
    connection, got = loopback.client()._connection, list[str]()

    def take(name: str) -> None:
        with connection.lock():
            got.append(name)

    for _ in range(20):
        with connection.lock():
            waiting = in_time(lambda: take("waiting"))
            eventually(lambda: connection._waiting == 1, "the other thread waits for the lock")
        take("giver")
        waiting.join(DEADLINE_SECONDS)
    assert len(got) == 40 and got[::2].count("waiting") > 10, "a busy machine may run the waiting thread too late"


def test_a_call_of_wake_is_not_lost_while_the_woken_thread_waits_for_the_lock(patient_client: Client, in_time: InTime) -> None:
    client, connection, told = patient_client, patient_client._connection, Queue[str]()
    is_asked, is_woken = threading.Event(), threading.Event()

    def lines() -> Iterator[str | None]:
        is_asked.set()
        yield None
        assert is_woken.is_set()
        yield "typed meanwhile"

    with connection.lock():
        sender = in_time(lambda: send_to(told, client, lines()))
        assert is_asked.wait(DEADLINE_SECONDS)
        is_woken.set()
        client.wake()
        connection.wait(0.0)  # as another thread that has the lock, which ends the wait of this one
    assert told.get(timeout=DEADLINE_SECONDS) == "typed meanwhile"
    sender.join()


def test_a_thread_that_was_woken_just_before_it_waits_does_not_rest(
    patient_client: Client, in_time: InTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, connection, threads = patient_client, patient_client._connection, list[threading.Thread]()
    receive, is_asked_again, may_end = connection.receive, threading.Event(), threading.Event()

    def lines() -> Iterator[str | None]:
        yield None
        is_asked_again.set()

    def receive_after_wake(until: float) -> list[Datagram]:
        monkeypatch.setattr(connection, "receive", receive)
        client.wake()
        threads.append(in_time(lambda: hold(connection, may_end)))
        eventually(lambda: connection._waiting == 1)
        return receive(until)

    monkeypatch.setattr(connection, "receive", receive_after_wake)
    threads.append(in_time(lambda: list(client.send_many(lines()))))
    assert is_asked_again.wait(DEADLINE_SECONDS)
    may_end.set()
    for thread in threads:
        thread.join()


def test_an_outcome_that_another_thread_has_received_is_given_at_once(loopback: Loopback) -> None:
    server = loopback.serve()
    endpoint = CountingEndpoint(list_interfaces=no_interfaces)
    client = loopback.client(endpoint=endpoint)
    client.send("first")

    def lines() -> Iterator[str | None]:
        server.stop()  # so that the round that sends the text gets no answer
        client.wake()  # and does not wait for it
        yield "one"
        yield None
        loopback.serve()
        client.deliver()  # without the lock, as another thread could while this one wants the lock
        endpoint.timeouts = ()
        yield None

    assert [sent.number for sent in client.send_many(lines())] == [2]
    assert set(endpoint.timeouts) <= {0.0}, "the call waits although it has the outcome"


def test_a_delivery_goes_on_with_the_notebook_that_another_thread_chooses(loopback: Loopback, in_time: InTime) -> None:
    kitchen, reasons = loopback.serve(), Queue[Notice | None]()
    endpoint = CountingEndpoint(list_interfaces=no_interfaces)
    client = loopback.client(endpoint=endpoint, wait=WAIT_SECONDS)
    client.send("first")
    kitchen.stop()
    loopback.serve("cellar")
    cellar = loopback.client().use("cellar")
    with closing(Outbox(loopback.folder / "outbox.sqlite3")) as outbox:
        for text, known in (("for the kitchen", client.notebook), ("for the cellar", cellar)):
            assert known is not None
            outbox.add([text], author="amy", written_at=0, utc_offset=0, notebook_id=known.notebook_id)
    waits = endpoint.waits
    delivering = in_time(lambda: reasons.put(client.deliver()))
    eventually(lambda: endpoint.waits > waits)
    client.use(cellar.notebook_id.hex())
    delivering.join()
    assert (reasons.get_nowait(), loopback.texts("cellar")) == (None, ["for the cellar"])
    assert [each.entry.text for each in client.waiting()] == ["for the kitchen"]


def test_threads_that_wait_do_not_keep_each_other_awake_and_miss_nothing(loopback: Loopback, in_time: InTime) -> None:
    loopback.serve()
    endpoint = CountingEndpoint(list_interfaces=no_interfaces)
    client, typed, seen = loopback.client(endpoint=endpoint), Queue[str | None](), Queue[str]()

    def follow() -> None:
        for stored in client.follow(last=0):
            seen.put(stored.entry.text)
            if stored.entry.text == "last":
                return

    def lines() -> Iterator[str | None]:
        while (text := typed.get_nowait() if not typed.empty() else None) != "end":
            yield text

    def is_quiet() -> bool:
        before = endpoint.waits
        time.sleep(0.1)
        return endpoint.waits <= before + 3

    client.send("first")
    threads = [in_time(follow), in_time(follow), in_time(lambda: list(client.send_many(lines())))]
    eventually(is_quiet)
    for text in ("one", "two", "last"):
        typed.put(text)
        client.wake()
        assert [seen.get(timeout=DEADLINE_SECONDS) for _ in range(2)] == [text, text]
    typed.put("end")
    client.wake()
    for thread in threads:
        thread.join()


def test_a_thread_that_rests_learns_of_a_datagram_although_another_thread_takes_the_lock_at_once(in_time: InTime) -> None:
    endpoint = CountingEndpoint(list_interfaces=no_interfaces)
    connection = Connection(endpoint, SystemClock(), Random(1))
    is_rested, may_end = threading.Event(), threading.Event()

    def receive_and_rest() -> None:
        with connection.lock():
            connection.receive(float("inf"))
        connection.rest()
        is_rested.set()

    resting = in_time(receive_and_rest)
    eventually(lambda: endpoint.waits == 1)
    with connection.lock():
        holding = in_time(lambda: hold(connection, may_end))
        eventually(lambda: endpoint.wakes > 1)
        assert not is_rested.is_set()
        connection.pass_on([(b"news", ("192.0.2.7", 6683))], connection.now())
    assert is_rested.wait(DEADLINE_SECONDS)
    may_end.set()
    for thread in (resting, holding):
        thread.join()
    connection.close()


@pytest.mark.parametrize(
    ("call", "queued"),
    [(lambda client: client.send("queued", wait=WAIT_SECONDS), ["queued"]), (lambda client: client.status(WAIT_SECONDS), [])],
    ids=["send", "status"],
)
def test_closing_a_client_ends_the_discovery_of_another_thread(
    loopback: Loopback, in_time: InTime, call: Callable[[Client], object], queued: list[str]
) -> None:
    loopback.reserve_port()
    endpoint = CountingEndpoint(list_interfaces=no_interfaces)
    client, errors = loopback.client(server=f"127.0.0.1:{loopback.port}", endpoint=endpoint), Queue[UdpnoteError]()

    def run() -> None:
        try:
            call(client)
        except UdpnoteError as error:
            errors.put(error)

    thread = in_time(run)
    eventually(lambda: endpoint.waits > 2)
    started = time.monotonic()
    client.close()
    assert isinstance(errors.get(timeout=DEADLINE_SECONDS), ClientClosed)
    assert time.monotonic() - started < DEADLINE_SECONDS
    thread.join()
    assert [each.entry.text for each in loopback.client().waiting()] == queued


def test_each_function_that_receives_datagrams_passes_them_on() -> None:
    receivers, droppers = [], []
    for module in modules().values():
        functions = [node for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef)]
        for function in functions if module.name.startswith("udpnote.client.") else ():
            called = {ast.unparse(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}
            if any(each.endswith("connection.receive") for each in called):
                receivers.append(module.place(function))
                if not any(each.endswith("connection.pass_on") for each in called):
                    droppers.append(module.place(function))
    assert receivers
    assert droppers == []


def test_a_thread_that_ctrl_c_interrupts_right_after_it_took_the_lock_can_take_it_again(in_time: InTime) -> None:
    connection = Connection(ProbingEndpoint(list_interfaces=no_interfaces), SystemClock(), Random(1))

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
    connection = Connection(ProbingEndpoint(list_interfaces=no_interfaces), SystemClock(), Random(1))
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


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Python drops Ctrl-C in a generator's end
@pytest.mark.parametrize("sends", [True, False])
def test_after_ctrl_c_at_any_step_of_a_call_the_client_sends_the_next_text_and_each_is_stored_once(
    loopback: Loopback, sends: bool
) -> None:
    loopback.serve()
    client = loopback.client()
    client.send("first")
    client.last_number()  # imports modules; an import that is interrupted leaves a file open
    for steps in count(1, 23):
        try:
            with interrupted_after(steps):
                client.send(f"interrupted after {steps}") if sends else client.last_number()
            break
        except KeyboardInterrupt:
            client.send(f"after {steps} steps")
            assert client.deliver() is None
    texts = loopback.texts()
    assert len(texts) == len(set(texts)) and {f"after {each} steps" for each in range(1, steps, 23)} <= set(texts)
    assert (steps > 200, [*client.waiting()]) == (True, [])


def test_a_client_may_wait_longer_than_the_system_can() -> None:
    with closing(ProbingEndpoint(list_interfaces=no_interfaces)) as endpoint:
        connection = Connection(endpoint, SystemClock(), SystemRandomness())
        with connection.lock():
            connection.wake()  # ends the next wait
            assert connection.receive(connection.now() + 2.0**40) == []


def test_a_child_process_cannot_use_the_client_and_does_not_close_it(loopback: Loopback) -> None:
    server = loopback.serve()
    program = f"""{FORKING}
from udpnote import Client
with Client(server="127.0.0.1:{server.port}", outbox={str(loopback.folder / "outbox.sqlite3")!r}, wait=5.0) as client:
    print(client.send("by the parent").number)
    in_child(lambda: client.send("by the child"))
    in_child(lambda: list(client.waiting()))
    in_child(client.close)
    print(client.send("by the parent again").number)
"""
    assert printed_by(program).split() == ["1", *["client_of_another_process"] * 2, "None", "2"]
