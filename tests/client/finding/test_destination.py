"""Which notebook is meant, by what the user names, by the choice, and by the notebooks that the outbox knows."""

from contextlib import nullcontext

import pytest

from tests.support.errors import raises
from udpnote.client.finding.destination import (
    check_nothing_waits,
    choose,
    destination_of,
    destinations_of,
    lacks_key,
    matches,
    options_for,
    waits_for,
)
from udpnote.errors import EntriesWait
from udpnote.model.entry import Status
from udpnote.model.notebook import Destination, KnownNotebook
from udpnote.settings import UNSET, Flags, load_settings
from udpnote.storage.outbox.outbox import Outbox

KEY, KEY_ID, OTHER_KEY_ID = b"k" * 16, b"key id k", b"key id o"
HOME = KnownNotebook(b"h" * 16, "家里", "192.0.2.1", 6683, 0, KEY_ID)
WORK = KnownNotebook(b"w" * 16, "work", "192.0.2.2", 6684, 0)
WORK_TOO = WORK._replace(notebook_id=b"v" * 16)
ANY = Destination()


@pytest.fixture
def outbox(outbox: Outbox) -> Outbox:
    """An outbox that knows `WORK`, and that has joined `HOME`."""
    outbox.remember(WORK)
    outbox.join(HOME, KEY, server="pi.local:6683")
    return outbox


def add(outbox: Outbox, *, notebook: KnownNotebook | None = None, destination: Destination = ANY) -> int:
    """Add an entry for `notebook`, or for the `destination` that a command has named. Return its sequence."""
    notebook_id = notebook.notebook_id if notebook is not None else None
    [entry] = outbox.add(["x"], author="amy@pi", written_at=0, utc_offset=0, notebook_id=notebook_id, destination=destination)
    return entry.sequence


@pytest.mark.parametrize(
    ("flags", "names_port", "key_id", "destination"),
    [
        ({}, False, None, ANY),
        ({"port": 7000}, False, None, ANY),  # a port from the environment names no notebook
        ({"port": 7000}, True, None, Destination(None, 7000)),
        ({"server": "pi.local"}, False, None, Destination("pi.local", 6683)),
        ({"server": "[fe80::1]:7000", "notebook": "work"}, False, None, Destination("fe80::1", 7000, "work")),
        ({"notebook": "work"}, False, None, Destination(None, None, "work")),
        ({}, False, KEY_ID, Destination(None, None, None, KEY_ID)),
    ],
)
def test_the_settings_name_a_destination(
    flags: Flags, names_port: bool, key_id: bytes | None, destination: Destination
) -> None:
    settings = load_settings(flags, {"HOME": "/nowhere"})
    assert destination_of(settings, names_port=names_port, key_id=key_id) == destination


DIGITS = "0123456789ABCDEF" * 2


@pytest.mark.parametrize(
    ("destination", "notebook", "does_match"),
    [
        *((Destination(name_or_id=name_or_id), WORK, True) for name_or_id in ("work", "7777", "77" * 16)),
        *((Destination(name_or_id=name_or_id), WORK, False) for name_or_id in ("Work", "777", "77" * 15 + "78")),
        (Destination(name_or_id=DIGITS), WORK._replace(notebook_id=bytes.fromhex(DIGITS)), True),
        (Destination(name_or_id=DIGITS), WORK._replace(name=DIGITS), False),  # a whole id is never the name of another notebook
        (Destination(key_id=KEY_ID), HOME, True),
        *(
            (Destination(key_id=KEY_ID, name_or_id=name_or_id), notebook, False)
            for name_or_id, notebook in ((None, WORK), ("work", HOME))
        ),
    ],
)
def test_a_destination_matches_a_notebook_by_key_name_or_id(
    destination: Destination, notebook: KnownNotebook, does_match: bool
) -> None:
    assert matches(destination, notebook) is does_match


@pytest.mark.parametrize(
    ("destination", "chosen", "meant"),
    [
        (ANY, None, None), (ANY, WORK, WORK), (Destination(None, 7000), WORK, WORK),
        (Destination("pi.local", 6683), WORK, None), (Destination(name_or_id="家里"), WORK, HOME),
        (Destination(name_or_id="work"), WORK, WORK), (Destination(name_or_id="work"), HOME, None),
        (Destination(name_or_id="attic"), WORK, None), (Destination(key_id=KEY_ID), WORK, HOME),
        (Destination(key_id=OTHER_KEY_ID), WORK, None),
    ],
)  # fmt: skip
def test_a_known_notebook_is_meant_if_it_is_the_choice_or_the_only_one_that_fits(
    destination: Destination, chosen: KnownNotebook | None, meant: KnownNotebook | None
) -> None:
    assert choose(destination, [HOME, WORK, WORK_TOO], chosen) == meant


def test_each_destination_of_waiting_entries_comes_once_and_a_key_is_used_only_where_it_belongs(outbox: Outbox) -> None:
    by_key, by_name = Destination(None, 6683, None, KEY_ID), Destination("fe80::1", 6683, "work")
    for notebook in (HOME, WORK, WORK):
        add(outbox, notebook=notebook)
    for destination in (ANY, by_key, by_name, by_name):
        add(outbox, destination=destination)
    outbox.mark_refused(None, add(outbox, destination=Destination(None, 9)), Status.REFUSED)
    home, work = Destination(name_or_id=HOME.notebook_id.hex()), Destination(name_or_id=WORK.notebook_id.hex())
    counts = outbox.waiting_counts()
    assert destinations_of(counts, None) == [home, work, ANY, by_name]
    assert destinations_of(counts, KEY_ID) == [home._replace(key_id=KEY_ID), work, ANY, by_key, by_name]
    assert [lacks_key(each, None) for each in counts].count(True) == 1
    assert not any(lacks_key(each, KEY_ID) for each in counts)
    assert options_for(by_name) == {
        "notebook": "work", "server": "[fe80::1]:6683", "port": 6683, "key": UNSET, "key_file": UNSET,
    }  # fmt: skip
    assert options_for(by_key) == {"notebook": UNSET, "server": UNSET, "port": 6683}


def test_the_chosen_notebook_gets_its_own_entries_and_those_for_no_notebook_in_particular(outbox: Outbox) -> None:
    for notebook, destination in ((HOME, ANY), (None, ANY), (WORK, ANY), (None, Destination(None, 6683))):
        add(outbox, notebook=notebook, destination=destination)
    outbox.mark_refused(HOME.notebook_id, add(outbox, notebook=HOME), Status.REFUSED)
    assert [waits_for(each, HOME) for each in outbox.waiting_counts()] == [True, True, False, False, False]


@pytest.mark.parametrize(
    ("destination", "may_go_there"),
    [
        (Destination("pi.local", 6683), True), (Destination("192.0.2.1", 6683), True),
        (Destination("pi.local", 6683, "家里"), True), (Destination("another-name-of-it.local", 6683), True),
        (Destination(None, 6683, "家里"), True), (Destination(None, 7000, HOME.notebook_id.hex()[:8]), True),
        (Destination(None, 6683), True), (Destination("pi.local", 6684), False), (Destination("192.0.2.2", 6683), False),
        (Destination("pi.local", 6683, "work"), False), (Destination(None, 6683, "work"), False),
        (Destination(None, 6684), False), (Destination("pi.local", 6683, None, KEY_ID), False),
    ],
)  # fmt: skip
def test_a_notebook_is_not_left_while_entries_may_go_there_unsealed(
    outbox: Outbox, destination: Destination, may_go_there: bool
) -> None:
    add(outbox, destination=destination)
    with raises(EntriesWait, "entries_wait", entries=1, name="家里") if may_go_there else nullcontext():
        check_nothing_waits(outbox, HOME)


def test_the_entries_for_a_sealed_notebook_include_those_for_none_in_particular_while_it_is_chosen(outbox: Outbox) -> None:
    for notebook, destination in ((HOME, ANY), (None, ANY), (None, Destination("pi.local", 6683)), (WORK, ANY)):
        add(outbox, notebook=notebook, destination=destination)
    outbox.mark_refused(HOME.notebook_id, add(outbox, notebook=HOME), Status.TOO_LARGE)
    for chosen, entries in ((HOME, 3), (WORK, 2)):
        outbox.choose(chosen.notebook_id)
        with raises(EntriesWait, "entries_wait", entries=entries):
            check_nothing_waits(outbox, HOME)
