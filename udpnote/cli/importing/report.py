"""What `udpnote import` prints: how many entries were imported and how many not, which ones were not, and what was left out."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator

from udpnote.cli import exit_codes
from udpnote.cli.terminal.streams import say
from udpnote.client.sending.import_queue import Imported, ImportOutcome, is_rest_unstored
from udpnote.errors import InvalidImport, Notice, StorageError, UdpnoteError
from udpnote.model.entry import Kind, StoredEntry
from udpnote.text.import_format import Format
from udpnote.text.jsonl import iso_time
from udpnote.text.other_programs.imported_note import LeftOut

_KINDS_ABOUT_CONTENT = frozenset(
    {
        "author_invalid",
        "import_file_too_long",
        "import_in_other_encoding",
        "import_json_damaged",
        "import_line_too_long",
        "import_memos_page",
        "import_not_unicode",
        "import_record_twice",
        "import_zip_damaged",
        "text_block_invalid",
        "text_invalid",
    }
)
"""The kinds of errors that say nothing against the format: a part of the source cannot be imported for another reason."""

NAMED_MAX = 20
"""How many entries with the same problem are named in messages; the others are only counted."""


class ImportReport:
    """Counts what happens to the entries of the source of an import, which is a file or a folder. Prints the counts and the
    problems.

    `form` is the format of the source, or None if the source is empty. `left_out` counts the things in the source that a
    notebook does not keep. With `is_rehearsal`, nothing is stored, and the outcomes are those that `rehearsed` foresees.
    """

    def __init__(self, form: Format | None, *, is_rehearsal: bool = False) -> None:
        self._form = form
        self._is_rehearsal = is_rehearsal
        self.left_out: Counter[LeftOut] = Counter()
        self._outcomes: Counter[ImportOutcome] = Counter()
        self._revised = 0
        self._different: list[int] = []
        self._orphaned: list[tuple[int, int]] = []
        self._bad = 0
        self._held_errors: list[InvalidImport | StorageError] = []
        self._has_entries = False
        self._unknown = 0
        """How many entries were read from the source and have no outcome yet. They may be stored."""
        self._first: StoredEntry | None = None
        self._last: StoredEntry | None = None

    def count_outcome(self, imported: Imported) -> None:
        """Count the outcome of one entry.

        DIFFERENT means that the notebook has another entry with the same client id and sequence. Unless the source is an export
        in JSON lines, such an entry counts as THERE_ALREADY: the two entries can differ only in the author and the time zone,
        which come from the import command and not from the source.
        """
        old, outcome, _ = imported
        if outcome is ImportOutcome.DIFFERENT and self._form is not Format.JSONL:
            outcome = ImportOutcome.THERE_ALREADY
        self._outcomes[outcome] += 1
        if outcome is ImportOutcome.NEW:
            self._count_new(old)
        if outcome is ImportOutcome.DIFFERENT:
            self._name_different(old.number)
        if outcome is ImportOutcome.ORPHANED and len(self._orphaned) < NAMED_MAX:
            self._orphaned.append((old.number, old.entry.revises))
        self._unknown -= 1  # last: Ctrl-C before this makes it too large, which "up to" permits

    def count_there_already(self) -> None:
        """Count an entry that is not imported because the notebook already has it."""
        self._found_entry()
        self._outcomes[ImportOutcome.THERE_ALREADY] += 1

    def count_different(self, number: int) -> None:
        """Count a note of another program that was changed in that program and also in the notebook, and is not imported again.

        `number` is the number of the note in the notebook.
        """
        self._found_entry()
        self._outcomes[ImportOutcome.DIFFERENT] += 1
        self._name_different(number)

    def count_bad(self, error: InvalidImport | StorageError) -> None:
        """Count a part of the source, such as a line, that is not an entry. `error` says why.

        The errors of the first `NAMED_MAX` such parts are printed, but not before the source has had its first entry.

        Raises `InvalidImport` if the source has had `NAMED_MAX` such parts and no entry, and each of their errors may be due
        to the format. Then the source most likely has another format, and one error says so in place of many.
        """
        self._bad += 1
        if self._bad <= NAMED_MAX:
            self._held_errors.append(error)
            if self._has_entries:
                self._say_held_errors()
        if self._bad == NAMED_MAX and not self._has_entries:
            self._check_format()

    def watched(self, entries: Iterable[StoredEntry]) -> Iterator[StoredEntry]:
        """Yield `entries`, the entries of the source, and record that there are any.

        If there are none, use the errors that `count_bad` has kept. If all of them may come from another format, raise
        `InvalidImport`. If not, print them.
        """
        for stored in entries:
            self._found_entry()
            self._unknown += 1
            yield stored
        if not self._has_entries:
            self._check_format()
            self._say_held_errors()

    def interrupted(self) -> int:
        """Print how many entries were imported before Ctrl-C, and how many more may be stored. In a rehearsal, print that none
        was. Return the exit code INTERRUPTED.
        """
        if self._is_rehearsal:
            say(Notice("nothing_changed"))
        else:
            say(Notice("import_interrupted", result=self._result(), unknown=self._unknown))
        return exit_codes.INTERRUPTED

    def cut_short(self, error: UdpnoteError) -> None:
        """Print how many entries were imported before `error`, and how many more may be stored.

        In a rehearsal, or if no entry was or may be imported, print nothing.
        """
        unknown = 0 if is_rest_unstored(error) else self._unknown
        if (self._outcomes or unknown) and not self._is_rehearsal:
            say(Notice("import_cut_short", result=self._result(), unknown=unknown))

    def conclude(self, *, as_json: bool) -> int:
        """Print how many entries were imported and how many not, and what was left out. Return the exit code.

        The exit code is REFUSED if a part of the source is not an entry, or if an entry of the source is not in the notebook
        now, except entries that were erased from it. In all other cases the exit code is DONE. The counts are printed on
        standard error and, with `as_json`, also as JSON on standard output. In a rehearsal, the counts and the exit code are
        those that `rehearsed` foresees.
        """
        if self._bad > NAMED_MAX:
            say(Notice("more_not_imported", count=self._bad - NAMED_MAX))
        for what, count in self.left_out.items():
            if count:
                say(Notice("left_out", what=what.value, count=count))
        if self._is_rehearsal:
            say(Notice("import_rehearsed", result=self._result(), first=_written(self._first), last=_written(self._last)))
        else:
            say(self._result())
        if erased := self._outcomes[ImportOutcome.ERASED]:
            say(Notice("erased_not_imported", entries=erased))
        if orphaned := self._outcomes[ImportOutcome.ORPHANED]:
            say(Notice("import_orphaned", count=orphaned, named=self._orphaned))
        if as_json:
            print(json.dumps(self._object()))
        return exit_codes.REFUSED if self._bad or orphaned or self._outcomes[ImportOutcome.DIFFERENT] else exit_codes.DONE

    def _count_new(self, added: StoredEntry) -> None:
        """Count `added`, an entry that the notebook did not have before, as revised if it revises a note from an earlier
        import. An entry of an export in JSON lines never counts as revised.

        Keep `added` if it was written before or after all others so far: a rehearsal prints both times.
        """
        if self._form is not Format.JSONL and added.entry.kind is Kind.REVISION:
            self._revised += 1
        if self._first is None or added.entry.written_at < self._first.entry.written_at:
            self._first = added
        if self._last is None or added.entry.written_at > self._last.entry.written_at:
            self._last = added

    def _name_different(self, number: int) -> None:
        if len(self._different) < NAMED_MAX:
            self._different.append(number)

    def _found_entry(self) -> None:
        """Record that the source has had an entry. If it is the first one, print the errors that `count_bad` has kept."""
        if not self._has_entries:
            self._has_entries = True
            self._say_held_errors()

    def _say_held_errors(self) -> None:
        for error in self._held_errors:
            say(Notice("not_imported", problem=error))
        self._held_errors.clear()

    def _check_format(self) -> None:
        """If all errors that `count_bad` has kept may come from another format, raise one `InvalidImport` that names the first
        of them. Call this only while the source has had no entry.
        """
        if self._held_errors and all(map(_may_mean_other_format, self._held_errors)):
            raise InvalidImport("import_of_other_kind", problem=self._held_errors[0])

    def _result(self) -> Notice:
        """A notice that says how many entries were imported, how many of them as revisions, how many the notebook had already,
        and how many differ from the entry in the notebook. It names the first that differ.
        """
        return Notice(
            "import_result",
            new=self._outcomes[ImportOutcome.NEW] - self._revised,
            revised=self._revised,
            there=self._outcomes[ImportOutcome.THERE_ALREADY],
            different=self._outcomes[ImportOutcome.DIFFERENT],
            named=self._different,
        )

    def _object(self) -> dict[str, object]:
        """The object for `--json`: how many entries had each outcome, how many parts of the source are not entries, and how
        much was left out.
        """
        return {
            "imported": self._outcomes[ImportOutcome.NEW] - self._revised,
            "revised": self._revised,
            "there_already": self._outcomes[ImportOutcome.THERE_ALREADY],
            "erased": self._outcomes[ImportOutcome.ERASED],
            "different": self._outcomes[ImportOutcome.DIFFERENT],
            "orphaned": self._outcomes[ImportOutcome.ORPHANED],
            "bad_lines": self._bad,
            "left_out": {what.value: count for what, count in self.left_out.items() if count},
        }


def _may_mean_other_format(error: Exception) -> bool:
    """Whether `error`, about a part of the source, may mean that the source has another format than was supposed.

    It does not if the part cannot be read at all, is damaged or in another encoding, or if only its text or author is invalid.
    """
    while isinstance(error, InvalidImport) and isinstance(problem := error.notice.values.get("problem"), Exception):
        error = problem
    return isinstance(error, InvalidImport) and error.notice.kind not in _KINDS_ABOUT_CONTENT


def _written(stored: StoredEntry | None) -> str:
    """When the entry was written, as `2026-11-23 07:52` in the writer's time zone. Empty if `stored` is None."""
    return iso_time(stored.entry.written_at, stored.entry.utc_offset)[:16].replace("T", " ") if stored is not None else ""
