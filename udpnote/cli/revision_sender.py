"""Sends revisions and deletions for the commands that change notes, and prints the outcome of each."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain, islice
from typing import TYPE_CHECKING

from udpnote.cli import exit_codes
from udpnote.cli.json_output import sent_object
from udpnote.cli.open_notebook import QueuedDelivery
from udpnote.cli.options.client_options import ClientOptions
from udpnote.cli.terminal.progress import IndexingProgress
from udpnote.cli.terminal.streams import say
from udpnote.cli.terminal.text import change_label, in_json, local_time, shortened, zoned_time
from udpnote.client.client import Client
from udpnote.client.reading.notebook_reader import NoteState
from udpnote.client.sending.results import SentEntry, State
from udpnote.errors import EntryRefused, Notice, Queued, UdpnoteError
from udpnote.model.entry import Kind, StoredEntry
from udpnote.settings import load_settings
from udpnote.text.harmless import harmless

if TYPE_CHECKING:
    from udpnote.client.undoing import Undo
    from udpnote.model.outbox_entries import OwnWrite

READING_WAIT_SECONDS_MIN = 1.0
"""The least time that the command waits for an answer when it reads the note to change, even if `--wait` is shorter. A change
of a note that was not read cannot be checked.
"""

OFFLINE_WAIT_SECONDS = 0.5
"""The longest time that the command waits for an acknowledgement if no server has answered when it read the note."""

DELETED_TEXT_CELLS = 60
"""How much of the text of a deleted note is printed, in terminal cells: enough to recognize it."""

NOTES_AT_ONCE = 100
"""How many notes of a range are read at a time, before these are deleted: a limit on memory."""


@contextmanager
def sending(options: ClientOptions, *, as_json: bool) -> Iterator["RevisionSender"]:
    """Open a client with `options` for the block. The block gets a `RevisionSender` that uses the client.

    When the client reads notes, it waits at least `READING_WAIT_SECONDS_MIN` for an answer. After the block, it delivers the
    entries that earlier commands have queued, and messages about them are printed (see `QueuedDelivery.run`). Nothing is
    delivered if the block raises an error, or if the sender has queued an entry in the block, because no server answered it.

    Raises the errors of opening the client (see `ClientOptions.client`).
    """
    wait = load_settings({"wait": options.wait}).wait
    delivery = QueuedDelivery()
    options = options._replace(wait=max(wait, READING_WAIT_SECONDS_MIN))
    with delivery.client(options, IndexingProgress()) as client:
        sender = RevisionSender(client, wait=wait, as_json=as_json)
        yield sender
        if not sender.has_queued:
            delivery.run(client)


class RevisionSender:
    """Sends revisions and deletions, and prints the outcome of each: as JSON with `as_json`, else as a line.

    `wait` is how many seconds the sender waits for an acknowledgement. `has_queued` says whether it has queued an entry so far,
    because no acknowledgement came in time. The methods that return an integer return the exit code for the outcome.

    A method that sends prints why an entry was refused (`EntryRefused`) or queued (`Queued`). It raises the other errors of the
    method of `Client` that it calls.
    """

    def __init__(self, client: Client, *, wait: float, as_json: bool) -> None:
        self._client = client
        self._wait, self._offline_wait = wait, min(wait, OFFLINE_WAIT_SECONDS)
        self._as_json = as_json
        self._undone: dict[str, object] = {}  # what `undo` adds to each JSON object: which write it takes back
        self.has_queued = False

    @property
    def is_notebook_decided(self) -> bool:
        """Whether it is already clear which notebook the numbers of notes are from (see `Client.is_notebook_decided`)."""
        return self._client.is_notebook_decided

    @property
    def end_of_numbers(self) -> int:
        """The number that the notebook's next entry gets. The server is asked now. Raises `Unreachable` if none answers."""
        return self._client.last_number() + 1

    def read(self, numbers: Sequence[int]) -> dict[int, NoteState]:
        """Return for each of `numbers` the state of the note that has a version with this number. A number that is not in the
        notebook is left out. There must be at least one number.

        Raises `Unreachable` if no server answers. Raises `WrongNotebook` if the user has named the server, and this server has
        another notebook than before, because `numbers` may be those of notes in the earlier notebook.
        """
        states = self._client.note_states(numbers)
        self._client.check_notebook_is_same(numbers[0])
        return states

    def edit(self, named: int, state: NoteState | None, text: str | None) -> int:
        """Revise the note that has a version with the number `named`, and return the exit code.

        `state` is the note's state, or None if the notebook has no such entry. The new text is `text`. If `text` is None, the
        user writes the new text in the editor, which opens with the last text of the note.

        Nothing is sent, and the result is REFUSED, if there is no such entry, if the note was erased, if the editor fails, or
        if the new text is blank. If the new text is the same as the last one, nothing is sent, and the result is DONE. Raises
        `InvalidEntry` if the new text cannot be an entry, and the errors of `edited` (in `terminal.editor`).
        """
        if state is None or state.latest.entry.kind is Kind.ERASED:
            return _refused(objection(named, state))
        number, latest = state.note.number, state.latest
        if named != number:
            say(Notice("version_edited", number=named, note=number))
        if latest.entry.kind is Kind.DELETION:
            say(Notice("deleted_note_revised", number=number, deletion=_signature(latest)))
        if text is not None:
            return self._revise(state, text)
        from udpnote.cli.terminal.editor import edited

        with edited(self._last_text(latest), f"udpnote-{number}.txt") as new:
            if new is None:
                say(Notice("editor_failed_at_note", number=number))
                return exit_codes.REFUSED
            return self._revise(state, new)

    def revise_unseen(self, number: int, text: str) -> int:
        """Send a revision of the note `number`, which was not read because no server answers. Return the exit code.

        This waits only up to `OFFLINE_WAIT_SECONDS` for an acknowledgement.
        """
        return self._send(number, lambda: self._client.revise(number, text, wait=self._offline_wait), text)

    def delete(self, named: int, state: NoteState | None, *, says_how_back: bool, is_only: bool = False) -> int:
        """Delete the note with the number `named`, and return the exit code.

        With `says_how_back`, print how to bring the note back: by `udpnote edit` and, if the command deletes no other note
        (`is_only`), also by `udpnote undo`.

        `state` is the note's state, or None if the notebook has no such entry. In three cases nothing is deleted, and the
        result is REFUSED: there is no such entry, the note was erased, or `named` is the number of a revision or deletion. If
        the note is deleted already, this only prints a message, and the result is DONE.

        After an entry was queued, further deletions do not wait for an acknowledgement.
        """
        if state is None or state.latest.entry.kind is Kind.ERASED:
            return _refused(objection(named, state))
        number, latest = state.note.number, state.latest
        if named != number:
            return _refused(Notice("version_not_deleted", number=named, note=number))
        if latest.entry.kind is Kind.DELETION:
            say(Notice("deleted_already", number=number, deletion=_signature(latest)))
            return exit_codes.DONE
        shown = shortened(latest.entry.text, DELETED_TEXT_CELLS)
        wait = 0.0 if self.has_queued else self._wait
        code = self._send(number, lambda: self._client.delete(number, seen=latest, wait=wait), shown, latest)
        if code == exit_codes.DONE and says_how_back:
            say(Notice("undo_brings_back", number=number) if is_only else Notice("edit_brings_back", number=number))
        return code

    def count(self, numbers: range) -> tuple[int, range]:
        """Count the notes whose number is in the range `numbers` and that are not deleted.

        Return how many there are, and the range from the first of them to the last, which means nothing if there are none.
        Raises the errors of reading (see `NotebookReader`), and `WrongNotebook` as `read` does.
        """
        first, last, notes = 0, 0, 0
        for state in self._client.states_between(numbers.start, numbers.stop - 1):
            first, last, notes = first or state.note.number, state.note.number, notes + 1
        if notes:
            self._client.check_notebook_is_same(first)
        return notes, range(first, last + 1)

    def delete_range(self, numbers: range) -> Iterator[tuple[int, int]]:
        """Delete, in order, the notes whose number is in the range `numbers` and that are not deleted yet. After each, yield
        its number and the exit code. Raises the errors of reading (see `NotebookReader`).
        """
        start = numbers.start
        while start < numbers.stop:
            found = list(islice(self._client.states_between(start, numbers.stop - 1), NOTES_AT_ONCE))
            for state in found:
                yield state.note.number, self.delete(state.note.number, state, says_how_back=False)
            start = found[-1].note.number + 1 if found else numbers.stop

    def delete_unseen(self, number: int, *, is_first: bool) -> int:
        """Send a deletion of the note `number`, which was not read because no server answers. Return the exit code.

        Only the first of several deletions (`is_first`) waits for an acknowledgement. If the deletion is queued, also print a
        warning: `number` may be that of a revision, and then the whole note will be deleted.
        """
        wait = self._offline_wait if is_first else 0.0
        code = self._send(number, lambda: self._client.delete(number, wait=wait))
        if code == exit_codes.QUEUED:
            say(Notice("unseen_deletion", number=number))
        return code

    def undo(self, *, anywhere: bool) -> int:
        """Undo the user's last write. Print which write it is, and the outcome. Return the exit code.

        If `anywhere` is False, only writes in the client's notebook count. Raises the errors of `Client.plan_undo` and
        `Client.undo`.
        """
        from udpnote.client.undoing import Way

        undo = self._client.plan_undo(anywhere=anywhere)
        write, latest = undo.write, undo.latest
        say(undo_notice(undo))
        self._undone = {"undoes": _identity(write)}
        if undo.way is Way.DISCARD:
            self._client.undo(undo)
            self._print_discarded(undo.written or "")
            return exit_codes.DONE
        wait = self._wait if latest is not None else self._offline_wait
        shown_text = undo.text if undo.text is not None else undo.written or ""  # the text that comes back, or that is deleted
        shown = shortened(shown_text, DELETED_TEXT_CELLS)
        code = self._send(undo.note, lambda: self._client.undo(undo, wait=wait), shown, latest)
        if code == exit_codes.QUEUED and latest is None:  # the note was not read; a write without a number may be stored or not
            say(Notice("undo_unseen" if write.number else "undo_later"))
        elif code == exit_codes.DONE and undo.way is Way.DELETE:
            say(Notice("edit_brings_back", number=undo.note))
        return code

    def _print_discarded(self, text: str) -> None:
        """Print that an entry was removed from the outbox. With `--json`, print an object. Without it, print the entry's
        `text`, because it is stored nowhere now.
        """
        say(Notice("undo_discarded"))
        if self._as_json:
            nothing = dict.fromkeys(("number", "client", "sequence", "written_at"))
            print(in_json(nothing | {"status": "discarded", "kind": None, "revises": None} | self._undone))
        elif text:
            print("\n".join(map(harmless, text.split("\n"))))

    def _last_text(self, latest: StoredEntry) -> str:
        """Return the text of the `latest` version of a note. If that version is a deletion, return the text of the version
        before it.
        """
        versions = chain([latest], self._client.log(numbers=[latest.number], newest_first=True))
        return next((version.entry.text for version in versions if version.entry.kind is not Kind.DELETION), "")

    def _revise(self, state: NoteState, text: str) -> int:
        """Send `text` as a revision of the note with this `state`, and return the exit code.

        If `text` is blank, only print a message, and return REFUSED. If `text` is the same as the note's text, only print a
        message, and return DONE.
        """
        number, latest = state.note.number, state.latest
        if not text.strip():
            say(Notice("revision_empty", number=number))
            return exit_codes.REFUSED
        if text == latest.entry.text:
            say(Notice("text_is_the_same", number=number))
            return exit_codes.DONE
        return self._send(number, lambda: self._client.revise(number, text, seen=latest, wait=self._wait), text, latest)

    def _send(self, number: int, send: Callable[[], SentEntry | None], text: str = "", seen: StoredEntry | None = None) -> int:
        """Call `send`, which sends a change of the note `number`. Print the outcome, and return DONE, QUEUED or REFUSED.

        `text` is printed with the number if the change is stored. `seen` is the latest version of the note that the user has
        seen, or None if the note was not read. A message reports each version that others have stored after `seen`.
        """
        try:
            sent = send()
        except EntryRefused as error:
            say(error.notice)
            return exit_codes.REFUSED
        except Queued as queued:
            say(Notice("entries_queued", entries=1, reason=queued.notice))
            self.has_queued = True
            self._print_queued(queued)
            return exit_codes.QUEUED
        assert sent is not None, "a change that only removes an entry from the outbox is not sent"
        self._print(sent, number, text)
        if seen is not None and sent.number is not None:
            self._report_overtaken(number, seen.number, sent.number, is_deleted_now=sent.entry.kind is Kind.DELETION)
        return exit_codes.DONE

    def _print_queued(self, queued: Queued) -> None:
        """With `--json`, print the entry that was queued, if it is still in the outbox."""
        if not self._as_json:
            return
        for each in islice(self._client.waiting(first=queued.sequence), 1):
            if each.entry.sequence == queued.sequence:
                self._print(SentEntry(each.entry, State.QUEUED, None, queued.notice), each.entry.revises, each.entry.text)

    def _print(self, sent: SentEntry, number: int, text: str) -> None:
        """Print an entry that was sent: an object for `--json`, or a line with its number, what it does, its time and the
        `text`. `number` is that of its note.
        """
        entry = sent.entry
        if self._as_json:
            more = {"kind": entry.kind.name.lower(), "revises": entry.revises}
            print(in_json(sent_object(sent) | more | self._undone), flush=True)
        else:
            own = f"#{sent.number} " if sent.number is not None else ""
            print(f"{own}{change_label(entry, number)}  {local_time(entry.written_at)}  {harmless(text)}", flush=True)

    def _report_overtaken(self, note: int, seen: int, sent: int, *, is_deleted_now: bool) -> None:
        """Read the versions of a note that were stored after the version `seen` and before the version `sent`. Print a message
        about each.

        `note`, `seen` and `sent` are numbers: of the note, of the latest version that the user has seen, and of the version
        that was just stored. `is_deleted_now` says that the version `sent` is a deletion. Errors of reading are ignored.
        """
        with suppress(UdpnoteError):  # the revision is stored anyway, and the clients of the other writers report it
            for version in self._client.log(numbers=[note], start=seen + 1):
                if version.number >= sent:
                    break
                say(
                    Notice(
                        "others_version_overtaken",
                        note=note,
                        number=version.number,
                        author=version.entry.author,
                        is_deletion=version.entry.kind is Kind.DELETION,
                        is_deleted_now=is_deleted_now,
                    )
                )


def undo_notice(undo: "Undo") -> Notice:
    """The notice that names the entry that `undo` takes back, with the text that this entry wrote or deleted, if known."""
    write, text = undo.write, shortened(undo.written or "", DELETED_TEXT_CELLS)
    if not write.number:
        return Notice("undo_waiting", sequence=write.sequence, text=text)
    if undo.written is None:
        return Notice("undo_unread", number=write.number)
    kind = {Kind.NOTE: "undo_note", Kind.REVISION: "undo_revision", Kind.DELETION: "undo_deletion"}[write.kind]
    return Notice(kind, number=write.number, note=undo.note, text=text)


def _identity(write: "OwnWrite") -> dict[str, object]:
    """The write that was undone, as an object for `--json`. `number` is None if it is not known."""
    return {
        "number": write.number or None,
        "client": write.client_id.hex(),
        "sequence": write.sequence,
        "kind": write.kind.name.lower(),
    }


def _refused(notice: Notice) -> int:
    """Print `notice`, and return the exit code REFUSED."""
    say(notice)
    return exit_codes.REFUSED


def objection(named: int, state: NoteState | None) -> Notice:
    """Return why the note with the number `named` cannot be changed: there is no such entry (`state` is None), or the note was
    erased.
    """
    if state is None:
        return Notice("no_such_entry", number=named)
    return Notice("note_erased", number=state.note.number, erased_at=local_time(state.latest.entry.written_at))


def _signature(version: StoredEntry) -> Notice:
    """Who wrote a version of a note, when, and the version's number: `lin@desk at 2026-05-09 16:37:08 +08:00 (#43)`."""
    time = zoned_time(version.entry.written_at, version.entry.utc_offset)
    return Notice("version_signed", author=version.entry.author, time=time, number=version.number)
