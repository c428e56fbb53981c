"""CSV: every text comes back from the table as it was written, except for apostrophes before what could be a formula."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.exports import notes
from tests.support.texts import texts
from udpnote.text.harmless import harmless_lines
from udpnote.text.spreadsheet import csv_table


def rows(*written: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO("".join(csv_table(notes(*written).entries, for_file=False)), newline="")))


def test_golden_table() -> None:
    table = "".join(csv_table(notes("今天开会 🎉", 'say "hi",\nplease').entries, for_file=True))
    assert table == (
        "\ufeffnumber,written,time_zone,author,text\r\n1,2019-05-09 16:38:08,UTC+08:00,小明,今天开会 🎉\r\n"
        '2,2019-05-09 16:39:08,UTC+08:00,小明,"say ""hi"",\nplease"\r\n'
    )
    assert len(rows()) == 1


@given(st.lists(texts, max_size=5))
def test_a_text_comes_back_from_the_table(written: list[str]) -> None:
    _, *found = rows(*written)
    assert [row[4].replace("'", "") for row in found] == [harmless_lines(text).replace("'", "") for text in written]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        *((f"{sign}cmd|' /C calc'!A0", f"'{sign}cmd|' /C calc'!A0") for sign in "=+-@＝＋－＠"),
        ("- milk", "'- milk"), ("\u3000 \n=1", "\u3000 \n'=1"), ("a;=f(1)", "a;'=f(1)"), ('a\t"+f(1)', "a\t\"'+f(1)"),
        ("a\r\n @f(1)", "a\r\n '@f(1)"), ("list\n- milk\n- eggs", "list\n- milk\n- eggs"), ("1+1=2 (yes)", "1+1=2 (yes)"),
    ],
)  # fmt: skip
def test_no_cell_and_no_part_of_one_is_a_formula(text: str, cell: str) -> None:
    assert rows(text)[1][4] == cell
