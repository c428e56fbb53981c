"""The results of `udpnote bench`, as lines for people and as an object for programs."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from udpnote.cli.json_output import notebook_object
from udpnote.cli.terminal.charts import histogram
from udpnote.cli.terminal.text import GAP, Line, fitted, padded, shortened
from udpnote.cli.terminal.wrapping import wrapped
from udpnote.client.round_trips import RoundTrips
from udpnote.client.send_timing import ENTRY_BYTES, Throughput
from udpnote.errors import Notice
from udpnote.lan.udp_socket import format_address
from udpnote.model.durations import Durations
from udpnote.model.notebook import KnownNotebook, address_of
from udpnote.storage.disk_durability import SUSPICIOUS_FSYNC_SECONDS, Mount
from udpnote.text.language import gettext as _
from udpnote.text.messages.measuring import measured_disk

NAME_CELLS_MAX = 24
"""The width, in terminal cells, to which a longer name of a notebook or a device is shortened."""

LABEL_CELLS = 12
"""The width of the column with the labels, in terminal cells."""


class Disk(NamedTuple):
    """What was measured of one disk.

    `folder` is a folder of the user on this disk. `files` says which of the user's files are in it: "outbox", "notebook" or
    both. `mount` is the mounted file system, or None if the operating system does not tell it. `fsyncs` are the durations of
    single fsyncs.
    """

    files: Sequence[str]
    folder: str
    mount: Mount | None
    fsyncs: Durations

    @property
    def warning(self) -> Notice | None:
        """A notice that this disk may lose acknowledged entries; None if nothing indicates that.

        Two signs indicate it: a file system in memory, and a median fsync shorter than `SUSPICIOUS_FSYNC_SECONDS`.
        """
        if self.mount is not None and self.mount.is_memory:
            return Notice("disk_is_memory", files=self.files, folder=self.folder, file_system=self.mount.file_system)
        if self.fsyncs.median >= SUSPICIOUS_FSYNC_SECONDS:
            return None
        file_system, option = (None, None) if self.mount is None else (self.mount.file_system, self.mount.option_without_sync)
        return Notice("fsync_too_fast", folder=self.folder, seconds=self.fsyncs.median, file_system=file_system, option=option)


class Host(NamedTuple):
    """What was measured with a client and a server on this machine.

    `sends` are the durations of sends, one entry after the other. `many` is the rate at which entries were stored when the
    client sent many at once.
    """

    sends: Durations
    many: Throughput


class Lan(NamedTuple):
    """What was measured of the network between this machine and the server of `notebook`."""

    notebook: KnownNotebook
    round_trips: RoundTrips

    def entry_seconds_min(self, disk: Disk) -> float | None:
        """The least time in seconds that this machine needs to get an entry stored in the notebook; None if the server answered
        no datagram.

        It is the median time of an fsync on `disk`, which must be the disk of this machine's outbox, plus the median time of a
        round trip. The server's own fsync comes on top. Its duration is not known here.
        """
        durations = self.round_trips.durations
        return None if durations is None else disk.fsyncs.median + durations.median


def disk_lines(disk: Disk, width: int) -> Iterator[Line]:
    """Yield the lines about `disk`, each at most `width` terminal cells wide."""
    kind = []
    if disk.mount is not None:
        mount = _("{file_system} on {device}").format(file_system=disk.mount.file_system, device=disk.mount.device)
        kind = [shortened(mount, NAME_CELLS_MAX)]
    yield from _row(width, _("disk"), measured_disk(disk.files), *kind)
    yield from _durations_row(width, _("fsync"), disk.fsyncs, _("of {count:,}").format(count=disk.fsyncs.count))


def host_lines(host: Host, width: int) -> Iterator[Line]:
    """Yield the lines about `host`, each at most `width` terminal cells wide: figures, a histogram of `host.sends`, and a blank
    line.
    """
    yield from _row(width, _("this host"), _("client and server"))
    yield from _durations_row(width, _("one send"), host.sends, _("of {count:,}").format(count=host.sends.count))
    yield from _row(
        width,
        GAP + _("many"),
        _("{rate:,.0f} a second").format(rate=host.many.per_second),
        _("{bytes} bytes each").format(bytes=ENTRY_BYTES),
        _("of {count:,}").format(count=host.many.entries),
    )
    yield []
    yield [_("How long one send took, and how often:")]
    yield from histogram(host.sends, width)
    yield []


def lan_lines(lan: Lan, disk: Disk, width: int) -> Iterator[Line]:
    """Yield the lines about `lan`, each at most `width` terminal cells wide. `disk` is the disk that has the outbox.

    The last lines name the shortest time in which an entry can be stored (`Lan.entry_seconds_min`), if it is known.
    """
    name, place = shortened(lan.notebook.name, NAME_CELLS_MAX), format_address(address_of(lan.notebook))
    yield from _row(width, _("notebook"), name, _("at {place}").format(place=place))
    durations, losses = lan.round_trips.durations, _lost(lan.round_trips)
    least = lan.entry_seconds_min(disk)
    if durations is None or least is None:  # both are None if the server answered no datagram
        yield from _row(width, GAP + _("round trip"), losses)
        return
    yield from _durations_row(width, _("round trip"), durations, losses)
    sentence = str(Notice("entry_seconds_least", milliseconds=_digits(least)))
    for line in wrapped(sentence, width - len(GAP)):
        yield [GAP + line]


def report_object(disks: Sequence[Disk], host: Host, lan: Lan | None) -> dict[str, object]:
    """Return all results as an object for `bench --json`. The first of `disks` must be the disk that has the outbox.

    `lan` is None if no server was found. In the object, `may_lose_acknowledged` says of each disk whether it may lose
    acknowledged entries (`Disk.warning`). The times under `lan` are None if the server answered no datagram.
    """
    return {
        "disks": [_disk_object(disk) for disk in disks],
        "host": {
            **_figures("send", host.sends),
            "sends": host.sends.count,
            "entries_per_second": round(host.many.per_second),
            "entries": host.many.entries,
            "entry_bytes": ENTRY_BYTES,
        },
        "lan": None if lan is None else _lan_object(lan, disks[0]),
    }


def _row(width: int, label: str, *cells: str) -> Iterator[Line]:
    """Yield a row of the results: `label`, then `cells`. The row is one line, or several if one would be wider than `width`."""
    for line in fitted([padded(label, LABEL_CELLS), *cells], width):
        yield [line.rstrip()]


def _durations_row(width: int, label: str, durations: Durations, count: str) -> Iterator[Line]:
    """Yield the row for `durations`: `label`, the median, the 99th percentile, and the text `count`, such as `of 200` or
    `3 of 100 lost`.
    """
    median, most = _milliseconds(durations.median), _milliseconds(durations.percentile_99)
    yield from _row(
        width,
        f"{GAP}{label}",
        _("median {duration}").format(duration=median),
        _("99% within {duration}").format(duration=most),
        count,
    )


def _lost(round_trips: RoundTrips) -> str:
    return _("{lost} of {sent} lost").format(lost=round_trips.lost, sent=round_trips.sent)


def _milliseconds(seconds: float) -> str:
    return f"{_digits(seconds)} ms"


def _digits(seconds: float) -> str:
    """`seconds` in milliseconds, with about three significant digits: `0.0123`, `0.412`, `3.10`, `120`."""
    milliseconds = seconds * 1000
    decimals = next((places for limit, places in ((0.1, 4), (1, 3), (10, 2), (100, 1)) if milliseconds < limit), 0)
    return f"{milliseconds:,.{decimals}f}"


def _disk_object(disk: Disk) -> dict[str, object]:
    return {
        "files": list(disk.files),
        "folder": disk.folder,
        "file_system": None if disk.mount is None else disk.mount.file_system,
        "device": None if disk.mount is None else disk.mount.device,
        **_figures("fsync", disk.fsyncs),
        "fsyncs": disk.fsyncs.count,
        "may_lose_acknowledged": disk.warning is not None,
    }


def _lan_object(lan: Lan, disk: Disk) -> dict[str, object]:
    least = lan.entry_seconds_min(disk)
    return {
        **notebook_object(lan.notebook),
        **_figures("round_trip", lan.round_trips.durations),
        "datagrams": lan.round_trips.sent,
        "datagrams_lost": lan.round_trips.lost,
        "entry_ms_min": None if least is None else _rounded(least),
    }


def _figures(name: str, durations: Durations | None) -> dict[str, float | None]:
    """The median and the 99th percentile of `durations` in milliseconds (None without `durations`), under keys that begin with
    `name`.
    """
    return {
        f"{name}_median_ms": None if durations is None else _rounded(durations.median),
        f"{name}_p99_ms": None if durations is None else _rounded(durations.percentile_99),
    }


def _rounded(seconds: float) -> float:
    """`seconds` in milliseconds, rounded to four decimal places."""
    return round(seconds * 1000, 4)
