"""`udpnote show`: prints whole notes, or all their versions."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from typing import Annotated

from udpnote.cli import exit_codes
from udpnote.cli.command_line.declared_command import DeclaredCommands, Option
from udpnote.cli.json_output import log_object, note_object
from udpnote.cli.open_notebook import opened
from udpnote.cli.options.client_options import NO_OPTIONS
from udpnote.cli.options.declared import Json, NoPager, NotebookFile, Numbers, ReadingClient
from udpnote.cli.options.number_ranges import is_one_number, parse_ranges, range_name
from udpnote.cli.terminal.pager import paged
from udpnote.cli.terminal.streams import say
from udpnote.cli.terminal.styles import Printer, author_colour
from udpnote.cli.terminal.text import in_json, local_time, zoned_time
from udpnote.client.reading.notebook_reader import NotebookReader, NoteState
from udpnote.errors import Notice
from udpnote.model.entry import Kind, StoredEntry
from udpnote.text.harmless import harmless
from udpnote.text.joining import listed
from udpnote.text.language import gettext as _
from udpnote.text.language import ngettext

LATE_MICROSECONDS = 60_000_000
"""If an entry was stored later than this after it was written, both times are shown: it was queued, or a clock is wrong."""

UNSEEN_NAMED_MAX = 5
"""If the writer of a version had not seen earlier versions, this many of them are named. The others are only counted."""

app = DeclaredCommands()


@app.command()
def show(
    numbers: Numbers,
    history: Annotated[bool, Option("--history", help="All versions: what was written, revised and deleted.")] = False,
    options: ReadingClient = NO_OPTIONS,
    file: NotebookFile = None,
    as_json: Json = False,
    no_pager: NoPager = False,
) -> int:
    """Show whole notes, or their history.

    A number may also be that of a revision: then its note is shown. Exit code 1: a note does not exist or is deleted, or a
    range has no note at all. In a range, numbers that no note has are skipped and counted. `--history` also shows deleted
    notes.

    Examples:

        udpnote show 42

        udpnote show 42 43 --history

        udpnote show 10-20 31-
    """
    parsed = parse_ranges(numbers)
    with paged(is_wanted=not no_pager), opened(options, file) as (notebook, printer):
        shown = _NotePrinter(notebook, printer, has_history=history, as_json=as_json)
        for is_one, ranges in groupby(parsed, is_one_number):  # numbers that follow each other are read together
            if is_one:
                shown.print_numbers(list(dict.fromkeys(each.start for each in ranges)))
            else:
                for each in ranges:
                    shown.print_range(each)
    return exit_codes.DONE if shown.is_complete else exit_codes.REFUSED


class _NotePrinter:
    """Prints notes one after the other, each only once: as JSON, or as text with a blank line between notes.

    A note is printed with its latest text or, with `has_history`, with all its versions, even if it is deleted.
    `is_complete` becomes False if a note that the user has named cannot be printed. `print_numbers` and `print_range` raise the
    errors of reading (see `NotebookReader`).
    """

    def __init__(self, notebook: NotebookReader, printer: Printer, *, has_history: bool, as_json: bool) -> None:
        self._notebook = notebook
        self._printer = printer
        self._has_history = has_history
        self._as_json = as_json
        self._is_first = True
        self._printed: set[int] = set()
        self._printed_ranges: list[range] = []
        self.is_complete = True

    def print_numbers(self, numbers: Sequence[int]) -> None:
        """Print, for each of `numbers`, the note that has a version with this number."""
        if self._has_history:
            self._print_histories(numbers)
        else:
            self._print_notes(numbers)

    def print_range(self, numbers: range) -> None:
        """Print, in order, the notes whose number is in the range `numbers`.

        Then print how many numbers were skipped: numbers of the range, up to the notebook's last number, that do not belong to
        such a note. If there is no such note at all, print that instead, and `is_complete` becomes False. A note that was
        printed before is not printed again.
        """
        found = 0
        for state in self._notes_in(numbers):
            found += 1
            if self._is_printed(state.note.number):
                continue
            if self._has_history:
                versions = self._notebook.log(numbers=[state.note.number])
                self._print_history(next(versions), versions)
            else:
                self._print_note(*state)
        skipped = min(numbers.stop - 1, self._notebook.last_number()) - numbers.start + 1 - found
        if not found:
            say(Notice("range_empty", numbers=range_name(numbers)))
            self.is_complete = False
        elif skipped > 0:
            say(Notice("range_numbers_skipped", numbers=range_name(numbers), skipped=skipped))
        self._printed_ranges.append(numbers)

    def _notes_in(self, numbers: range) -> Iterator[NoteState]:
        """Yield, in order, the state of each note whose number is in the range `numbers`.

        Without `has_history`, deleted notes are left out. With it, `note` and `latest` of each state are the first version of
        the note, because the caller reads the other versions itself.
        """
        if not self._has_history:
            yield from self._notebook.states_between(numbers.start, numbers.stop - 1)
            return
        for stored in self._notebook.log(start=numbers.start):
            if stored.number >= numbers.stop:
                break
            if stored.entry.kind is Kind.NOTE:
                yield NoteState(stored, stored)

    def _is_printed(self, number: int) -> bool:
        """Whether the note with the number `number` was printed already."""
        return number in self._printed or any(number in each for each in self._printed_ranges)

    def _print_notes(self, numbers: Sequence[int]) -> None:
        """Print, for each of `numbers`, the note that has a version with this number, with its latest text.

        If the notebook has no such entry, or the note is deleted or erased, print a message instead.
        """
        states = self._notebook.note_states(numbers)
        for number in numbers:
            if number not in states:
                self._report_missing(number)
            elif not self._is_printed(states[number].note.number):
                self._print_note(*states[number])
                self._printed.add(states[number].note.number)

    def _print_histories(self, numbers: Sequence[int]) -> None:
        """Print, for each of `numbers`, all versions of the note that has a version with this number.

        If the notebook has no such entry, print a message instead.
        """
        for number in numbers:
            versions = self._notebook.log(numbers=[number])
            note = next(versions, None)
            if note is None:
                self._report_missing(number)
            elif not self._is_printed(note.number):
                self._print_history(note, versions)
                self._printed.add(note.number)

    def _report_missing(self, number: int) -> None:
        """Print that the notebook has no entry `number`. `is_complete` becomes False."""
        say(Notice("no_such_entry", number=number))
        self.is_complete = False

    def _report_erased(self, note: StoredEntry) -> None:
        """Print that `note` was erased. `is_complete` becomes False."""
        say(Notice("note_erased", number=note.number, erased_at=local_time(note.entry.written_at)))
        self.is_complete = False

    def _print_note(self, note: StoredEntry, latest: StoredEntry) -> None:
        """Print `note` with the text of its version `latest`. If the note is deleted or erased, print only a message, and
        `is_complete` becomes False.
        """
        if latest.entry.kind is Kind.ERASED:
            self._report_erased(note)
        elif latest.entry.kind is Kind.DELETION:
            say(Notice("note_was_deleted", number=note.number, deletion=_signature(latest)))
            self.is_complete = False
        elif self._as_json:
            current = note._replace(entry=note.entry._replace(text=latest.entry.text), version=latest.number)
            print(in_json(note_object(current)))
        else:
            revised = _("revised by {version}").format(version=_signature(latest)) if latest is not note else ""
            self._print_entry(note, revised, latest.entry.text)

    def _print_history(self, note: StoredEntry, later: Iterable[StoredEntry]) -> None:
        """Print `note`, the first version of a note, and then the `later` versions, each with its own text. If the note was
        erased, print only a message.
        """
        if note.entry.kind is Kind.ERASED:
            self._report_erased(note)
            return
        earlier: list[int] = []
        for version in chain([note], later):
            if self._as_json:
                print(in_json(log_object(version)))
            else:
                self._print_entry(version, _change_of(version, earlier), version.entry.text)
            earlier.append(version.number)

    def _print_entry(self, stored: StoredEntry, remark: str, text: str) -> None:
        """Print a heading with the number, time and author of `stored` and the `remark`. Print the `text` below it."""
        entry = stored.entry
        if not self._is_first:
            self._printer.print()
        self._is_first = False
        remarks = [remark] if remark else []
        if stored.stored_at - entry.written_at > LATE_MICROSECONDS:
            remarks.insert(0, _("stored {time}").format(time=zoned_time(stored.stored_at, entry.utc_offset)))
        self._printer.print(
            (f"#{stored.number}", "bold cyan"), "  ", (zoned_time(entry.written_at, entry.utc_offset), "dim"), "  ",
            (harmless(entry.author), f"color({author_colour(entry.author)})"),
            *(piece for each in remarks for piece in ("  ", (each, "yellow"))),
        )  # fmt: skip
        if text:
            for line in text.rstrip("\n").split("\n"):
                self._printer.print("\t".join(map(harmless, line.removesuffix("\r").split("\t"))))


def _signature(version: StoredEntry) -> str:
    """The number of a version, its writer, and when it was written: `#43 (lin@desk, 2026-05-09 16:37:08 +08:00)`."""
    entry = version.entry
    time = zoned_time(entry.written_at, entry.utc_offset)
    return _("#{number} ({author}, {time})").format(number=version.number, author=harmless(entry.author), time=time)


def _change_of(version: StoredEntry, earlier: Sequence[int]) -> str:
    """Return what `version` did, and which earlier versions its writer had not seen: `revised #42, did not see #43`.

    `earlier` are the numbers of all earlier versions of the note, in ascending order.
    """
    entry = version.entry
    if entry.kind is Kind.NOTE:
        return _("written")
    change = (_("deleted #{number}") if entry.kind is Kind.DELETION else _("revised #{number}")).format(number=entry.revises)
    first = bisect_right(earlier, entry.revises)
    if first == len(earlier):
        return change
    named = [f"#{number}" for number in earlier[first : first + UNSEEN_NAMED_MAX]]
    unseen, others = listed(named), len(earlier) - first - len(named)
    if others:
        unseen = ngettext("{items} and 1 more", "{items} and {count:,} more", others).format(items=unseen, count=others)
    return _("{change}, did not see {versions}").format(change=change, versions=unseen)
