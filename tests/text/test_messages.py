"""The sentences: each kind of error and notice has one, can be said with its values, and says which notebook is meant."""

import re
from collections.abc import Callable

import pytest

from tests.support.source import RIDDLES
from tests.support.told import VARIANTS, faults, samples
from udpnote.client.notices import notice_of
from udpnote.errors import Notice
from udpnote.model.notebook import KnownNotebook
from udpnote.protocol.rediscovery import ImpostorFound, LookingForServer, ServerMoved
from udpnote.protocol.server_contact import KeyChanged
from udpnote.text.messages.reasons import called, old_key_reason, posing_reason, silence_reason
from udpnote.text.messages.sentences import SENTENCES, sentence_of

HOME = KnownNotebook(b"h" * 16, "家里 2", "192.0.2.7", 6683, 0, b"k" * 16)
TWIN = HOME._replace(notebook_id=b"t" * 16, host="192.0.2.8")
CELLAR = HOME._replace(notebook_id=b"c" * 16, name="cellar")

ALL_IS_CONVERTED = False
"""Whether every error and notice has a kind and values: `python -m tests.support.told` lists the ones that have not."""


@pytest.mark.skipif(not ALL_IS_CONVERTED, reason="some errors and notices are still sentences")
def test_each_kind_that_is_told_has_one_sentence_and_its_values_and_each_sentence_is_told() -> None:
    assert list(faults()) == []


def test_every_sentence_can_be_made_and_is_no_riddle() -> None:
    for kind, sentence in SENTENCES.items():
        for variant in range(VARIANTS):
            told = sentence_of(Notice(kind, **samples(sentence, variant)))
            assert told and not RIDDLES.search(told), f"{kind}: {told}"
            assert not told.endswith(".") and not re.search(r"[{}]|None|<", told), f"{kind}: {told}"


Reason = Callable[[KnownNotebook, list[KnownNotebook]], str]


def told_of_impostor(notebook: KnownNotebook, known: list[KnownNotebook]) -> str:
    return str(notice_of(ImpostorFound(notebook, ("192.0.2.9", 6683)), known))


def posing(notebook: KnownNotebook, known: list[KnownNotebook]) -> str:
    return posing_reason(notebook, "192.0.2.9:6683", known)


@pytest.mark.parametrize("reason", [called, silence_reason, old_key_reason, posing, told_of_impostor])
def test_a_name_that_only_one_notebook_has_is_enough(reason: Reason) -> None:
    for known in ([HOME, CELLAR], [CELLAR], []):
        assert "家里 2" in reason(HOME, known)
        assert "68686868" not in reason(HOME, known)


@pytest.mark.parametrize("reason", [called, silence_reason, old_key_reason, posing, told_of_impostor])
def test_a_name_that_two_notebooks_have_is_shown_with_the_start_of_the_id(reason: Reason) -> None:
    assert "家里 2 (68686868)" in reason(HOME, [CELLAR, HOME, TWIN])
    assert "家里 2 (74747474)" in reason(TWIN, [CELLAR, HOME, TWIN])
    assert "家里 2 (68686868)" in reason(HOME, [TWIN]), "also if it is not among the known ones"
    assert "cellar (" not in reason(CELLAR, [CELLAR, HOME, TWIN])


def test_whom_to_leave_is_said_so_that_the_command_takes_it() -> None:
    assert "`udpnote leave '家里 2'`" in posing(HOME, [HOME, CELLAR])
    assert "`udpnote leave 68686868`" in posing(HOME, [HOME, TWIN])


def test_what_happens_to_a_server_is_told_in_short() -> None:
    assert notice_of(ServerMoved(("192.0.2.9", 6684)), [HOME]) == "the server was found again, at 192.0.2.9:6684"
    assert notice_of(LookingForServer(), [HOME]) == "the server does not answer: looking for it"
    assert notice_of(KeyChanged(), [HOME]) is None
