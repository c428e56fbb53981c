"""Styles and the lines that have none: the colours of authors, and what is printed without rich."""

import pytest

from udpnote.cli.terminal.styles import AUTHOR_COLOURS, Printer, author_colour


def luminance(colour: int) -> float:
    """The relative luminance of a colour of the 256-colour palette, by the formula of WCAG 2.2."""
    levels = [(0, 95, 135, 175, 215, 255)[(colour - 16) // part % 6] / 255 for part in (36, 6, 1)]
    linear = [level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4 for level in levels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_an_author_has_always_the_same_colour_with_enough_contrast_on_black_and_on_white() -> None:
    assert [author_colour(author) for author in ("小明", "lin@desk", "")] == [31, 99, 29]
    for colour in AUTHOR_COLOURS:
        assert min(1.05 / (luminance(colour) + 0.05), (luminance(colour) + 0.05) / 0.05) >= 3, "WCAG 2.2, criterion 1.4.11"


def test_a_line_without_styles_is_printed_without_rich_and_looks_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    printer = Printer(lambda: None)
    printer.is_terminal = True
    printer.print("[bold] ", "会议")
    printer.print("  ", "a\tb")
    assert "_console" not in vars(printer)
    printer.print("会\tb")
    printer.print("one", ("two", "bold"))
    assert capsys.readouterr().out == "[bold] 会议\n  a     b\n会      b\nonetwo\n"
