"""The sentences of `udpnote backup` and `udpnote restore`."""

from collections.abc import Sequence

from udpnote.text.joining import all_of, in_sentences
from udpnote.text.language import gettext as _
from udpnote.text.language import ngettext
from udpnote.text.messages.forms import Counted, Sentence


def _backup_holds(path: str, name: str, notebook_id: str, entries: int, newest: str) -> str:
    if not entries:
        return _("{path} has {name}  (id {notebook_id}), which has no entries").format(
            path=path, name=name, notebook_id=notebook_id
        )
    sentence = ngettext(
        "{path} has {name}  (id {notebook_id}): {entries:,} entry, the latest stored {newest}",
        "{path} has {name}  (id {notebook_id}): {entries:,} entries, the latest stored {newest}",
        entries,
    )
    return sentence.format(path=path, name=name, notebook_id=notebook_id, entries=entries, newest=newest)


def _notebook_replaced(path: str, entries: int, newest: str, vanishing: int, first: int, last: int) -> str:
    if not entries:
        return _("{path} has no entries").format(path=path)
    has = ngettext(
        "{path} has {entries:,} entry, the latest stored {newest}",
        "{path} has {entries:,} entries, the latest stored {newest}",
        entries,
    )
    return in_sentences(has.format(path=path, entries=entries, newest=newest), _loss(vanishing, first, last))


def _other_notebook_replaced(
    path: str, name: str, notebook_id: str, entries: int, newest: str, vanishing: int, first: int, last: int
) -> str:
    if not entries:
        return _("{path} is ANOTHER notebook, {name}  (id {notebook_id}), which has no entries").format(
            path=path, name=name, notebook_id=notebook_id
        )
    has = ngettext(
        "{path} is ANOTHER notebook, {name}  (id {notebook_id}): {entries:,} entry, the latest stored {newest}",
        "{path} is ANOTHER notebook, {name}  (id {notebook_id}): {entries:,} entries, the latest stored {newest}",
        entries,
    )
    shown = has.format(path=path, name=name, notebook_id=notebook_id, entries=entries, newest=newest)
    return in_sentences(shown, _loss(vanishing, first, last))


def _loss(vanishing: int, first: int, last: int) -> str:
    """Return a sentence: how many entries the backup lacks (`vanishing`, perhaps 0), and their numbers, `first` to `last`."""
    if not vanishing:
        return _("The backup has all of them")
    sentence = ngettext(
        "{entries:,} of them is not in the backup and vanishes: #{first}",
        "{entries:,} of them are not in the backup and vanish. Their numbers are from #{first} to #{last}",
        vanishing,
    )
    return sentence.format(entries=vanishing, first=first, last=last)


def _replaced_files_kept(paths: Sequence[str]) -> str:
    return _("the files that were there before are kept: {paths}").format(paths=all_of(paths))


SENTENCES: dict[str, Sentence] = {
    "backed_up": Counted(
        "entries",
        "backed up {name}  (id {notebook_id}): {entries:,} entry, in {path}",
        "backed up {name}  (id {notebook_id}): {entries:,} entries, in {path}",
    ),
    "backup_key_beside": "the notebook's key is in {path}: keep both files secret. Both were read back from the disk",
    "backup_whole": "the backup was read back from the disk and is whole. Keep it secret: it has every note as plain text",
    "backup_incomplete": (
        "the backup lacks some of the latest entries, because their log {path}-wal is damaged or missing. If you "
        "find no undamaged copy of the log, go on without these entries: `udpnote restore {backup_quoted} --file "
        "{path_quoted}`"
    ),
    "backup_lacks_key": (
        "the backup does not have the notebook's key. After a restore on another host, make a new key with `udpnote key "
        "rotate`, and let every client join again"
    ),
    "backup_interrupted": "interrupted: no backup was made. An earlier one stays as it was",
    "backup_holds": _backup_holds,
    "copy_percentage": "{percent} % copied",
    "copy_being_checked": "copied; the copy is read back and checked",
    # what a restore replaces
    "notebook_replaced": _notebook_replaced,
    "other_notebook_replaced": _other_notebook_replaced,
    "loss_unknown": "{path} cannot be read, so it is not known which of its entries the restore would remove: {problem}",
    "loss_unknown_by_log": (
        "{log}, the log with the latest entries of {path}, is damaged or missing, so it is not known which entries the "
        "restore would remove. The restore keeps the present files under other names"
    ),
    "restore_opens": (
        "the notebook is sealed now, but the backup is not sealed. After the restore everybody on the LAN can use the notebook"
    ),
    "restore_takes_key": "the notebook gets the key of the backup. Clients that have joined with a later key must join again",
    "restore_keeps_key": "the notebook keeps the key that it has now",
    "restore_keeps_other_key": (
        "the notebook keeps the key that it has now. The backup has another key: to use that one, add --with-key"
    ),
    "restore_keeps_key_alone": (
        "the notebook keeps the key that it has now. The key file of the backup is of no use: {problem}"
    ),
    "restore_without_key": (
        "the notebook gets no key. After the restore, make a new key with `udpnote key rotate`, and let every client join again"
    ),
    "ask_to_replace": "Replace {path}?",
    # what became of it
    "nothing_changed": "nothing was changed",
    "restored": Counted(
        "entries",
        "restored {name}  (id {notebook_id}): {entries:,} entry, in {path}",
        "restored {name}  (id {notebook_id}): {entries:,} entries, in {path}",
    ),
    "restored_then_serve": (
        "start its server with `udpnote serve{options}`: clients find the notebook by its id. No other copy may be served"
    ),
    "replaced_files_kept": _replaced_files_kept,
    "other_notebook_kept": (
        "to use the replaced notebook beside the restored one, run `udpnote restore --file FILE {path_quoted}`, where FILE "
        "is a new file"
    ),
    "vanished_entries_kept": (
        "to bring back the entries that have vanished, first start the server. Then run `udpnote export --file {path_quoted} "
        "-o FILE.jsonl`, and `udpnote import FILE.jsonl`"
    ),
}
