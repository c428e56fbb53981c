"""`udpnote outbox`: shows, moves, delivers or removes the entries that are still queued."""

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated

from udpnote.cli import exit_codes
from udpnote.cli.command_line.declared_command import DeclaredCommands, Option
from udpnote.cli.options.declared import Json, NoPager, Wait
from udpnote.cli.options.number_ranges import parse_ranges
from udpnote.cli.terminal.pager import paged
from udpnote.cli.terminal.streams import say, terminal_columns
from udpnote.cli.terminal.text import (
    GAP,
    cell_count,
    change_label,
    fitted,
    in_json,
    line_for_writer,
    local_time,
    padded,
    padded_left,
    shortened,
)
from udpnote.client.client import Client
from udpnote.client.finding.destination import destinations_of, lacks_key, options_for, place_name
from udpnote.client.sending.results import SentEntry
from udpnote.errors import InvalidSetting, Notice, UdpnoteError, Unreachable
from udpnote.model.entry import SEQUENCE_MAX
from udpnote.model.notebook import Destination, KnownNotebook, display_name
from udpnote.model.outbox_entries import WaitingCount, WaitingEntry
from udpnote.text.harmless import harmless
from udpnote.text.jsonl import iso_time
from udpnote.text.language import gettext as _

LISTED_ENTRIES = 20
"""How many entries are shown by default: about as many as fit on a screen."""

SEQUENCE_CELLS, TIME_CELLS = len("SEQUENCE"), len("2026-05-09 16:37:08")

TEXT_CELLS_MIN = 20
"""The least width of the column TEXT on a terminal. If less is left of a line, the text stands on a line of its own."""

Sequences = Annotated[
    list[str] | None,
    Option(
        "--discard",
        metavar="SEQUENCE",
        help="Remove this entry without delivering it, or a range of entries: 17, 17-19, 17-. May be repeated.",
    ),
]
Latest = Annotated[
    int | None,
    Option(
        "-n",
        metavar="NUMBER",
        smallest=1,
        help=f"How many of the latest entries.  [default: {LISTED_ENTRIES}; with --json: all]",
    ),
]
To = Annotated[
    str | None,
    Option("--to", metavar="NAME|ID", help="Move notes that wait for another notebook or server to this notebook."),
]
Origin = Annotated[
    str | None,
    Option("--from", metavar="NAME|ID|HOST", help="With --to: move only what waits for this notebook or server."),
]
SendOpen = Annotated[bool, Option("--send-open", help="With --to: move even from a sealed notebook to an open one.")]

app = DeclaredCommands()


@app.command(changes_with=("send", "discard", "discard_refused", "to"))
def outbox(
    send: Annotated[bool, Option("--send", help="Deliver the entries now.")] = False,
    discard: Sequences = None,
    discard_refused: Annotated[
        bool, Option("--discard-refused", help="Remove the entries that their notebook has refused.")
    ] = False,
    limit: Latest = None,
    is_all: Annotated[bool, Option("--all", help="All entries.")] = False,
    to: To = None,
    origin: Origin = None,
    send_open: SendOpen = False,
    wait: Wait = None,
    as_json: Json = False,
    no_pager: NoPager = False,
) -> int:
    """Show, move or deliver the entries that are still queued.

    Each entry is shown with the time when it was written, and with its notebook. Exit code 75: after `--send` there are still
    entries in the outbox.

    `--to` moves notes that wait for a notebook that was lost, or for a wrong `--server`: they then wait for the notebook that
    you name. A moved note stays the same note, so no notebook stores it twice. But if the old notebook has stored it already,
    and only the answer was lost, then both notebooks have it. Edits and deletions are not moved, because their numbers are
    those of notes in their own notebook.

    Examples:

        udpnote outbox

        udpnote outbox --send

        udpnote outbox --discard 17-19

        udpnote outbox --to home --send

        udpnote outbox --to home --from 192.168.1.99
    """
    _check_options(limit, is_all=is_all, to=to, origin=origin, send_open=send_open)
    said: list[Notice] = []
    with Client(wait=wait, on_notice=_saying_and_keeping(said)) as client:
        if discard or discard_refused:
            _discard(client, discard or [], every_refused=discard_refused)
        if to is not None:
            _move(client, to, origin, sends_open=send_open, is_sent=send)
        counts, named_key_id = client.waiting_counts(), client.named_key_id
    if send:
        _deliver_all(counts, named_key_id, wait, said)
    shown = LISTED_ENTRIES if limit is None and not (is_all or as_json) else limit
    are_left = _show(shown, as_json=as_json, is_paged=not no_pager)
    return exit_codes.QUEUED if send and are_left else exit_codes.DONE


def _check_options(limit: int | None, *, is_all: bool, to: str | None, origin: str | None, send_open: bool) -> None:
    """Raise `InvalidSetting` if two options exclude each other, or if an option needs another one that was not given."""
    if is_all and limit is not None:
        raise InvalidSetting("limit_and_all")
    if to is None and (origin is not None or send_open):
        raise InvalidSetting("option_without_to", option="--from" if origin is not None else "--send-open")


def _discard(client: Client, values: Sequence[str], *, every_refused: bool) -> None:
    """Remove the entries that one of `values`, typed after `--discard`, names from the outbox of `client`, and print how many.
    With `every_refused`, remove the refused entries as well.

    Raises `InvalidQuery` if a value is neither a number nor a range, nor several of these with commas between them.
    """
    ranges = parse_ranges([word for value in values for word in re.split("[,，、]", value)])
    first = min((each.start for each in ranges), default=SEQUENCE_MAX)
    sequences = [each.entry.sequence for each in client.waiting(first=first)]
    named = [sequence for sequence in sequences if any(sequence in each for each in ranges)]
    say(Notice("entries_removed", entries=client.discard(named, every_refused=every_refused)))


def _saying_and_keeping(said: list[Notice]) -> Callable[[Notice], None]:
    """Return a function that prints a notice and adds it to `said`."""

    def say_and_keep(notice: Notice) -> None:
        said.append(notice)
        say(notice)

    return say_and_keep


def _move(client: Client, to: str, origin: str | None, *, sends_open: bool, is_sent: bool) -> None:
    """Move waiting notes to the notebook `to`, as `Client.move` does, and print how many were moved.

    `is_sent` says that this command also sends them next. If it does not, print the command that sends them.
    """
    moved = client.move(to, origin=origin, sends_open=sends_open)
    name = display_name(moved.notebook, client.known())
    if moved.notes:
        kind = "notes_moved" if is_sent else "notes_moved_unsent"
        say(Notice(kind, notes=moved.notes, name=name))
    elif not moved.changes:
        say(Notice("nothing_to_move", name=name))
    if moved.changes:
        say(Notice("changes_not_moved", changes=moved.changes))


def _deliver_all(
    counts: Sequence[WaitingCount], named_key_id: bytes | None, wait: float | None, said: Sequence[Notice]
) -> None:
    """Deliver the entries that wait for the destinations in `counts`, one destination after the other. Refused ones stay. If
    no server has answered, recommend `udpnote doctor`.

    `named_key_id` is the id of the key that the settings name, or None if they name none. Entries that need another key are
    left out, and a message says how many they are. `_deliver` explains `wait` and `said`, and what is printed.
    """
    reasons = [_deliver(each, named_key_id, wait, said) for each in destinations_of(counts, named_key_id)]
    keyless = sum(each.entries for each in counts if lacks_key(each, named_key_id))
    if keyless:
        say(Notice("key_not_named", entries=keyless))
    exit_codes.recommend_doctor(reason for reason in reasons if reason is not None)


def _deliver(destination: Destination, named_key_id: bytes | None, wait: float | None, said: Sequence[Notice]) -> Notice | None:
    """Deliver the entries that wait for `destination`. Print each entry when it is stored. If entries still wait, print and
    return the reason.

    An error of the delivery is such a reason, and is not raised. An error of opening the client is raised. Delivery ends after
    `wait` seconds without an answer. If `wait` is None, the time in the settings counts. The notices in `said` were printed
    before, and are not printed again. `named_key_id` is that of `_deliver_all`.
    """

    def print_stored(sent: SentEntry) -> None:
        assert sent.number is not None, "a delivered entry has a number"
        print(line_for_writer(sent.number, sent.entry), flush=True)

    def say_what_is_new(notice: Notice) -> None:
        if notice not in said:
            say(notice)

    with Client(wait=wait, **options_for(destination), on_delivered=print_stored, on_notice=say_what_is_new) as client:
        try:
            reason = client.deliver()
        except UdpnoteError as error:
            if isinstance(error, Unreachable) and destination not in destinations_of(client.waiting_counts(), named_key_id):
                return None  # another command has delivered or removed the entries meanwhile
            say(error.notice)
            return error.notice
        notebook = client.notebook
        if reason is None or notebook is None:
            return None
        waiting = [each for each in client.waiting_counts() if each.notebook_id == notebook.notebook_id and not each.refused]
        if not waiting:  # another command has delivered or removed them meanwhile
            return None
        say(Notice("entries_queued", entries=sum(each.entries for each in waiting), reason=reason))
        return reason


def _show(latest: int | None, *, as_json: bool, is_paged: bool) -> bool:
    """Print the `latest` entries in the outbox, or all if `latest` is None. Return whether the outbox has entries."""
    counts: Sequence[WaitingCount] = ()
    with paged(is_wanted=is_paged), Client() as client:
        counts = client.waiting_counts()
        _print(client.waiting(latest=latest), counts, client.known(), latest, as_json=as_json)
    return bool(counts)


def _print(
    waiting: Iterable[WaitingEntry],
    counts: Sequence[WaitingCount],
    known: Sequence[KnownNotebook],
    latest: int | None,
    *,
    as_json: bool,
) -> None:
    """Print the entries `waiting`: as JSON with `as_json`, else as a table. `counts` counts all entries in the outbox.

    If `latest` is not None, `waiting` has at most this many entries. If the outbox has more, a message below the table says how
    many. `known` are the notebooks whose names the outbox knows.
    """
    entries = sum(each.entries for each in counts)
    if as_json:
        for each in waiting:
            sys.stdout.write(in_json(_object(each)) + "\n")
    elif not entries:
        say(Notice("nothing_waits"))
    else:
        _print_table(waiting, counts, known)
        if latest is not None and latest < entries:
            refused = sum(each.entries for each in counts if each.refused is not None)
            say(Notice("latest_waiting", waiting=entries - refused, refused=refused, latest=latest))


def _print_table(waiting: Iterable[WaitingEntry], counts: Sequence[WaitingCount], known: Sequence[KnownNotebook]) -> None:
    """Print a row for each entry of `waiting` as soon as the entry is read. `known` are the notebooks whose names the outbox
    knows.

    On a terminal, long texts are shortened, and a row that is too wide takes two lines or more. In a pipe or file, each row is
    a line with the whole text. The widths of the columns come from `counts`, which has every destination and every state of an
    entry.
    """
    width = terminal_columns() if sys.stdout.isatty() else None
    places = max(cell_count(_("FOR")), *(cell_count(harmless(place_name(each, known))) for each in counts))
    # On a terminal, a place is cut to a quarter of the line, but an IPv4 address with its port is not cut.
    place_cells = places if width is None else min(places, max(width // 4, len("127.0.0.1:65535")))
    sequence_cells = max(cell_count(_("SEQUENCE")), SEQUENCE_CELLS)
    state_cells = max(cell_count(_("STATE")), *(cell_count(_state(each)) for each in counts))

    def print_row(sequence: str, state: str, since: str, place: str, text: str) -> None:
        place = padded(shortened(place, place_cells), place_cells)
        lines = _row((padded_left(sequence, sequence_cells), padded(state, state_cells), since, place), text, width)
        sys.stdout.write("".join(f"{line.rstrip()}\n" for line in lines))

    print_row(_("SEQUENCE"), _("STATE"), padded(_("SINCE"), TIME_CELLS), _("FOR"), _("TEXT"))
    for each in waiting:
        entry = each.entry
        text = f"{change_label(entry)}  {entry.text}".strip()
        print_row(str(entry.sequence), _state(each), local_time(entry.written_at), place_name(each, known), text)


def _row(cells: Sequence[str], text: str, width: int | None) -> list[str]:
    """Return the lines of a row of the table: the `cells`, which are padded, and then the `text`.

    If `width` is None, the row is one line with the whole text. On a terminal with `width` cells, the text is shortened. It
    begins on a new line if the last line of the cells has less than `TEXT_CELLS_MIN` cells left.
    """
    if width is None:
        return fitted((*cells, harmless(text)), None)
    lines = fitted(cells, width)
    if width - cell_count(lines[-1] + GAP) < TEXT_CELLS_MIN:
        lines.append("")
    lines[-1] += GAP + shortened(text, max(width - cell_count(lines[-1] + GAP), 1))
    return lines


def _state(waiting: WaitingEntry | WaitingCount) -> str:
    """The text for the column STATE: `waits`, or `refused: ` and the reason, such as `refused: too large`."""
    return _("waits") if waiting.refused is None else str(Notice("state_refused", status=waiting.refused.name))


def _object(waiting: WaitingEntry) -> dict[str, object]:
    """An entry in the outbox, as an object for `--json`.

    `notebook` and `notebook_name` are the id and the name of the entry's notebook. If the notebook is not known yet, `notebook`
    is None, and `notebook_name` is the name or id that the user has given, or None. `server` is the server that the user has
    given, or None. `refused` is None, or why the notebook has refused the entry.
    """
    entry = waiting.entry
    return {
        "client": entry.client_id.hex(),
        "sequence": entry.sequence,
        "written_at": iso_time(entry.written_at, entry.utc_offset),
        "author": entry.author,
        "text": entry.text,
        "kind": entry.kind.name.lower(),
        "revises": entry.revises or None,
        "notebook": waiting.notebook_id.hex() if waiting.notebook_id is not None else None,
        "notebook_name": waiting.notebook_name if waiting.notebook_name is not None else waiting.destination.name_or_id,
        "server": waiting.destination.server,
        "refused": waiting.refused.name.lower() if waiting.refused is not None else None,
    }
