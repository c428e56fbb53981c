"""Large JSON: records come one after the other, whatever pieces it is read in, and damage is named by its place."""

import json
import tracemalloc
from functools import partial
from itertools import chain, islice, pairwise, repeat
from random import Random

import pytest

from tests.support.errors import raises
from tests.support.other_programs import reader_of
from udpnote.errors import InvalidImport
from udpnote.text.other_programs.json_records import JsonRecord, json_records


def values(text: str, *arrays: str) -> list[object]:
    return [record.value for record in json_records(reader_of(text), arrays)]


@pytest.mark.parametrize("indent", [None, 2])
def test_records_come_whole_from_pieces_of_any_size(indent: int | None) -> None:
    random = Random(5)
    records = [{"text": '早\\"上' * random.randrange(9), "n": [1.5, None, {"a": -3e2}], "b": True} for _ in range(40)]
    text = "\ufeff" + json.dumps({"metadata": {"entries": [0]}, "entries": records, "end": 12}, indent=indent)
    for _ in range(40):
        cuts = [0, *sorted(random.sample(range(1, len(text)), 30)), len(text)]
        pieces = iter([text[start:end] for start, end in pairwise(cuts)])
        found = list(json_records(partial(lambda pieces, _: next(pieces, ""), pieces), {"entries"}))
        assert found == [JsonRecord("entries", number, record) for number, record in enumerate(records, 1)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("[]", []),
        ("{}", []),
        (' [1, "a"] [12]', [1, "a", 12]),
        ('{"b": [1], "a": {}}\n{"a": [2, 3]}', [2, 3]),
        ("[12", None),
    ],
)
def test_arrays_objects_and_several_documents_are_read(text: str, found: list[object] | None) -> None:
    if found is None:
        with raises(InvalidImport, "import_json_damaged"):
            values(text, "a")
    else:
        assert values(text, "a") == found


def test_a_single_field_comes_with_its_name_and_does_not_count_as_a_record() -> None:
    text = '{"end": "x", "a": [1], "b": {"end": 2}} {"a": [3], "end": []}'
    expected = [("end", 0, "x"), ("a", 1, 1), ("a", 2, 3), ("end", 0, [])]
    assert list(json_records(reader_of(text), {"a"}, {"end"})) == expected


@pytest.mark.parametrize(
    ("text", "character"),
    [("[1, x]", 5), ("[1 2]", 4), ('{"a": [1], 5: 6}', 13), ('{"a": [{"b": "c"', 17), ("hello", 1), ("[" * 1_000_000, 2)],
)
def test_damage_is_named_by_its_character_after_the_records_before_it(text: str, character: int) -> None:
    with raises(InvalidImport, "import_json_damaged") as error:
        values(text, "a")
    assert error.value.notice.values["character"] == character


def test_a_long_file_needs_the_memory_of_one_record() -> None:
    record = json.dumps({"text": "x" * 10_000}) + ","
    pieces = chain(["["], repeat(record, 3000), ["1]"])
    tracemalloc.start()
    count = sum(1 for _ in islice(json_records(lambda _: next(pieces, ""), ()), 5000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (count, peak < 1_000_000) == (3001, True), peak
