"""What a browser is told of its entry: "stored" only where the notebook has said that it has exactly this entry."""

import pytest

from udpnote.model.entry import Entry, Kind, Status, Verdict
from udpnote.page.json_objects import outcome_object

NOTE = Entry(b"a" * 16, 7, Kind.NOTE, 0, 0, "ada", "买牛奶")


@pytest.mark.parametrize(
    ("verdict", "state"),
    [
        (None, "later"),
        *((Verdict(status, 3), "stored") for status in (Status.STORED, Status.STORED_ALREADY)),
        *((Verdict(status, 0), "later") for status in (Status.NO_SPACE, Status.NOT_WRITABLE)),
        *((Verdict(status, 0), "refused") for status in (Status.REFUSED, Status.TOO_LARGE, Status.OLDER_COPY)),
        (Verdict(Status.CONFLICT, 0), "conflict"),
        (Verdict(Status.ERASED, 0), "erased"),
    ],
)
def test_only_a_verdict_of_the_notebook_makes_an_entry_stored(verdict: Verdict | None, state: str) -> None:
    outcome = outcome_object(NOTE, verdict)
    assert (outcome["sequence"], outcome["state"]) == (7, state)
    assert (outcome["number"] == 3) == (state == "stored") and (outcome["reason"] is None) == (state == "stored")
