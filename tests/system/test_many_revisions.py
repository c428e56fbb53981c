"""A note that was revised 20,000 times is shown, changed and followed as fast as any other, while somebody writes."""

from contextlib import closing
from subprocess import PIPE

from tests.support.processes import eventually
from tests.system.conftest import Pair
from udpnote.model.entry import TEXT_BYTES_MAX, Entry, Kind, split
from udpnote.storage.notebook.notebook import Notebook

REVISIONS = 20_000
SECONDS_MAX = 4.0
"""How long a command may take on a busy machine; to read all revisions beside the writer takes five times as long."""


def test_a_note_with_many_revisions_stays_usable_beside_a_writer(pair: Pair) -> None:
    kitchen, laptop = pair.kitchen, pair.laptop
    path = kitchen.home / "notebook.sqlite3"
    note = Entry(b"r" * 16, 1, Kind.NOTE, 1_700_000_000_000_000, 0, "amy", "first")
    revision = note._replace(kind=Kind.REVISION, revises=1)
    with closing(Notebook(path)) as notebook:
        notebook.store(split(note, TEXT_BYTES_MAX), note.written_at)
        for numbers in (range(first, first + 1000) for first in range(2, REVISIONS + 2, 1000)):
            revisions = (revision._replace(sequence=number, text=f"version {number}") for number in numbers)
            notebook.store([part for each in revisions for part in split(each, TEXT_BYTES_MAX)], note.written_at)
    server = kitchen.serve("--quiet", notebook=path)
    writer = kitchen.start("send", "--wait", "60", stdin=PIPE, under=["sh", "-c", 'yes "a line" | "$@"', "sh"])
    eventually(lambda: len(writer.output) > 10_000, "the writer has begun")
    for command, shown in (
        ("show 1", f"version {REVISIONS + 1}"), ("edit 1 again", "again"), ("edit 1 anew", "anew"), ("list -n 1", ""),
        ("delete 1", "of note #1"),
    ):  # fmt: skip
        result = laptop.succeed(*command.split())
        assert (shown in result.out, result.seconds < SECONDS_MAX) == (True, True), (command, result)
    assert writer.is_running
    writer.kill()
    history = laptop.succeed("show", "1", "--history")
    assert (history.out.count("\n#"), history.seconds < 2 * SECONDS_MAX) == (REVISIONS + 3, True)
    server.stop()
