"""The sentences about what commands have done with entries: sent, changed, shown and exported them."""

from collections.abc import Callable

from udpnote.errors import Notice
from udpnote.text.language import ngettext


def _queued_entries_delivered(entries: int) -> str:
    return ngettext("1 queued entry delivered as well", "{count:,} queued entries delivered as well", entries).format(
        count=entries
    )


def _entries_stored(entries: int) -> str:
    return ngettext("1 entry stored", "{count:,} entries stored", entries).format(count=entries)


def _entries_queued(entries: int, reason: Notice) -> str:
    return ngettext("1 entry queued: {reason}", "{count:,} entries queued: {reason}", entries).format(
        count=entries, reason=reason
    )


def _entries_refused(entries: int, reason: Notice) -> str:
    return ngettext("1 entry refused: {reason}", "{count:,} entries refused: {reason}", entries).format(
        count=entries, reason=reason
    )


def _entries_discarded(entries: int, reason: Notice) -> str:
    return ngettext("1 entry discarded: {reason}", "{count:,} entries discarded: {reason}", entries).format(
        count=entries, reason=reason
    )


def _blank_lines_skipped(lines: int) -> str:
    return ngettext("1 blank line skipped", "{count:,} blank lines skipped", lines).format(count=lines)


def _more_lines_not_sent(lines: int) -> str:
    return ngettext(
        "1 more line is not sent, for reasons like these", "{count:,} more lines are not sent, for reasons like these", lines
    ).format(count=lines)


def _entries_exported(entries: int, path: str) -> str:
    return ngettext("1 entry written to {path}", "{count:,} entries written to {path}", entries).format(
        count=entries, path=path
    )


SENTENCES: dict[str, str | Callable[..., str]] = {
    # sending
    "queued_entries_delivered": _queued_entries_delivered,
    "entries_stored": _entries_stored,
    "entries_queued": _entries_queued,
    "entries_refused": _entries_refused,
    "entries_discarded": _entries_discarded,
    "blank_lines_skipped": _blank_lines_skipped,
    "more_lines_not_sent": _more_lines_not_sent,
    "sending_interrupted": "interrupted: {stored:,} stored. `udpnote outbox` shows which of the others are queued",
    "input_not_saved": (
        "the input is not saved to its end: {stored:,} stored, {queued:,} queued. Send only what comes after these again"
    ),
    "nothing_to_send": "nothing to send: the input holds no text",
    # editing and deleting
    "deleted_note_revised": "#{number} was deleted by {deletion}: your revision brings the note back",
    "deleted_already": "#{number} is deleted already, by {deletion}",
    "edit_brings_back": "`udpnote edit {number}` brings it back: the notebook keeps its text",
    "editor_failed_at_note": "the editor ended with an error: #{number} stays as it is",
    "text_is_the_same": "the text is the same: #{number} stays as it is",
    "version_signed": "{author} at {time} (#{number})",
    # showing
    "note_was_deleted": "#{number} was deleted by {deletion}: `udpnote show {number} --history` has its text",
    "filters_find_nothing": "nothing found: try other filters",
    "no_tags_yet": "there are no tags yet: a word that begins with # in a note is one, such as #milk",
    "no_notes_yet": 'there are no notes yet: `udpnote send "some text"` writes the first',
    # exporting
    "entries_exported": _entries_exported,
    "export_interrupted": "interrupted: the export is not complete. Run the command again",
    "export_cut_short": "the export was cut short and is discarded; {path} is unchanged. Run the command again",
    "export_not_made": "the export was cut short and is discarded; {path} was not made. Run the command again",
}
