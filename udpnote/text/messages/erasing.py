"""The sentences of `udpnote erase`: what was erased, and what may still have the text."""

from collections.abc import Sequence

from udpnote.text.joining import listed
from udpnote.text.language import gettext as _
from udpnote.text.messages.forms import Counted, Sentence


def _erased_for_good(versions: int) -> str:
    if versions == 1:
        return _("nothing brings an erased note back, except a backup")
    sentence = _("the note has {count:,} versions, and all will be erased. Nothing brings them back, except a backup")
    return sentence.format(count=versions)


def _erased_now(number: int, versions: int) -> str:
    if versions == 1:
        return _("erased #{number}").format(number=number)
    return _("erased #{number}, all {count:,} versions").format(number=number, count=versions)


def _erased_notes_return(numbers: Sequence[int]) -> str:
    return _(
        "these notes were erased in the notebook, but the backup still has them, so they come back: {numbers}. To erase "
        "them again, run `udpnote erase NUMBER` after the restore"
    ).format(numbers=listed(f"#{number}" for number in numbers))


SENTENCES: dict[str, Sentence] = {
    # before
    "erase_while_served": (
        "nothing was erased, because a server or another command uses {path}. End that program, erase #{number}, and start "
        "the program again"
    ),
    "erase_while_service_runs": (
        "nothing was erased, because the notebook's service runs. Run  {stop}  then  {erase}  and at last  {start}"
    ),
    "erase_unasked": (
        "nothing was erased: udpnote needs a terminal to show #{number} and ask. --yes erases it without a question"
    ),
    "erased_for_good": _erased_for_good,
    "erase_question": "Erase it for good?",
    "nothing_erased": "nothing was erased: #{number} stays as it is",
    "no_space_to_erase": (
        "nothing was erased: udpnote must write {path} anew, which takes {megabytes:,} MiB of free space on its disk. Free "
        "some space, and try again"
    ),
    "index_not_removed": "the search index {path} has the texts of notes, but cannot be removed: check its permissions",
    # after
    "erased_now": _erased_now,
    "erased_before": "#{number} was erased already, at {erased_at}. What the files still had of it is gone now, too",
    "erasure_unfinished": (
        "#{number} is erased in the notebook, but the notebook's files may still have its text ({error}). Mend the "
        "fault, and run the command again: it erases the rest"
    ),
    "erased_but_kept_in": ("these files may still have the text: {files}. Look at them, and remove those that nobody needs"),
    "erased_but_identity_computed": (
        "#{number} was imported, and its internal id stays in the notebook's file, so that no import stores the note again. "
        "The text cannot be computed from the id. But the id may have been computed from the text and the time, so somebody "
        "who has the file and guesses the text can check the guess"
    ),
    "erased_but_in_markdown": (
        "#{number} was imported from a Markdown file. Delete the text in that file, too: if the file is renamed and "
        "imported again, the note comes back"
    ),
    "erased_but_copied": (
        "backups and exports that were made before still have the text, and a restored older backup brings the note back. The "
        "writer's machine may have the text, too, and the output of a server or of `udpnote follow`"
    ),
    # elsewhere
    "undo_of_erased": (
        "nothing is taken back: note #{note} was erased on the notebook's host, with all its versions. The next `udpnote "
        "undo` takes back what you wrote before #{own}"
    ),
    "erased_notes_return": _erased_notes_return,
    "erased_not_imported": Counted(
        "entries",
        "1 entry was not imported, because the notebook has erased it",
        "{entries:,} entries were not imported, because the notebook has erased them",
    ),
}
