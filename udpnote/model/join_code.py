"""The secret key of a sealed notebook, and its join code: the key as a text that people can read, type and dictate.

The code is Crockford's base 32 (https://www.crockford.com/base32.html). It has 26 symbols for the key as one number, and a
check symbol for this number modulo 37. Since 37 is prime and greater than 32, the check symbol reveals every single wrong
symbol and every swap of two neighbours.
"""

from collections.abc import Callable

from udpnote.errors import InvalidKey

KEY_BYTES = 16
"""The length of a key in bytes. Nobody can guess 128 random bits, and the join code is still short enough to type."""

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHECK_SYMBOLS = _DIGITS + "*~$=U"
_KEY_SYMBOLS = 26
"""The number of symbols of a join code without the check symbol. 26 symbols of 5 bits hold 130 bits, 2 more than a key has, so
the first symbol is at most 7."""

_CODE_SYMBOLS = _KEY_SYMBOLS + 1
_GROUP_SYMBOLS = 4
"""The number of symbols in each group between hyphens. People can remember four symbols while they read and type them."""

_MINUS_SIGN = "\u2212"
"""The minus sign looks like a hyphen, but Unicode does not count it as a dash. So `_folded` removes it separately."""

_VALUES = {symbol: value for value, symbol in enumerate(_CHECK_SYMBOLS)}
_VALUES |= {symbol.lower(): value for symbol, value in _VALUES.items()}
_VALUES |= dict.fromkeys("Oo", 0) | dict.fromkeys("IiLl", 1)


def new_key(random_bytes: Callable[[int], bytes]) -> bytes:
    """Make a new key of `KEY_BYTES` bytes. `random_bytes(n)` must return `n` unpredictable bytes.

    This function draws keys until one has a letter or a digit as its check symbol, because shells treat Crockford's other check
    symbols (`*`, `~`, `$`, `=`) specially. That costs a sixth of a bit of entropy.
    """
    while True:
        key = random_bytes(KEY_BYTES)
        if _check_symbol(int.from_bytes(key)).isalnum():
            return key


def join_code(key: bytes) -> str:
    """The join code of `key`, which has `KEY_BYTES` bytes: 27 symbols in upper case, with hyphens between groups of four."""
    assert len(key) == KEY_BYTES, "a key of another length has no join code"
    number = int.from_bytes(key)
    digits = [_DIGITS[number >> 5 * place & 31] for place in reversed(range(_KEY_SYMBOLS))]
    code = "".join(digits) + _check_symbol(number)
    return "-".join(code[start : start + _GROUP_SYMBOLS] for start in range(0, _CODE_SYMBOLS, _GROUP_SYMBOLS))


def parse_join_code(code: str) -> bytes:
    """The key that the join code `code` stands for, `KEY_BYTES` bytes. Case, hyphens and white space do not matter.

    O is read as 0, I and L as 1. Full-width characters, which Chinese and Japanese input methods make, are read as ASCII.
    Raises `InvalidKey` if `code` is not a join code or is mistyped. The message shows at most one symbol of `code`.
    """
    symbols = "".join((code if code.isascii() else _folded(code)).replace("-", "").split())
    values = [_VALUES.get(symbol, len(_VALUES)) for symbol in symbols]
    for place, value in enumerate(values, 1):
        if value >= (len(_CHECK_SYMBOLS) if place == len(values) else len(_DIGITS)):
            raise InvalidKey("join_code_symbol_invalid", symbol=symbols[place - 1], place=place)
    if len(values) != _CODE_SYMBOLS:
        raise InvalidKey("join_code_length_wrong", symbols=len(values), symbols_expected=_CODE_SYMBOLS)
    *digits, check = values
    number = sum(digit << 5 * place for place, digit in enumerate(reversed(digits)))
    if number >> 8 * KEY_BYTES:
        raise InvalidKey("join_code_too_large", symbol=symbols[0])
    if number % len(_CHECK_SYMBOLS) != check:
        raise InvalidKey("join_code_mistyped")
    return number.to_bytes(KEY_BYTES)


def _check_symbol(number: int) -> str:
    return _CHECK_SYMBOLS[number % len(_CHECK_SYMBOLS)]


def _folded(code: str) -> str:
    """`code` with full-width characters replaced by ASCII, and without dashes, minus signs and invisible characters."""
    from unicodedata import category, normalize  # imported here because nearly all codes are ASCII

    return "".join(each for each in normalize("NFKC", code) if each != _MINUS_SIGN and category(each) not in ("Pd", "Cf"))
