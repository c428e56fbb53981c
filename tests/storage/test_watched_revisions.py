"""The watched revisions of an outbox: which are watched, and how many."""

from contextlib import closing
from pathlib import Path

from udpnote.model.entry import SeenEntry
from udpnote.storage.outbox import Outbox
from udpnote.storage.watched_revisions import REVISIONS_WATCHED_MAX

HERE, WORK = b"h" * 16, b"w" * 16


def test_revisions_are_watched_per_notebook_until_they_are_forgotten_or_too_many(tmp_path: Path) -> None:
    three, five, nine = (SeenEntry(number, bytes(16), number) for number in (3, 5, 9))
    with closing(Outbox(tmp_path / "outbox.sqlite3")) as outbox:
        revisions = outbox.revisions
        for revision in (nine._replace(sequence=1), three, nine):  # after a restored backup, another one had this number
            revisions.watch(HERE, revision)
        revisions.watch(WORK, five)
        assert revisions.watched(HERE) == [three, nine]
        revisions.forget(HERE, [3, 5])
        assert (revisions.watched(HERE), revisions.watched(WORK)) == ([nine], [five])
        more = [SeenEntry(number, bytes(16), number) for number in range(10, REVISIONS_WATCHED_MAX + 11)]
        for revision in more:
            revisions.watch(HERE, revision)
        assert revisions.watched(HERE) == more[1:]
