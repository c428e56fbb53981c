"""`udpnote import`: stores the entries of a file, in the format JSON lines or plain text, in a notebook."""

import json
import os
import shutil
import sys
import tempfile
from codecs import getincrementaldecoder
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from typing import Annotated, BinaryIO, cast

import typer

from udpnote.cli import exit_codes
from udpnote.cli.client_options import NO_OPTIONS, ClientOptions
from udpnote.cli.open_notebook import QueuedDelivery, notebook_path
from udpnote.cli.options import Json, ReadingClient, as_changing_command
from udpnote.cli.terminal.progress import IndexingProgress, Progress
from udpnote.cli.terminal.streams import say
from udpnote.cli.terminal.text import count
from udpnote.cli.times import localize
from udpnote.client.file_reader import FileReader
from udpnote.client.importing import Imported, ImportOutcome, import_into_file
from udpnote.client.notebook_reader import NotebookReader
from udpnote.errors import InvalidImport, Notice, UdpnoteError
from udpnote.model.entry import TEXT_BYTES_MAX, StoredEntry
from udpnote.settings import load_settings
from udpnote.storage.database import storage_errors
from udpnote.text.jsonl import parse_jsonl
from udpnote.text.notebook_text import Format, TextBlocks, TextEntry, detect_format, stored_blocks, text_entries

LINE_BYTES_MAX = 6 * TEXT_BYTES_MAX + (1 << 16)
"""The longest line of an export: a text of characters that JSON escapes with six bytes (`\\u0001`), and the other fields."""

NAMED_MAX = 20
"""How many entries with the same problem are named in messages; the others are only counted."""

OnBad = Callable[[InvalidImport], None]

app = typer.Typer(rich_markup_mode="markdown")


@app.command("import")
@as_changing_command
def import_file(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The file; -: standard input.")],
    author: Annotated[
        str | None, typer.Option("--author", metavar="NAME", help="Who wrote the notes of a text file.  [default: user@host]")
    ] = None,
    options: ReadingClient = NO_OPTIONS,
    notebook: Annotated[
        str | None,
        typer.Option(
            "--notebook",
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
    with closing(ImportFile(file)) as source:
        is_text = source.form() is Format.TEXT
        report = _Report(is_text=is_text)
        entries = TextEntries(source, author, report.bad, report.there) if is_text else JsonLines(source, report.bad)
        try:
            with (
                _importing(entries, options, notebook) as outcomes,
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
    entries: "JsonLines | TextEntries", options: ClientOptions, notebook: str | None
) -> Iterator[Iterator[Imported]]:
    """Give the block an iterator that imports `entries`, and yields the outcome of each, in order.

    It imports into the notebook's file `notebook` or, if that is None, through the server of a client with `options`. After the
    block, that client also delivers queued entries (see `QueuedDelivery`).
    """
    if notebook is not None:
        path = notebook_path(notebook, options)
        if os.path.exists(path):
            with FileReader(path) as reader:
                entries.compare_with(reader)
        yield import_into_file(path, entries, entries.revised())
        return
    delivery = QueuedDelivery()
    with delivery.client(options, IndexingProgress()) as client:
        entries.compare_with(client)
        yield client.import_entries(entries, revised=entries.revised())
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
        self._outcomes[ImportOutcome.THERE_ALREADY] += 1

    def bad(self, error: InvalidImport) -> None:
        """Count a line or block of the file that is not an entry. Of the first `NAMED_MAX`, print why."""
        self._bad += 1
        if self._bad <= NAMED_MAX:
            say(Notice("not_imported", problem=error))

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


class ImportFile:
    """The file to import: the file at `path`, or standard input if `path` is `-`.

    `pieces`, `characters` and `form` read it from its beginning each time. They and the constructor raise `StorageError` if it
    cannot be read.
    """

    def __init__(self, path: str) -> None:
        self._name = "standard input" if path == "-" else path
        with storage_errors(self._name):
            self._file = _open(path)
            self._start = self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def size(self) -> int:
        """The size in bytes of the file, or of the copy that was made of a pipe."""
        return os.fstat(self._file.fileno()).st_size

    def position(self) -> int:
        """The position in bytes that reading has reached. If the file is read a second time, it starts again."""
        return self._file.tell()

    def pieces(self) -> Iterator[bytes]:
        """Yield the lines of the file with their newlines; a line longer than `LINE_BYTES_MAX` comes in several pieces."""
        with storage_errors(self._name):
            self._file.seek(self._start)
            yield from iter(partial(self._file.readline, LINE_BYTES_MAX), b"")

    def characters(self) -> Iterator[str]:
        """Yield the `pieces` decoded as UTF-8. Other bytes become lone surrogates, which no entry may contain."""
        decode = getincrementaldecoder("utf-8")("surrogateescape").decode  # a piece may end within a character
        for piece in self.pieces():
            yield decode(piece)
        yield decode(b"", True)

    def form(self) -> Format | None:
        """The format of the file, by its first line that is not blank; None if there is no such line.

        Raises `InvalidImport` if the line is of neither format.
        """
        for line in self.characters():
            if line.strip():
                return detect_format(line)
        return None


class JsonLines:
    """Iterates over the entries of `file`, which has the format JSON lines, as `StoredEntry`s with their numbers in the file.

    `on_bad` is called with an `InvalidImport` for each line that is not an entry. Blank lines are skipped.
    """

    def __init__(self, file: ImportFile, on_bad: OnBad) -> None:
        self._file = file
        self._on_bad = on_bad

    def __iter__(self) -> Iterator[StoredEntry]:
        number, is_start = 0, True
        for piece in self._file.pieces():
            number += is_start
            if is_start and not piece.isspace():
                try:
                    entry = _parsed(piece)
                except InvalidImport as error:
                    self._on_bad(InvalidImport("bad_import_line", line=number, problem=error))
                else:
                    yield entry
            is_start = piece.endswith(b"\n")

    def compare_with(self, _notebook: NotebookReader) -> None:
        """Does nothing: the identities of the entries show which of them a notebook has already."""

    def revised(self) -> set[int]:
        """Read the whole file, and return the numbers of the entries that its revisions and deletions name as `revises`."""
        numbers = set()
        for piece in self._file.pieces():
            if b'"revises"' in piece:
                with suppress(InvalidImport):  # `__iter__` reports it
                    numbers.add(_parsed(piece).entry.revises)
        return numbers


class TextEntries:
    """Iterates over the entries of `file`, which has the format `text`, as `StoredEntry`s with the numbers 1, 2, 3 and so on.

    Their author is `author`, and their times are read in this machine's time zone. `on_bad` is called with an `InvalidImport`
    for each block that is not an entry. The entries that the notebook of `compare_with` has already are left out, and
    `on_there` is called for each.
    """

    def __init__(self, file: ImportFile, author: str, on_bad: OnBad, on_there: Callable[[], None]) -> None:
        self._file = file
        self._author = author
        self._on_bad = on_bad
        self._on_there = on_there
        self._stored: Counter[int] = Counter()

    def __iter__(self) -> Iterator[StoredEntry]:
        for number, (entry, key, copies) in enumerate(self._entries(self._on_bad), 1):
            if self._stored[key] > copies:
                self._on_there()
            else:
                yield StoredEntry(number, 0, entry, number)

    def compare_with(self, notebook: NotebookReader) -> None:
        """Read the whole file and the whole `notebook` to find the entries that the notebook has already."""
        if notebook.last_number():
            keys = {each.key for each in self._entries(lambda _: None)}
            self._stored = stored_blocks(notebook.log(newest_first=True), keys)

    def revised(self) -> set[int]:
        """The empty set, because a text file has no revisions."""
        return set()

    def _entries(self, on_bad: OnBad) -> Iterator[TextEntry]:
        return text_entries(TextBlocks(self._file.characters(), on_bad), self._author, localize)


def _open(path: str) -> BinaryIO:
    """Open the file at `path` (`-`: standard input) so that it can be read several times.

    A file that can be read only once, such as a pipe, is copied, and the result is the temporary file with the copy. Raises
    `InvalidImport` if its first line is longer than `LINE_BYTES_MAX`, and `OSError`.
    """
    file = cast(BinaryIO, sys.stdin.buffer if path == "-" else open(path, "rb"))  # noqa: SIM115 - closed by the `ImportFile`
    if file.seekable():
        return file
    if file.isatty():
        print("Paste what was exported; Ctrl-D ends it.", file=sys.stderr)
    with file:
        spool = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 - likewise
        spool.write(_checked(file.readline(LINE_BYTES_MAX)))  # refuse an endless line before it fills the disk
        shutil.copyfileobj(file, spool)
        spool.seek(0)
        return spool


def _parsed(line: bytes) -> StoredEntry:
    """The entry in a line of JSON. Raises `InvalidImport` if there is none, or the line is longer than `LINE_BYTES_MAX`."""
    return parse_jsonl(_checked(line).decode(errors="surrogateescape"))


def _checked(line: bytes) -> bytes:
    """Return `line`, of which at most `LINE_BYTES_MAX` bytes were read. Raises `InvalidImport` if the line is longer."""
    if len(line) == LINE_BYTES_MAX and not line.endswith(b"\n"):
        raise InvalidImport("import_line_too_long", bytes_max=LINE_BYTES_MAX)
    return line
