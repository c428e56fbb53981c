"""A note that was revised 5,000 times is shown and changed without reading its revisions, while somebody writes."""

from contextlib import closing
from subprocess import PIPE

from tests.support.processes import eventually
from tests.system.conftest import Pair
from tests.system.lab import Host
from udpnote.model.entry import TEXT_BYTES_MAX, Entry, Kind, split
from udpnote.storage.notebook.notebook import Notebook

REVISIONS = 5_000
BYTES_MAX = 150_000
"""How many bytes a command may get. All revisions take more than 500,000. Datagrams are not counted, because Linux counts those
that arrive together as one.
"""


def test_commands_about_a_note_do_not_read_its_many_revisions(pair: Pair) -> None:
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
        before = received(laptop)
        result = laptop.succeed(*command.split())
        assert (shown in result.out, received(laptop) - before < BYTES_MAX) == (True, True), (command, result)
    assert writer.is_running
    writer.kill()
    before = received(laptop)
    history = laptop.succeed("show", "1", "--history")
    assert (history.out.count("\n#"), received(laptop) - before > BYTES_MAX) == (REVISIONS + 3, True)
    server.stop()


def received(host: Host) -> int:
    """How many bytes the host has received so far, with the headers of IP."""
    names, values = [line.split() for line in host.shell("cat", "/proc/net/netstat").splitlines() if line.startswith("IpExt:")]
    return int(values[names.index("InOctets")])
