"""Reading a notebook's file: how far a follower has read, threads, closing. What it has in common with a server is in
`test_notebook_reader`.
"""

from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

from tests.support.errors import raises
from tests.support.killed import FORKING, printed_by
from tests.writings import Writings
from udpnote.client.reading.file_reader import FileReader
from udpnote.errors import ClientClosed, Notice


def test_a_follower_knows_how_far_it_has_read_though_its_filters_have_left_out_all_entries(tmp_path: Path) -> None:
    path, notices = str(tmp_path / "notebook.sqlite3"), list[Notice]()
    with closing(Writings(path)) as writings:
        writings.fill(["by amy"] * 5)
        delete_latest = partial(writings.connection.execute, "DELETE FROM entries WHERE number > 3")
        steps: list[Callable[[], object]] = [delete_latest, lambda: None]
        with (
            FileReader(path, on_notice=notices.append, sleep=lambda _: steps.pop(0)()) as reader,
            suppress(IndexError),  # no step is left
        ):
            list(reader.follow(author="bob"))
    assert Notice("notebook_restored", number=1) in notices


def test_several_threads_may_use_one_reader_and_a_child_process_may_not(tmp_path: Path) -> None:
    path = str(tmp_path / "notebook.sqlite3")
    with closing(Writings(path)) as writings:
        writings.fill([f"note {number} #work" for number in range(100)])
    program = f"""{FORKING}
from threading import Thread
from udpnote.client.reading.file_reader import FileReader
def read():
    for _ in range(30):
        assert len(list(reader.entries())) == 100 and reader.tags()[0].amount == 100
with FileReader({path!r}) as reader:
    threads = [Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    in_child(reader.last_number)
    in_child(reader.close)
    print(reader.last_number())
"""
    assert printed_by(program).split() == ["client_of_another_process", "None", "100"]


def test_a_reader_that_was_closed_says_so_also_if_it_is_closed_between_two_results(tmp_path: Path) -> None:
    path = str(tmp_path / "notebook.sqlite3")
    with closing(Writings(path)) as writings:
        writings.fill(["note"] * 100)
    reader = FileReader(path)
    notes = reader.entries()
    next(notes)
    reader.close()
    reader.close()
    with raises(ClientClosed, "reader_closed"):
        list(notes)
    with raises(ClientClosed, "reader_closed"):
        reader.last_number()
