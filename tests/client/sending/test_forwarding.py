"""Forwarding: entries keep their own identities, and each caller gets the notebook's verdict on exactly these."""

import threading
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from tests.conftest import DEADLINE_SECONDS
from tests.support.errors import raises
from tests.support.lan import CELLAR, KITCHEN, Lan
from tests.support.loopback import Loopback
from udpnote import Client
from udpnote.errors import ClientClosed, InvalidEntry, InvalidQuery, OldKey, ServerNotFound, UdpnoteError
from udpnote.model.entry import SEQUENCE_MAX, TEXT_BYTES_MAX, Entry, Kind, SeenEntry, Status, Verdict
from udpnote.protocol.codec.codec import decode
from udpnote.protocol.messages import Append, Run

ADA, BOB, EVE = b"a" * 16, b"b" * 16, b"e" * 16
InTime = Callable[[Callable[[], object]], threading.Thread]


def note(text: str, sequence: int = 1, client_id: bytes = ADA) -> Entry:
    return Entry(client_id, sequence, Kind.NOTE, 1_557_391_028_000_000, 480, "王芳", text)


def revision(text: str, sequence: int, revises: int, seen: SeenEntry | None = None) -> Entry:
    entry = note(text, sequence)._replace(kind=Kind.REVISION if text else Kind.DELETION, revises=revises)
    return entry if seen is None else entry._replace(seen=seen)


def stored(*numbers: int) -> list[Verdict]:
    return [Verdict(Status.STORED, number) for number in numbers]


def requests(sent: Sequence[bytes]) -> list[Append | Run]:
    """The messages with entries among these datagrams, which must not be sealed."""
    return [message for message in map(decode, sent) if isinstance(message, Append | Run)]


def test_entries_of_several_writers_get_their_verdicts_in_order_and_leave_no_trace_in_the_outbox(lan: Lan) -> None:
    lan.serve()
    client = lan.client()
    assert client.forward([]) == []
    long = "第一行\n" + "x" * (TEXT_BYTES_MAX - 10)
    assert client.forward([note("我是一个中文"), note(long, 2), note("from Bob", 7, BOB)]) == stored(1, 2, 3)
    version = lan.outbox().version()
    changes = [revision("revised", 3, 1, SeenEntry(1, ADA, 1)), revision("", 4, 4), revision("", 5, 3)]
    assert client.forward(changes) == stored(4, 5, 6)
    assert client.forward([note("from Bob", 7, BOB), *changes]) == stored(3, 4, 5, 6), "stored once"
    assert lan.texts() == ["我是一个中文", long, "from Bob", "revised", "", ""]
    assert (list(client.waiting()), lan.outbox().version()) == ([], version)


def test_short_notes_of_many_writers_share_datagrams_on_a_bad_network_as_well(lan: Lan) -> None:
    lan.serve()
    client = lan.client(wait=30.0)
    writers = [bytes([number]) * 16 for number in range(50)]
    entries = [note(f"{writer[0]} 第{sequence}条", sequence, writer) for sequence in range(1, 5) for writer in writers]
    assert client.forward(entries) == stored(*range(1, 201))
    assert len(requests(lan.sent)) < 20
    lan.network.weather = lan.network.weather._replace(loss=0.3, duplication=0.3)
    again = [note(f"later {entry.text}", entry.sequence + 10, entry.client_id) for entry in entries]
    verdicts = client.forward([*again, *entries])
    assert {verdict.number for verdict in verdicts if verdict} == set(range(1, 401))
    assert verdicts[200:] == stored(*range(1, 201))
    assert [lan.texts()[verdict.number - 1] for verdict in verdicts[:200] if verdict] == [entry.text for entry in again]


def test_the_notebook_decides_about_each_identity_and_says_why(lan: Lan) -> None:
    lan.refuse("bad")
    server = lan.serve()
    client = lan.client()
    assert client.forward([note("one"), note("another one"), note("one")]) == [
        Verdict(Status.STORED, 1), Verdict(Status.CONFLICT, 0), Verdict(Status.STORED, 1),
    ]  # fmt: skip
    entries = [
        note("other"), note("y" * 5000, 1), note("bad", 2), revision("x", 3, 99), revision("x", 4, 1, SeenEntry(1, BOB, 1)),
        note("good", 5),
    ]  # fmt: skip
    assert [verdict and verdict.status for verdict in client.forward(entries)] == [
        Status.CONFLICT, Status.CONFLICT, Status.REFUSED, Status.REFUSED, Status.OLDER_COPY, Status.STORED,
    ]  # fmt: skip
    assert lan.texts() == ["one", "good"]
    server.stop()
    lan.erase(1)
    lan.serve()
    assert client.forward([note("one"), revision("x", 6, 1)]) == [Verdict(Status.ERASED, 0)] * 2


def test_a_call_that_gives_up_has_no_verdict_and_its_entry_is_not_sent_until_it_is_forwarded_again(lan: Lan) -> None:
    server = lan.serve()
    client = lan.client()
    assert client.forward([note("before")]) == stored(1)
    server.stop()
    entries = [note("one", 2), note("y" * 9000, 3), revision("x", 4, 1), revision("z", 5, 1)]
    began = lan.now
    assert client.forward(entries, wait=8.0) == [None] * 4
    assert lan.now - began == pytest.approx(8.0, abs=0.01)
    lan.sent.clear()
    assert client.forward([note("from Bob", 1, BOB)], wait=60.0) == [None]
    assert {
        message.notes.client_id if isinstance(message, Run) else message.part.client_id for message in requests(lan.sent)
    } == {BOB}
    lan.now += 3.0
    lan.serve()
    began = lan.now
    assert client.forward(entries, wait=0.5) == stored(2, 3, 4, 5), "at once, however long the server was silent"


def test_a_long_text_that_arrives_slowly_is_not_given_up_while_it_makes_progress(lan: Lan) -> None:
    lan.serve()
    lan.network.weather = lan.network.weather._replace(loss=0.2, latency_seconds=(0.2, 0.2))
    began = lan.now
    assert lan.client().forward([note("x" * 300_000)], wait=3.0) == stored(1)
    assert lan.now - began > 6.0


@pytest.mark.parametrize("is_sealed", [False, True], ids=["open", "sealed"])
def test_a_notebook_that_is_not_found_is_an_error_and_is_found_by_the_next_call(lan: Lan, is_sealed: bool) -> None:
    client = lan.client()
    with raises(ServerNotFound, "no_answer_on_lan"):
        client.forward([note("one")], wait=1.0)
    server = lan.serve(sealed=is_sealed)
    if is_sealed:
        client.join(server.code)
    assert client.forward([note("one")], wait=1.0) == stored(1)


def test_entries_forwarded_to_a_sealed_notebook_are_sealed_with_its_present_key(lan: Lan) -> None:
    server = lan.serve(sealed=True)
    client = lan.client(key=server.code)
    assert client.forward([note("secret one"), note("secret two", 2)]) == stored(1, 2)
    assert not any(b"secret" in data for data in lan.sent)
    code = server.rotate()
    for _ in range(2):
        began = lan.now
        with raises(OldKey, "key_changed"):
            client.forward([note("secret three", 3)])
        assert lan.now - began < 0.1, "at once, each time"
    other = lan.client()
    other.join(code)
    assert other.forward([note("secret three", 3)]) == stored(3)


def test_after_another_command_has_joined_the_notebook_its_key_is_used(lan: Lan) -> None:
    server = lan.serve(sealed=True)
    client = lan.client()
    client.join(server.code)
    assert client.forward([note("one")]) == stored(1)
    code = server.rotate()
    lan.client().join(code)
    assert client.forward([note("two", 2)]) == stored(2)
    server.stop()
    lan.after(1.0, partial(lan.outbox().leave, server.notebook_id))
    assert client.forward([note("three", 3)]) == [None], "left while it was under way: not sent in the open"
    assert not any(b"three" in data for data in lan.sent)


class Other:
    """Another call, in a thread of its own, which begins while the test's call drives the session."""

    def __init__(self, lan: Lan, in_time: InTime, client: Client) -> None:
        self._lan, self._in_time, self._client = lan, in_time, client
        self._ended = threading.Event()
        self._outcome: list[Verdict | None] | Exception = []

    def begin_in(self, seconds: float, entries: list[Entry], *, wait: float) -> None:
        self._lan.after(seconds, partial(self._begin, entries, wait))

    def outcome(self) -> list[Verdict | None] | Exception:
        """Wait until the call has ended, and return what it has returned or raised."""
        assert self._ended.wait(DEADLINE_SECONDS)
        return self._outcome

    def _begin(self, entries: list[Entry], wait: float) -> None:
        self._lan.woken.clear()
        self._in_time(partial(self._run, entries, wait))
        assert self._lan.woken.wait(DEADLINE_SECONDS)

    def _run(self, entries: list[Entry], wait: float) -> None:
        try:
            self._outcome = self._client.forward(entries, wait=wait)
        except UdpnoteError as error:
            self._outcome = error
        self._ended.set()


def test_the_same_entry_in_two_calls_at_once_is_delivered_once_and_both_get_the_verdict(lan: Lan, in_time: InTime) -> None:
    lan.serve()
    client = lan.client()
    assert client.forward([note("before")]) == stored(1)
    for text, verdict in (("one", Verdict(Status.STORED, 2)), ("another", Verdict(Status.CONFLICT, 0))):
        lan.sent.clear()
        lan.network.mute.add(KITCHEN)
        lan.after(2.0, lan.network.mute.clear)
        other = Other(lan, in_time, client)
        other.begin_in(1.0, [note(text, 2)], wait=30.0)
        assert client.forward([note("one", 2)], wait=30.0) == stored(2)
        assert other.outcome() == [verdict]
    assert lan.texts() == ["before", "one"]


def test_simultaneous_calls_each_wait_their_own_time_and_the_next_call_goes_on(lan: Lan, in_time: InTime) -> None:
    server = lan.serve()
    client = lan.client()
    assert client.forward([note("before")]) == stored(1)
    server.stop()
    patient, impatient = Other(lan, in_time, client), Other(lan, in_time, client)
    patient.begin_in(1.0, [note("patient", 1, BOB), note("wanted by both", 2)], wait=30.0)
    impatient.begin_in(2.0, [note("impatient", 1, EVE)], wait=3.0)
    lan.after(10.0, partial(lan.serve))
    began = lan.now
    assert client.forward([note("wanted by both", 2), note("wanted by one" * 500, 3)], wait=6.0) == [None, None]
    assert (patient.outcome(), impatient.outcome()) == (stored(3, 2), [None])
    assert lan.now - began < 20.0
    assert lan.texts() == ["before", "wanted by both", "patient"]


def test_calls_that_wait_for_the_same_discovery_get_its_error_together(lan: Lan, in_time: InTime) -> None:
    client = lan.client()
    other = Other(lan, in_time, client)
    other.begin_in(2.0, [note("from Bob", 1, BOB)], wait=30.0)
    began = lan.now
    with raises(ServerNotFound, "no_answer_on_lan"):
        client.forward([note("one")], wait=5.0)
    assert isinstance(other.outcome(), ServerNotFound)
    assert lan.now - began < 6.0


def test_a_call_that_is_interrupted_leaves_the_others_to_get_their_verdicts(lan: Lan, in_time: InTime) -> None:
    server = lan.serve()
    client = lan.client()
    assert client.forward([note("before")]) == stored(1)
    server.stop()
    other = Other(lan, in_time, client)
    other.begin_in(1.0, [note("from Bob", 1, BOB)], wait=30.0)

    def interrupt() -> None:
        raise KeyboardInterrupt

    lan.after(2.0, interrupt)
    lan.after(3.0, partial(lan.serve))
    with pytest.raises(KeyboardInterrupt):
        client.forward([note("one", 2)], wait=30.0)
    assert other.outcome() == stored(2)
    assert lan.texts() == ["before", "from Bob"]


def test_a_running_call_does_not_send_to_a_notebook_that_is_chosen_meanwhile(lan: Lan) -> None:
    kitchen = lan.serve()
    lan.serve("cellar", CELLAR)
    client = lan.client()
    client.use("kitchen")
    assert client.forward([note("before")]) == stored(1)
    kitchen.stop()
    lan.after(1.0, partial(client.use, "cellar"))
    assert client.forward([note("one", 2)], wait=30.0) == [None]
    assert client.forward([note("two", 3)]) == stored(1)
    assert lan.texts("cellar") == ["two"]


def test_a_running_call_goes_on_if_its_own_notebook_is_chosen_again_meanwhile(lan: Lan) -> None:
    lan.serve()
    client = lan.client()
    chosen = client.use("kitchen")
    lan.network.mute.add(KITCHEN)
    lan.after(1.0, partial(client.use, chosen.notebook_id.hex()))
    lan.after(2.0, lan.network.mute.clear)
    assert client.forward([note("one")], wait=30.0) == stored(1)


def test_many_threads_forward_at_once_and_each_entry_is_stored_once(loopback: Loopback, in_time: InTime) -> None:
    loopback.serve()
    client = loopback.client()
    verdicts: dict[str, Verdict | None] = {}

    def write(writer: bytes) -> None:
        for sequence in range(1, 11):
            entries = [note(f"{writer[0]} {sequence}", sequence, writer), note("everyone's", 1, EVE)]
            verdicts[entries[0].text], everyones = client.forward(entries, wait=DEADLINE_SECONDS)
            assert everyones and everyones.status is Status.STORED

    for thread in [in_time(partial(write, bytes([number]) * 16)) for number in range(16)]:
        thread.join(DEADLINE_SECONDS)
    texts = loopback.texts()
    assert (len(texts), len(set(texts))) == (161, 161)
    assert {text: texts[verdict.number - 1] for text, verdict in verdicts.items() if verdict} == {
        text: text for text in verdicts
    }
    client.close()
    with raises(ClientClosed, "client_closed"):
        client.forward([note("late")])


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"client_id": b"short"}, InvalidQuery), ({"client_id": "a" * 16}, TypeError), ({"sequence": 0}, InvalidQuery),
        ({"sequence": SEQUENCE_MAX + 1}, InvalidQuery), ({"kind": 1}, TypeError), ({"kind": Kind.ERASED}, TypeError),
        ({"written_at": 2**62}, InvalidEntry), ({"author": "a\nb"}, InvalidEntry), ({"revises": 1}, InvalidEntry),
        ({"text": " "}, InvalidEntry), ({"text": "x" * (TEXT_BYTES_MAX + 1)}, InvalidEntry),
        ({"kind": Kind.REVISION}, InvalidQuery), ({"kind": Kind.DELETION, "revises": 1}, InvalidEntry),
        ({"seen": SeenEntry(1, b"", 1)}, InvalidQuery), ({"seen": SeenEntry(1, ADA, 0)}, InvalidQuery),
        ({"seen": None}, TypeError),
    ],
)  # fmt: skip
def test_an_entry_that_no_client_writes_is_an_error_before_anything_is_sent(
    lan: Lan, change: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        lan.client().forward([note("good"), note("bad")._replace(**change)])  # type: ignore[arg-type]
    assert lan.sent == []
