"""The sentences of commands that write, take back and delete notes: what was stored and changed, ranges, the prompt."""

from udpnote.errors import Notice
from udpnote.text.language import ngettext
from udpnote.text.messages.forms import Counted, Sentence

_REASONS_THAT_SAY_WHEN = {
    "no_answer_yet",
    "not_waited",
    "delivered_by_another_command",
    "for_another_notebook",
    "notebook_disk_full",
    "notebook_not_writable",
}
"""Kinds of reasons for which an entry is queued. The sentences of these reasons say themselves when the entry is sent."""


def _entries_queued(entries: int, reason: Notice) -> str:
    if reason.kind in _REASONS_THAT_SAY_WHEN:
        template = ngettext("1 entry queued: {reason}", "{entries:,} entries queued, each for this reason: {reason}", entries)
    else:
        template = ngettext(
            "1 entry queued, to be sent with the next one: {reason}",
            "{entries:,} entries queued, to be sent with the next one, each for this reason: {reason}",
            entries,
        )
    return template.format(entries=entries, reason=reason)


SENTENCES: dict[str, Sentence] = {
    # sending
    "queued_entries_delivered": Counted(
        "entries", "1 queued entry delivered as well", "{entries:,} queued entries delivered as well"
    ),
    "entries_stored": Counted("entries", "1 entry stored", "{entries:,} entries stored"),
    "entries_queued": _entries_queued,
    "entries_refused": Counted(
        "entries", "1 entry refused: {reason}", "{entries:,} entries refused, each for this reason: {reason}"
    ),
    "entries_discarded": Counted("entries", "1 entry discarded: {reason}", "{entries:,} entries discarded: {reason}"),
    "blank_lines_skipped": Counted("lines", "1 blank line skipped", "{lines:,} blank lines skipped"),
    "more_lines_not_sent": Counted(
        "lines", "1 more line is not sent, for reasons like these", "{lines:,} more lines are not sent, for reasons like these"
    ),
    "sending_interrupted": "interrupted: {stored:,} stored for certain. `udpnote outbox` shows what still waits",
    "input_not_saved": (
        "only the first part of the input was saved: {stored:,} stored, {queued:,} queued. Send only the rest again"
    ),
    "nothing_to_send": "nothing to send: the input holds no text",
    "at_in_future": "--at: {text!r} is in the future, but --at says when the note was written: name a time in the past",
    "at_longer_than_a_day": "--at: {text!r} is longer than a day: name a day or a time, such as yesterday or "
    "'2026-11-23 18:30'",
    "edit_and_input": "--edit opens the editor, so it cannot be used with - or --whole, which read standard input: "
    "leave one out",
    "edited_text_unchanged": "nothing is sent, because you have not changed the text. To send it as it is, leave out --edit",
    "edited_text_blank": "the text is empty: nothing is sent",
    "editor_failed": "the editor ended with an error: nothing is sent",
    # editing and deleting
    "deleted_note_revised": "#{number} was deleted by {deletion}: your revision brings the note back",
    "deleted_already": "#{number} is deleted already, by {deletion}",
    "edit_brings_back": "`udpnote edit {number}` brings it back: the notebook keeps its text",
    "undo_brings_back": "`udpnote undo` brings it back now, and `udpnote edit {number}` later: the notebook keeps its text",
    "editor_failed_at_note": "the editor ended with an error: #{number} stays as it is",
    "text_is_the_same": "the text is the same: #{number} stays as it is",
    "version_signed": "{author} at {time} (#{number})",
    # ranges
    "not_a_range": "{text!r} is not a range of numbers: write 1-3, or 10- for all from #10 on",
    "range_reversed": "the range {text} goes backwards: write {meant}",
    "range_not_deleted": "not deleted: {numbers}. Run `udpnote delete {numbers}` when the server answers again",
    "range_empty": "no note has a number in {numbers}: `udpnote list` shows the latest notes",
    "range_numbers_skipped": Counted(
        "skipped",
        "1 number in {numbers} is skipped: no note has it, or the note is deleted",
        "{skipped:,} numbers in {numbers} are skipped: no note has them, or the note is deleted",
    ),
    "delete_question": "Delete {notes:,} notes, from #{first} to #{last}?",
    "nothing_deleted": "nothing is deleted",
    "notes_deleted": Counted(
        "notes",
        "1 note is deleted: the notebook keeps its text, and `udpnote edit NUMBER` brings it back",
        "{notes:,} notes are deleted: the notebook keeps their texts, and `udpnote edit NUMBER` brings one back",
    ),
    # taking back
    "undo_note": "takes back note #{number}: {text}",
    "undo_revision": "takes back #{number}, your edit of note #{note}: {text}",
    "undo_deletion": "takes back #{number}, your deletion of note #{note}: {text}",
    "undo_waiting": "takes back entry {sequence} of the outbox: {text}",
    "undo_unread": "takes back #{number}. Its text is not shown, because only the notebook has it",
    "undo_discarded": "no notebook has the entry: it is removed from the outbox",
    "undo_later": (
        "the entry may be stored already, so it stays in the outbox, followed by its deletion. Both are sent with the next "
        "entry or by `udpnote outbox --send`"
    ),
    "undo_unseen": (
        "the note could not be looked up, so it is not known whether others have changed it. It will be deleted all "
        "the same, and its history keeps all texts"
    ),
    "undo_nothing": "there is nothing to take back: udpnote remembers only the latest writes of your user on this machine",
    "undo_elsewhere": (
        "nothing is taken back: your last write is in another notebook. To take it back, run `udpnote undo "
        "--notebook {notebook_quoted}`"
    ),
    "undo_not_there": (
        "nothing is taken back: the notebook does not have #{number}, your last write, under this number any more. It was "
        "erased, or the server has another copy of the notebook than before. `udpnote list` shows the notes that are there. "
        "The next `udpnote undo` takes back what you wrote before #{number}"
    ),
    "undo_changed_since": (
        "nothing is taken back: {author} has changed note #{note} after you. `udpnote show {note} --history` shows your "
        "change as #{own}, and the later one as #{number}. To change the note, run `udpnote edit {note}`. The next `udpnote "
        "undo` takes back what you wrote before #{own}"
    ),
    "undo_meanwhile": (
        "nothing is taken back: another command has just sent, removed or taken back your last write. Run `udpnote undo` again"
    ),
    "undo_without_server": (
        "{problem}. Nothing is taken back, because only the server has the text that the note had before your change "
        "#{number}. Run `udpnote undo` again when the server answers"
    ),
    "undo_of_waiting_deletion": (
        "nothing is taken back: your deletion of #{number} is queued, and may be stored already. When the server has "
        "answered, `udpnote undo` brings the note back. Before that, `udpnote outbox --discard {sequence}` drops the "
        "deletion, unless it is stored already"
    ),
    "undo_of_waiting_revision": (
        "nothing is taken back: your new text of #{number} is queued, and may be stored already. When the server has "
        "answered, `udpnote undo` brings the earlier text back. Before that, `udpnote outbox --discard {sequence}` drops the "
        "new text, unless it is stored already"
    ),
    # the prompt
    "write_prompt": "Today's note (quit ends): ",
    "write_tagged_prompt": "Today's note, {tags} (quit ends): ",
    "write_welcome": "each line is stored as an entry; `help` explains more, `quit` or Ctrl-D ends",
    "write_welcome_without_prompt": "each line is stored as an entry, up to a line `quit`",
    "write_help": (
        "Enter stores the line as an entry. The Up key brings back an earlier line\n"
        "If you paste several lines, each becomes an entry. If they are {many} or more, the prompt first asks how to store "
        "them\n"
        "/tag NAME adds #NAME to each line from now on. /tag alone stops that\n"
        "/edit changes your last note, /edit 42 changes note #42. /undo takes back what you wrote last\n"
        "To store a line that begins with /, type one more /: //text stores /text\n"
        "Notes of others appear above the prompt\n"
        "To list, search or delete notes, press Ctrl-Z, run for example `udpnote search milk` in the shell, and come back with "
        "`fg`\n"
        "Ctrl-C drops the line. `quit`, `exit`, `q` or Ctrl-D ends the prompt\n"
        "To store the word `quit`, run `udpnote send quit` in the shell. To store several lines as one entry, run `udpnote "
        "send --whole`"
    ),
    "write_line_dropped": "the line is dropped; `quit` or Ctrl-D ends the prompt",
    "write_unknown_command": (
        "nothing was stored: {word} is no command of the prompt. Its commands are /help, /tag, /edit, /undo and /quit."
        " To store the line, write /{line}"
    ),
    "write_command_of_shell": (
        "nothing was stored: {word} is no command of the prompt. Press Ctrl-Z, run `{command}` in the shell, and come back "
        "with `fg`. To store the line, write /{line}"
    ),
    "write_command_not_alone": (
        "nothing was done, because {word} takes nothing after it. Write {word} alone. To store the line as a note, write "
        "/{line}"
    ),
    "write_no_tags": "no tag is added any more",
    "write_nothing_to_edit": "no note was stored here yet: /edit 42 changes note #42",
    "write_edit_elsewhere": (
        "note #{number} is deleted or too long to be edited here: `udpnote edit {number}` opens its text in your editor"
    ),
    "write_unchanged": "note #{number} stays as it is",
    "write_undo_elsewhere": "your last write was not made at this prompt: `udpnote undo` takes it back",
    "write_others_passed_over": Counted(
        "entries",
        "1 more entry of others is not shown here: `udpnote list` shows it",
        "{entries:,} more entries of others are not shown here: `udpnote list` shows them",
    ),
    "write_pasted": "{lines:,} lines were pasted: each is stored as an entry",
    "write_how_to_store": "{lines:,} lines were pasted. Store each (`e`), all as one entry (`a`), or none (`n`)? ",
    "write_pasted_dropped": "nothing is stored",
    "write_to_open": "your lines go to {name}, which is not sealed",
    "write_to_sealed": "your lines go to {name}, which is sealed",
    "write_queued": "queued: the entry is delivered as soon as the server answers",
    "write_queued_because": "queued: the entry is delivered as soon as the server answers ({reason})",
    "write_interrupted": "the prompt no longer waits for an answer: `udpnote outbox` shows whether the entry is queued",
    "write_delivered": "delivered: {line}",
    "write_refused": "not stored: {reason}",
    "write_stored_by_other_command": "stored: another command of yours has delivered the entry meanwhile",
    "write_waiting": "entries still queued: {entries:,}. `udpnote outbox --send` sends them",
    "write_goodbye": "Goodbye",
}
