"""What is shown of a text where there is room for one line, with the matches of a search."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from udpnote.cli.terminal.text import harmless
from udpnote.text.search_terms import occurrences

MATCH_STYLE = "bold reverse"
"""Without a colour, so that it is seen with NO_COLOR, too."""

_LINE_ENDS = str.maketrans("\r\n", "  ")


def snippet(text: str, words: Sequence[str], cells: int) -> Text:
    """A line of at most `cells` cells: the beginning of `text`, or, if the first of `words` is not there, what is around it.

    It is harmless. All of `words` in it are marked, and `…` stands for what is left out.
    """
    matches = occurrences(text, words) if words else []
    characters_max = 8 * cells  # enough, unless it is all combining characters
    start, end = _first_line(text)
    if matches and not (
        matches[0][1] <= min(end, start + characters_max) and cell_len(harmless(text[start : matches[0][1]])) < cells
    ):
        start, end = _start_of_context(text, matches[0][0], cells // 3), len(text.rstrip())
    end = min(end, start + characters_max)
    line = Text("…" if text[:start].strip() else "")
    for match_start, match_end in matches:
        if start <= match_start < end:
            line.append(_flat(text[start:match_start]))
            line.append(_flat(text[match_start : min(match_end, end)]), MATCH_STYLE)
            start = min(match_end, end)
    line.append(_flat(text[start:end]) + ("…" if text[end:].strip() else ""))
    if line.cell_len > cells:
        line.truncate(cells - 1, overflow="crop")
        line.rstrip()
        line.append("…")
    return line


def _first_line(text: str) -> tuple[int, int]:
    """Where the first line that is not blank begins and ends."""
    start = len(text) - len(text.lstrip())
    end_of_line = text.find("\n", start)
    line = text[start : end_of_line if end_of_line >= 0 else len(text)]
    return start, start + len(line.rstrip())


def _start_of_context(text: str, match_start: int, cells: int) -> int:
    """Where to begin, so that `cells` cells are shown before the match."""
    start, first = match_start, max(match_start - 8 * cells, 0)
    while start > first and cell_len(_flat(text[start - 1 : match_start])) < cells:
        start -= 1
    return start


def _flat(text: str) -> str:
    """`text`, harmless, on one line in which line ends are spaces."""
    return harmless(text.translate(_LINE_ENDS))
