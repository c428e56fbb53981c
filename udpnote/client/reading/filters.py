"""Makes a query from the filters that a program passes to a reading method, and checks them before anything is read."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from udpnote.errors import InvalidQuery, InvalidSetting
from udpnote.model.argument_types import check_several, check_type, wrong_type
from udpnote.model.entry import WRITTEN_AT_MAX, WRITTEN_AT_MIN
from udpnote.model.query import Query, View

if TYPE_CHECKING:
    from datetime import date, tzinfo

    from udpnote.text.times import NamedTime


_TIME_TYPES = "a str, a datetime, a date or an int"
_DAY_TYPES = "a str or a date"


class Filters(TypedDict, total=False):
    """Which notes to read: those that meet all given conditions. A condition that is missing or None excludes no note.

    `since`, `until` and `on` are conditions for the note's time, `StoredEntry.noted_at`. It must be at or after the start of
    `since`, before the end of `until`, and within `on`. Each of them is a `date`, or a text that the command line also takes
    (`yesterday`, `2026-11-23 07:52`, `昨天`). `since` and `until` may also be moments, whose start and end are the same: a
    `datetime` (without a time zone it is local time), or an int, in microseconds since 1970 UTC. `on` must be a day or another
    span of time, and cannot be combined with `since` or `until`.

    `author` is the author of the note, such as `lin@desk`, or only the part before the `@`. `tags` is a sequence of tags, or a
    str for a single tag, with or without `#`; the note must have all of them. Revisions and deletions are read if their note
    meets the conditions.
    """

    since: "int | str | date | None"
    until: "int | str | date | None"
    on: "str | date | None"
    author: str | None
    tags: str | Sequence[str]


def query_of(
    view: View,
    filters: Mapping[str, object],
    now: Callable[[], int],
    *,
    words: str | Sequence[str] = (),
    newest_first: bool = False,
) -> Query:
    """The query for the notes that meet `filters` (see `Filters`) and that the search for `words` finds.

    `view` is the kind of results. `words` and `newest_first` are those of `NotebookReader.entries`. `now` returns the present
    time in microseconds since 1970 UTC, from which times such as `yesterday` are counted. Raises `InvalidQuery` for a value
    that no query can have, and `TypeError` for a value of another type or an unknown filter.
    """
    unknown = sorted(filters.keys() - Filters.__annotations__.keys())
    if unknown:
        raise TypeError(f"there is no filter {unknown[0]!r}: the filters are {', '.join(Filters.__annotations__)}")
    check_type("newest_first", newest_first, bool)
    since, until = _time_range(filters, now)
    author = filters.get("author")
    arguments = _texts("words", words)
    query = Query(
        view,
        newest_first=newest_first,
        since=since,
        until=until,
        author="" if author is None else _text("author", author),
        tags=_texts("tags", filters.get("tags")),
        **(_words(arguments) if arguments else {}),
    )
    if author is not None and not query.author.strip():
        raise InvalidQuery("author_to_find_empty")
    return query


def _words(arguments: Sequence[str]) -> dict[str, Any]:
    """The fields of a `Query` that search for the words in `arguments`, by their names."""
    from udpnote.text.query_words import parse_words  # here, because it is slow to import, and most queries have no words

    return parse_words(arguments)._asdict()


def _texts(name: str, value: object) -> tuple[str, ...]:
    """Return `value`, the argument called `name`, as a tuple of texts. It may be None (no text), a str, or several strs.

    Raises `TypeError` for another type, and `InvalidQuery` for a text that cannot be encoded.
    """
    if value is None:
        return ()
    if isinstance(value, str):
        return (_text(name, value),)
    several = check_several(name, value, "a str or a sequence of them")
    return tuple(_text(f"each of {name}", each) for each in several)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise wrong_type(name, "a str", value)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidQuery("argument_not_unicode", name=name) from None
    return value


def _time_range(filters: Mapping[str, object], now: Callable[[], int]) -> tuple[int | None, int | None]:
    """The start and the end of the time that `filters` choose, in microseconds since 1970 UTC. None stands for no limit.

    Raises `InvalidQuery` if a text names no time, if `on` is a moment, or if the filters exclude each other. Raises `TypeError`
    for a value of another type.
    """
    since, until, on = filters.get("since"), filters.get("until"), filters.get("on")
    if on is not None:
        if since is not None or until is not None:
            raise InvalidQuery("on_and_since_or_until")
        if isinstance(on, int):
            raise wrong_type("on", _DAY_TYPES, on)
        start, end = _span("on", on, now, _DAY_TYPES)
        if start == end:
            raise InvalidQuery("on_is_a_moment", on=on)
        return start, end
    first = None if since is None else _span("since", since, now)[0]
    last = None if until is None else _span("until", until, now)[1]
    if first is not None and last is not None and first >= last:
        raise InvalidQuery("since_not_before_until", since=since, until=until)
    return first, last


def _span(name: str, value: object, now: Callable[[], int], expected: str = _TIME_TYPES) -> tuple[int, int]:
    """The start and the end of the time `value`, in microseconds since 1970 UTC; both are the same if it is a moment.

    `name` is the argument that has this value. Raises `InvalidQuery` for a text that names no time. Raises `TypeError` for a
    value of a wrong type; its message says that `expected` are the right types.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return (min(max(value, WRITTEN_AT_MIN), WRITTEN_AT_MAX),) * 2
    from datetime import date, datetime, timedelta  # here, because it is slow to import, and most queries name no time

    from udpnote.text.times import microseconds

    if isinstance(value, str):
        named = _named_time(name, value, now())
        return microseconds(named.start), microseconds(named.end)
    if isinstance(value, datetime):
        moment = microseconds(value if value.tzinfo is not None else value.replace(tzinfo=_local_zone()))
        return moment, moment
    if isinstance(value, date):
        start = datetime(value.year, value.month, value.day, tzinfo=_local_zone())
        last = value == date.max
        return microseconds(start), WRITTEN_AT_MAX if last else microseconds(start + timedelta(days=1))
    raise wrong_type(name, expected, value)


def _named_time(name: str, text: str, now: int) -> "NamedTime":
    """The time that `text` names. `now`, in microseconds since 1970 UTC, is the time from which `yesterday` is counted.

    Raises `InvalidQuery` if `text` names no time; `name` is the argument that has this text.
    """
    from datetime import datetime

    from udpnote.text.times import read_time

    try:
        return read_time(text, datetime.fromtimestamp(now / 1_000_000, _local_zone()))
    except InvalidSetting as error:
        raise InvalidQuery("time_filter_invalid", name=name, problem=error) from None


def _local_zone() -> "tzinfo":
    from udpnote.machine.local_zone import LocalZone

    return LocalZone()
