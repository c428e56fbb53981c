"""The notes that `udpnote import` reads from files of other programs, as entries for a notebook."""

import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO, cast

from udpnote.cli.importing.comparison import log_to_compare
from udpnote.cli.importing.report import ImportReport
from udpnote.cli.importing.source_file import SourceFile, decoding
from udpnote.cli.importing.source_folder import SourceFolder
from udpnote.cli.options.times import localize, offset_at
from udpnote.client.reading.notebook_reader import NotebookReader
from udpnote.errors import InvalidImport
from udpnote.model.entry import StoredEntry
from udpnote.storage.memos_file import read_memos
from udpnote.text.import_format import Format, format_of_binary
from udpnote.text.other_programs.imported_note import ImportedNote, Place, Reading, Zones, error_at, source_client_id
from udpnote.text.other_programs.jrnl import jrnl_text_notes
from udpnote.text.other_programs.json_records import record_notes
from udpnote.text.other_programs.known_notes import Fate, KnownNotes
from udpnote.text.other_programs.memos import memos_note


class OtherNotes:
    """Iterates over the notes of `source` that a notebook lacks or has in an older version, as `StoredEntry`s numbered from 1.

    `compare_with` must be called first with this notebook, if it exists. `form` is the format of `source`: one of another
    program. Notes whose source names no author get `author`. `Reading` explains `date_format`. Each `StoredEntry` is a new
    note, or a revision of a note that an earlier import has added. `report` counts everything else: what cannot be a note, what
    the notebook already has, and what is left out.

    Iteration reads `source`. It raises `StorageError` if `source` is a file that cannot be read, and `InvalidImport` if
    `source` has another format than `form`.
    """

    def __init__(
        self, source: SourceFile | SourceFolder, form: Format, author: str, date_format: str, report: ImportReport
    ) -> None:
        self._source, self._form, self._author, self._report = source, form, author, report
        self._reading = Reading(Zones(localize, offset_at), report.count_bad, report.left_out, date_format)
        self._known = KnownNotes([], source_client_id(form.value))

    def __iter__(self) -> Iterator[StoredEntry]:
        number = 0
        for note in self._notes():
            fate, entry, known_number = self._known.decide(note, self._author)
            if fate is Fate.THERE_ALREADY:
                self._report.count_there_already()
            elif fate is Fate.TWICE:
                self._report.count_bad(error_at(note.place, InvalidImport("import_record_twice")))
            elif fate is Fate.CHANGED_HERE_TOO:
                self._report.count_different(known_number)
            elif entry is not None:
                number += 1
                yield StoredEntry(number, stored_at=0, entry=entry, version=number)  # 0 stands for the time of the import

    def compare_with(self, notebook: NotebookReader) -> None:
        """Read the whole `notebook` to find the notes that earlier imports have added. After this, iteration leaves out the
        notes that are unchanged since.

        On a terminal, show the progress. Raises the errors of reading (see `NotebookReader`).
        """
        if notebook.last_number():
            self._known = KnownNotes(log_to_compare(notebook), source_client_id(self._form.value))

    def revised(self) -> set[int]:
        """The numbers of the entries that other entries of the iteration revise: none, because a revision from another program
        revises an entry of the notebook.
        """
        return set()

    def _notes(self) -> Iterator[ImportedNote]:
        if isinstance(self._source, SourceFolder):
            return self._source.notes(self._form, self._reading)
        return _notes_in_file(self._source, self._form, self._reading)


def _notes_in_file(file: SourceFile, form: Format, reading: Reading) -> Iterator[ImportedNote]:
    """Yield the notes in `file`, which has the format `form`. Raises `InvalidImport` if it has another format."""
    binary_form = format_of_binary(file.beginning())  # None if the file is a text
    if binary_form is not None and binary_form is not form:
        raise InvalidImport("import_of_other_format", path=file.name, format=form.value)
    if binary_form is Format.MEMOS:
        yield from _memos_in_database(file, reading)
    elif binary_form is Format.DAY_ONE:
        yield from _notes_in_zip(file, form, reading)
    elif form is Format.JRNL and not file.first_line().lstrip("\ufeff ").startswith("{"):
        yield from jrnl_text_notes(file.characters(), reading)
    else:
        yield from record_notes(file.reader(), form.value, reading)


def _memos_in_database(file: SourceFile, reading: Reading) -> Iterator[ImportedNote]:
    if file.path is None:
        raise InvalidImport("import_database_from_stream")
    for position, fields in enumerate(read_memos(file.path), 1):
        note = memos_note(fields, Place(position=position), reading)
        if note is not None:
            yield note


def _notes_in_zip(file: SourceFile, form: Format, reading: Reading) -> Iterator[ImportedNote]:
    """Yield the notes in all JSON files of the zip file `file`. Raises `InvalidImport` if there is no JSON file in it, or no
    file at all.

    If the zip file is damaged or encrypted, this calls `reading.on_bad`, and ends.
    """
    try:
        with zipfile.ZipFile(file.binary()) as archive:
            if not archive.namelist():
                raise InvalidImport("import_zip_empty", path=file.name)
            names = [name for name in archive.namelist() if name.lower().endswith(".json") and not name.startswith("__MACOSX")]
            if not names:
                raise InvalidImport("import_zip_without_json", path=file.name)
            for name in names:
                with archive.open(name) as member:
                    yield from record_notes(decoding(cast(BinaryIO, member)), form.value, reading, name)
    except _zip_errors():
        reading.on_bad(InvalidImport("import_zip_damaged", path=file.name))


def _zip_errors() -> tuple[type[Exception], ...]:
    """The errors that `zipfile` raises if a zip file is damaged, is encrypted, or is compressed in a way that it cannot read.

    `OSError` is among them, because `zipfile` goes to the places that a damaged file names, also to one before its beginning.
    """
    errors = [zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, UnicodeDecodeError, OSError]
    with suppress(ImportError):  # Python may be built without LZMA
        from lzma import LZMAError

        errors.append(LZMAError)
    if sys.version_info >= (3, 14):
        with suppress(ImportError):  # the same for Zstandard
            from compression.zstd import ZstdError

            errors.append(ZstdError)
    return tuple(errors)
