"""Texts in lines for a terminal: where they are broken, and where not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from tests.support.screens import without_styles
from tests.support.texts import texts
from udpnote.cli.terminal.wrapping import marked_lines, wrapped, wrapped_lines, wrapped_message
from udpnote.text.harmless import harmless_lines

FAMILY = "👨‍👩‍👧"


@pytest.mark.parametrize(
    ("columns", "text", "expected"),
    [
        (9, "oat  milk is  cheaper", "oat milk|is|cheaper"),
        (10, "他说：“好。”（见《手册》）", "他说：|“好。”（见|《手册》）"),
        (10, "用sudo ufw打开6683端口", "用sudo ufw|打开6683端|口"),
        (8, "见 https://example.org/a 吧", "见|https://example.org/a|吧"),
        (6, FAMILY * 4 + "🇨🇳" * 2 + "👍🏽" * 3, f"{FAMILY * 3}|{FAMILY}🇨🇳🇨🇳|👍🏽👍🏽👍🏽"),
        (13, "记于2026年5月3日下午3点半，", "记于|2026年5月3日|下午3点半，"),
        (13, "（2026年5月3日）见10月27号12时30分", "（2026年5月3日）|见10月27号|12时30分"),
        (8, "共１２３４５６次，占 25％", "共|１２３４５６|次，占|25％"),
        (10, "共１，２３４次，占１２．５％", "共|１，２３４|次，占|１２．５％"),
        (11, "手册里有（id 120000年）和(5月3日)", "手册里有|（id|120000年）|和(5月3日)"),
        (4, "e\u0301" * 2 + " 한국어", "e\u0301e\u0301|한국|어"),
        (5, "", ""),
    ],
)  # fmt: skip
def test_a_line_ends_between_words_or_wide_characters_but_not_before_a_closing_sign(
    columns: int, text: str, expected: str
) -> None:
    assert "|".join(wrapped(text, columns)) == expected


def test_the_lines_of_a_text_stay_and_so_does_their_indentation() -> None:
    assert wrapped_lines("a\r\n\n  - one two\n\tend  \n\n", 9) == ["a", "", "  - one", "  two", "    end"]


@given(texts, st.integers(10, 40))
def test_nothing_is_lost_and_only_a_long_word_makes_a_long_line(text: str, columns: int) -> None:
    lines = [without_styles(line) for line in marked_lines(text, [], columns)]
    assert "".join("".join(lines).split()) == "".join(harmless_lines(text).split())
    assert all(wcswidth(line) <= columns or len(line.split()) <= 1 for line in lines)


def test_a_run_of_opening_signs_takes_no_more_time_than_other_signs() -> None:
    assert wrapped("“" * 300_000, 40) == ["“" * 300_000]


@pytest.mark.parametrize(
    ("columns", "message", "lines"),
    [
        (25, "udpnote: one entry waits", ["udpnote: one entry waits"]),
        (20, "udpnote: one entry waits here", ["udpnote: one entry", "  waits here"]),
        (20, "run `udpnote outbox` now, and wait", ["run `udpnote outbox`", "  now, and wait"]),
        (18, "run `udpnote outbox --send` now", ["run", "  `udpnote outbox --send`", "  now"]),
        (20, "  - one of two causes", ["  - one of two", "    causes"]),
        (20, "用 `udpnote outbox` 会发送", ["用 `udpnote outbox`", "  会发送"]),
        (20, "", [""]),
    ],
)
def test_the_lines_of_a_message_are_indented_and_a_command_in_it_stays_whole(
    columns: int, message: str, lines: list[str]
) -> None:
    assert wrapped_message(message, columns) == lines


def test_the_lines_of_a_message_with_a_label_begin_below_its_text_where_there_is_room() -> None:
    message = "because  chosen as the only notebook that answered"
    assert wrapped_message(message, 30, label_cells=9) == [
        "because  chosen as the only",
        " " * 9 + "notebook that",
        " " * 9 + "answered",
    ]
    assert wrapped_message(message, 28, label_cells=9) == ["because  chosen as the only", "  notebook that answered"]
