"""A notebook's key, and its join code: the key as a person reads it, types it and says it over the telephone.

The code is Crockford's base 32 (https://www.crockford.com/base32.html): the key as one number in 26 symbols, and a check
symbol, the number modulo 37. Since 37 is prime and greater than 32, no single wrong symbol and no two neighbours that have
changed places leave it as it was.
"""

from collections.abc import Callable

from udpnote.errors import InvalidKey

KEY_BYTES = 16
"""128 random bits: nobody tries them all, and their code still fits on a label."""

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHECK_SYMBOLS = _DIGITS + "*~$=U"
_KEY_SYMBOLS = 26
"""So many digits of 5 bits hold 128; the first is at most 7."""

_CODE_SYMBOLS = _KEY_SYMBOLS + 1
_GROUP_SYMBOLS = 4
"""What is kept in mind between reading and typing."""

_MINUS_SIGN = "\u2212"
"""A dash to the eye, and none to Unicode."""

_VALUES = {symbol: value for value, symbol in enumerate(_CHECK_SYMBOLS)}
_VALUES |= {symbol.lower(): value for symbol, value in _VALUES.items()}
_VALUES |= dict.fromkeys("Oo", 0) | dict.fromkeys("IiLl", 1)


def new_key(random_bytes: Callable[[int], bytes]) -> bytes:
    """A key from a source of randomness, drawn again until its code holds nothing but letters, digits and hyphens.

    Crockford's other check symbols mean something to shells. Who guesses gains a sixth of a bit by that.
    """
    while True:
        key = random_bytes(KEY_BYTES)
        if _check_symbol(int.from_bytes(key)).isalnum():
            return key


def join_code(key: bytes) -> str:
    """The join code of a key of `KEY_BYTES` bytes: 27 symbols in upper case, with hyphens between groups of four."""
    assert len(key) == KEY_BYTES, "a code of another length is no join code"
    number = int.from_bytes(key)
    digits = [_DIGITS[number >> 5 * place & 31] for place in reversed(range(_KEY_SYMBOLS))]
    code = "".join(digits) + _check_symbol(number)
    return "-".join(code[start : start + _GROUP_SYMBOLS] for start in range(0, _CODE_SYMBOLS, _GROUP_SYMBOLS))


def parse_join_code(code: str) -> bytes:
    """The key that `code` stands for, in either case, whatever hyphens and white space are in it.

    O is read as 0, I and L as 1, and the full-width characters of an input method as what they look like. Raises `InvalidKey`,
    whose message does not give the code away.
    """
    symbols = "".join((code if code.isascii() else _folded(code)).replace("-", "").split())
    values = [_VALUES.get(symbol, len(_VALUES)) for symbol in symbols]
    for place, value in enumerate(values, 1):
        if value >= (len(_CHECK_SYMBOLS) if place == len(values) else len(_DIGITS)):
            raise InvalidKey(f"{symbols[place - 1]!r}, symbol {place} of the join code, cannot be in one: {_COMPARE}")
    if len(values) != _CODE_SYMBOLS:
        raise InvalidKey(f"the join code has {len(values)} symbols, and it should have {_CODE_SYMBOLS}: {_COMPARE}")
    *digits, check = values
    number = sum(digit << 5 * place for place, digit in enumerate(reversed(digits)))
    if number >> 8 * KEY_BYTES:
        raise InvalidKey(f"{symbols[0]!r}, symbol 1 of the join code, cannot be there, only 0 to 7 can: {_COMPARE}")
    if number % len(_CHECK_SYMBOLS) != check:
        raise InvalidKey(f"the join code has a typing error, its check symbol does not fit: {_COMPARE}")
    return number.to_bytes(KEY_BYTES)


_COMPARE = "compare it with what `udpnote key show` prints on the notebook's host"


def _check_symbol(number: int) -> str:
    return _CHECK_SYMBOLS[number % len(_CHECK_SYMBOLS)]


def _folded(code: str) -> str:
    """`code` with full-width characters made narrow, and without dashes of all lengths and what nobody sees."""
    from unicodedata import category, normalize  # here, because nearly all codes are ASCII

    return "".join(each for each in normalize("NFKC", code) if each != _MINUS_SIGN and category(each) not in ("Pd", "Cf"))
