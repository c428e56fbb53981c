"""Finds revisions that others have overtaken: they made the next version of the note without having seen the revision."""

from typing import NamedTuple

from udpnote.client.driver import Driver
from udpnote.client.reading.notebook_reader import NotebookReader
from udpnote.model.entry import Kind, StoredEntry


class Overtaken(NamedTuple):
    """A revision that was overtaken: the next version of its note is `by`, which another client has written without having seen
    the revision.

    `note` is the number of the note in the notebook, and `number` that of the revision.
    """

    note: int
    number: int
    by: StoredEntry


def overtaken_revisions(reader: NotebookReader, driver: Driver) -> list[Overtaken]:
    """Return the revisions from the outbox of `driver` that were stored and then overtaken (see `Overtaken`), in the order of
    their notes' numbers.

    Each revision is returned only once: after that, the outbox forgets it. `reader` reads the client's notebook. If this
    notebook is not known without a discovery, the result is empty. Raises the errors of reading (see `NotebookReader`).
    """
    with driver.connection.lock():
        notebook = driver.finder.known()
        watched = set(driver.outbox.revisions.watched(notebook.notebook_id)) if notebook is not None else set()
    if notebook is None or not watched:
        return []
    numbers = [revision.number for revision in watched]
    current = {note.version for note in reader.entries(numbers=numbers)}
    found, decided = [], []
    for number in set(numbers) - current:  # these have a later version, or are not in the notebook
        versions = list(reader.log(numbers=[number], limit=2, start=number))  # the revision, and the version after it
        if len(versions) < 2:
            continue
        version, following = versions
        decided.append(number)
        is_lost = version.as_seen in watched and is_overtaken(version, following)
        state = reader.note_states([number]).get(number) if is_lost else None
        if state is not None:
            found.append(Overtaken(state.note.number, number, following))
    with driver.connection.lock(), driver.finder.optional_writes:
        driver.outbox.revisions.forget(notebook.notebook_id, decided)
    return sorted(found)


def is_overtaken(version: StoredEntry, following: StoredEntry) -> bool:
    """Whether another client made `following`, the next version of the same note, without having seen `version`.

    False if `following` was erased.
    """
    entry = following.entry
    return entry.kind is not Kind.ERASED and entry.revises < version.number and entry.client_id != version.entry.client_id
