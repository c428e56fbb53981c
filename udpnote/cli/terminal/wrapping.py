"""Breaks texts into lines for a terminal: between words, and between characters of Chinese, Japanese and Korean.

A line does not begin with a sign that ends a clause, such as 。 or ）, and does not end with a sign that opens something, such
as （. An emoji of several code points, or a letter with its accents, is never divided between two lines. These rules are a
small part of those of UAX #14, "Unicode Line Breaking Algorithm". A number is never divided either, nor is a date or a time of
day in digits, such as 2026年11月29日 or 下午3点半.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache

from udpnote.cli.terminal.text import GAP, MATCH_STYLE, Line, cell_count
from udpnote.text.harmless import harmless_lines

_WIDE = "\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff60\uffe0-\uffe6\U0001f000-\U0003fffd"
"""The ranges of characters before and after which a line may be broken: those of East Asia, and emoji."""

_OPENING = "（「『【《〈〔｛［“‘"
_CLOSING = "，。、；：？！）」』】》〉〕｝］”’…—～·,.;:?!)\\]}%％℃"
"""A line is not broken after an opening sign, nor before a closing sign."""

_UNBROKEN = "\ufdd0"
"""Stands for a space at which no line may be broken. Unicode has reserved this code point for the use within a program."""

_DIGIT = "[0-9０-９]"
_PART_OF_DAY = f"(?:[上下]午|午[前後]|[早晚]上|凌晨|中午|傍晚)(?={_DIGIT}{{1,2}}[点點时時])"
_AFTER_NUMBER = f"[年月日号號](?:{_DIGIT}{{1,2}}[月日号號]){{0,2}}|[点點时時](?:{_DIGIT}{{1,2}}[分秒]){{0,2}}[半整]?"
"""Patterns of what stands before a time of day, and of what follows the first number of a date or of a time of day. A line may
be broken between a date and a time of day, because some lines are too short for both.
"""

_FLAG = "[\U0001f1e6-\U0001f1ff]{2}"
"""A pattern of the two code points of a flag."""

_ADDED = "(?:[\u0300-\u036f\u20e3\u3099\u309a\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]|\u200d.)*"
"""A pattern of what belongs to the character before it: accents, variation selectors, skin tones, tags, joined characters."""


def wrapped(text: str, columns: int) -> list[str]:
    """`text` as lines of at most `columns` cells. Any white space, even a line end, counts as a space between words.

    A word that is longer than a line stays whole, so that a long link can be copied. Its line is longer than `columns`. There
    is at least one line, which may be empty.
    """
    return _filled(" ".join(text.split()), columns)


def wrapped_lines(text: str, columns: int) -> list[str]:
    """Break each line of `text` into lines of at most `columns` cells, and return all of these. A word that is longer than that
    stays whole.

    Lines of `text` end with LF or CR LF. White space at the end of `text` is left out. Other spaces stay as they are, except
    where a line is broken; the parts of an indented line are all indented. A tab becomes four spaces. The caller must have
    replaced characters that could harm a terminal (`harmless_lines`).
    """
    lines = []
    for line in text.rstrip().replace("\r\n", "\n").split("\n"):
        expanded = line.replace("\t", "    ")
        indent = expanded[: min(len(expanded) - len(expanded.lstrip()), columns // 2)]
        lines += [f"{indent}{each}".rstrip() for each in _filled(expanded, columns - len(indent))]
    return lines


TEXT_CELLS_MIN = 20
"""The least width of the text in the lines after the first one of a message. If less is left beside an indent, the indent is
that of a message without a label.
"""


def wrapped_message(message: str, columns: int, label_cells: int = 0) -> list[str]:
    """`message`, of one line, as lines of at most `columns` cells.

    The lines after the first are indented by `label_cells`: the width of a label with which the message begins. Without a
    label, or if less than `TEXT_CELLS_MIN` cells would be left, they are indented by two cells more than the first line.

    A command in backquotes is never divided between lines, so that it can be copied. A longer command stays whole, like a long
    word. The caller must have replaced characters that could harm a terminal (`harmless`).
    """
    kept = re.sub("`[^`]+`", lambda command: command[0].replace(" ", _UNBROKEN), message)
    margin = kept[: len(kept) - len(kept.lstrip())]
    first = margin + _filled(kept.lstrip(), columns - len(margin))[0]
    indent = " " * label_cells if label_cells and columns - label_cells >= TEXT_CELLS_MIN else margin + GAP
    others = _filled(kept[len(first) :], columns - len(indent))
    return [line.replace(_UNBROKEN, " ") for line in (first, *(indent + each for each in others if each))]


def _filled(line: str, columns: int) -> list[str]:
    """Break `line`, which has no line ends, into lines of at most `columns` cells, and return these.

    A longer word stays whole, and makes a longer line. Spaces at a break are dropped; several spaces elsewhere are kept.
    """
    lines, cells = [""], 0
    for gap, piece in _pieces(line):
        piece_cells = cell_count(piece)
        longer = cells + cell_count(gap) + piece_cells
        if not cells:
            lines[-1] += piece
            cells = piece_cells
        elif longer <= columns:
            lines[-1] += gap + piece
            cells = longer
        else:
            lines.append(piece)
            cells = piece_cells
    return lines


def marked_lines(text: str, matches: Sequence[tuple[int, int]], columns: int) -> Iterator[Line]:
    """Yield the lines of `text`, wrapped as by `wrapped_lines`, with `matches` in the style `MATCH_STYLE`.

    Each match is a pair (start, end), as for a slice of `text`. The matches are in order and do not overlap. Characters that
    could harm a terminal are replaced.
    """
    # Wrapping changes only white space. So a match is found again in the lines by counting all other characters.
    shown, marks, place = "", [], 0
    for number, (start, end) in enumerate(matches, 1):
        for piece, mark in ((text[place:start], 0), (text[start:end], number)):
            harmless = harmless_lines(piece)
            shown += harmless
            marks += [mark] * len("".join(harmless.split()))
        place = end
    shown += harmless_lines(text[place:])
    place = 0
    for line in wrapped_lines(shown, columns):
        length = len("".join(line.split()))
        yield _marked(line, marks[place : place + length]) if matches else [line]
        place += length


def _marked(line: str, marks: Sequence[int]) -> Line:
    """Return `line` in pieces: those that belong to a match in the style `MATCH_STYLE`, the others without a style.

    `marks` has, for each character of `line` except white space, the number of its match, or 0 if it belongs to none. If
    `marks` has fewer numbers, the characters at the end belong to no match. White space belongs to a match if the characters
    before and after it belong to the same match.
    """
    pieces: list[tuple[str, int]] = []
    place = 0
    for part in re.findall(r"\s+|\S", line):
        if part.isspace():
            around = {*marks[max(place - 1, 0) : place + 1]}
            mark = around.pop() if len(around) == 1 and 0 < place < len(marks) else 0
        else:
            mark = marks[place] if place < len(marks) else 0
            place += 1
        if pieces and pieces[-1][1] == mark:
            pieces[-1] = pieces[-1][0] + part, mark
        else:
            pieces.append((part, mark))
    return [(piece, MATCH_STYLE) if mark else piece for piece, mark in pieces]


def _pieces(text: str) -> list[tuple[str, str]]:
    """Return the pieces of `text` between which a line may be broken, in order: for each, the white space before it, and the
    piece itself.
    """
    if text.isascii() and "  " not in text:  # the pattern would give the same, but slower
        return [(" ", word) for word in text.split()]
    return [(found[1], found[2]) for found in _pattern().finditer(text)]


@cache
def _pattern() -> re.Pattern[str]:
    """Return a pattern that matches white space (group 1) and then a piece (group 2).

    A piece is a wide character, or a word of other characters or of wide digits. It includes the brackets and punctuation that
    must stay with it. A word that ends with a digit includes the wide characters with which it is a date or a time of day.
    """
    word = f"(?:(?![{_OPENING}]{{0,3}}[{_WIDE}])\\S)+|[０-９]+(?:[．，：／][０-９]+)*"
    word = f"(?:{_PART_OF_DAY})?(?:{word})(?:(?<={_DIGIT})(?:{_AFTER_NUMBER}))?"
    wide = f"(?:{_FLAG}|[{_WIDE}]){_ADDED}"
    return re.compile(f"(\\s*)([{_OPENING}]{{0,3}}(?:{word}|{wide})[{_CLOSING}]{{0,3}})")
