"""The outcomes of the entries that one call sends."""

from collections import deque
from contextlib import closing

from udpnote.client.sending.results import Outcomes, SentEntry, State
from udpnote.model.entry import Entry, Kind
from udpnote.storage.database import IN_MEMORY
from udpnote.storage.outbox.outbox import Outbox


def test_an_entry_with_a_new_sequence_is_not_taken_for_one_that_another_command_has_removed() -> None:
    outcomes, first = Outcomes(None, lambda _: None), Entry(b"a" * 16, 1, Kind.NOTE, 1, 0, "ann", "one")
    renewed = first._replace(client_id=bytes(16), sequence=2)
    outcomes.expect([first])
    outcomes.renew(first, renewed)
    with closing(Outbox(IN_MEMORY)) as outbox:  # has neither of the two, as if another command had delivered both
        assert outcomes.take_removed([first], outbox) == set()
    assert outcomes.pop(deque([first])) == []
    outcomes.store([renewed], 7)
    assert [sent.number for sent in outcomes.pop(deque([first]))] == [7]


def test_an_entry_that_another_command_has_delivered_is_reported_once_though_the_server_answers_later() -> None:
    delivered: list[SentEntry] = []
    outcomes, entry = Outcomes(delivered.append, lambda _: None), Entry(b"a" * 16, 1, Kind.NOTE, 1, 0, "ann", "one")
    outcomes.expect([entry])
    with closing(Outbox(IN_MEMORY)) as outbox:
        assert outcomes.take_removed([entry], outbox) == set()
    assert [(sent.state, sent.number) for sent in outcomes.pop(deque([entry]))] == [(State.STORED, None)]
    outcomes.store([entry], 7)
    assert delivered == []
