"""Join codes: a code gives its key back however it is typed, and a mistyped one is noticed and not repeated."""

import itertools
import os
import random
import shlex
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from tests.support.errors import raises
from tests.support.killed import printed_by
from udpnote.errors import InvalidKey, Notice
from udpnote.model.join_code import KEY_BYTES, join_code, new_key, parse_join_code

CHECK_SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ*~$=U"

KEY = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
CODE = join_code(KEY)
SYMBOLS = CODE.replace("-", "")

KEYS = st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES)


def test_known_keys_have_known_codes() -> None:
    zeros = "0000-0000-0000-0000-0000-0000"
    for number, code in (
        *((0, f"{zeros}-000"), (1, f"{zeros}-011"), (32, f"{zeros}-10*"), (36, f"{zeros}-14U"), (37, f"{zeros}-150")),
        (int.from_bytes(KEY), "0004-1061-050R-3GG2-8A1C-60T3-GF6"),  # as docs/protocol.md has it
        (1234, "0000-0000-0000-0000-0000-0001-6JD"),  # 1 · 1024 + 6 · 32 + 18; 1234 = 33 · 37 + 13
        (2**128 - 1, "7ZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZ*"),  # 2^36 = 1 (mod 37), so that is 2^20 - 1 = 33 - 1
    ):
        key = number.to_bytes(KEY_BYTES)
        assert (join_code(key), parse_join_code(code)) == (code, key)


def test_a_key_is_drawn_again_until_its_code_means_nothing_to_a_shell() -> None:
    drawn = [number.to_bytes(KEY_BYTES) for number in (32, 33, 34, 35, 36)]
    left = iter(drawn)
    assert new_key(lambda _: next(left)) == drawn[4]
    assert all(shlex.quote(code) == code for code in (join_code(new_key(os.urandom)) for _ in range(500)))


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


def is_refused(code: str) -> bool:
    try:
        return not parse_join_code(code)
    except InvalidKey:
        return True


@given(KEYS, st.sampled_from(CHECK_SYMBOLS))
def test_every_wrong_symbol_and_every_swap_of_neighbours_is_noticed(key: bytes, wrong: str) -> None:
    symbols = join_code(key).replace("-", "")
    for at, right in enumerate(symbols):
        assert right == wrong or is_refused(symbols[:at] + wrong + symbols[at + 1 :])
    for at, (left, right) in enumerate(itertools.pairwise(symbols)):
        assert left == right or is_refused(symbols[:at] + right + left + symbols[at + 2 :])


def test_an_invalid_code_is_refused_with_the_reason_and_not_repeated() -> None:
    lengths = (("", 0), (CODE[:-1], 26), (CODE + "-0", 28))
    cases: tuple[tuple[str, str, Mapping[str, object]], ...] = (
        *((text, "join_code_length_wrong", {"symbols": size, "symbols_expected": 27}) for text, size in lengths),
        (CODE.replace("-", ".", 1), "join_code_symbol_invalid", {"symbol": ".", "place": 5}),
        ("U" + SYMBOLS[1:], "join_code_symbol_invalid", {"symbol": "U", "place": 1}),
        (SYMBOLS[:9] + "密" + SYMBOLS[10:], "join_code_symbol_invalid", {"symbol": "密", "place": 10}),
        (SYMBOLS[:-1] + "!", "join_code_symbol_invalid", {"symbol": "!", "place": 27}),
        (SYMBOLS[:25] + "=" + SYMBOLS[26:], "join_code_symbol_invalid", {"symbol": "=", "place": 26}),
        ("8" + SYMBOLS[1:], "join_code_too_large", {"symbol": "8"}),
        (SYMBOLS[:-1] + ("0" if SYMBOLS[-1] != "0" else "1"), "join_code_mistyped", {}),
    )
    for code, kind, values in cases:
        with raises(InvalidKey, kind) as raised:
            parse_join_code(code)
        assert raised.value.notice == Notice(kind, **values)
        assert SYMBOLS[4:12] not in str(raised.value).replace("-", "")


def test_a_code_in_ascii_is_read_without_the_tables_of_unicode() -> None:
    program = (
        "import sys, collections.abc, udpnote; before = set(sys.modules); "
        f"from udpnote.model.join_code import parse_join_code; parse_join_code({CODE!r}); "
        "print(*sorted(set(sys.modules) - before))"
    )
    assert printed_by(program).split() == ["udpnote.errors", "udpnote.model", "udpnote.model.join_code"]
