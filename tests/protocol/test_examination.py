"""Examinations: what a server remembers of them, what it reports to which host, and how much at most."""

from tests.support.golden import NOTEBOOK_ID, SERVER_ID, STORED_AT, TOKEN
from udpnote.model.address import Address
from udpnote.protocol.codec.codec import decode, encode
from udpnote.protocol.codec.examination import EXAMINE_BYTES_MIN, HEARD_HOSTS_MAX
from udpnote.protocol.envelope import BODY_BYTES_MAX, OPEN, Requester
from udpnote.protocol.examination import EXAMINATIONS_MAX, Reporter
from udpnote.protocol.examination_messages import WAY_MAX, Examine, HeardHost, Report

LAPTOP: Address = ("192.168.1.7", 40_000)
PHONE: Address = ("fe80::9%eth0", 40_001, 0, 2)
LOOPBACK: Address = ("127.0.0.1", 40_002)


def reporter() -> Reporter:
    made = Reporter(notebook_id=NOTEBOOK_ID, server_id=SERVER_ID)
    made.begin_batch(STORED_AT, 7)
    return made


def report(reporter: Reporter, source: Address, way: int, token: bytes = TOKEN, size: int = BODY_BYTES_MAX) -> Report:
    data = encode(Examine(token, way, size))
    answer = reporter.answer(Examine(token, way, size), Requester(source, OPEN))
    assert len(answer) == len(data)
    message = decode(answer)
    assert isinstance(message, Report)
    return message


def test_a_report_has_the_ways_of_its_own_examination_and_the_address_that_the_server_saw() -> None:
    server = reporter()
    report(server, LAPTOP, 3, token=bytes(8))
    report(server, LAPTOP, 0)
    report(server, PHONE, WAY_MAX)
    last = report(server, PHONE, 5, size=EXAMINE_BYTES_MIN)
    assert last == Report(
        TOKEN, 5, 1 | 1 << 5 | 1 << 63, NOTEBOOK_ID, SERVER_ID, STORED_AT, "fe80::9", 40_001, 7, (), EXAMINE_BYTES_MIN
    )


def test_answers_that_were_not_sent_are_reported_for_a_minute() -> None:
    server = reporter()
    for minutes, unsent, reported in ((1, 7, 7), (1.1, 7, 0), (5, 9, 9), (6, 9, 9), (6.1, 9, 0)):
        server.begin_batch(STORED_AT + round(minutes * 60_000_000), unsent)
        assert report(server, LAPTOP, 0).unsent == reported


def test_only_an_examiner_on_the_same_host_learns_which_hosts_were_heard_as_many_as_fit_into_the_answer() -> None:
    server = reporter()
    for source in (LAPTOP, PHONE, LAPTOP):
        server.record_heard(source)
    server.begin_batch(STORED_AT + 61_999_999, 0)
    server.record_heard(PHONE)
    assert report(server, LAPTOP, 0).heard_hosts == ()
    heard = (HeardHost(LAPTOP[0], 0, 0, 3), HeardHost("fe80::9", 2, 0, 2))
    assert report(server, LOOPBACK, 1).heard_hosts == heard
    assert report(server, LOOPBACK, 2, size=EXAMINE_BYTES_MIN + 28).heard_hosts == heard[:1]
    assert report(server, LOOPBACK, 3, size=EXAMINE_BYTES_MIN + 27).heard_hosts == ()
    server.begin_batch(STORED_AT + 60_000_000, 0)
    assert [each.seconds_ago for each in report(server, ("::1", 9, 0, 0), 4).heard_hosts] == [0, 0], "the clock was set back"
    server.begin_batch(STORED_AT + 3_600_000_000, 0)
    assert [each.seconds_ago for each in report(server, LOOPBACK, 5).heard_hosts] == [3538, 3538]


def test_a_server_remembers_a_bounded_number_of_examinations_and_hosts_the_latest_ones() -> None:
    server = reporter()
    for number in range(EXAMINATIONS_MAX + 1):
        report(server, (f"10.0.{number}.1", 1), 0, token=number.to_bytes(8))
    assert report(server, LAPTOP, 1, token=(1).to_bytes(8)).heard == 0b11
    assert report(server, LAPTOP, 1, token=(0).to_bytes(8)).heard == 0b10
    hosts = [each.host for each in report(server, LOOPBACK, 2).heard_hosts]
    assert len(hosts) == HEARD_HOSTS_MAX - 1, "and the examiner itself, which is not told"
    assert hosts[:2] == [LAPTOP[0], f"10.0.{EXAMINATIONS_MAX}.1"]
