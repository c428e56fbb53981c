"""Silence, refusals and backoff: a server that does not answer is left alone until it answers or is found."""

from random import Random

import pytest

from udpnote.protocol.congestion import RTO_INITIAL_SECONDS, RTO_MAX_SECONDS
from udpnote.protocol.server_contact import (
    FOLLOWER_INTERVAL_SECONDS_MAX,
    SILENT_INTERVAL_SECONDS,
    KeyChanged,
    ServerContact,
    ServerSilent,
    WrongServer,
)
from udpnote.protocol.server_contact import SILENCE_SECONDS as SILENCE

KEY_ID = b"k" * 8


def contact(
    *,
    key_id: bytes | None = None,
    round_trip_seconds: float | None = 0.01,
    probe_interval_max_seconds: float = RTO_MAX_SECONDS,
    now: float = 0.0,
) -> ServerContact:
    return ServerContact(
        random=Random(1),
        key_id=key_id,
        window_max=64,
        round_trip_seconds=round_trip_seconds,
        probe_interval_max_seconds=probe_interval_max_seconds,
        now=now,
    )


def silent(key_id: bytes | None = None) -> ServerContact:
    made = contact(key_id=key_id)
    assert isinstance(made.record_loss(sent_at=0.0, now=SILENCE), ServerSilent)
    return made


def answer(made: ServerContact, now: float, *, sent_at: float | None = None) -> bool:
    return made.receive_answer(now, sent_at=sent_at, answered=1, in_flight=10)


def test_the_server_is_silent_once_a_timeout_expires_with_nothing_answered_for_long_enough() -> None:
    made = contact(now=5.0)
    assert made.record_loss(sent_at=5.0, now=5.0 + SILENCE - 0.01) is None
    assert not made.is_silent
    answer(made, 6.0)
    assert made.record_loss(sent_at=5.0, now=6.5) is None
    assert isinstance(made.record_loss(sent_at=6.1, now=6.0 + SILENCE), ServerSilent)
    assert (made.is_silent, made.next_probe_at, made.answered_at) == (True, 6.0 + SILENCE, 6.0)
    made = contact()
    made.expect_answers_from(10.0)
    assert (made.record_loss(sent_at=10.0, now=10.5), made.is_silent) == (None, False), "nothing was asked before time 10"


@pytest.mark.parametrize("seconds_max", [RTO_MAX_SECONDS, FOLLOWER_INTERVAL_SECONDS_MAX])
def test_a_silent_server_is_sent_one_datagram_per_three_seconds_at_most_and_ever_fewer(seconds_max: float) -> None:
    made, now, pauses = contact(probe_interval_max_seconds=seconds_max), SILENCE, list[float]()
    made.record_loss(sent_at=0.0, now=SILENCE)
    for _ in range(20):
        assert made.is_probe_due(now)
        made.record_probe(now)
        assert made.next_probe_at is not None
        assert not made.is_probe_due(made.next_probe_at - 0.001)
        pauses.append(made.next_probe_at - now)
        now = made.next_probe_at
    assert SILENT_INTERVAL_SECONDS == pauses[0] == min(pauses)
    assert max(pauses) == pytest.approx(seconds_max)


def test_a_new_request_after_a_pause_hastens_the_next_probe_but_not_below_three_seconds() -> None:
    made = silent()
    for now in (SILENCE, 10.0, 30.0):
        made.record_probe(now)
        made.expect_answers_from(now + 1.0)
        assert made.next_probe_at == now + SILENT_INTERVAL_SECONDS
    made = contact()
    made.record_refusal(is_key_changed=False, now=100.0)
    made.expect_answers_from(101.0)
    assert made.next_probe_at == 100.0 + SILENT_INTERVAL_SECONDS
    answer(made, 104.0)
    made.expect_answers_from(105.0)
    assert made.next_probe_at is None


def test_an_answer_ends_the_silence_and_the_backoff() -> None:
    made = silent()
    made.record_probe(2.0)
    assert answer(made, 2.5, sent_at=2.0)
    assert (made.is_silent, made.is_probe_due(100.0), made.window.datagrams) == (False, False, 10)
    assert (made.answered_at, made.quiet_since) == (2.5, 2.5)
    assert made.timer.timeout_seconds < 1.0
    assert not answer(made, 2.6), "there is no silence to end"


def test_a_server_that_was_found_has_a_fresh_path_and_its_own_silence() -> None:
    made = silent()
    made.server_found(2.0, round_trip_seconds=0.1)
    assert (made.is_silent, made.window.datagrams) == (False, 10)
    assert made.timer.timeout_seconds == pytest.approx(0.3)
    assert made.answered_at == 0.0, "being found is no answer"
    assert made.record_loss(sent_at=2.0, now=2.0 + SILENCE - 0.01) is None, "and the silence counts from then on"


def test_losses_within_one_round_trip_double_the_timeout_once() -> None:
    made = contact()
    answer(made, 0.0)
    for sent_at in (0.0, 0.005, 0.01):
        made.record_loss(sent_at=sent_at, now=0.04)
    once = made.timer.timeout_seconds
    assert 0.06 <= once <= 0.075
    made.record_loss(sent_at=0.04, now=0.1)
    assert made.timer.timeout_seconds >= 2 * once


def test_a_loss_halves_the_window_and_the_next_one_collapses_it() -> None:
    made = contact()
    for sent_at, now, datagrams in ((0.0, 0.03, 5), (0.03, 0.1, 2)):
        made.record_loss(sent_at=sent_at, now=now)
        assert made.window.datagrams == datagrams


def test_the_first_timeout_is_that_of_the_rfc_or_follows_a_known_round_trip() -> None:
    made = contact(round_trip_seconds=None)
    assert made.timer.timeout_seconds == RTO_INITIAL_SECONDS > SILENCE
    assert contact().timer.timeout_seconds == pytest.approx(0.03)


def test_a_timer_expires_at_its_timeout_or_earlier_when_the_server_would_count_as_silent() -> None:
    made = contact(now=5.0)
    assert made.expires_at(5.5) == pytest.approx(5.53)
    while made.timer.timeout_seconds < 1.0:
        made.timer.back_off()
    assert made.expires_at(5.5) == pytest.approx(5.0 + SILENCE), "not after a second"
    assert made.expires_at(5.89) == pytest.approx(5.92)
    answer(made, 6.0)
    made.timer.back_off()
    assert 6.06 <= made.expires_at(6.0) <= 6.075, "while answers come, backoff holds"


@pytest.mark.parametrize("key_id", [None, KEY_ID])
def test_the_server_of_another_notebook_is_reported_once_and_left_alone(key_id: bytes | None) -> None:
    made = contact(key_id=key_id)
    assert isinstance(made.record_refusal(is_key_changed=False, now=1.0), WrongServer)
    assert made.next_probe_at == 1.0 + SILENT_INTERVAL_SECONDS
    assert made.record_refusal(is_key_changed=False, now=2.0) is None
    assert made.next_probe_at == 1.0 + SILENT_INTERVAL_SECONDS


def test_a_change_of_key_is_reported_by_a_sealed_server_only_and_shortens_no_silence() -> None:
    made = silent(KEY_ID)
    made.next_probe_at = 30.0
    for now, until in ((2.0, 30.0), (29.0, 29.0 + SILENT_INTERVAL_SECONDS)):
        assert isinstance(made.record_refusal(is_key_changed=True, now=now), KeyChanged)
        assert made.next_probe_at == until
    assert isinstance(contact().record_refusal(is_key_changed=True, now=1.0), WrongServer)
