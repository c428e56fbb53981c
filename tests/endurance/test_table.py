"""The rows of the long experiments: when a row has missed its target."""

import pytest

from tests.endurance.table import MEMORY_BYTES_MAX, Row, as_markdown

FAST, SLOW = [1.0] * 99 + [300.0], [1.0] * 98 + [300.0] * 2


@pytest.mark.parametrize(
    ("row", "is_met"),
    [
        (Row("", milliseconds=FAST, is_flood=True, memory_bytes=MEMORY_BYTES_MAX - 1), True),
        (Row("", milliseconds=SLOW), True),
        (Row("", milliseconds=SLOW, is_flood=True), False),
        (Row("", lost=1), False),
        (Row("", doubled=1), False),
        (Row("", memory_bytes=MEMORY_BYTES_MAX), False),
    ],
)
def test_a_sum_of_rows_misses_its_target_if_one_of_them_does(row: Row, is_met: bool) -> None:
    total = Row("", is_flood=row.is_flood)
    total.add(row)
    total.add(Row(""))
    assert total.is_met == is_met
    assert ("MISSED" in as_markdown([total])) == (not is_met)
