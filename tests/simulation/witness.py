"""The witness checks the promises of the notebook whenever something happens. It raises `Violation` if one is broken."""

from collections.abc import Sequence
from typing import NamedTuple

from tests.simulation.disks import NotebookDisk, OutboxDisk, all_waiting
from tests.simulation.history import Asked, History, Violation, check_entries
from udpnote.model.entry import Entry, Identity, Kind, Status, StoredEntry
from udpnote.model.query import IndexBehind, Query, beginning_of

LOOKUPS_MAX = 1100  # an index whose disk was full tries again only after this many calls


class Written(NamedTuple):
    """What a user wrote: an entry without its client id and sequence, because a conflict may change them."""

    kind: Kind
    author: str
    written_at: int
    utc_offset: int
    text: str
    revises: int


def written(entry: Entry) -> Written:
    return Written(entry.kind, entry.author, entry.written_at, entry.utc_offset, entry.text, entry.revises)


def _identity(stored: StoredEntry) -> Identity:
    return stored.entry.client_id, stored.entry.sequence


class Import:
    """A file that is imported. Its entries must come into the notebook in their order.

    `orphans` are the numbers of revisions and deletions that are never imported: the entry that they change is not before them
    in the file, or is an orphan itself.
    """

    def __init__(self, olds: Sequence[StoredEntry]) -> None:
        self.numbers: dict[int, int] = {}
        self.orphans: set[int] = set()
        self._olds: dict[Identity, StoredEntry] = {}
        self._predecessors: dict[int, int] = {}
        predecessor = 0
        for old in olds:
            is_orphan = old.entry.kind is not Kind.NOTE and old.entry.revises not in self._predecessors
            if is_orphan:
                self.orphans.add(old.number)
                continue
            self._olds[_identity(old)] = old
            self._predecessors[old.number] = predecessor
            predecessor = old.number

    @property
    def identities(self) -> set[Identity]:
        return set(self._olds)

    def stored(self, stored: StoredEntry) -> None:
        """Check `stored`, an entry of the file that the notebook has just stored. Raises `Violation`."""
        old = self._olds[_identity(stored)]
        predecessor = self._predecessors[old.number]
        if predecessor and predecessor not in self.numbers:
            raise Violation(f"#{old.number} of a file was imported before #{predecessor}")
        revises = self.numbers[old.entry.revises] if old.entry.revises else 0
        if stored.stored_at != old.stored_at or stored.entry != old.entry._replace(revises=revises):
            raise Violation(f"#{old.number} of a file became something else, #{stored.number}: {stored}")
        self.numbers[old.number] = stored.number


class Witness:
    """Knows all entries that users wrote, and all that the notebook has stored. No user writes the same entry twice.

    The methods that check something raise `Violation`.
    """

    def __init__(self, notebook: NotebookDisk) -> None:
        self._notebook = notebook
        self.history = History()
        self._begun: dict[Written, int] = {}
        self._written: set[Written] = set()
        self._stored: dict[Written, int] = {}
        self._identities: set[Identity] = set()
        self._refused: set[Written] = set()
        self._imports: dict[Identity, Import] = {}

    def begins_to_write(self, entries: list[Entry]) -> None:
        """Note that `entries` are in an outbox, but not durably yet: they may be stored or lost."""
        for entry in entries:
            assert written(entry) not in self._begun, "the simulation wrote the same twice"
            self._begun[written(entry)] = self.history.last

    def wrote(self, entries: list[Entry]) -> None:
        """Note that `entries` are written: from now on they must not be lost."""
        for entry in entries:
            assert written(entry) not in self._written, "the simulation wrote the same twice"
            self._begun.setdefault(written(entry), self.history.last)
            self._written.add(written(entry))

    def imports(self, olds: Sequence[StoredEntry]) -> Import:
        """Note that a user begins to import `olds`, none of which is in the notebook."""
        imported = Import(olds)
        self._imports |= dict.fromkeys(imported.identities, imported)
        return imported

    def look_into_notebook(self) -> None:
        """Check the entries that the notebook has committed since the last call, and add them to the history."""
        for stored in list(self._notebook.entries_after(self.history.last)):
            self._check_stored(stored)
        self.history.commit()

    def acknowledged(self, entry: Entry, number: int) -> None:
        """Check that the notebook has `entry` under `number`, as a client was told."""
        stored = next(self._notebook.entries_after(number - 1), None)
        if stored is None or stored.number != number:
            raise Violation(f"#{number} was acknowledged and is not in the notebook")
        if written(stored.entry) != written(entry):
            raise Violation(f"#{number} was acknowledged for another entry than the one it is")

    def refused(self, entry: Entry, status: Status) -> None:
        """Check that the notebook may refuse `entry` with `status`: only if the entry that it changes was not there."""
        if status is not Status.REFUSED or entry.revises <= self._begun[written(entry)]:
            raise Violation(f"{entry.text[:20]!r} was refused for good: {status.name}")
        self._refused.add(written(entry))

    def renewed(self, entry: Entry, renewed: Entry | None) -> None:
        """Check `renewed`: `entry` with the new identity that a client gave it after a conflict.

        None stands for an entry to which another process has given a new identity before.
        """
        if renewed is None:
            return
        if renewed.client_id == entry.client_id:
            raise Violation("a conflict was met with the identity that causes it")
        if written(renewed) != written(entry):
            raise Violation("an entry was changed with its identity")

    def removed(self, entry: Entry) -> None:
        if written(entry) not in self._stored:
            raise Violation(f"{entry.text[:20]!r} leaves its outbox, and is not stored")

    def look_into_outbox(self, outbox: OutboxDisk, drafts: list[Written]) -> None:
        """Check that each of `drafts`, which were all added to `outbox`, is still there or is stored."""
        listing = all_waiting(outbox)
        for waiting in listing:
            if waiting.refused is not None:
                self.refused(waiting.entry, waiting.refused)
        kept = {written(waiting.entry) for waiting in listing}
        for draft in drafts:
            if draft not in kept and draft not in self._stored:
                raise Violation(f"{draft.text[:20]!r} left its outbox, and is not stored")

    def look_at_order(self, drafts: list[Written]) -> None:
        """Check that the revisions of one note among `drafts` were stored in the order in which they were written.

        Revisions that the notebook has refused once are left out. They may come again after the note and a restart of the
        server, and then be stored: in a repeated datagram, or from a browser to which a crashed page has not passed the verdict
        on.
        """
        latest: dict[int, int] = {}
        for draft in drafts:
            number = self._stored.get(draft, 0)
            stored = self.history.entry(number)
            if stored is not None and draft.kind is not Kind.NOTE and _identity(stored) not in self._notebook.refused:
                root = self.history.root_of(number)
                if number < latest.get(root, 0):
                    raise Violation(f"#{number} revises #{root}, and was written after #{latest[root]}, which does so, too")
                latest[root] = number

    def look_at_all(self) -> None:
        """Check at the end that the notebook holds all that was written, unchanged, and nothing else."""
        stored = list(self._notebook.entries_after(0))
        if [each.number for each in stored] != list(range(1, len(stored) + 1)):
            raise Violation("the numbers have gaps")
        if stored != self.history.log:
            raise Violation("what was stored has changed")
        missing = self._written - self._stored.keys() - self._refused
        if missing:
            raise Violation(f"{len(missing)} entries are lost, among them {min(missing).text[:20]!r}")
        if not self._imports.keys() <= self._identities:
            raise Violation(f"{len(self._imports.keys() - self._identities)} entries of a file are lost")

    def look_up(self, query: Query) -> None:
        """Check at the end that the notebook finds the right entries for `query`."""
        self._notebook.search_at_once()
        for _ in range(LOOKUPS_MAX):
            found = list(self._notebook.lookup.answer(query, beginning_of(query), lambda: False))
            if not any(isinstance(each, IndexBehind) for each in found):
                break
        else:
            raise Violation(f"the search index does not get ready for {query}")
        entries = [each for each in found if isinstance(each, StoredEntry)]
        check_entries(self.history, Asked(query, self.history.last), entries, is_complete=True)

    def _check_stored(self, stored: StoredEntry) -> None:
        """Check an entry that the notebook has just committed, and add it to the history."""
        entry = stored.entry
        if stored.number != self.history.last + 1:
            raise Violation(f"#{stored.number} follows #{self.history.last}")
        if _identity(stored) in self._identities:
            raise Violation(f"#{stored.number} has an identity that another entry has")
        if _identity(stored) in self._imports:
            self._imports[_identity(stored)].stored(stored)
        else:
            self._check_written(stored)
        if entry.kind is not Kind.NOTE and not 0 < entry.revises < stored.number:
            raise Violation(f"#{stored.number} revises #{entry.revises}, which is not there")
        self._identities.add(_identity(stored))
        self.history.add(stored)

    def _check_written(self, stored: StoredEntry) -> None:
        """Check that a user wrote this stored entry, and that it is stored only once."""
        draft = written(stored.entry)
        if draft in self._stored:
            raise Violation(f"{draft.text[:20]!r} is stored twice, as #{self._stored[draft]} and #{stored.number}")
        if draft not in self._begun:
            raise Violation(f"#{stored.number} holds what nobody wrote: {draft.text[:20]!r}")
        self._stored[draft] = stored.number
