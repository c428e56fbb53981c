"""Long entries in the search index: indexed in portions, and found as if they were whole."""

from itertools import pairwise

import pytest

from tests.support.notebook_files import read
from tests.writings import Writings, assert_right, catch_up, caught_up, find, numbers, opened, progress
from udpnote.model.entry import TEXT_BYTES_MAX
from udpnote.model.query import Query
from udpnote.storage.index.index import Index
from udpnote.storage.index.shards import PORTION_CHARACTERS
from udpnote.text.query_words import TERMS_MAX
from udpnote.text.search_terms import terms


def numbered(count: int) -> str:
    """A long text in which every phrase is at one place only."""
    return " ".join(f"w{number}" for number in range(count))


def size(path: str) -> int:
    """Bytes of text in all shards."""
    [(size,)] = read(path, "sum(bytes) FROM shards")
    return int(size or 0)


def test_phrases_and_words_are_found_wherever_in_a_long_entry_they_are(index: Index, writings: Writings) -> None:
    words = numbered(10_000).split()
    writings.fill([f"最初 {numbered(10_000)} 最后 #标签", f"最初 {numbered(9_000)}", "最初 最后 #标签"])
    catch_up(index)
    for start in range(0, 2 * PORTION_CHARACTERS // 6, 11):
        assert find(index, " ".join(words[start : start + TERMS_MAX])) == [1, 2]
    assert find(index, f"{words[10]} {words[12]}") == []
    assert find(index, "最初", "最后") == [1, 3]
    assert numbers(index, Query(words=("最初", "w8999"), newest_first=True)) == [2, 1]
    assert numbers(index, Query(words=("最后",), tags=("标签",), author="amy")) == [1, 3]
    assert numbers(index, Query(words=("w5",), author="bob")) == []


@pytest.mark.parametrize("steps", [1, 5])
def test_indexing_a_long_entry_goes_on_where_it_stopped(path: str, writings: Writings, steps: int) -> None:
    writings.fill(["开会", numbered(10_000), "开会"])
    with opened(path, writings) as index:
        for _ in range(steps + 1):
            index.catch_up(lambda: True)
    with opened(path, writings) as index:
        assert progress(index) == (1, steps)
        catch_up(index)
        assert find(index, "w9998 w9999") == [2]
        assert_right(index, writings)
    with caught_up(f"{path}.whole", writings):
        assert size(path) == size(f"{path}.whole"), "no portion is indexed twice"


def test_a_long_entry_that_was_replaced_by_another_is_indexed_from_its_start(path: str, writings: Writings) -> None:
    writings.note(numbered(10_000))
    with opened(path, writings) as index:
        index.catch_up(lambda: True)
        assert progress(index) == (0, 1)
    writings.connection.execute("UPDATE entries SET stored_at = 77, text = '开会'")
    with caught_up(path, writings) as index:
        assert (find(index, "w1"), find(index, "开会")) == ([], [1])


@pytest.mark.parametrize("text", ["a b ", "会"])
def test_no_step_of_indexing_adds_more_than_a_portion(path: str, writings: Writings, text: str) -> None:
    count = TEXT_BYTES_MAX // 4 // len(text.encode())
    writings.fill(["会", text * count])
    with opened(path, writings) as index:
        sizes = [0]
        while not index.catch_up(lambda: True):
            sizes.append(size(path))
        most = terms(text * (PORTION_CHARACTERS // len(text) + TERMS_MAX))
        assert max(later - earlier for earlier, later in pairwise(sizes)) <= len(" ".join(most).encode())
        assert len(sizes) > len(text) * count // PORTION_CHARACTERS
