"""The QR code of an address: read back by the rules of ISO/IEC 18004, and surrounded by a light border."""

import pytest

from udpnote.page.qr_code import QUIET_MODULES, qr_modules

FORMAT_MASK = 0x5412
"""The bits that are combined with those of the format information (7.9.1)."""

FORMAT_PLACES = [*((8, column) for column in (0, 1, 2, 3, 4, 5, 7, 8)), (7, 8), *((row, 8) for row in (5, 4, 3, 2, 1, 0))]
"""The row and column of each bit of the format information, the highest bit first (7.9.1)."""

BYTE_MODE = 0b0100

FINDER = ["#######", "#.....#", "#.###.#", "#.###.#", "#.###.#", "#.....#", "#######"]


@pytest.mark.parametrize("address", ["http://10.6.83.1:6680/", "https://kitchen-pi.local:6680/", "http://[fd00:6e6f::1]:6680/"])
def test_a_camera_reads_the_address_in_the_code(address: str) -> None:
    modules = [row[QUIET_MODULES:-QUIET_MODULES] for row in qr_modules(address)[QUIET_MODULES:-QUIET_MODULES]]
    assert text_in(modules) == address


def test_around_the_code_is_a_border_without_a_dark_module_and_in_three_corners_a_finder_pattern() -> None:
    rows = qr_modules("http://10.6.83.1:6680/")
    size = len(rows)
    for place, row in enumerate(rows):
        assert len(row) == size
        is_border = not QUIET_MODULES <= place < size - QUIET_MODULES
        assert not any(row if is_border else row[:QUIET_MODULES] + row[-QUIET_MODULES:])
    first, last = QUIET_MODULES, size - QUIET_MODULES - 7
    for top, left in ((first, first), (first, last), (last, first)):
        assert ["".join(".#"[module] for module in row[left : left + 7]) for row in rows[top : top + 7]] == FINDER


def text_in(modules: list[list[bool]]) -> str:
    """Return the text in a small QR code without its border: one of version 2 or 3, whose data are one block of bytes."""
    size = len(modules)
    assert size in (25, 29), "other versions have other alignment patterns, or several blocks"
    information = int("".join(str(int(modules[row][column])) for row, column in FORMAT_PLACES), 2) ^ FORMAT_MASK
    pattern = information >> 10 & 7
    unmasked = [modules[row][column] != is_inverted(pattern, row, column) for row, column in data_places(size)]
    bits = "".join(str(int(module)) for module in unmasked)
    assert int(bits[:4], 2) == BYTE_MODE
    length = int(bits[4:12], 2)
    return bytes(int(bits[start : start + 8], 2) for start in range(12, 12 + 8 * length, 8)).decode()


def data_places(size: int) -> list[tuple[int, int]]:
    """The places of the modules with data, in the order of the bits (7.7.3): in pairs of columns from the right."""
    pairs = [*range(size - 1, 6, -2), *range(5, 0, -2)]  # column 6 is a timing pattern
    # the first pair upwards, the next one downwards
    ways = [(right, range(size - 1, -1, -1) if number % 2 == 0 else range(size)) for number, right in enumerate(pairs)]
    places = [(row, column) for right, rows in ways for row in rows for column in (right, right - 1)]
    return [place for place in places if not is_function(*place, size)]


def is_inverted(pattern: int, row: int, column: int) -> bool:
    """Whether the data mask `pattern` inverts the module (7.8.2)."""
    product = row * column
    values = (
        row + column, row, column % 3, (row + column) % 3, row // 2 + column // 3, product % 2 + product % 3,
        product % 2 + product % 3, row + column + product % 3,
    )  # fmt: skip
    return (values[pattern] if pattern in (2, 3, 5) else values[pattern] % 2) == 0


def is_function(row: int, column: int, size: int) -> bool:
    """Whether the module belongs to a finder, timing or alignment pattern, or to the format information."""
    is_finder = (row < 9 and column < 9) or (row < 9 and column >= size - 8) or (row >= size - 8 and column < 9)
    is_alignment = abs(row - (size - 7)) <= 2 and abs(column - (size - 7)) <= 2
    return is_finder or is_alignment or 6 in (row, column)
