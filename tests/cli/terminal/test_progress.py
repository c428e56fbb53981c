"""The progress of long work: a percentage on a terminal, and elsewhere one message while a search waits for the index."""

from contextlib import redirect_stderr

import pytest

from tests.support.screens import Screen
from udpnote.cli.terminal.progress import ITEMS_BETWEEN_UPDATES, CopyingProgress, IndexingProgress, shown_percentage
from udpnote.errors import Notice


def test_a_terminal_shows_the_percentage_on_one_line_which_a_message_and_a_result_replace() -> None:
    progress = IndexingProgress()
    with redirect_stderr(Screen()) as screen:
        for indexed, last in ((0, 0), (120, 1000), (120, 1000), (1000, 1000)):  # an empty notebook is no error
            progress.show_indexed(indexed, last)
        progress.say("the server was found again")
        progress.clear()
    lines = [f"udpnote: the search index is being built: {percent} %\x1b[K" for percent in (0, 12, 100)]
    assert screen.getvalue().split("\r") == ["", *lines, "\x1b[Kudpnote: the server was found again\n"]


def test_without_a_terminal_the_wait_is_reported_once(capsys: pytest.CaptureFixture[str]) -> None:
    progress = IndexingProgress()
    for indexed in range(5):
        progress.show_indexed(indexed, 5)
    progress.clear()
    assert capsys.readouterr().err == "udpnote: the search index is being built: the search waits for it\n"


@pytest.mark.parametrize("patience_seconds", [0.0, 60.0])
def test_a_long_copy_shows_each_percentage_once_and_then_that_it_is_checked(patience_seconds: float) -> None:
    with redirect_stderr(Screen()) as screen, CopyingProgress(patience_seconds) as progress:
        for copied in (0, 999, 1000, 3000):
            progress.show_copied(copied, 3000)
    shown = [Notice("copy_percentage", percent=percent) for percent in (0, 33)] + [Notice("copy_being_checked")]
    lines = ["", *(f"udpnote: {each}\x1b[K" for each in shown), "\x1b[K"]
    assert screen.getvalue().split("\r") == (lines if not patience_seconds else [""])


@pytest.mark.parametrize("patience_seconds", [0.0, 60.0])
def test_reading_for_long_shows_a_percentage_and_removes_it(patience_seconds: float) -> None:
    items, total = range(2 * ITEMS_BETWEEN_UPDATES), ITEMS_BETWEEN_UPDATES
    with redirect_stderr(Screen()) as screen:
        shown = shown_percentage(items, total, lambda percent: Notice("import_comparing", percent=percent), patience_seconds)
        assert list(shown) == list(items)
    if patience_seconds:
        assert screen.getvalue() == ""
    else:
        assert screen.getvalue().startswith(f"\rudpnote: {Notice('import_comparing', percent=0)}\x1b[K")
        assert screen.getvalue().endswith("\r\x1b[K")
