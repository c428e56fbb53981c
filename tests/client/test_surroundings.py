"""The clock of this machine, as a client uses it."""

import time

import pytest

from udpnote.client.surroundings import SystemClock


@pytest.mark.parametrize(("zone", "minutes"), [("CST-8", 480), ("UTC+0800", -1080), ("UTC-0800", 1080)])
def test_the_offset_of_the_time_zone_is_one_that_an_entry_can_have(
    monkeypatch: pytest.MonkeyPatch, zone: str, minutes: int
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        assert SystemClock().utc_offset_minutes() == minutes
    time.tzset()
