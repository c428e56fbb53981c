"""`udpnote import`: stores the entries of a file, in the format JSON lines or plain text, in a notebook."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Annotated

from udpnote.cli import exit_codes
from udpnote.cli.client_options import NO_OPTIONS, ClientOptions
from udpnote.cli.declared_command import Argument, DeclaredCommands, Option, as_changing_command
from udpnote.cli.import_file import ImportFile, JsonLines, TextEntries
from udpnote.cli.open_notebook import QueuedDelivery, notebook_path
from udpnote.cli.options import Json, ReadingClient
from udpnote.cli.terminal.progress import IndexingProgress, Progress
from udpnote.cli.terminal.streams import say
from udpnote.cli.terminal.text import count
from udpnote.client.file_reader import FileReader
from udpnote.client.importing import Imported, ImportOutcome, import_into_file
from udpnote.errors import InvalidImport, Notice, UdpnoteError
from udpnote.model.entry import StoredEntry
from udpnote.settings import check_start, load_settings
from udpnote.text.notebook_text import Format

NAMED_MAX = 20
"""How many entries with the same problem are named in messages; the others are only counted."""

app = DeclaredCommands()


@app.command("import")
@as_changing_command
def import_file(
    source_path: Annotated[str, Argument(metavar="FILE", help="The file; -: standard input.")],
    author: Annotated[
        str | None, Option("--author", metavar="NAME", help="Who wrote the notes of a text file.  [default: user@host]")
    ] = None,
    options: ReadingClient = NO_OPTIONS,
    file: Annotated[
        str | None,
        Option(
            "--file",
            metavar="FILE",
            help="Import into this notebook's file, which no server may be using. It is made if missing.",
        ),
    ] = None,
    as_json: Json = False,
) -> int:
    """Import notes from a file.

    FILE has the format `jsonl` or `text` of `udpnote export`. Entries keep their times and order, and those of `jsonl` their
    authors. Entries that the notebook has already, or had before they were revised or deleted, are not added again. Exit code
    1: some entries could not be imported; messages name them.

    Examples:

        udpnote import notes.jsonl

        udpnote import --author lin old-notebook.txt
    """
    author = load_settings({"author": author}).author
    check_start("/" if source_path == "-" else source_path, "FILE")
    with closing(ImportFile(source_path)) as source:
        is_text = source.form() is Format.TEXT
        report = _Report(is_text=is_text)
        entries = TextEntries(source, author, report.bad, report.there) if is_text else JsonLines(source, report.bad)
        try:
            with (
                _importing(entries, report, options, file) as outcomes,
                Progress(source.position, source.size, prints=False) as progress,
            ):
                for imported in outcomes:
                    report.take(imported)
                    progress.advance()
        except KeyboardInterrupt:
            say(f"interrupted: {report.summary()}; import the same file again to go on")
            return exit_codes.INTERRUPTED
        except UdpnoteError:
            report.cut_short()
            raise
    return report.conclude(as_json=as_json)


@contextmanager
def _importing(
    entries: JsonLines | TextEntries, report: "_Report", options: ClientOptions, file: str | None
) -> Iterator[Iterator[Imported]]:
    """Give the block an iterator that imports `entries`, which `report` watches, and yields the outcome of each, in order.

    It imports into the notebook's file `file` or, if that is None, through the server of a client with `options`. After the
    block, that client also delivers queued entries (see `QueuedDelivery`).
    """
    if file is not None:
        path = notebook_path(file, options)
        if os.path.exists(path):
            with FileReader(path) as reader:
                entries.compare_with(reader)
        yield import_into_file(path, report.watched(entries), entries.revised())
        return
    delivery = QueuedDelivery()
    with delivery.client(options, IndexingProgress()) as client:
        entries.compare_with(client)
        yield client.import_entries(report.watched(entries), revised=entries.revised())
        delivery.run(client)


class _Report:
    """Counts the outcomes of the entries of a file, and prints how many there are of each kind, and the problems.

    `is_text` says that the file has the format `text`.
    """

    def __init__(self, *, is_text: bool) -> None:
        self._is_text = is_text
        self._outcomes: Counter[ImportOutcome] = Counter()
        self._different: list[str] = []
        self._orphaned: list[str] = []
        self._bad = 0
        self._held: list[InvalidImport] = []
        self._has_entries = False

    def take(self, imported: Imported) -> None:
        """Count the outcome of one entry.

        If the notebook has another entry with the same identity, and the file has the format `text`, the entry counts as there
        already. The two can differ only in the author and the time zone. The file has neither: the command that imported the
        other entry chose them.
        """
        old, outcome, _ = imported
        if outcome is ImportOutcome.DIFFERENT and self._is_text:
            outcome = ImportOutcome.THERE_ALREADY
        self._outcomes[outcome] += 1
        if outcome is ImportOutcome.DIFFERENT and len(self._different) < NAMED_MAX:
            self._different.append(f"#{old.number}")
        if outcome is ImportOutcome.ORPHANED and len(self._orphaned) < NAMED_MAX:
            self._orphaned.append(f"#{old.number} (of #{old.entry.revises})")

    def there(self) -> None:
        """Count an entry that the notebook has already, and that is therefore not imported."""
        self._found_entry()
        self._outcomes[ImportOutcome.THERE_ALREADY] += 1

    def bad(self, error: InvalidImport) -> None:
        """Count a line or block of the file that is not an entry. Of the first `NAMED_MAX`, print why, after the first entry.

        Raises `InvalidImport` if the first `NAMED_MAX` lines or blocks of the file are not entries.
        """
        self._bad += 1
        if self._bad <= NAMED_MAX:
            self._held.append(error)
            if self._has_entries:
                self._say_held()
        if self._bad == NAMED_MAX and not self._has_entries:
            raise self._other_kind()

    def watched(self, entries: Iterable[StoredEntry]) -> Iterator[StoredEntry]:
        """Yield `entries`. Raises `InvalidImport` if there are none, but the file has lines or blocks that are not entries."""
        for stored in entries:
            self._found_entry()
            yield stored
        if self._held and not self._has_entries:
            raise self._other_kind()

    def _found_entry(self) -> None:
        """Note that the file has an entry. If it is the first one, print why the lines or blocks before it are none."""
        if not self._has_entries:
            self._has_entries = True
            self._say_held()

    def _say_held(self) -> None:
        for error in self._held:
            say(Notice("not_imported", problem=error))
        self._held.clear()

    def _other_kind(self) -> InvalidImport:
        return InvalidImport("import_of_other_kind", problem=self._held[0])

    def summary(self) -> str:
        """How many entries were imported so far, how many were in the notebook already, and how many differ from its entries.

        It is a part of a message. The first `NAMED_MAX` entries that differ are named.
        """
        new, there, different = (
            self._outcomes[outcome] for outcome in (ImportOutcome.NEW, ImportOutcome.THERE_ALREADY, ImportOutcome.DIFFERENT)
        )
        summary = f"{count(new, 'entry', 'entries')} imported"
        if there:
            summary += f", {there:,} there already"
        if different:
            summary += f", {different:,} differ from the notebook, which stays as it is: {_named(self._different, different)}"
        return summary

    def cut_short(self) -> None:
        """Print the `summary` of an import that an error ends. If no entry has an outcome yet, nothing is printed."""
        if self._outcomes:
            say(f"so far, {self.summary()}")

    def conclude(self, *, as_json: bool) -> int:
        """Print on standard error how many entries were imported or not, and return the exit code.

        It is DONE if every line or block of the file is an entry, and every entry is in the notebook now; otherwise it is
        REFUSED. With `as_json`, the numbers are also printed as JSON on standard output.
        """
        orphaned = self._outcomes[ImportOutcome.ORPHANED]
        if self._bad > NAMED_MAX:
            say(f"{self._bad - NAMED_MAX:,} more were not imported because they are not entries")
        say(self.summary())
        if orphaned:
            say(
                f"{orphaned:,} not imported, because the notes that they revise are missing: {_named(self._orphaned, orphaned)}"
            )
        if as_json:
            print(json.dumps(self._object()))
        return exit_codes.REFUSED if self._bad or orphaned or self._outcomes[ImportOutcome.DIFFERENT] else exit_codes.DONE

    def _object(self) -> dict[str, int]:
        """The number of entries with each outcome, and of lines that are not entries, as an object for JSON."""
        return {
            "imported": self._outcomes[ImportOutcome.NEW],
            "there_already": self._outcomes[ImportOutcome.THERE_ALREADY],
            "different": self._outcomes[ImportOutcome.DIFFERENT],
            "orphaned": self._outcomes[ImportOutcome.ORPHANED],
            "bad_lines": self._bad,
        }


def _named(names: list[str], total: int) -> str:
    """The `names` as one text. If there are `total` names, and these are fewer, it ends with how many more there are."""
    return ", ".join(names) + (f" and {total - len(names):,} more" if total > len(names) else "")
