"""The folder that `udpnote import` reads: Markdown files, or the text files of a jrnl journal in a folder."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from udpnote.errors import InvalidImport, StorageError
from udpnote.storage.disk_errors import storage_errors
from udpnote.text.encoding import other_encoding
from udpnote.text.import_format import Format
from udpnote.text.other_programs.imported_note import ImportedNote, LeftOut, Place, Reading, error_at
from udpnote.text.other_programs.jrnl import is_jrnl_line, jrnl_text_notes
from udpnote.text.other_programs.markdown_notes import MarkdownFile, markdown_notes

FILE_BYTES_MAX = 16 << 20
"""Longer files are not read: nobody writes so much by hand, and each file is held in memory as a whole."""

ENDINGS = (".md", ".markdown", ".txt")
_JRNL_PATH = re.compile(r"(?:^|/)\d{4}/\d\d/\d\d\.txt$")
_BACKUPS = "logseq/bak"
"""The folder in which Logseq keeps earlier versions of its files."""


class _File(NamedTuple):
    """A file of the folder: its path within the folder, with `/`, its size in bytes, and when it was changed (µs since 1970
    UTC).
    """

    path: str
    size: int
    changed_at: int


class SourceFolder:
    """The notes in the folder `path`, or in the single Markdown file `path`.

    In a folder and the folders within it, only files whose names end with one of the `ENDINGS` are read. Hidden files, symbolic
    links and the backups of Logseq are left out. `size` is the number of bytes of the files to read.

    The constructor looks for the files. It raises `StorageError` if the folder `path` cannot be read. A folder within it that
    cannot be read is kept for `notes`, which reports it. If there is no file to read, the constructor raises the `StorageError`
    about the first such folder or, if all folders can be read, `InvalidImport`.
    """

    def __init__(self, path: str) -> None:
        is_folder = os.path.isdir(path)
        self._root = os.path.realpath(path if is_folder else os.path.dirname(path) or ".")
        self._files: list[_File] = []
        self._unreadable: list[StorageError] = []
        """The errors about what the constructor could not look at: folders within the folder, and files that have vanished."""
        self._others = self._hidden = self._special = self._done = 0
        if is_folder:
            self._find(self._root, "")
        else:
            with storage_errors(path):
                self._add(os.path.basename(path), os.stat(path))
        if not self._files:
            if self._unreadable:
                raise self._unreadable[0]
            raise InvalidImport("import_folder_without_notes", path=path)
        self.size = sum(file.size for file in self._files)

    def close(self) -> None:
        """Do nothing, because each file is closed as soon as it was read."""

    def position(self) -> int:
        """Return the number of bytes in the files that `notes` has finished. At the end this is `size`.

        A file is finished when all its notes have been yielded, or when it was found to be bad or is left out.
        """
        return self._done

    def form(self, date_format: str) -> Format:
        """Return the format of the files: JRNL or MARKDOWN. `Reading` explains `date_format`.

        It is JRNL if files are named like those of a jrnl journal (`2026/11/23.txt`), and the first of them that can be read
        begins with an entry of jrnl.
        """
        for file in self._files:
            if _JRNL_PATH.search(file.path):
                with suppress(OSError), open(self._whole_path(file), "rb") as opened:
                    line = opened.readline(1000).decode(errors="surrogateescape")
                    return Format.JRNL if is_jrnl_line(line, date_format) else Format.MARKDOWN
        return Format.MARKDOWN

    def notes(self, form: Format, reading: Reading) -> Iterator[ImportedNote]:
        """Read the files in the order of their paths, and yield the notes in them. `form` is JRNL or MARKDOWN.

        `reading.on_bad` is called for each file that is too long, is not in UTF-8, or cannot be read, and for each folder that
        cannot be read. `reading.left_out` counts the files that are not imported because of their kind or
        name; bad files are not among them.
        """
        self._done = 0
        for error in self._unreadable:
            reading.on_bad(error)
        left_out = {LeftOut.FILES: self._others, LeftOut.HIDDEN: self._hidden, LeftOut.SPECIAL_FILES: self._special}
        reading.left_out.update(left_out)
        for file in self._files:
            if form is Format.JRNL and not _JRNL_PATH.search(file.path):
                reading.left_out[LeftOut.OTHER_TEXTS] += 1
            elif (text := self._text(file, reading)) is not None:
                yield from self._notes_of(file, text, form, reading)
            self._done += file.size

    def _notes_of(self, file: _File, text: str, form: Format, reading: Reading) -> Iterator[ImportedNote]:
        if form is Format.JRNL:
            return jrnl_text_notes(text.splitlines(keepends=True), reading, file.path)
        return markdown_notes(MarkdownFile(os.path.basename(self._root), file.path, text, file.changed_at), reading)

    def _find(self, folder: str, below: str) -> None:
        """Add the files to read in `folder` and in all folders within it, and count those that are left out.

        `below` is the path of `folder` within the folder that is imported: with `/` at its end, or empty. Raises `StorageError`
        if `folder` cannot be read. If that happens with a folder or file within `folder`, it is added to the unreadable ones.
        """
        with storage_errors(folder), os.scandir(folder) as listed:
            entries = sorted(listed, key=lambda entry: entry.name)
        for entry in entries:
            try:
                with storage_errors(entry.path):
                    self._take(entry, f"{below}{entry.name}")
            except StorageError as error:
                self._unreadable.append(error)

    def _take(self, entry: os.DirEntry[str], path: str) -> None:
        """Do the work of `_find` for one `entry` of a folder. `path` is its path within the folder that is imported."""
        if entry.name.startswith(".") or entry.is_symlink() or path == _BACKUPS:
            self._hidden += 1
        elif entry.is_dir(follow_symlinks=False):
            self._find(entry.path, f"{path}/")
        elif not entry.is_file(follow_symlinks=False):
            self._special += 1
        elif entry.name.lower().endswith(ENDINGS):
            self._add(path, entry.stat(follow_symlinks=False))
        else:
            self._others += 1

    def _whole_path(self, file: _File) -> str:
        return os.path.join(self._root, file.path)

    def _add(self, path: str, status: os.stat_result) -> None:
        self._files.append(_File(path, status.st_size, status.st_mtime_ns // 1000))

    def _text(self, file: _File, reading: Reading) -> str | None:
        """Read and return the text of `file`. If `file` is bad (see `notes`), call `reading.on_bad` and return None."""
        path = self._whole_path(file)
        try:
            with storage_errors(path), open(path, "rb") as opened:
                data = opened.read(FILE_BYTES_MAX + 1)  # not `file.size` bytes: the file may have grown
        except StorageError as error:
            reading.on_bad(error)  # without a place, because its message names the file
            return None
        if len(data) > FILE_BYTES_MAX:
            problem = InvalidImport("import_file_too_long", bytes_max=FILE_BYTES_MAX)
        elif (encoding := other_encoding(data)) is not None:
            problem = InvalidImport("import_in_other_encoding", encoding=encoding)
        else:
            try:
                return data.decode()
            except UnicodeDecodeError:
                problem = InvalidImport("import_not_unicode")
        reading.on_bad(error_at(Place(file.path, 1), problem))
        return None
