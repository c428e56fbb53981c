"""This machine's time zone, compared with the database of time zones."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

import pytest

from udpnote.machine.local_zone import LocalZone


def as_clocks_show_it(moment: datetime) -> tuple[datetime, int, str | None]:
    back = moment.astimezone(UTC).astimezone(moment.tzinfo)
    return back.replace(tzinfo=None), back.fold, back.tzname()


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Shanghai", "Pacific/Apia"])
def test_the_zone_of_this_machine_agrees_with_the_database_also_where_the_clocks_change(
    use_zone: Callable[[str], None], zone: str
) -> None:
    use_zone(zone)
    start = datetime(2011, 12, 29)
    for half_hours in chain(range(200), range(14_000, 32_000, 19), range(117_000, 119_000)):
        for fold in (0, 1):
            moment = (start + timedelta(minutes=30 * half_hours)).replace(fold=fold)
            here, there = moment.replace(tzinfo=LocalZone()), moment.replace(tzinfo=ZoneInfo(zone))
            assert here.utcoffset() == there.utcoffset()
            assert as_clocks_show_it(here) == as_clocks_show_it(there)
