"""Reading a notebook's file: how far a follower has read. What it has in common with a server is in `test_notebook_reader`."""

from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

from tests.writings import Writings
from udpnote.client.file_reader import FileReader
from udpnote.errors import Notice


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
