"""Sends revisions and deletions for the commands that change notes, and prints the outcome of each."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain, islice
from typing import TYPE_CHECKING

from udpnote.cli import exit_codes
from udpnote.cli.client_options import ClientOptions
from udpnote.cli.json_output import sent_object
from udpnote.cli.open_notebook import QueuedDelivery
from udpnote.cli.terminal.progress import IndexingProgress
from udpnote.cli.terminal.streams import say
from udpnote.cli.terminal.text import change_label, in_json, local_time, shortened, zoned_time
from udpnote.client.client import Client
from udpnote.client.notebook_reader import NoteState
from udpnote.client.results import SentEntry, State
from udpnote.errors import EntryRefused, Notice, Queued, UdpnoteError
from udpnote.model.entry import Kind, StoredEntry
from udpnote.settings import load_settings
from udpnote.text.harmless import harmless

if TYPE_CHECKING:
    from udpnote.client.undoing import Undo
    from udpnote.model.own_write import OwnWrite

READING_WAIT_SECONDS_MIN = 1.0
"""When the command reads the note that it changes, it waits at least so long for an answer, even if `--wait` is shorter."""

OFFLINE_WAIT_SECONDS = 0.5
"""If the command could not read the note, because no server answers, it waits at most so long for an acknowledgement."""

DELETED_TEXT_CELLS = 60
"""How much of the text of a deleted note is printed, in terminal cells: enough to recognize it."""

NOTES_AT_ONCE = 100
"""How many notes of a range are read before they are deleted: a limit on memory."""


@contextmanager
def sending(options: ClientOptions, *, as_json: bool) -> Iterator["RevisionSender"]:
    """Open a client with `options` for the block, and give the block a `RevisionSender` that uses the client.

    To read notes, the client waits at least `READING_WAIT_SECONDS_MIN` for an answer. After the block, it also delivers queued
    entries (see `QueuedDelivery`), unless the sender has just queued an entry, because then no server answers.
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
    """Sends revisions and deletions, and prints the outcome of each.

    `wait` is how many seconds it waits for an acknowledgement. `has_queued` says whether any entry was queued so far. A method
    that returns an integer returns the exit code for the outcome.
    """

    def __init__(self, client: Client, *, wait: float, as_json: bool) -> None:
        self._client = client
        self._wait, self._offline_wait = wait, min(wait, OFFLINE_WAIT_SECONDS)
        self._as_json = as_json
        self._undone: dict[str, object] = {}
        self.has_queued = False

    @property
    def is_notebook_decided(self) -> bool:
        """Whether it is decided which notebook has the numbers, as `Client.is_notebook_decided` says."""
        return self._client.is_notebook_decided

    @property
    def end_of_numbers(self) -> int:
        """The number after the highest one in the notebook."""
        return self._client.last_number() + 1

    def read(self, numbers: Sequence[int]) -> dict[int, NoteState]:
        """The state of the note that each of `numbers` stands for; a number that is not in the notebook is left out.

        Raises `WrongNotebook` if the named server has another notebook than before, because the user knows the numbers of that
        one.
        """
        states = self._client.note_states(numbers)
        self._client.check_notebook_is_same(numbers[0])
        return states

    def edit(self, named: int, state: NoteState | None, text: str | None) -> int:
        """Revise the note that the number `named` stands for, and return the exit code.

        `state` is that of the note, or None if there is no such entry. Then, and if the note was erased, nothing is sent
        (REFUSED). The new text is `text` or, if that is None, what the user writes in the editor, which opens with the last
        text of the note. If the editor's exit code is not 0, nothing is sent (REFUSED).
        """
        if state is None or state.latest.entry.kind is Kind.ERASED:
            return _refused(_objection(named, state))
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
        """Send a revision of the note `number`, which could not be read because no server answers; return the exit code."""
        return self._send(number, lambda: self._client.revise(number, text, wait=self._offline_wait), text)

    def delete(self, named: int, state: NoteState | None, *, says_how_back: bool) -> int:
        """Delete the note with the number `named`, and return the exit code. If `says_how_back`, print how to bring it back.

        `state` is that of the note, or None if there is no such entry. Then, if the note was erased, and if `named` is the
        number of a revision or deletion, nothing is deleted (REFUSED). If the note is deleted already, this only prints a
        message, and the exit code is DONE.
        """
        if state is None or state.latest.entry.kind is Kind.ERASED:
            return _refused(_objection(named, state))
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
            say(Notice("edit_brings_back", number=number))
        return code

    def count(self, numbers: range) -> tuple[int, range]:
        """How many notes have one of `numbers` and are not deleted, and the range from the first to the last of these notes."""
        first, last, notes = 0, 0, 0
        for state in self._client.states_between(numbers.start, numbers.stop - 1):
            first, last, notes = first or state.note.number, state.note.number, notes + 1
        if notes:
            self._client.check_notebook_is_same(first)
        return notes, range(first, last + 1)

    def delete_range(self, numbers: range) -> Iterator[tuple[int, int]]:
        """Delete the notes that have one of `numbers` and are not deleted, in order. Yield the number and exit code of each."""
        start = numbers.start
        while start < numbers.stop:
            found = list(islice(self._client.states_between(start, numbers.stop - 1), NOTES_AT_ONCE))
            for state in found:
                yield state.note.number, self.delete(state.note.number, state, says_how_back=False)
            start = found[-1].note.number + 1 if found else numbers.stop

    def delete_unseen(self, number: int, *, is_first: bool) -> int:
        """Send a deletion of the note `number`, which could not be read because no server answers; return the exit code.

        Only the first of several deletions (`is_first`) waits for an acknowledgement.
        """
        wait = self._offline_wait if is_first else 0.0
        code = self._send(number, lambda: self._client.delete(number, wait=wait))
        if code == exit_codes.QUEUED:
            say(Notice("unseen_deletion", number=number))
        return code

    def undo(self, *, anywhere: bool) -> int:
        """Take back the user's last write (see `Client.plan_undo`): print which it is, and the outcome; return the exit code.

        Raises the errors of `Client.plan_undo` and `Client.undo`.
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
        shown = shortened(undo.written or "" if undo.text is None else undo.text, DELETED_TEXT_CELLS)
        code = self._send(undo.note, lambda: self._client.undo(undo, wait=wait), shown, latest)
        if code == exit_codes.QUEUED and latest is None:
            say(Notice("undo_unseen" if write.number else "undo_later"))
        elif code == exit_codes.DONE and undo.way is Way.DELETE:
            say(Notice("undo_deleted", number=undo.note))
        return code

    def _print_discarded(self, text: str) -> None:
        """Print the `text` of an entry that was removed from the outbox, which is nowhere else now; or the JSON of the undo."""
        say(Notice("undo_discarded"))
        if self._as_json:
            nothing = dict.fromkeys(("number", "client", "sequence", "written_at"))
            print(in_json(nothing | {"status": "discarded", "kind": None, "revises": None} | self._undone))
        elif text:
            print("\n".join(map(harmless, text.split("\n"))))

    def _last_text(self, latest: StoredEntry) -> str:
        """The text of the `latest` version of a note; if that is a deletion, the text of the last version that is not one."""
        versions = chain([latest], self._client.log(numbers=[latest.number], newest_first=True))
        return next((version.entry.text for version in versions if version.entry.kind is not Kind.DELETION), "")

    def _revise(self, state: NoteState, text: str) -> int:
        """Send `text` as a revision of the note with this `state`, and return the exit code.

        A blank text is not sent (REFUSED), nor is the text that the note has already (DONE). A message says so.
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
        seen; None if the note could not be read. Versions that others stored after `seen` are reported.
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
        for each in islice(self._client.waiting(first=queued.sequence), 1) if self._as_json else ():
            if each.entry.sequence == queued.sequence:
                self._print(SentEntry(each.entry, State.QUEUED, None, queued.notice), each.entry.revises, each.entry.text)

    def _print(self, sent: SentEntry, number: int, text: str) -> None:
        """Print an entry that was sent: as JSON, or as a line with the `number` of its note, the time and the `text`."""
        entry = sent.entry
        if self._as_json:
            more = {"kind": entry.kind.name.lower(), "revises": entry.revises}
            print(in_json(sent_object(sent) | more | self._undone), flush=True)
        else:
            own = f"#{sent.number} " if sent.number is not None else ""
            print(f"{own}{change_label(entry, number)}  {local_time(entry.written_at)}  {harmless(text)}", flush=True)

    def _report_overtaken(self, note: int, seen: int, sent: int, *, is_deleted_now: bool) -> None:
        """Print a message for each version of a note that others have stored after the user read the note.

        These are the versions with numbers after `seen`, the latest version that the user has seen, and before `sent`, the
        version that was just stored. `note` is the number of the note. `is_deleted_now` says that the version `sent` is a
        deletion. Errors of reading are ignored.
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
    """The notice that says what `undo` takes back, with its text if that is known."""
    write, text = undo.write, shortened(undo.written or "", DELETED_TEXT_CELLS)
    if not write.number:
        return Notice("undo_waiting", sequence=write.sequence, text=text)
    if undo.written is None:
        return Notice("undo_unread", number=write.number)
    kind = {Kind.NOTE: "undo_note", Kind.REVISION: "undo_revision", Kind.DELETION: "undo_deletion"}[write.kind]
    return Notice(kind, number=write.number, note=undo.note, text=text)


def _identity(write: "OwnWrite") -> dict[str, object]:
    """The write that was taken back, for JSON; `number` is None if it is not known."""
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


def _objection(named: int, state: NoteState | None) -> Notice:
    """Why the note with the number `named` cannot be changed: there is none (`state` is None), or it was erased."""
    if state is None:
        return Notice("no_such_entry", number=named)
    return Notice("note_erased", number=state.note.number, erased_at=local_time(state.latest.entry.written_at))


def _signature(version: StoredEntry) -> Notice:
    """Who wrote a version of a note, when, and its number: `lin@desk at 2026-05-09 16:37:08 +08:00 (#43)`."""
    time = zoned_time(version.entry.written_at, version.entry.utc_offset)
    return Notice("version_signed", author=version.entry.author, time=time, number=version.number)
