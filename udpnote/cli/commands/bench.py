"""`udpnote bench`: measures what this machine and this LAN can do for udpnote, and leaves nothing behind."""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing

from udpnote.cli import exit_codes
from udpnote.cli.bench_report import Disk, Host, Lan, disk_lines, host_lines, lan_lines, report_object
from udpnote.cli.command_line.declared_command import DeclaredCommands
from udpnote.cli.options.client_options import NO_OPTIONS, ClientOptions
from udpnote.cli.options.declared import Json, NamingClient
from udpnote.cli.temporary_server import default_settings, temporary_server
from udpnote.cli.terminal.progress import StatusLine
from udpnote.cli.terminal.styles import Printer
from udpnote.cli.terminal.text import Line, in_json
from udpnote.client.client import Client
from udpnote.client.send_timing import send_durations, throughput
from udpnote.errors import Notice, UdpnoteError
from udpnote.settings import Settings, load_settings
from udpnote.storage.disk_durability import fsync_durations, mount_at, temporary_folder
from udpnote.storage.disk_errors import existing_folder
from udpnote.storage.outbox.outbox import Outbox

FSYNC_SECONDS, FSYNCS_MAX = 0.8, 500
SEND_SECONDS, SENDS_MAX = 1.5, 500
THROUGHPUT_SECONDS = 2.0
FIND_SECONDS = 2.0
"""How long each measurement and the search for the server may take, in seconds, and how many fsyncs or sends are measured at
most.

The round trips take two more seconds. So everything takes less than ten seconds, even if the outbox and the notebook are on two
disks.
"""

app = DeclaredCommands()


@app.command()
def bench(options: NamingClient = NO_OPTIONS, as_json: Json = False) -> int:
    """Measure how fast udpnote is on this machine and this LAN.

    It measures, in less than ten seconds: an fsync on the disk of your outbox, a client and a server with temporary files on
    this machine, and the round trip to the server of your notebook. Nothing is written to your outbox or to your notebook.
    Exit code 69: the notebook that you have named or chosen does not answer.

    Examples:

        udpnote bench

        udpnote bench --notebook kitchen --json
    """
    settings = load_settings(options.flags)
    with StatusLine() as status:
        printer = Printer(on_print=status.clear)

        def show(lines: Iterable[Line]) -> None:
            if not as_json:
                for line in lines:
                    printer.print(*line)
                sys.stdout.flush()  # because the next results take seconds

        disks, host = _measure_machine(settings, status, lambda disk: show(disk_lines(disk, printer.width)))
        show(host_lines(host, printer.width))
        lan, code = _measure_lan(settings, options, status)
        if lan is not None:
            show(lan_lines(lan, disks[0], printer.width))
    if as_json:
        print(in_json(report_object(disks, host, lan)))
    return code


def _measure_machine(settings: Settings, status: StatusLine, on_disk: Callable[[Disk], None]) -> tuple[list[Disk], Host]:
    """Measure the disks of the outbox and of the notebook, then a client and a server on this machine.

    Return two values: the results for each disk, and those for the client and server. If the outbox and the notebook are on
    the same disk, there is only one disk; if not, the outbox's disk comes first. The notebook is the one that `udpnote serve`
    would serve here. `on_disk` is called with each disk as soon as it is measured. The measured files are in temporary folders
    beside the user's own files, so they are on the same disks; they are removed. A warning is printed about a disk that may
    lose acknowledged entries. Raises `UdpnoteError`.
    """
    beside_outbox, beside_notebook = existing_folder(settings.outbox), existing_folder(settings.file)
    is_same = os.stat(beside_outbox).st_dev == os.stat(beside_notebook).st_dev
    with ExitStack() as stack:
        for_outbox = stack.enter_context(temporary_folder(beside_outbox))
        for_notebook = stack.enter_context(temporary_folder(beside_notebook))
        places: list[tuple[Sequence[str], str, str]] = [(("outbox", "notebook"), beside_outbox, for_outbox)]
        if not is_same:
            places = [(("outbox",), beside_outbox, for_outbox), (("notebook",), beside_notebook, for_notebook)]
        disks = []
        for files, folder, temporary in places:
            disks.append(_measure_disk(files, folder, temporary, status))
            on_disk(disks[-1])
        status.show(Notice("temporary_server_starts"))
        stack.enter_context(default_settings(for_outbox))
        port = stack.enter_context(temporary_server([for_notebook, for_outbox]))
        client = Client(server=f"127.0.0.1:{port}", outbox=os.path.join(for_outbox, "outbox.sqlite3"), author="bench")
        host = _measure_host(stack.enter_context(client), status)
        status.show(Notice("temporary_files_removed"))
    return disks, host


def _measure_disk(files: Sequence[str], folder: str, temporary: str, status: StatusLine) -> Disk:
    """Measure the disk of the user's folder `folder`, and return the results. Print a warning if the disk may lose acknowledged
    entries.

    A file in `temporary`, a folder on the same disk, is written and removed. `files` says which of the user's files are in
    `folder`. Raises `StorageError`.
    """
    on_progress = _progress(status, lambda number: Notice("fsyncs_measured", number=number))
    fsyncs = fsync_durations(temporary, seconds_max=FSYNC_SECONDS, count_max=FSYNCS_MAX, on_progress=on_progress)
    disk = Disk(files, folder, mount_at(folder), fsyncs)
    if disk.warning is not None:
        status.say(disk.warning)
    return disk


def _measure_host(client: Client, status: StatusLine) -> Host:
    """Measure entries that `client` sends one by one, then many that it sends at once. Return the results."""
    on_progress = _progress(status, lambda number: Notice("sent_one_by_one", number=number))
    sends = send_durations(client, seconds_max=SEND_SECONDS, count_max=SENDS_MAX, on_progress=on_progress)
    on_progress = _progress(status, lambda number: Notice("sent_many_at_once", number=number))
    return Host(sends, throughput(client, seconds=THROUGHPUT_SECONDS, on_progress=on_progress))


def _measure_lan(settings: Settings, options: ClientOptions, status: StatusLine) -> tuple[Lan | None, int]:
    """Measure the round trip to the server of the user's notebook. Return the result and the exit code.

    If the server does not answer, print why, and return None in place of the result. The exit code is then that of the error,
    or DONE if the user has neither named nor chosen a notebook. Nothing is written to the outbox that `settings` name.
    """
    status.show(Notice("looking_for_notebook"))
    is_decided = True
    try:
        with closing(Outbox(settings.outbox, is_read_only=True)) as kept:
            outbox = kept.without_entries()  # a copy, because the client may save the key of this host's notebook in it
        with options.client(outbox=outbox, on_notice=status.say) as client:
            is_decided = client.is_notebook_decided
            found = client.status(FIND_SECONDS)
            if found.failure is None and found.notebook is not None:
                on_progress = _progress(status, lambda number: Notice("round_trips_measured", number=number))
                round_trips = client.round_trips(found.notebook, on_progress)
                return Lan(found.notebook, round_trips), exit_codes.DONE
            failure = found.failure
    except UdpnoteError as error:
        failure = error
    assert failure is not None, "without a notebook, the status says why"
    status.say(Notice("round_trip_not_measured", reason=failure.notice))
    return None, exit_codes.exit_code_for(failure) if is_decided else exit_codes.DONE


def _progress(status: StatusLine, notice_of: Callable[[int], Notice]) -> Callable[[int], None]:
    """Return a function. It takes the number of steps done so far, and shows in `status` the notice that `notice_of` makes from
    this number.
    """
    return lambda number: status.update(notice_of(number))
