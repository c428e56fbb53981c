"""What the library shows of its values: ids as hexadecimal digits, never as bytes."""

import pytest

from udpnote.model.entry import NOTHING_SEEN, Entry, Kind, StoredEntry
from udpnote.model.notebook import Destination, KnownNotebook
from udpnote.model.outbox_entries import OwnWrite, StoredRun, WaitingCount, WaitingEntry

ID = bytes(range(0xF0, 0x100))
ENTRY = Entry(ID, 1, Kind.NOTE, 0, 480, "小明", "今天开会")
VALUES: list[tuple[object, ...]] = [
    ENTRY, StoredEntry(7, 0, ENTRY, 7), StoredEntry(7, 0, ENTRY, 7).as_seen, KnownNotebook(ID, "厨房", "::1", 6683, 0, ID[:8]),
    Destination(key_id=ID[:8]), WaitingEntry(ENTRY, ID, "厨房", ID[:8], Destination(), None),
    WaitingCount(ID, None, Destination(), None, 3), StoredRun(range(1, 3), 7, ID, Kind.NOTE),
    OwnWrite(ID, 1, Kind.NOTE, None, 7, is_unsent=False),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_shows_its_ids_as_hexadecimal_digits_and_all_its_fields(value: tuple[object, ...]) -> None:
    shown = repr(value)
    assert shown.startswith(f"{type(value).__name__}({value._fields[0]}=")  # type: ignore[attr-defined]
    assert ("b'" in shown, "f0f1f2" in shown, shown.count("(") == shown.count(")")) == (False, True, True)
    assert repr(NOTHING_SEEN) == f"SeenEntry(number=0, client_id={'00' * 16!r}, sequence=0)"


def test_a_stored_entry_has_the_text_and_the_author_of_its_entry() -> None:
    stored = StoredEntry(7, 0, ENTRY, 7)
    assert (stored.text, stored.author) == ("今天开会", "小明")
