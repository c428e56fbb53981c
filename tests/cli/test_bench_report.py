"""How `udpnote bench` prints its figures, and which warnings it prints with them."""

import pytest
from wcwidth import wcswidth

from tests.support.screens import without_styles
from udpnote.cli.bench_report import Disk, Host, Lan, disk_lines, host_lines, lan_lines, report_object
from udpnote.client.round_trips import RoundTrips
from udpnote.client.send_timing import Throughput
from udpnote.model.durations import Durations
from udpnote.model.notebook import KnownNotebook
from udpnote.storage.disk_durability import Mount

NOTEBOOK = KnownNotebook(b"n" * 16, "厨房\x1b[2J" * 9, "2001:db8:1234:5678::1", 6683, 0)
EXT4 = Mount("ext4", "/dev/mapper/vg--with--a--long--name", frozenset({"rw"}))
DISK = Disk(("outbox", "notebook"), "/home/小明", EXT4, Durations([0.0012] * 98 + [0.04] * 2))
HOST = Host(Durations([0.0031] * 500), Throughput(1_234_567, 2.0))
LAN = Lan(NOTEBOOK, RoundTrips(100, Durations([0.000_412] * 97)))
SILENT = Lan(NOTEBOOK, RoundTrips(100, None))


@pytest.mark.parametrize("width", [40, 57, 80, 120])
def test_the_lines_fit_the_terminal_and_have_the_figures(width: int) -> None:
    found = [*disk_lines(DISK, width), *host_lines(HOST, width), *lan_lines(LAN, DISK, width), *lan_lines(SILENT, DISK, width)]
    drawn = [without_styles(line) for line in found]
    assert max(map(wcswidth, drawn)) <= width
    assert min(map(wcswidth, drawn)) >= 0, "no character controls the terminal"
    text = " ".join(" ".join(drawn).split())
    assert text.count("A note to that notebook") == 1
    times = ("at least 1.61 ms", "1.20 ms 99% within 40.0 ms", "3.10 ms", "0.412 ms")
    for figures in (*times, "3 of 100 lost", "100 of 100 lost", "617,284 a second"):
        assert figures in text


def test_the_object_for_programs_has_units_in_its_keys() -> None:
    found = report_object([DISK], HOST, LAN)
    assert found == {
        "disks": [{
            "files": ["outbox", "notebook"], "folder": "/home/小明", "file_system": "ext4", "device": EXT4.device,
            "fsync_median_ms": 1.2, "fsync_p99_ms": 40.0, "fsyncs": 100, "may_lose_acknowledged": False,
        }],
        "host": {
            "send_median_ms": 3.1, "send_p99_ms": 3.1, "sends": 500, "entries_per_second": 617_284, "entries": 1_234_567,
            "entry_bytes": 100,
        },
        "lan": {
            "name": NOTEBOOK.name, "notebook": "6e" * 16, "address": NOTEBOOK.host, "port": 6683, "sealed": False,
            "round_trip_median_ms": 0.412, "round_trip_p99_ms": 0.412, "datagrams": 100, "datagrams_lost": 3,
            "entry_ms_min": 1.612,
        },
    }  # fmt: skip
    silent = report_object([DISK._replace(mount=None)], HOST, SILENT)["lan"]
    assert isinstance(silent, dict)
    assert [silent[key] for key in ("round_trip_median_ms", "entry_ms_min", "datagrams_lost")] == [None, None, 100]
    assert report_object([DISK], HOST, None)["lan"] is None


@pytest.mark.parametrize(
    ("mount", "fsync_seconds", "kind", "fact"),
    [
        (EXT4, 20e-6, None, ""),
        (None, 20e-6, None, ""),
        (EXT4, 19e-6, "fsync_too_fast", "ext4"),
        (None, 1e-6, "fsync_too_fast", "0.0010 ms"),
        (EXT4._replace(options=frozenset({"nobarrier"})), 1e-6, "fsync_too_fast", "nobarrier"),
        (Mount("tmpfs", "tmpfs", frozenset()), 0.1, "disk_is_memory", "tmpfs"),
    ],
)
def test_a_disk_that_may_lose_acknowledged_entries_is_reported_with_the_reason(
    mount: Mount | None, fsync_seconds: float, kind: str | None, fact: str
) -> None:
    warning = DISK._replace(mount=mount, fsyncs=Durations([fsync_seconds])).warning
    assert (warning and warning.kind) == kind
    assert warning is None or fact in str(warning)


@pytest.mark.parametrize(
    ("files", "moves_notebook"), [(["outbox"], False), (["notebook"], True), (["outbox", "notebook"], True)]
)
def test_the_warning_of_a_disk_in_memory_says_how_to_move_what_is_on_it(files: list[str], moves_notebook: bool) -> None:
    warning = str(DISK._replace(files=files, mount=Mount("tmpfs", "tmpfs", frozenset())).warning)
    assert "UDPNOTE_HOME" in warning
    assert ("UDPNOTE_FILE" in warning, "acknowledged" in warning) == (moves_notebook, moves_notebook)
