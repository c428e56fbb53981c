"""`udpnote show`: prints whole notes, or all versions of them."""

from collections.abc import Sequence
from typing import Annotated

import typer

from udpnote.cli import exit_codes
from udpnote.cli.client_options import NO_OPTIONS
from udpnote.cli.json_output import log_object, note_object
from udpnote.cli.open_notebook import opened, parse_number, read_histories
from udpnote.cli.options import Json, NotebookFile, Numbers, ReadingClient, as_command
from udpnote.cli.terminal.printer import Printer
from udpnote.cli.terminal.streams import say
from udpnote.cli.terminal.text import harmless, in_json, zoned_time
from udpnote.errors import Notice
from udpnote.model.entry import Kind, StoredEntry

LATE_MICROSECONDS = 60_000_000
"""If an entry was stored more than this after it was written, both times are shown: it was queued, or a clock is wrong."""

History = Sequence[StoredEntry]


app = typer.Typer(rich_markup_mode="markdown")


@app.command()
@as_command
def show(
    numbers: Numbers,
    history: Annotated[bool, typer.Option("--history", help="All versions: what was written, revised and deleted.")] = False,
    options: ReadingClient = NO_OPTIONS,
    file: NotebookFile = None,
    as_json: Json = False,
) -> int:
    """Show whole notes, or their history.

    The number of a revision stands for its note. Exit code 1: a note does not exist or is deleted. `--history` also shows
    deleted notes.

    Examples:

        udpnote show 42

        udpnote show 42 43 --history
    """
    parsed = [parse_number(text) for text in numbers]
    with opened(options, file) as (notebook, printer):
        found = read_histories(notebook, parsed)
        shown = _NotePrinter(printer, shows_history=history, as_json=as_json)
        is_complete = True
        roots = set()
        for number in parsed:
            versions = found.get(number, ())
            root = versions[0].number if versions else number
            if root not in roots:
                roots.add(root)
                is_complete &= shown.print_note(root, versions)
    return exit_codes.DONE if is_complete else exit_codes.REFUSED


class _NotePrinter:
    """Prints notes one after the other, with a blank line between them."""

    def __init__(self, printer: Printer, *, shows_history: bool, as_json: bool) -> None:
        self._printer = printer
        self._shows_history = shows_history
        self._as_json = as_json
        self._is_first = True

    def print_note(self, number: int, history: History) -> bool:
        """Print a note or say why it cannot be shown; return whether it was printed."""
        if not history:
            say(Notice("no_such_entry", number=number))
            return False
        if self._shows_history:
            self._print_history(history)
            return True
        note, latest = history[0], history[-1]
        if latest.entry.kind is Kind.DELETION:
            say(f"#{number} was deleted by {_signature(latest)}: `udpnote show {number} --history` has its text")
            return False
        if self._as_json:
            current = note._replace(entry=note.entry._replace(text=latest.entry.text), version=latest.number)
            print(in_json(note_object(current)))
        else:
            revised = f"revised by {_signature(latest)}" if latest is not note else ""
            self._print_entry(note, revised, latest.entry.text)
        return True

    def _print_history(self, history: History) -> None:
        for place, version in enumerate(history):
            if self._as_json:
                print(in_json(log_object(version)))
            else:
                self._print_entry(version, _change_of(version, history[:place]), version.entry.text)

    def _print_entry(self, stored: StoredEntry, remark: str, text: str) -> None:
        entry = stored.entry
        if not self._is_first:
            self._printer.print()
        self._is_first = False
        late = stored.stored_at - entry.written_at > LATE_MICROSECONDS
        remarks = [f"stored {zoned_time(stored.stored_at, entry.utc_offset)}"] * late + [remark] * bool(remark)
        self._printer.print(
            (f"#{stored.number}", "bold cyan"), "  ", (zoned_time(entry.written_at, entry.utc_offset), "dim"), "  ",
            (harmless(entry.author), "green"), *(piece for each in remarks for piece in ("  ", (each, "yellow"))),
        )  # fmt: skip
        for line in text.rstrip("\n").split("\n") if text else []:
            self._printer.print("\t".join(map(harmless, line.removesuffix("\r").split("\t"))))


def _signature(version: StoredEntry) -> str:
    entry = version.entry
    return f"#{version.number} ({harmless(entry.author)}, {zoned_time(entry.written_at, entry.utc_offset)})"


def _change_of(version: StoredEntry, earlier: History) -> str:
    """The change that a version made, and the `earlier` versions that its writer had not seen."""
    entry = version.entry
    if entry.kind is Kind.NOTE:
        return "written"
    change = "deleted" if entry.kind is Kind.DELETION else "revised"
    unseen = [f"#{each.number}" for each in earlier if each.number > entry.revises]
    return f"{change} #{entry.revises}" + (f", did not see {', '.join(unseen)}" if unseen else "")
