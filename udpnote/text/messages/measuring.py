"""The sentences of `udpnote bench` and `udpnote demo`."""

from collections.abc import Sequence

from udpnote.text.joining import all_of
from udpnote.text.language import gettext as _
from udpnote.text.language import marked, ngettext
from udpnote.text.messages.forms import Counted, Sentence

_FILES = {"outbox": marked("outbox"), "notebook": marked("notebook")}
"""What messages call the user's files."""


def _named(names: Sequence[str]) -> str:
    """The files with these `names`, such as `outbox and notebook`."""
    return all_of([_(_FILES[each]) for each in names])


def _disk_is_memory(files: Sequence[str], folder: str, file_system: str) -> str:
    if "notebook" in files:
        sentence = _(
            "the {files} will not outlive this machine's next shutdown or crash: {folder} is on {file_system}, which keeps "
            "files in memory only. Even acknowledged entries are lost then. Set UDPNOTE_HOME to a folder on a disk. To move "
            "only the notebook, set UDPNOTE_FILE to a file on a disk"
        )
    else:
        sentence = _(
            "the {files} will not outlive this machine's next shutdown or crash: {folder} is on {file_system}, which keeps "
            "files in memory only. Entries that still wait are lost then. Set UDPNOTE_HOME to a folder on a disk"
        )
    return sentence.format(folder=folder, files=_named(files), file_system=file_system)


def _fsync_too_fast(folder: str, seconds: float, file_system: str | None, option: str | None) -> str:
    """`file_system` is None if it is not known. `option` is the mount option that makes fsync return without writing, or None
    if the disk is not known to be mounted with such an option.
    """
    place = folder
    if file_system is not None:
        place = _("{folder}, on {file_system},").format(folder=folder, file_system=file_system)
    if option is None:
        sentence = _(
            "an fsync in {place} takes {milliseconds:.4f} ms. Hardly any disk is that fast: a cache or a virtual machine "
            "may answer in place of the disk. A power cut may then lose acknowledged entries"
        )
    else:
        sentence = _(
            "an fsync in {place} takes {milliseconds:.4f} ms. Hardly any disk is that fast: the mount option {option} "
            "is the cause. With it, a power cut may lose acknowledged entries. Mount the disk without it"
        )
    return sentence.format(place=place, milliseconds=seconds * 1000, option=option)


def measured_disk(files: Sequence[str]) -> str:
    """Which of the user's `files`, "outbox" or "notebook", a disk has: `of the outbox and notebook`."""
    return _("of the {files}").format(files=_named(files))


def _demo_lost(lost: int, resent: int) -> str:
    losses = ngettext("{count:,} datagram lost", "{count:,} datagrams lost", lost).format(count=lost)
    return _("{losses}, {resent:,} sent again").format(losses=losses, resent=resent)


SENTENCES: dict[str, Sentence] = {
    "disk_is_memory": _disk_is_memory,
    "fsync_too_fast": _fsync_too_fast,
    "measured_entry_not_stored": "the measurement ended, because a temporary notebook did not store an entry: {reason}",
    "round_trip_not_measured": "the round trip was not measured: {reason}",
    "process_ended": "its process ended",
    "temporary_server_failed": "the measurement ended, because its temporary server did not start: {failure}",
    "entry_seconds_least": (
        "A note to that notebook takes at least {milliseconds} ms: an fsync on this host, and the round trip. It also "
        "takes an fsync on the notebook's host, which only `udpnote bench` on that host can measure"
    ),
    # what is being done
    "temporary_server_starts": "starting a server",
    "temporary_files_removed": "removing the temporary files",
    "fsyncs_measured": "measuring fsyncs: {number:,}",
    "sent_one_by_one": "sending one by one: {number:,}",
    "sent_many_at_once": "sending many at once: {number:,}",
    "looking_for_notebook": "looking for the notebook",
    "round_trips_measured": "measuring round trips: {number:,}",
    # the demonstration
    "demo_finding": "A server is started on this machine, and found by discovery:",
    "demo_found": 'found the notebook "{name}" at {address}:{port}',
    "demo_unanswered": (
        "the demonstration ended, because its server at 127.0.0.1 port {port} did not answer. Check that `ip link show lo` "
        "shows UP, and that the firewall of this machine lets UDP to 127.0.0.1 in"
    ),
    "demo_sending": Counted(
        "entries",
        "{entries} entry is sent, while {loss:.0%} of all datagrams are lost in each direction:",
        "{entries} entries are sent, while {loss:.0%} of all datagrams are lost in each direction:",
    ),
    "demo_lost": _demo_lost,
    "demo_not_stored": (
        "this entry was not stored, because no answer came in time. Check that the firewall of this machine lets UDP to "
        "127.0.0.1 in"
    ),
    "demo_showing": "What the notebook holds, each entry exactly once:",
    "demo_next": 'Now for real: run `udpnote serve` on one machine, and `udpnote send "some text"` on any other',
}
