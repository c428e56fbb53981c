"""People at a browser are told what they can do there, and no command."""

import pytest

from udpnote.errors import Notice, StorageError
from udpnote.page import reader_sentences
from udpnote.page.reader_sentences import for_reader
from udpnote.page.responses import refusal_for


@pytest.mark.parametrize("kind", reader_sentences._NOTICES)
def test_what_the_client_advises_at_a_terminal_is_said_otherwise_at_a_browser(kind: str) -> None:
    sentence = for_reader(Notice(kind))
    assert "`" not in sentence and "--" not in sentence


def test_a_sentence_without_a_command_stays_and_another_one_sends_its_reader_to_who_runs_the_page() -> None:
    plain = Notice("no_such_entry", number=7)
    assert for_reader(plain) == str(plain)
    assert for_reader(Notice("waits_elsewhere", entries=1, name="kitchen", argument="kitchen")) == str(
        Notice("page_notebook_unusable")
    )
    mistyped = Notice("join_code_mistyped")
    assert for_reader(mistyped) == str(mistyped)


def test_no_browser_learns_a_path_of_the_host_from_a_fault_of_its_files() -> None:
    refusal = refusal_for(StorageError("path_unusable", path="/home/ann/outbox", problem="Permission denied"))
    assert (refusal.status, refusal.notice) == (503, Notice("page_notebook_unusable"))
