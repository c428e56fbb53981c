"""The tables of an outbox: the remains of removed entries that SQLite leaves in the file can be removed."""

from contextlib import closing
from pathlib import Path

from udpnote.storage.outbox.outbox import Outbox
from udpnote.storage.outbox.tables import remove_remains


def test_nothing_is_left_of_removed_entries_and_the_others_stay_unless_somebody_reads_the_outbox(tmp_path: Path) -> None:
    path = tmp_path / "outbox"
    assert (remove_remains(str(path)), path.exists()) == (True, False)
    with closing(Outbox(path)) as outbox:
        outbox._file.connection.execute("PRAGMA secure_delete = OFF")  # as some builds of SQLite have it
        outbox.add(["密码", "stays"], author="amy@pi", written_at=0, utc_offset=480)
        outbox.discard([1])
    assert "密码".encode() in path.read_bytes()
    assert remove_remains(str(path))
    assert ("密码".encode() in path.read_bytes(), list(tmp_path.iterdir())) == (False, [path])
    with closing(Outbox(path)) as outbox:
        outbox._file.connection.execute("BEGIN")
        assert [each.entry.text for each in outbox.listing()] == ["stays"]
        assert not remove_remains(str(path))
