"""`udpnote edit` and `udpnote delete`: send revisions and deletions as new entries. A notebook keeps all versions of a note."""

import sys
from itertools import chain
from typing import Annotated

from udpnote.cli import exit_codes
from udpnote.cli.command_line.declared_command import Argument, DeclaredCommands, Option
from udpnote.cli.options.client_options import NO_OPTIONS
from udpnote.cli.options.declared import Json, Numbers, WritingClient
from udpnote.cli.options.number_ranges import is_one_number, parse_number, parse_ranges, range_name, without_overlaps
from udpnote.cli.revision_sender import RevisionSender, sending
from udpnote.cli.terminal.streams import say, typed_text
from udpnote.cli.terminal.typed_input import is_confirmed, typed_entry
from udpnote.client.reading.notebook_reader import NoteState
from udpnote.errors import InvalidEntry, Notice, Unreachable

DELETED_WITHOUT_QUESTION_MAX = 3
"""The most notes that are deleted without a question. A higher number may come from a mistyped range."""

app = DeclaredCommands()


@app.command(takes_text=True, changes=True)
def edit(
    number: Annotated[str, Argument(metavar="NUMBER", help="The number of the note, such as 42.")],
    text: Annotated[
        list[str] | None, Argument(metavar="[TEXT]...", help="The new text; without it, your editor; -: standard input.")
    ] = None,
    options: WritingClient = NO_OPTIONS,
    as_json: Json = False,
) -> int:
    """Revise a note.

    Without a text, your editor ($VISUAL or $EDITOR) opens. Options stand before the text, as with `udpnote send`. The earlier
    texts stay in the history of the note. Revising a deleted note brings it back. NUMBER may also be that of a revision: then
    its note is edited.

    If the server does not answer, TEXT is queued, as by `udpnote send` (exit code 75), but no editor opens. If udpnote cannot
    know which notebook has this NUMBER, nothing is queued: name the notebook, for example with `--notebook`.

    Examples:

        udpnote edit 42

        udpnote edit 42 "buy oat milk"
    """
    parsed, new_text = parse_number(number), _given_text(text or [])
    if new_text is not None and not new_text.strip():
        raise InvalidEntry("revision_empty", number=parsed)
    with sending(options, as_json=as_json) as sender:
        try:
            state = sender.read([parsed]).get(parsed)
        except Unreachable as error:
            if new_text is None and not sender.is_notebook_decided:
                raise
            if new_text is None:
                raise type(error)("editor_without_server", problem=error, number=parsed) from None
            return sender.revise_unseen(parsed, new_text)
        return sender.edit(parsed, state, new_text)


@app.command(changes=True)
def delete(
    numbers: Numbers,
    yes: Annotated[bool, Option("--yes", help="Do not ask before many notes are deleted.")] = False,
    options: WritingClient = NO_OPTIONS,
    as_json: Json = False,
) -> int:
    """Delete notes.

    The history of a deleted note keeps its texts, and `udpnote edit NUMBER` brings the note back. A revision alone cannot be
    deleted: its number is refused. In a range, numbers that no note has are skipped and counted. On a terminal, more than 3
    notes are deleted only after a question, unless `--yes` is given.

    If the server does not answer, the deletion of one note is queued, as an entry of `udpnote send` is (exit code 75).
    Deletions of a range are not queued. If the server stops answering in the middle of a range, one deletion is queued, and a
    message names the notes that are left. If udpnote cannot know which notebook has this NUMBER, nothing is queued: name the
    notebook, for example with `--notebook`.

    Examples:

        udpnote delete 42

        udpnote delete 42 43

        udpnote delete 10-20
    """
    parsed = parse_ranges(numbers)
    with sending(options, as_json=as_json) as sender:
        ranges = without_overlaps(each for each in parsed if not is_one_number(each))
        typed = dict.fromkeys(each.start for each in parsed if is_one_number(each))
        singles = [number for number in typed if not any(number in each for each in ranges)]
        try:
            found = sender.read(singles) if singles else {}
        except Unreachable:
            if ranges:
                raise
            codes = [sender.delete_unseen(number, is_first=number == singles[0]) for number in singles]
        else:
            codes = _delete(sender, {number: found.get(number) for number in singles}, ranges, yes=yes)
    return next((code for code in (exit_codes.REFUSED, exit_codes.QUEUED) if code in codes), exit_codes.DONE)


def _delete(sender: RevisionSender, states: dict[int, NoteState | None], ranges: list[range], *, yes: bool) -> list[int]:
    """Delete the notes with these `states` and the notes in `ranges`. Return the exit codes of the deletions.

    `states` maps each typed number to the state of its note, or to None if there is no such entry. If there are more than
    `DELETED_WITHOUT_QUESTION_MAX` notes, ask the user first. With `yes`, or if standard input is not a terminal, do not ask. If
    the user answers no, delete nothing, and return [REFUSED].

    Once a deletion is queued, the ranges that follow are not deleted. A message names each.
    """
    counted = [(each, *sender.count(each)) for each in ranges]
    found = [number for number, state in states.items() if state is not None]
    ends = [*found, *chain.from_iterable((within.start, within.stop - 1) for _, notes, within in counted if notes)]
    total = len(found) + sum(notes for _, notes, _ in counted)
    if total > DELETED_WITHOUT_QUESTION_MAX and not yes and sys.stdin.isatty():
        question = Notice("delete_question", notes=total, first=min(ends), last=max(ends))
        if not is_confirmed(question):
            say(Notice("nothing_deleted"))
            return [exit_codes.REFUSED]
    is_only = len(states) == 1 and not ranges
    codes = [sender.delete(number, state, says_how_back=True, is_only=is_only) for number, state in states.items()]
    for each, notes, within in counted:
        if exit_codes.QUEUED in codes:
            say(Notice("range_not_deleted", numbers=range_name(each)))
        else:
            codes += _delete_range(sender, each, notes, within)
    return codes


def _delete_range(sender: RevisionSender, numbers: range, notes: int, within: range) -> list[int]:
    """Delete the notes whose numbers are in the range `numbers`. Return the exit codes of the deletions; [REFUSED] if `notes`
    is 0.

    `notes` is how many notes have a number in `numbers` and are not deleted yet. `within` goes from the first of these notes to
    the last. Print how many notes were deleted, and how many other numbers the range has: those of notes deleted before, of
    revisions and of deletions. Raises the errors of reading (see `NotebookReader`).

    As soon as one deletion is queued, delete no further notes, because the user would not see what further deletions do. Print
    which part of the range is left. The exit code of the queued deletion is in the result.
    """
    if not notes:
        say(Notice("range_empty", numbers=range_name(numbers)))
        return [exit_codes.REFUSED]
    skipped = min(numbers.stop, sender.end_of_numbers) - numbers.start - notes
    codes = []
    rest = range(0)
    for number, code in sender.delete_range(within):
        codes.append(code)
        if code == exit_codes.QUEUED:
            rest = range(number + 1, within.stop)
            break
    if skipped > 0:
        say(Notice("range_numbers_skipped", numbers=range_name(numbers), skipped=skipped))
    if deleted := codes.count(exit_codes.DONE):
        say(Notice("notes_deleted", notes=deleted))
    if rest:
        say(Notice("range_not_deleted", numbers=str(rest.start) if is_one_number(rest) else range_name(rest)))
    return codes


def _given_text(words: list[str]) -> str | None:
    """Return the new text: the arguments `words`, joined by spaces. Return None if there are no words: then the user writes the
    text in the editor.

    If the only word is `-`, return all of standard input; at a terminal, first ask the user to type. Raises `InvalidEntry` if
    standard input cannot be an entry.
    """
    if words == ["-"]:
        return typed_entry(Notice("type_a_text"))
    return typed_text(words) if words else None
