"""What counts as waiting for a sealed notebook that is to be left."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from udpnote.client.leave_check import check_nothing_waits
from udpnote.errors import EntriesWait
from udpnote.model.entry import Status
from udpnote.model.notebook import KnownNotebook
from udpnote.storage.outbox import Outbox

KEY = b"k" * 16
HOME = KnownNotebook(b"h" * 16, "家里", "192.0.2.1", 6683, 0, b"key id k")
WORK = KnownNotebook(b"w" * 16, "work", "192.0.2.2", 6684, 0)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with closing(Outbox(tmp_path / "outbox.sqlite3")) as outbox:
        outbox.remember(WORK)
        outbox.join(HOME, KEY, server="pi.local:6683")
        yield outbox


def add(outbox: Outbox, text: str = "secret", *, notebook: KnownNotebook | None = None, meant_for: object = None) -> int:
    """Have an entry wait for a notebook, or for what a command has named; gives its sequence."""
    [entry] = outbox.add(
        [text], author="amy@pi", written_at=0, utc_offset=0, notebook_id=notebook.notebook_id if notebook is not None else None,
        meant_for=json.dumps(meant_for) if meant_for is not None else None,
    )  # fmt: skip
    return entry.sequence


@pytest.mark.parametrize(
    "meant_for",
    [
        [None, "pi.local", 6683],
        [None, "192.0.2.1", 6683],
        ["家里", "pi.local", 6683],
        [None, "another-name-of-it.local", 6683],
        ["家里", None, 6683],
        [HOME.notebook_id.hex()[:8], None, 7000],
        [None, None, 6683],
    ],
    ids=json.dumps,
)
def test_what_names_its_server_its_name_its_id_or_its_port_waits_for_it(outbox: Outbox, meant_for: object) -> None:
    add(outbox, meant_for=meant_for)
    with pytest.raises(EntriesWait, match=r"^1 entry waits for 家里: .*--send-open"):
        check_nothing_waits(outbox, HOME)


@pytest.mark.parametrize(
    "meant_for",
    [
        [None, "pi.local", 6684],
        [None, "192.0.2.2", 6683],
        ["work", "pi.local", 6683],
        ["work", None, 6683],
        [None, None, 6684],
        [None, "pi.local", 6683, HOME.key_id.hex() if HOME.key_id is not None else ""],
    ],
    ids=json.dumps,
)
def test_what_names_another_or_goes_nowhere_without_its_key_does_not_wait_for_it(outbox: Outbox, meant_for: object) -> None:
    add(outbox, meant_for=meant_for)
    check_nothing_waits(outbox, HOME)


def test_what_is_for_whichever_is_chosen_waits_for_it_while_it_is(outbox: Outbox) -> None:
    add(outbox)
    with pytest.raises(EntriesWait):
        check_nothing_waits(outbox, HOME)
    outbox.choose(WORK.notebook_id)
    check_nothing_waits(outbox, HOME)


def test_all_that_waits_is_counted_and_what_was_refused_or_is_for_another_is_not(outbox: Outbox) -> None:
    for number in range(600):
        add(outbox, str(number), notebook=HOME)
        add(outbox, str(number), meant_for=[None, "pi.local", 6683])
        add(outbox, str(number), notebook=WORK)
    outbox.mark_refused(add(outbox, notebook=HOME), Status.TOO_LARGE)
    with pytest.raises(EntriesWait, match=r"^1,200 entries wait for 家里: "):
        check_nothing_waits(outbox, HOME)
