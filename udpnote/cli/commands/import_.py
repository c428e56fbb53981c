"""`udpnote import`: what was exported, or the old notebook's text file, into a notebook."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from udpnote.cli import exit_codes
from udpnote.cli.import_source import ImportFile, JsonLines, TextEntries
from udpnote.cli.open_notebook import Errands, notebook_path
from udpnote.cli.terminal.progress import IndexingProgress, Progress
from udpnote.cli.terminal.streams import say
from udpnote.cli.terminal.text import count
from udpnote.client.importing import Fate, Imported, import_into_file
from udpnote.errors import InvalidImport, UdpnoteError
from udpnote.settings import load_settings
from udpnote.text.jsonl import Format

NAMED_MAX = 20
"""How many of a kind are named in messages; the others are counted."""


def import_file(path: str, flags: dict[str, Any], file: str | None, *, author: str | None, as_json: bool) -> int:
    """Import the file `path` into the notebook in `file`, or into the one that `flags` lead a client to."""
    author = load_settings({"author": author}).author
    with closing(ImportFile(path)) as source:
        is_text = source.form() is Format.TEXT
        report = _Report(is_text=is_text)
        entries = TextEntries(source, author, report.bad) if is_text else JsonLines(source, report.bad)
        try:
            with _importing(entries, flags, file) as fates, Progress(source.position, source.size, prints=False) as progress:
                for imported in fates:
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
def _importing(entries: JsonLines | TextEntries, flags: dict[str, Any], file: str | None) -> Iterator[Iterator[Imported]]:
    """The fates of `entries`, each imported when it is asked for."""
    if file is not None:
        yield import_into_file(notebook_path(file, flags), entries, entries.revised())
        return
    errands = Errands()
    with errands.client(flags, IndexingProgress()) as client:
        yield client.import_entries(entries, revised=entries.revised())
        errands.run(client)


class _Report:
    """Counts what became of the entries of a file, and tells what is to be told."""

    def __init__(self, *, is_text: bool) -> None:
        self._is_text = is_text
        self._fates: Counter[Fate] = Counter()
        self._different: list[str] = []
        self._orphaned: list[str] = []
        self._bad = 0

    def take(self, imported: Imported) -> None:
        """An entry's fate is known. One of a text file is the same with another author, or read in another time zone."""
        old, fate, _ = imported
        if fate is Fate.DIFFERENT and self._is_text:
            fate = Fate.THERE_ALREADY
        self._fates[fate] += 1
        if fate is Fate.DIFFERENT and len(self._different) < NAMED_MAX:
            self._different.append(f"#{old.number}")
        if fate is Fate.ORPHANED and len(self._orphaned) < NAMED_MAX:
            self._orphaned.append(f"#{old.number} (of #{old.entry.revises})")

    def bad(self, error: InvalidImport) -> None:
        """Something in the file is no entry."""
        self._bad += 1
        if self._bad <= NAMED_MAX:
            say(f"{error}; it is not imported")

    def summary(self) -> str:
        """How many entries there were of which kind."""
        new, there, different = (self._fates[fate] for fate in (Fate.NEW, Fate.THERE_ALREADY, Fate.DIFFERENT))
        summary = f"{count(new, 'entry', 'entries')} imported"
        if there:
            summary += f", {there:,} there already"
        if different:
            summary += f", {different:,} differ from what is there, which is kept: {_named(self._different, different)}"
        return summary

    def cut_short(self) -> None:
        """Tell what was done before an error."""
        if self._fates:
            say(f"so far, {self.summary()}")

    def conclude(self, *, as_json: bool) -> int:
        """Sum up, and give the exit code: whether all of the file is in the notebook now."""
        orphaned = self._fates[Fate.ORPHANED]
        if self._bad > NAMED_MAX:
            say(f"{self._bad - NAMED_MAX:,} more were not imported because they are no entries")
        say(self.summary())
        if orphaned:
            say(f"{orphaned:,} not imported, because what they revise is not there: {_named(self._orphaned, orphaned)}")
        if as_json:
            print(json.dumps(self._object()))
        return exit_codes.REFUSED if self._bad or orphaned or self._fates[Fate.DIFFERENT] else exit_codes.DONE

    def _object(self) -> dict[str, int]:
        return {
            "imported": self._fates[Fate.NEW],
            "there_already": self._fates[Fate.THERE_ALREADY],
            "different": self._fates[Fate.DIFFERENT],
            "orphaned": self._fates[Fate.ORPHANED],
            "bad_lines": self._bad,
        }


def _named(names: list[str], total: int) -> str:
    return ", ".join(names) + (f" and {total - len(names):,} more" if total > len(names) else "")
