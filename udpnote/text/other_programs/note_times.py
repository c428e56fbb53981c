"""Dates and times in headings, names of files, front matter and JSON of other programs.

Only the unmistakable order is read: year, month, day. `09/06/2013` is not read as a date, because it may be in June or in
September. For jrnl, the user gives the format.
"""

import re
from datetime import date, datetime, time, timedelta, timezone
from typing import NamedTuple

from udpnote.text.other_programs.imported_note import Zones
from udpnote.text.times import exact_microseconds

_DATE = (
    r"(?P<year>\d{4})(?:(?P<sign>[-/._])(?P<month>\d{1,2})(?P=sign)(?P<day>\d{1,2})|年(?P<m>\d{1,2})月(?P<d>\d{1,2})[日号號])"
)
_SHORT_DATE = r"(?P<year>(?:1[89]|2[01])\d\d)(?P<month>\d\d)(?P<day>\d\d)"
_CLOCK = (
    r"(?:(?P<part>凌晨|早上|上午|中午|下午|晚上)\s*)?"
    r"(?P<hour>\d{1,2})[:：](?P<minute>\d\d)(?:[:：](?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"(?:\s*(?P<half>[AaPp])\.?[Mm]\b\.?)?"
)
_ZONE = r"\s*(?P<zone>Z|[+-]\d\d:?\d\d)"
_WEEKDAY = (
    r"(?:[,，]?\s*[(（]?"
    r"(?:(?:[A-Z][a-z]+day|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\.?)(?!\w)|(?:星期|周|週)[一二三四五六日天])[)）]?)?"
)
_DAY_OF_WEEK = re.compile(rf"^[ _-]+{_WEEKDAY}")
_STAMP = re.compile(rf"{_DATE}{_WEEKDAY}(?:(?:[T,，\s]\s*|(?=[凌早上中下晚])){_CLOCK}(?:{_ZONE})?)?(?!\d)")
_CLOCK_ALONE = re.compile(rf"{_CLOCK}(?![\d:：])")
_SHORT_STAMP = re.compile(rf"{_SHORT_DATE}(?:[T_ -]?(?P<hour>\d\d)[.:-]?(?P<minute>\d\d)(?:[.:-]?(?P<second>\d\d))?)?(?!\d)")
_NAME_STAMP = re.compile(rf"{_DATE}(?:[T_ -]+(?P<hour>\d\d)[-.:h]?(?P<minute>\d\d)(?:[-.:m]?(?P<second>\d\d)s?)?(?!\d))?(?!\d)")
_AT_END = re.compile(r"(?:^|/)(\d{4}[-/._]\d{1,2}[-/._]\d{1,2})$")


class Stamp(NamedTuple):
    """A date and a time of day in a source. `day` or `clock` is None if the source does not say it.

    `offset` is the UTC offset that the source names. If it is None, the time is a local one of the importing machine.
    """

    day: date | None
    clock: time | None
    offset: timedelta | None = None

    def moment(self, zones: Zones) -> tuple[int, int]:
        """The time as (microseconds since 1970 UTC, minutes east of UTC). `day` must not be None.

        Without a `clock`, it is midnight.
        """
        assert self.day is not None, "a time of day alone names no moment"
        local = datetime.combine(self.day, self.clock or time())
        if self.offset is None:
            return zones.localize(local)
        return exact_microseconds(local.replace(tzinfo=timezone(self.offset))), self.offset // timedelta(minutes=1)

    def __str__(self) -> str:
        """What the source says of the date, the time and the offset. The identities of Markdown notes contain this text."""
        return " ".join(str(each) for each in self if each is not None)


def stamp_at_start(text: str, *, may_lack_date: bool = False) -> tuple[Stamp, str] | None:
    """The date, or date and time, at the beginning of `text`, and the rest of `text`. None if there is none.

    A name of a weekday between date and time is skipped. If `may_lack_date` is true, `text` may also begin with only a time.
    """
    match = _STAMP.match(text)
    if match is None and may_lack_date:
        match = _CLOCK_ALONE.match(text)
    stamp = _stamp(match) if match is not None else None
    return (stamp, text[match.end() :]) if match is not None and stamp is not None else None


def stamp_of(text: str) -> Stamp | None:
    """The date, or date and time, in `text`. None if `text` has anything else."""
    found = stamp_at_start(text.strip())
    return found[0] if found is not None and not found[1].strip() else None


def stamp_in_name(path: str) -> tuple[Stamp, str] | None:
    """The date in the name of a file, and the rest of the name. None if it has no date. `path` has no file name extension.

    The date is at the beginning of the name (`2026-11-23 Mon Tea`, `2026_11_23`, `20261123`), at its end, or spread over
    folders (`2026/11/23`). The rest does not include the signs between it and the date, nor a weekday.
    """
    name = path.rpartition("/")[2]
    match = _NAME_STAMP.match(name) or _SHORT_STAMP.match(name)
    if match is not None and (stamp := _stamp(match)) is not None:
        return stamp, _DAY_OF_WEEK.sub("", name[match.end() :]).strip(" -_.,，")
    at_end = _AT_END.search(path) or re.search(r"[ _-](\d{4}([-._])\d{1,2}\2\d{1,2})$", name)
    if at_end is not None and (end := stamp_of(at_end[1].replace("/", "-"))) is not None:
        return end, name[: -len(at_end[1])].strip(" -_.,，") if at_end[1] in name else ""
    return None


def utc_moment(text: str) -> int | None:
    """The time in `text`, such as `2021-03-03T11:48:50Z`, in microseconds since 1970 UTC. None if `text` is anything else."""
    stamp = stamp_of(text)
    if stamp is None or stamp.day is None or stamp.clock is None or stamp.offset is None:
        return None
    return exact_microseconds(datetime.combine(stamp.day, stamp.clock, timezone(stamp.offset)))


def _stamp(match: re.Match[str]) -> Stamp | None:
    """The date and time in `match`; None if there is no such date or time. `_DATE`, `_CLOCK` and `_ZONE` show its groups."""
    found = match.groupdict()
    try:
        day = None
        if found.get("year"):
            day = date(int(found["year"]), int(found["month"] or found.get("m") or 0), int(found["day"] or found.get("d") or 0))
        return Stamp(day, _clock(found), _offset(found.get("zone")))
    except ValueError:
        return None


def _clock(found: dict[str, str | None]) -> time | None:
    """The time of day in `found`, the groups of a match; None if it has no hour. Raises `ValueError` if there is no such time.

    `_CLOCK` shows the groups that there may be.
    """
    if found.get("hour") is None:
        return None
    hour, half = int(found["hour"] or 0), found.get("half")
    if half and not 1 <= hour <= 12:
        raise ValueError(hour)
    if half:
        hour = hour % 12 + (12 if half in "Pp" else 0)
    if found.get("part") in ("下午", "晚上") and hour < 12:
        hour += 12
    fraction = (found.get("fraction") or "0").ljust(6, "0")[:6]
    return time(hour, int(found["minute"] or 0), int(found.get("second") or 0), int(fraction))


def _offset(zone: str | None) -> timedelta | None:
    if not zone:
        return None
    if zone == "Z":
        return timedelta()
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    if minutes > 18 * 60:
        raise ValueError(zone)
    return timedelta(minutes=-minutes if zone[0] == "-" else minutes)
