"""The numbers of notes, and ranges of them, as people type them: `42`, `#42`, `1-3`, `#1-#3`, `10-`."""

import re
from collections.abc import Iterable, Sequence

from udpnote.errors import InvalidQuery
from udpnote.model.entry import SEQUENCE_MAX

_IN_ASCII = str.maketrans("０１２３４５６７８９＃＊－", "0123456789#*-")
"""For `str.translate`: the signs of numbers and ranges as an input method for Chinese types them, and their ASCII forms."""


def parse_number(text: str) -> int:
    """Return the number of an entry that `text` names: `42`, `#42`, or `#42*`, as `list` prints the number of a revised note.

    The signs may be full-width: `＃４２`. Raises `InvalidQuery` for any other text, and for a number that no entry can have.
    """
    digits = text.translate(_IN_ASCII).strip().removeprefix("#").removesuffix("*")
    is_number = digits.isascii() and digits.isdecimal() and len(digits) <= len(str(SEQUENCE_MAX))
    if not is_number or not 0 < int(digits) <= SEQUENCE_MAX:
        raise InvalidQuery("not_an_entry_number", text=text)
    return int(digits)


def parse_ranges(words: Sequence[str]) -> list[range]:
    """Return the ranges of numbers that `words` name, one for each word, in the order of the words. For a word such as `42`,
    the range has one number.

    The range for a word without an end, such as `10-`, ends with `SEQUENCE_MAX`. Raises `InvalidQuery` for a word that is
    neither a number nor a range, and for a range that ends before it begins.
    """
    return [_parse_range(word) for word in words]


def range_name(numbers: range) -> str:
    """Return what a person types for `numbers`, a range of several numbers from `parse_ranges`: `1-3`, or `10-` if it ends with
    `SEQUENCE_MAX`.
    """
    return f"{numbers.start}-{numbers.stop - 1 if numbers.stop <= SEQUENCE_MAX else ''}"


def is_one_number(numbers: range) -> bool:
    """Whether `numbers`, a range from `parse_ranges`, is a single number."""
    return numbers.start + 1 == numbers.stop


def without_overlaps(ranges: Iterable[range]) -> list[range]:
    """All numbers in `ranges`, as ranges in ascending order that do not overlap."""
    found: list[range] = []
    for each in sorted(ranges, key=lambda each: each.start):
        if found and each.start < found[-1].stop:
            found[-1] = range(found[-1].start, max(found[-1].stop, each.stop))
        else:
            found.append(each)
    return found


def _parse_range(word: str) -> range:
    """Return the numbers that `word` stands for: a number such as `42`, or a range such as `1-3` or `7-` (see `parse_ranges`).

    Raises `InvalidQuery` if it is neither, or if the range ends before it begins.
    """
    if len(numbers := re.split("[,，、;；]", word)) > 1:  # `1,234` may mean one number or two
        raise InvalidQuery("numbers_without_spaces", text=word, meant=" ".join(filter(None, numbers)))
    start, dash, end = word.translate(_IN_ASCII).partition("-")
    if not dash:
        number = parse_number(word)
        return range(number, number + 1)
    try:
        first, last = parse_number(start), parse_number(end) if end.strip() else SEQUENCE_MAX
    except InvalidQuery:
        raise InvalidQuery("not_a_range", text=word) from None
    if last < first:
        raise InvalidQuery("range_reversed", text=word, meant=f"{last}-{first}")
    return range(first, last + 1)
