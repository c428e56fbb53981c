"""The sentences of commands that write, take back, and delete notes, and of ranges of their numbers."""

from collections.abc import Callable

from udpnote.text.language import ngettext


def _range_numbers_skipped(numbers: str, skipped: int) -> str:
    return ngettext(
        "1 number in {numbers} is skipped: no note has it, or the note is deleted",
        "{skipped:,} numbers in {numbers} are skipped: no note has them, or the note is deleted",
        skipped,
    ).format(numbers=numbers, skipped=skipped)


def _notes_deleted(notes: int) -> str:
    return ngettext(
        "1 note is deleted: the notebook keeps its text, and `udpnote edit NUMBER` brings it back",
        "{notes:,} notes are deleted: the notebook keeps their texts, and `udpnote edit NUMBER` brings one back",
        notes,
    ).format(notes=notes)


SENTENCES: dict[str, str | Callable[..., str]] = {
    # ranges
    "not_a_range": "{text!r} is not a range of numbers: write 1-3, or 10- for all from #10 on",
    "range_reversed": "the range {text} goes backwards: write {meant}",
    "range_empty": "no note has a number in {numbers}: `udpnote list` shows the latest notes",
    "range_numbers_skipped": _range_numbers_skipped,
    "delete_question": "Delete {notes:,} notes, from #{first} to #{last}?",
    "nothing_deleted": "nothing is deleted",
    "notes_deleted": _notes_deleted,
    # sending
    "at_in_future": "--at: {text!r} is in the future, and nobody can have written the note then: name a time that has come",
    "at_longer_than_a_day": "--at: {text!r} is longer than a day: name a day or a time, such as yesterday or "
    "'2026-11-23 18:30'",
    "edit_and_input": "--edit opens the editor, so it cannot be used with - or --whole, which read standard input: "
    "leave one out",
    "edited_text_blank": "the text is empty: nothing is sent",
    "editor_failed": "the editor ended with an error: nothing is sent",
}
