"""Keys and join codes: a code gives its key back however it is typed, and a mistyped one is noticed and not repeated."""

import base64
import itertools
import os
import random
import shlex
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpnote.errors import InvalidKey, InvalidSetting
from udpnote.model.join_code import KEY_BYTES, join_code, new_key, parse_join_code

DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CHECK_SYMBOLS = DIGITS + "*~$=U"
RFC_4648 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

KEY = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
CODE = join_code(KEY)
SYMBOLS = CODE.replace("-", "")

KEYS = st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (0, "0000-0000-0000-0000-0000-0000-000"),
        (1, "0000-0000-0000-0000-0000-0000-011"),
        (32, "0000-0000-0000-0000-0000-0000-10*"),
        (36, "0000-0000-0000-0000-0000-0000-14U"),
        (37, "0000-0000-0000-0000-0000-0000-150"),
        (1234, "0000-0000-0000-0000-0000-0001-6JD"),  # 1 · 1024 + 6 · 32 + 18; 1234 = 33 · 37 + 13
        (2**128 - 1, "7ZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZ*"),  # 2^36 = 1 (mod 37), so that is 2^20 - 1 = 33 - 1
    ],
)
def test_known_keys_have_known_codes(number: int, code: str) -> None:
    key = number.to_bytes(KEY_BYTES)
    assert join_code(key) == code
    assert parse_join_code(code) == key


def independent_code(key: bytes) -> str:
    """The symbols of a key's code by the standard library's base 32, which has another alphabet and pads at the other end."""
    digits = base64.b32encode(bytes(4) + key).decode().translate(str.maketrans(RFC_4648, DIGITS))[-26:]
    rest = 0
    for byte in key:
        rest = (rest * 256 + byte) % 37
    return digits + CHECK_SYMBOLS[rest]


@given(KEYS)
def test_a_code_is_the_base_32_of_its_key_and_gives_it_back(key: bytes) -> None:
    code = join_code(key)
    assert code.replace("-", "") == independent_code(key)
    assert [len(group) for group in code.split("-")] == [4, 4, 4, 4, 4, 4, 3]
    assert parse_join_code(code) == key


@given(KEYS, st.integers(0, 2**64))
def test_a_code_may_be_typed_in_any_way_that_reads_the_same(key: bytes, seed: int) -> None:
    choose = random.Random(seed).choice
    looks = {"0": "0Oo０Ｏｏ", "1": "1IiLl１ＩｉＬｌ"}
    typed = ""
    for symbol in join_code(key).replace("-", ""):
        wide = chr(ord(symbol) + 0xFEE0)
        typed += choose(looks.get(symbol, symbol + symbol.lower() + wide + wide.lower()))
        typed += choose(["", "", "-", " ", "\n", "－", "—", "‐", "−", "\u3000", "\u00a0", "\u200b"])
    assert parse_join_code(typed) == key


def wrong_symbols() -> Iterator[str]:
    for place, right in enumerate(SYMBOLS):
        for wrong in CHECK_SYMBOLS:
            if wrong != right:
                yield SYMBOLS[:place] + wrong + SYMBOLS[place + 1 :]


def test_every_single_wrong_symbol_is_noticed() -> None:
    codes = list(wrong_symbols())
    assert len(codes) == 27 * 36
    for code in codes:
        with pytest.raises(InvalidKey):
            parse_join_code(code)


@given(KEYS, st.integers(0, 26), st.sampled_from(CHECK_SYMBOLS))
def test_a_wrong_symbol_is_noticed_in_any_code(key: bytes, place: int, wrong: str) -> None:
    symbols = join_code(key).replace("-", "")
    if symbols[place] == wrong:
        return
    with pytest.raises(InvalidKey):
        parse_join_code(symbols[:place] + wrong + symbols[place + 1 :])


@given(KEYS)
def test_every_swap_of_two_different_neighbours_is_noticed(key: bytes) -> None:
    symbols = join_code(key).replace("-", "")
    for place, (left, right) in enumerate(itertools.pairwise(symbols)):
        if left != right:
            with pytest.raises(InvalidKey):
                parse_join_code(symbols[:place] + right + left + symbols[place + 2 :])


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("", "has 0 symbols, and it should have 27"),
        (CODE[:-1], "has 26 symbols, and it should have 27"),
        (CODE + "-0", "has 28 symbols, and it should have 27"),
        (CODE.replace("-", ".", 1), r"'\.', symbol 5 of the join code"),
        ("U" + SYMBOLS[1:], "'U', symbol 1 of the join code"),
        (SYMBOLS[:9] + "密" + SYMBOLS[10:], "'密', symbol 10 of the join code"),
        (SYMBOLS[:-1] + "!", "'!', symbol 27 of the join code"),
        (SYMBOLS[:25] + "=" + SYMBOLS[26:], "'=', symbol 26 of the join code"),
        (SYMBOLS[:3] + "ß" + SYMBOLS[4:], "'ß', symbol 4 of the join code"),
        ("8" + SYMBOLS[1:], "'8', symbol 1 of the join code, cannot be there"),
        (SYMBOLS[:-1] + ("0" if SYMBOLS[-1] != "0" else "1"), "its check symbol does not fit"),
    ],
)
def test_a_code_that_is_none_is_told_of_without_repeating_it(code: str, message: str) -> None:
    with pytest.raises(InvalidKey, match=message) as raised:
        parse_join_code(code)
    assert "compare it with what `udpnote key show` prints" in str(raised.value)
    assert SYMBOLS[4:12] not in str(raised.value).replace("-", "")
    assert isinstance(raised.value, InvalidSetting)


def test_a_key_is_drawn_again_until_its_code_means_nothing_to_a_shell() -> None:
    drawn = [number.to_bytes(KEY_BYTES) for number in (32, 33, 34, 35, 36)]
    asked = []

    def random_bytes(count: int) -> bytes:
        asked.append(count)
        return drawn[len(asked) - 1]

    assert new_key(random_bytes) == drawn[4]
    assert asked == [KEY_BYTES] * 5


def test_the_code_of_a_new_key_needs_no_quotes() -> None:
    for _ in range(500):
        code = join_code(new_key(os.urandom))
        assert shlex.quote(code) == code


def test_a_code_in_ascii_is_read_without_the_tables_of_unicode() -> None:
    program = (
        "import sys, udpnote, collections.abc; before = set(sys.modules); "
        f"from udpnote.model.join_code import parse_join_code; parse_join_code({CODE!r}); "
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["udpnote.model", "udpnote.model.join_code"]
