"""Which notes of another program a notebook has from earlier imports, and how they have changed since."""

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from udpnote.model.entry import WRITTEN_AT_MAX, Entry, Kind, SeenEntry, StoredEntry
from udpnote.text.other_programs.imported_note import ImportedNote, digest_of, sequence_of


class Fate(Enum):
    """What an import does with a note of another program."""

    NEW = "new"
    """The notebook does not have the note. The import stores it."""

    CHANGED = "changed"
    """The notebook has an earlier text of the note, from an import. The import revises the note."""

    THERE_ALREADY = "there already"
    """The notebook has the note with this text or a later one, or has deleted it. The import stores nothing."""

    TWICE = "twice"
    """A note before it in the same source has the same identity and another text. The import stores only the first."""

    CHANGED_HERE_TOO = "changed here too"
    """The text was changed in the other program, and also in the notebook. The notebook's text stays."""


class _Known:
    """A note from an earlier import: its number, when it was written, the digests of its texts, and its newest version.

    `digest` and `changed_at` belong to the newest version. `is_imported` says whether an import wrote that version.
    """

    __slots__ = ("changed_at", "digest", "digests", "is_deleted", "is_imported", "newest", "number", "written_at")

    def __init__(self, number: int, written_at: int) -> None:
        self.number, self.written_at = number, written_at
        self.digests: set[bytes] = set()
        self.digest = b""
        self.changed_at = written_at
        self.is_deleted = False
        self.is_imported = True
        self.newest = SeenEntry(0, b"", 0)


class Decision(NamedTuple):
    """What an import does with a note.

    `entry` is the entry to send, or None if there is nothing to send. `number` is the note's number in the notebook, or 0 for a
    new note.
    """

    fate: Fate
    entry: Entry | None
    number: int = 0


class KnownNotes:
    """The notes that a notebook has from earlier imports of one kind of source. `client_id` is the client id of that kind (see
    `source_client_id`).

    `log` has all entries of the notebook in the order of their numbers. Each note from an earlier import takes about 600 bytes
    of memory, and each new note that `decide` gets about 200.
    """

    def __init__(self, log: Iterable[StoredEntry], client_id: bytes) -> None:
        self._client_id = client_id
        self._notes: dict[int, _Known] = {}
        self._by_text: dict[tuple[int, bytes], int] = {}
        self._new: dict[int, bytes] = {}  # for each new note that `decide` has had: its sequence, and the digest of its text
        versions: dict[int, _Known] = {}  # the note, by the number of each of its versions
        for number, _, entry, _ in log:
            known = versions.get(entry.revises)
            if entry.kind is Kind.NOTE and entry.client_id == client_id:
                known = self._notes[entry.sequence] = _Known(number, entry.written_at)
            if known is not None:
                versions[number] = known
                self._record_version(known, number, entry)

    def decide(self, note: ImportedNote, author: str) -> Decision:
        """Decide what an import does with `note`, and which entry it sends.

        The author of the entry is that of the note or, if the note has none, `author`. A note that was deleted in the notebook
        counts as there already.
        """
        sequence, digest = sequence_of(note.identity), digest_of(note.text)
        entry = Entry(self._client_id, sequence, Kind.NOTE, note.written_at, note.utc_offset, note.author or author, note.text)
        known = self._notes.get(sequence)
        if known is None:
            moved = self._by_text.get((note.written_at, digest)) if note.may_move else None
            if moved is not None:
                return Decision(Fate.THERE_ALREADY, None, moved)
            return Decision(Fate.NEW, entry) if self._new.setdefault(sequence, digest) == digest else Decision(Fate.TWICE, None)
        if not note.may_change or known.is_deleted or digest == known.digest or self._is_older(note, digest, known):
            return Decision(Fate.THERE_ALREADY, None, known.number)
        if not known.is_imported:
            return Decision(Fate.CHANGED_HERE_TOO, None, known.number)
        revision = entry._replace(
            sequence=sequence_of(f"{note.identity}\n{digest.hex()}\n{note.changed_at}"),
            kind=Kind.REVISION,
            written_at=min(max(note.changed_at, note.written_at), WRITTEN_AT_MAX),
            revises=known.newest.number,
            seen=known.newest,
        )
        return Decision(Fate.CHANGED, revision, known.number)

    @staticmethod
    def _is_older(note: ImportedNote, digest: bytes, known: _Known) -> bool:
        """Whether the text of `note`, whose digest is `digest`, is an earlier text of the known note, as in an older export.

        False if the newest version is from an import, and the note was changed back to that text in the other program later.
        """
        return digest in known.digests and not (known.is_imported and note.changed_at > known.changed_at)

    def _record_version(self, known: _Known, number: int, entry: Entry) -> None:
        """Record that `entry`, with this `number`, is the newest version of the note `known`."""
        known.is_deleted = entry.kind is Kind.DELETION
        known.is_imported = entry.client_id == self._client_id
        known.newest = SeenEntry(number, entry.client_id, entry.sequence)
        known.changed_at = entry.written_at
        if not known.is_deleted:
            known.digest = digest_of(entry.text)
            known.digests.add(known.digest)
            self._by_text[known.written_at, known.digest] = known.number
