"""Finds out how the last write of a client's outbox can be taken back without overwriting what others have written since."""

from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import NamedTuple

from udpnote.client.driver import Driver
from udpnote.client.reading.notebook_reader import NotebookReader
from udpnote.errors import NotTakenBack, ServerNotFound, UdpnoteError, Unreachable
from udpnote.model.argument_types import check_type
from udpnote.model.entry import Kind, SeenEntry, StoredEntry
from udpnote.model.notebook import name_or_id
from udpnote.model.outbox_entries import OwnWrite

DELIVERY_WAIT_SECONDS = 1.0
"""How long an undo tries to deliver a queued write first: once the write is stored, it can be taken back at once."""


class Way(Enum):
    """How a write is taken back. DISCARD: it is removed from the outbox, because no notebook has it.

    DELETE: its note is deleted. RESTORE: its note gets the text that it had before. DELETE_LATER: the write waits in the
    outbox, and may be stored already; a deletion waits behind it, and is sent when the write has a number.
    """

    DISCARD = "discard"
    DELETE = "delete"
    RESTORE = "restore"
    DELETE_LATER = "delete_later"


class Undo(NamedTuple):
    """How to take back `write`, the last write: the `way`, and what is needed for it.

    `note` is the number of its note, or 0 if that is not known. For a write that was never sent, it is the number of the
    version that the write changes. `written` is the text that the write has stored or, if it is a deletion, deleted; None if
    that is not known. `text` is the text that the note gets if `way` is RESTORE, and None for any other way. `latest` is the
    latest version of the note, or None if the note was not read.
    """

    write: OwnWrite
    way: Way
    note: int
    written: str | None
    text: str | None
    latest: StoredEntry | None


def plan_undo(reader: NotebookReader, driver: Driver, deliver: Callable[[], object], *, anywhere: bool) -> Undo:
    """Find out how to take back the last write. `reader` reads the client's notebook.

    If the write waits in the outbox and was sent, `deliver` is called first; it tries to deliver the waiting entries. If the
    write is a stored note, and the notebook does not answer, the plan is to delete the note. For `anywhere` and the errors see
    `Client.plan_undo`.
    """
    write = _last_write(driver, anywhere=anywhere)
    if not write.number and not write.is_unsent:
        with suppress(UdpnoteError):  # then the write stays in the outbox
            deliver()
        write = _last_write(driver, anywhere=anywhere)
    if not write.number:
        return _plan_for_waiting(driver, write)
    try:
        return _plan_for_stored(reader, driver, write)
    except Unreachable as error:
        if write.kind is not Kind.NOTE:
            raise type(error)("undo_without_server", problem=error, number=write.number) from None
        return Undo(write, Way.DELETE, write.number, None, None, None)


def change_of(undo: Undo) -> tuple[Kind, SeenEntry | None] | None:
    """The kind of the entry that carries out `undo`, and the version that this entry replaces (None if that is not known).

    The result is None if no entry is needed.
    """
    check_type("undo", undo, Undo)
    if undo.way is Way.DISCARD:
        return None
    kind = Kind.REVISION if undo.way is Way.RESTORE else Kind.DELETION
    if undo.latest is not None:
        return kind, undo.latest.as_seen
    return kind, undo.write.as_seen if undo.write.number else None


def _last_write(driver: Driver, *, anywhere: bool) -> OwnWrite:
    """Return the last write of the outbox or, if `anywhere` is False, the last one for the client's notebook.

    A write that is not assigned to a notebook yet is for the client's notebook if it has the client's destination. Raises
    `NotTakenBack` if there is no such write, or if it is in another notebook than the client's.

    If `anywhere` is true and the last write was never sent, returns it at once. In all other cases, looks for the client's
    notebook, by a discovery if necessary. If that fails, and `anywhere` is False, returns the last write that is not assigned
    to a notebook yet. If there is none, or if `anywhere` is true, raises the error of the discovery.
    """
    with driver.connection.lock():
        write = driver.outbox.writes.last()
        if write is None:
            raise NotTakenBack("undo_nothing")
        if anywhere and write.is_unsent:
            return write
        try:
            notebook_id = _notebook_id(driver)
        except Unreachable:
            unsent = None if anywhere else driver.outbox.writes.last(notebook_id=b"", destination=driver.finder.destination)
            if unsent is None:
                raise
            return unsent
        if not anywhere:
            write = driver.outbox.writes.last(notebook_id=notebook_id, destination=driver.finder.destination)
        if write is None:
            raise NotTakenBack("undo_nothing")
        if not write.is_unsent and write.notebook_id != notebook_id:
            known = driver.outbox.notebooks()
            names = [name_or_id(each, known) for each in known if each.notebook_id == write.notebook_id]
            raise NotTakenBack("undo_elsewhere", notebook=next(iter(names), (write.notebook_id or b"").hex()))
        return write


def _notebook_id(driver: Driver) -> bytes:
    """Return the id of the client's notebook. If that is not known, a discovery looks for it.

    If no server answers, returns the id of the notebook that the named server had last. Raises the errors of `Driver.locate` if
    no server is named, or no notebook is known there.
    """
    try:
        return driver.locate(0.0).notebook.notebook_id
    except Unreachable:
        last = driver.finder.server.last_notebook()
        if last is None:
            raise
        return last.notebook_id


def _plan_for_waiting(driver: Driver, write: OwnWrite) -> Undo:
    """Plan how to take back `write`, which waits in the outbox.

    Raises `NotTakenBack` if the write has left the outbox meanwhile. Raises `ServerNotFound` for a revision or deletion that
    was sent, because it may be stored: then only the notebook can tell what its note was before.
    """
    with driver.connection.lock():
        entry = next((each.entry for each in driver.outbox.listing(write.sequence)[:1]), None)
    if entry is None or entry.sequence != write.sequence:  # another process has sent or discarded it
        raise NotTakenBack("undo_meanwhile")
    written = entry.text if entry.kind is not Kind.DELETION else None
    if write.is_unsent:
        return Undo(write, Way.DISCARD, entry.revises, written, None, None)
    if write.kind is not Kind.NOTE:
        kind = "undo_of_waiting_deletion" if write.kind is Kind.DELETION else "undo_of_waiting_revision"
        raise ServerNotFound(kind, number=entry.revises, sequence=write.sequence)
    return Undo(write, Way.DELETE_LATER, 0, written, None, None)


def _plan_for_stored(reader: NotebookReader, driver: Driver, write: OwnWrite) -> Undo:
    """Plan how to take back `write`, which is stored in the notebook of `reader`.

    Raises `NotTakenBack` if it cannot be taken back any more; then the next call of `plan_undo` plans for the write before it.
    Also raises the errors of reading.
    """
    note, before, found, latest, text_before = 0, None, None, None, None
    for version in reader.log(numbers=[write.number]):
        note, latest = note or version.number, version
        if version.entry.kind is Kind.ERASED:
            raise _passed_over(driver, write, NotTakenBack("undo_of_erased", note=note, own=write.number))
        if version.number < write.number:
            before = version
            text_before = text_before if version.entry.kind is Kind.DELETION else version.text
        elif version.as_seen == write.as_seen:
            found = version
        elif found is None or not _is_settled(driver, version):
            break  # the write is not there, or its note was changed since: later versions do not matter
    if found is None or latest is None:
        raise _passed_over(driver, write, NotTakenBack("undo_not_there", number=write.number))
    if latest is not found and not _is_settled(driver, latest):
        since = NotTakenBack("undo_changed_since", note=note, own=write.number, number=latest.number, author=latest.author)
        raise _passed_over(driver, write, since)
    if write.kind is Kind.DELETION:
        return Undo(write, Way.RESTORE, note, text_before, text_before, latest)
    if before is None or before.entry.kind is Kind.DELETION:  # before the write, there was no such note, or it was deleted
        return Undo(write, Way.DELETE, note, found.text, None, latest)
    return Undo(write, Way.RESTORE, note, found.text, text_before, latest)


def _passed_over(driver: Driver, write: OwnWrite, error: NotTakenBack) -> NotTakenBack:
    """Save in the outbox that later undos skip `write`. Return `error`, which says why it cannot be taken back.

    If the outbox cannot be written, only return `error`.
    """
    with driver.connection.lock(), driver.finder.optional_writes:
        driver.outbox.writes.pass_over(write.sequence)
    return error


def _is_settled(driver: Driver, version: StoredEntry) -> bool:
    """Whether an undo of an earlier write may ignore `version`.

    It may if `version` was written with this outbox, and was taken back, took another write back, or cannot be taken back any
    more.
    """
    with driver.connection.lock():
        return driver.outbox.writes.is_settled(version.entry.client_id, version.entry.sequence)
