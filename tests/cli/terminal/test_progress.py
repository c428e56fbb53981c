"""A search that waits for the index says so: with a percentage on a terminal, once elsewhere."""

import io
from collections.abc import Callable
from contextlib import redirect_stderr

import pytest

from udpnote.cli.terminal.progress import IndexingProgress


class Screen(io.StringIO):
    """A terminal that keeps what is written to it."""

    def isatty(self) -> bool:
        return True


def shown(*calls: Callable[[IndexingProgress], None]) -> str:
    """What a terminal gets of these calls."""
    progress = IndexingProgress()
    with redirect_stderr(Screen()) as screen:
        for call in calls:
            call(progress)
    return screen.getvalue()


def at(indexed: int, last: int = 1000) -> Callable[[IndexingProgress], None]:
    return lambda progress: progress.show(indexed, last)


def test_a_terminal_shows_the_percentage_on_one_line() -> None:
    lines = [f"udpnote: the search index is being built: {percent} %\x1b[K" for percent in (0, 12, 100)]
    assert shown(at(0), at(120), at(120), at(1000)).split("\r") == ["", *lines]


def test_a_message_and_a_result_replace_the_percentage() -> None:
    text = shown(at(500), lambda progress: progress.say("the server was found again"), IndexingProgress.clear, at(500))
    assert text.endswith("50 %\x1b[K\r\x1b[Kudpnote: the server was found again\n")


def test_an_empty_notebook_is_no_division_by_zero() -> None:
    assert "0 %" in shown(at(0, last=0))


def test_without_a_terminal_it_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    progress = IndexingProgress()
    for indexed in range(5):
        progress.show(indexed, 5)
    progress.clear()
    assert capsys.readouterr().err == "udpnote: the search index is being built: the search waits for it\n"
