"""The filters and arguments of the methods that read a notebook: accepted values, and the errors about wrong ones."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.support.errors import raises
from udpnote.client.reading.filters import query_of
from udpnote.client.reading.notebook_reader import NotebookReader
from udpnote.errors import InvalidQuery
from udpnote.model.entry import WRITTEN_AT_MAX, WRITTEN_AT_MIN
from udpnote.model.query import Query, Selection, View

DAY = 86_400_000_000
NOW = 20_780 * DAY + DAY // 2
"""2026-11-23 12:00 UTC, a Monday."""
TODAY = NOW - DAY // 2 - 8 * 3_600_000_000
"""When this day began in China."""


@pytest.fixture(autouse=True)
def in_china(monkeypatch: pytest.MonkeyPatch) -> Any:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Shanghai")
        time.tzset()
        yield
    time.tzset()


def query(words: Any = (), **filters: object) -> Query:
    return query_of(View.NOTES, filters, lambda: NOW, words=words)


@pytest.mark.parametrize(
    ("filters", "since", "until"),
    [
        ({"since": "today"}, TODAY, None), ({"since": "昨天", "until": "昨天"}, TODAY - DAY, TODAY),
        ({"on": "yesterday"}, TODAY - DAY, TODAY), ({"until": "2026-11-23"}, None, TODAY + DAY),
        ({"on": date(2026, 11, 22)}, TODAY - DAY, TODAY), ({"until": date(2026, 11, 23)}, None, TODAY + DAY),
        ({"since": datetime(2026, 11, 23), "until": datetime(2026, 11, 23, 20)}, TODAY, NOW),
        ({"since": datetime(2026, 11, 23, 12, tzinfo=UTC)}, NOW, None),
        ({"until": datetime(2026, 11, 23, 7, tzinfo=timezone(timedelta(hours=-5)))}, None, NOW),
        ({"since": NOW, "until": NOW + 1}, NOW, NOW + 1),
        ({"since": -(10**30), "until": 10**30}, WRITTEN_AT_MIN, WRITTEN_AT_MAX),
        ({"since": date.min, "until": date.max}, WRITTEN_AT_MIN, WRITTEN_AT_MAX), ({"since": None, "until": None}, None, None),
    ],
)  # fmt: skip
def test_a_time_is_a_text_as_for_the_command_a_date_a_datetime_or_microseconds(
    filters: dict[str, object], since: int | None, until: int | None
) -> None:
    found = query(**filters)
    assert (found.since, found.until) == (since, until)


def test_one_tag_or_word_may_be_given_alone() -> None:
    assert (query(tags="#work").tags, query(tags=["work", "家"]).tags, query(tags=None).tags) == (
        ("#work",),
        ("work", "家"),
        (),
    )
    assert (query("oat milk").words, query(["oat", "milk"]).words) == (("oat milk",), ("oat", "milk"))


@pytest.mark.parametrize(
    "filters",
    [
        {"tag": "work"}, {"since": 1.5}, {"since": True}, {"until": b"today"}, {"on": NOW}, {"since": ["today"]}, {"author": 5},
        {"author": b"amy"}, {"tags": 5}, {"tags": b"work"}, {"tags": [5]}, {"words": 5}, {"words": [b"milk"]},
    ],
)  # fmt: skip
def test_a_value_of_another_type_or_an_unknown_filter_is_a_type_error_that_names_it(filters: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=next(iter(filters))):
        query(**filters)


@pytest.mark.parametrize("on", [3, 3.5])
def test_the_filter_on_takes_only_a_text_or_a_date(on: object) -> None:
    with pytest.raises(TypeError, match="on must be a str or a date, not"):
        query(on=on)


@pytest.mark.parametrize(
    ("kind", "filters"),
    [
        ("time_filter_invalid", {"since": "someday"}), ("time_filter_invalid", {"on": ""}),
        ("author_to_find_empty", {"author": " "}),
        ("on_is_a_moment", {"on": "2026-11-23 07:52"}), ("on_is_a_moment", {"on": datetime(2026, 11, 23)}),
        ("on_and_since_or_until", {"on": "today", "since": "today"}),
        ("since_not_before_until", {"since": "today", "until": "yesterday"}), ("argument_not_unicode", {"author": "\ud800"}),
        ("argument_not_unicode", {"words": "\ud800"}), ("argument_not_unicode", {"tags": ["\ud800"]}),
    ],
)  # fmt: skip
def test_a_value_that_no_query_can_have_is_an_invalid_query(kind: str, filters: dict[str, Any]) -> None:
    with raises(InvalidQuery, kind):
        query(**filters)


class Unread(NotebookReader):
    """A notebook of which nothing may be read."""

    name = "unread"

    def _now(self) -> int:
        return NOW

    def _read(self, selection: Selection) -> Any:
        raise AssertionError(f"read {selection}")


CALLS: list[tuple[type[Exception], Callable[[Unread], object]]] = [
    (InvalidQuery, lambda unread: unread.entries(numbers=[0])), (InvalidQuery, lambda unread: unread.log(numbers=[2**70])),
    (InvalidQuery, lambda unread: unread.entries(limit=-1)), (InvalidQuery, lambda unread: unread.log(start=-1)),
    (InvalidQuery, lambda unread: unread.log(start=2**64)), (InvalidQuery, lambda unread: unread.follow(last=-1)),
    (InvalidQuery, lambda unread: unread.follow(since="someday")), (InvalidQuery, lambda unread: unread.search("?!")),
    (TypeError, lambda unread: unread.entries(numbers="12")), (TypeError, lambda unread: unread.entries(numbers=5)),  # type: ignore[arg-type]
    (TypeError, lambda unread: unread.log(limit="3")), (TypeError, lambda unread: unread.follow(last=None)),  # type: ignore[arg-type]
    (TypeError, lambda unread: unread.search(5)), (TypeError, lambda unread: unread.log(tag="work")),  # type: ignore[arg-type, call-arg]
    (TypeError, lambda unread: unread.entries(newest_first="no")), (TypeError, lambda unread: unread.log(newest_first=0)),  # type: ignore[arg-type]
    (TypeError, lambda unread: unread.entries(by_number="no")), (TypeError, lambda unread: unread.search("x", newest_first=1)),  # type: ignore[arg-type]
]  # fmt: skip


@pytest.mark.parametrize(("error", "call"), CALLS)
def test_a_wrong_argument_is_refused_at_the_call(error: type[Exception], call: Callable[[Unread], object]) -> None:
    with pytest.raises(error):
        call(Unread())
