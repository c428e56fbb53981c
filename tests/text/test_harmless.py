"""Texts from the network: nothing in them harms a terminal or hides, and what languages and emoji need stays."""

import json
import re
import unicodedata
from itertools import chain

import pytest

from udpnote.text.harmless import harmless, harmless_json, harmless_lines

INVISIBLE = "\u00ad\u034f\u115f\u180e\u200b\u200c\u200d\u2060\u3164\ufe0f\ufeff\ufff9\U000e0041\U000e0100"
DIRECTION = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def test_no_character_alone_controls_a_terminal_or_is_invisible() -> None:
    tags_and_selectors = range(0xE0000, 0xE1000)
    codes = chain(range(0x20000), range(0x20000, 0x110000, 61), tags_and_selectors)  # above U+20000, the rest is much the same
    shown = {harmless(chr(code)) for code in codes}
    letters = {character for text in shown for character in text}
    assert not [letter for letter in letters if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")]
    assert not letters & {*INVISIBLE, *DIRECTION}
    assert harmless("\x00\t\n\x1b\x7f\u0085\u202e\ud800\U000e0041") == "␀␉␊␛␡\\u0085\\u202e\\ud800\\U000e0041"


@pytest.mark.parametrize(
    "text",
    [
        "buy milk", "今天开会，下午三点", "a\u00a0b", "مرحبا", "e\u0301", "\\x1b", "\ue000", "می\u200cخواهم", "ක්\u200dෂ",
        "👨\u200d👩\u200d👧 👩🏽\u200d⚕\ufe0f 🏳\ufe0f\u200d🌈 ❤\ufe0f 1\ufe0f\u20e3", "葛\U000e0100", "ᠪᠣᠯᠠᠢ\u180eᠠ",
        "\u200fשלום!\u200f (C++\u200e)", "12:30\u061c مرحبا", "\u200eabc" + " " * 28 + "א",
    ],
)  # fmt: skip
def test_characters_that_a_language_or_an_emoji_needs_stay(text: str) -> None:
    assert harmless(text) == harmless_lines(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mi\u200dlk", "mi\\u200dlk"), ("👨\u200dx", "👨\\u200dx"), ("می\u200c\u200cخ", "می\u200c\\u200cخ"),
        ("❤\ufe0f\ufe0e", "❤\ufe0f\\ufe0e"), ("a\U000e0061\U000e007f", "a\\U000e0061\\U000e007f"), (" \ufe0f", " \ufe0f"),
        ("\ufe0f", "\\ufe0f"), ("a\u200eb\u200f", "a\\u200eb\\u200f"), ("א\u200f\u200f", "א\u200f\\u200f"),
        ("\u200fa" + " " * 31 + "א", "\\u200fa" + " " * 31 + "א"), ("א\u202eab\u202c", "א\\u202eab\\u202c"),
    ],
)  # fmt: skip
def test_characters_that_hide_between_others_are_shown(text: str, shown: str) -> None:
    assert harmless(text) == shown


def test_lines_keep_their_ends_and_tabs_and_a_carriage_return_alone_is_replaced() -> None:
    assert harmless_lines("a\tb\r\nc\rd\n\x0b\x1b[2J") == "a\tb\r\nc␍d\n␋␛[2J"


def test_harmless_json_means_the_same() -> None:
    text = "".join(map(chr, [*range(0xD801), *range(0xE000, 0x110000)]))
    line = harmless_json(json.dumps(text, ensure_ascii=False))
    assert (json.loads(line) == text, line.count("\\ud800")) == (True, 1)
    assert not re.search(f"[\x7f-\x9f{INVISIBLE}{DIRECTION}]", line)
