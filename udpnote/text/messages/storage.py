"""The sentences about a file or a disk that cannot be used."""

from collections.abc import Mapping

from udpnote.text.joining import in_sentences
from udpnote.text.language import gettext as _
from udpnote.text.language import marked, ngettext
from udpnote.text.messages.forms import Sentence

_FILE_KINDS = {"notebook": marked("notebook"), "outbox": marked("outbox"), "index": marked("search index")}
"""What messages call each kind of database file. The keys are the possible values of `file_kind`."""


def _database_is_no_file(path: str, file_kind: str, is_folder: bool) -> str:
    if is_folder:
        sentence = _("{path} is not a udpnote {kind}, but a folder: choose another path, or move it away")
    else:
        sentence = _("{path} is not a udpnote {kind}, but a pipe, a device or a socket: choose another path, or move it away")
    return sentence.format(path=path, kind=_named(file_kind))


def _other_kind_of_file(path: str, file_kind: str) -> str:
    sentence = _("{path} is not a udpnote {kind}: choose another file, or move it away")
    return sentence.format(path=path, kind=_named(file_kind))


def _file_of_newer_version(path: str, file_kind: str, version: int, known_version: int) -> str:
    return _(
        "{path} was written by a newer udpnote. Its format is version {version}, but this udpnote reads version "
        "{known_version} of {kind} files. Upgrade udpnote to open it"
    ).format(path=path, kind=_named(file_kind), version=version, known_version=known_version)


def _file_of_older_version(path: str, file_kind: str, version: int, known_version: int) -> str:
    if file_kind == "outbox":
        sentence = _(
            "{path} is the {kind} of an older udpnote. Its format is version {version}, but this udpnote reads version "
            "{known_version} only. Send the entries in it with the older udpnote, then move the file away"
        )
    else:
        sentence = _(
            "{path} is the {kind} of an older udpnote. Its format is version {version}, but this udpnote reads version "
            "{known_version} only. Export it with the older udpnote, then move the file away"
        )
    return sentence.format(path=path, kind=_named(file_kind), version=version, known_version=known_version)


def _named(file_kind: str) -> str:
    return _(_FILE_KINDS[file_kind]) if file_kind in _FILE_KINDS else file_kind


def _others_have_access(paths: tuple[str, ...], command: str, can_read: bool, can_change: bool, needs_owner: bool) -> str:
    """`command` is the command that closes the files, without their paths: `chmod 600`. `needs_owner` says that the user is not
    the owner of the files, and so cannot run it.
    """
    from shlex import quote  # here, because there is seldom anything to report

    known = _for_deeds(_CAN_BE_USED, can_read, can_change).format(files=_files(paths))
    remedy = " ".join([command, *(quote(f"./{path}" if path.startswith("-") else path) for path in paths)])
    sentence = _("{known}, and only the owner can mend that: {remedy}") if needs_owner else _("{known}: {remedy}")
    return sentence.format(known=known, remedy=remedy)


def _closed_to_others(paths: tuple[str, ...], can_read: bool, can_change: bool) -> str:
    known = _for_deeds(_COULD_BE_USED, can_read, can_change).format(files=_files(paths))
    return _("{known}. udpnote has changed the permissions: now only you have access").format(known=known)


_CAN_BE_USED = {
    (True, True): marked("{files} can be read and changed by others on this machine"),
    (True, False): marked("{files} can be read by others on this machine"),
    (False, True): marked("{files} can be changed by others on this machine"),
    (False, False): marked("{files} can be entered or run by others on this machine"),
}
_COULD_BE_USED = {
    (True, True): marked("{files} could be read and changed by others on this machine"),
    (True, False): marked("{files} could be read by others on this machine"),
    (False, True): marked("{files} could be changed by others on this machine"),
    (False, False): marked("{files} could be run by others on this machine"),
}
"""What others can do or could do with files. The keys say whether they can read, and whether they can change them. If they can
do neither, the mode lets them enter a folder or run a file."""


def _for_deeds(templates: Mapping[tuple[bool, bool], str], can_read: bool, can_change: bool) -> str:
    return _(templates[can_read, can_change])


def _files(paths: tuple[str, ...]) -> str:
    first, *others = paths
    if not others:
        return first
    sentence = ngettext("{file} and 1 more beside it", "{file} and {count} more beside it", len(others))
    return sentence.format(file=first, count=len(others))


_UNACKNOWLEDGED = marked("Entries that were not acknowledged are still in their senders' outboxes, or in the file to import")
_NOTEBOOK_LOSSES = {
    "gone": marked(
        "the server or import has stopped, because {path} was deleted or moved while in use. If it was moved, put it back "
        "beside its log {path}-wal, and start again. If it was deleted, put a backup in its place with `udpnote restore`: "
        "entries acknowledged after that backup are lost"
    ),
    "emptied": marked(
        "the server or import has stopped, because {path} was emptied while in use. Put a backup in its place with `udpnote "
        "restore`, and start again: entries acknowledged after that backup are lost"
    ),
    "linked": marked(
        "the server or import has stopped, because {path} got a second name (a hard link) while in use. SQLite would keep a "
        "log for each name, and entries could be lost. Remove the second name, and start again. `find FOLDER -samefile "
        "{path}` lists the names in FOLDER and below it"
    ),
    "replaced": marked(
        "the server or import has stopped, because another file was put in place of the notebook {path}. To go on with the "
        "earlier notebook, put its file back and start again: udpnote finds its log, which is kept under a name that ends "
        "with .old. To use the new file instead, just start again"
    ),
}
_LOG_LOSSES = {
    "gone": marked(
        "the server or import has stopped, because {log}, the log with the latest acknowledged entries of {path}, was deleted "
        "or moved while in use. Put the log back, and start again. If it is lost, the next start says how to keep the other "
        "entries"
    ),
    "linked": marked(
        "the server or import has stopped, because {log}, the log with the latest acknowledged entries of {path}, got a "
        "second name (a hard link) while in use. Remove the second name, and start again. `find FOLDER -samefile {log}` lists "
        "the names in FOLDER and below it"
    ),
    "replaced": marked(
        "the server or import has stopped, because another file was put in place of {log}, the log with the latest "
        "acknowledged entries of {path}. Put the log back, and start again. If it is lost, the next start says how to keep "
        "the other entries"
    ),
}
"""What was done to a notebook's file or to its log, and what to do then. The keys are the values of `loss`. If the file changes
again while udpnote looks, there may be no sentence for the value: then that of `replaced` is taken."""


def _notebook_lost(path: str, loss: str) -> str:
    return in_sentences(_(_NOTEBOOK_LOSSES.get(loss, _NOTEBOOK_LOSSES["replaced"])).format(path=path), _(_UNACKNOWLEDGED))


def _log_lost(path: str, log: str, loss: str) -> str:
    return in_sentences(_(_LOG_LOSSES.get(loss, _LOG_LOSSES["replaced"])).format(path=path, log=log), _(_UNACKNOWLEDGED))


def _keeping_the_rest(path: str) -> dict[str, str]:
    """Return two commands, `first` and `second`, to be run in this order. They keep all entries of the notebook at `path` that
    are not in its lost log.
    """
    from shlex import quote  # here, because this happens seldom

    copy = quote(f"{path}.copy")
    return {
        "first": f"`udpnote backup {copy} --file {quote(path)}`",
        "second": f"`udpnote restore {copy} --file {quote(path)}`",
    }


def _log_gone(path: str, log: str) -> str:
    return _(
        "nothing was changed: {log}, the log with the latest entries of {path}, is missing or was overwritten. Perhaps {path} "
        "was copied without its log while a server used it. Put the log back beside {path}. If it is lost, its entries are "
        "lost, too. To keep all other entries, run {first}, then {second}"
    ).format(path=path, log=log, **_keeping_the_rest(path))


def _log_damaged(path: str, log: str) -> str:
    return _(
        "nothing was changed: {log}, the log with the latest entries of {path}, is damaged or was cut, and some of these "
        "entries cannot be read. Put an undamaged copy of the log in its place. Without such a copy, these entries are lost. "
        "To keep all other entries, run {first}, then {second}"
    ).format(path=path, log=log, **_keeping_the_rest(path))


SENTENCES: dict[str, Sentence] = {
    # Any file
    "too_many_open_files": (
        "too many files and sockets are open ({problem}): end other programs, or raise the limit, for example with "
        "`ulimit -n 1024`"
    ),
    "path_unusable": "cannot use {path} ({problem}): check the path and its permissions",
    "folder_not_there": "{path} cannot be made, because there is no folder {folder}: make it first, or name another path",
    "disk_full": "the disk is full, so {path} cannot grow: free some space and try again",
    "disk_full_for_new_file": "the disk is full, so {path} cannot be created: free some space and try again",
    "no_inode": (
        "the disk has free space, but no inode for another file, so {path} cannot be written: remove some files from the disk "
        "and try again. `df -i` shows how many inodes are free"
    ),
    "quota_reached": (
        "{path} cannot grow, because the quota of its user, folder or project is reached: remove other files, or have the "
        "quota raised, and try again"
    ),
    "size_limit_reached": (
        "{path} has reached the largest size of a file here: raise the limit, for example with `ulimit -f unlimited`, or use "
        "another disk"
    ),
    "is_a_folder": "{path} is a folder: name a file",
    "secret_needs_a_file": "{path} is not a file, and a key may only be written to a file: name another path",
    "belongs_to_a_database": (
        "{path} cannot be used, because it is the name of a file that belongs to the database {database}: name another file"
    ),
    "is_a_database": "{path} is a database, perhaps a notebook: name another file",
    "others_have_access": _others_have_access,
    "closed_to_others": _closed_to_others,
    # Databases
    "database_busy": "{path} is busy: another program keeps it locked. End that program and try again",
    "database_damaged": (
        "nothing was changed: {path} is damaged ({problem}). If it is a notebook of which you have a backup, run "
        "`udpnote restore`. If not, move the file away, and udpnote makes a new one. `sqlite3 {path_quoted} "
        ".recover` may save what the damaged file holds"
    ),
    "database_failed": (
        "cannot use {path} ({problem}). Try again. If that does not help, find out whether the file is damaged: "
        "`sqlite3 -readonly {path_quoted} 'PRAGMA integrity_check'`"
    ),
    "no_notebook_id": "it has no notebook id",
    "number_beyond_file": "its last entry has the number {number}, but the file is too small for so many entries",
    "disk_read_only": (
        "cannot write {path}, because its disk is read-only. If that is on purpose, as in a container, set UDPNOTE_HOME to a "
        "folder elsewhere. The system also does that after an error: `sudo dmesg` shows it, and `sudo mount -o remount,rw` "
        "makes the disk writable"
    ),
    "disk_fails": (
        "the disk that holds {path} reports an error ({problem}). `sudo dmesg` shows what the system knows about it. "
        "Reconnect or repair the disk, and try again"
    ),
    "database_not_opened": "cannot open {path} ({problem}): check its permissions, its folder's, and those of files beside it",
    "database_not_writable": "cannot write {path} ({problem}): check its permissions and its folder's, or choose another file",
    "database_writable_again": (
        "nothing was saved: {path} could not be written when this command opened it. It can be written now, so run the command "
        "again"
    ),
    "database_is_no_file": _database_is_no_file,
    "other_kind_of_file": _other_kind_of_file,
    "file_of_newer_version": _file_of_newer_version,
    "file_of_older_version": _file_of_older_version,
    # The notebook
    "notebook_in_use": ("{path} is in use by another server: end that one first, or choose another file with --file"),
    "notebook_has_several_names": (
        "{path} has {count} names (hard links). SQLite would keep a log for each name, and entries could be lost. Remove "
        "the other names. Or make a copy with `cp`, and use that"
    ),
    "notebook_lost": _notebook_lost,
    "log_lost": _log_lost,
    "log_without_notebook": (
        "the log {log} is there, perhaps with the latest entries, but its notebook {path} is missing. Put the notebook "
        "back. Only if it is lost, move the log away, and restore a backup or begin a new notebook"
    ),
    "log_of_another_file": (
        "nothing was changed: {log} is not the log of {path}, so one of the two files was replaced. The log may have "
        "entries that are nowhere else. Best find the notebook that the log belongs to, and put that in place of "
        "{path}. To use {path} without this log, run `mv {log_quoted} {aside_quoted}`"
    ),
    "log_gone": _log_gone,
    "log_damaged": _log_damaged,
    "log_is_no_file": (
        "nothing was changed: {log}, the log of {path}, is a folder, a symbolic link or a device, which SQLite does not open. "
        "Put the log itself in this place. If there was none, move {log} away"
    ),
    "outbox_log_damaged": (
        "{log}, the log with the latest changes of the outbox {path}, is damaged or was cut: notes that were not stored yet "
        "may be lost. To keep what can be read, run `udpnote outbox`"
    ),
    "outbox_log_alone": (
        "the outbox {path} is missing, but its log {log} is still there, and may have notes that were not stored yet. Put the "
        "outbox back, or move the log away"
    ),
    "log_removed_in_use": (
        "cannot read {path}: its log {log} was removed or cut while another program had both files open. End that "
        "program, which may still save the entries of the log, and run the command again"
    ),
    "outbox_removed": (
        "your outbox {path} or its log was removed or replaced while this command used it, so this command can save nothing "
        "more. What it had queued may be lost: compare `udpnote list` and `udpnote outbox` with what you wrote. Then run the "
        "command again for the rest"
    ),
    "outbox_log_gone": (
        "{log}, the log of your outbox {path}, was removed or emptied after a command was killed. What was queued then is lost "
        "if it was not sent: compare `udpnote list` with what you wrote"
    ),
    "outbox_log_left": (
        "your outbox {path} was missing, so udpnote makes a new one. The old outbox's log {log} was still there, and is now "
        "{aside}. It may have notes that were not stored yet. To send them, find the old outbox, put both files into a new "
        "folder, as `outbox.sqlite3` and `outbox.sqlite3-wal`, and run `UDPNOTE_HOME=FOLDER udpnote outbox --send`. Without "
        "the old outbox, compare `udpnote list` with what you wrote, and write again what is missing"
    ),
    "outbox_log_kept": (
        "{log}, the log with the latest changes of your outbox, was damaged or cut while no command used it. Notes that were "
        "not stored yet may be lost: compare `udpnote outbox` and `udpnote list` with what you wrote. The damaged log is kept "
        "as {aside}"
    ),
    "log_overwritten": (
        "the server or import has stopped, because another program has overwritten part of {log}, the log with the latest "
        "acknowledged entries of {path}. Stop that program. If you have a copy of {path} together with its log, put both "
        "copies in place. Then start again. Without a copy, the entries in that part of the log and after it are lost, and "
        "the next start says how to keep all other entries"
    ),
    "log_on_read_only_disk": "{path} and its log {log} cannot be read together on a read-only disk: copy both to another disk",
    "index_damaged": "the search index {path} is damaged ({problem}): udpnote builds it again. Search again in a moment",
    # The key file
    "key_file_damaged": (
        'the key file {path} is damaged ({reason}). Restore it from a backup. Or write a line key = "CODE" into it, '
        "with the join code that a client has used. If you have neither, move the file away, and make a new key with "
        "`udpnote key rotate`"
    ),
    "key_file_holds_no_key": "{path} is neither a key file nor a file with a join code: name another file",
    "key_file_is_no_file": (
        "{path} is not a file, but a pipe, a device or a socket. Name a file. Or give the join code to `udpnote join` on "
        "standard input"
    ),
    "code_file_not_there": "there is no file {path}: write the join code into it, or name another file",
    "code_file_invalid": "{path}: {error}",
    "key_missing_in_file": 'its key is missing: there should be a line key = "CODE"',
    "earlier_key_missing_in_file": 'an earlier key is missing: there should be a line key = "CODE"',
    "earlier_keys_not_a_list": "`earlier` is not a list of tables",
    "too_many_earlier_keys": "it has {count} earlier keys, but at most {count_max} are allowed",
    "accepted_until_not_a_time": "`accepted_until` is not a time with a UTC offset: it should be like 2026-11-30T08:00:00Z",
    "accepted_until_out_of_range": "`accepted_until` is a time before the year 1 or after the year 9999",
    "unknown_name_in_key_file": "a key file has no field {name!r}",
    # Backups
    "backup_exists": (
        "nothing was changed: {path} exists already. Name another file. Or give --force to replace an earlier backup and "
        "its key file"
    ),
    "backup_in_use": "{path} is a notebook that a server uses, so no backup replaces it: name another file",
    "backup_key_exists": (
        "no backup was made: {path} exists already. It is a key file whose backup is missing, and may be the only copy of its "
        "keys. Move it away, or give the backup another name"
    ),
    "backup_key_undecided": (
        "no backup was made: {path} is sealed, so give --with-key or --without-key. Everybody who gets a backup with the key "
        "can also use the notebook over the network. If a backup without the key is restored on another host, every client "
        "must join again"
    ),
    "backup_needs_a_file": "{path} is a pipe, a device or a socket, and no backup can be read back from that: name a file",
    "backup_not_there": "there is no backup at {path}, so nothing was restored: name the file that `udpnote backup` has made",
    "backup_of_another": "{path} is a backup of another notebook, so nothing was changed: name another file",
    "backup_without_key": "nothing was restored, because the backup has no key file {path}: leave out --with-key",
    "copy_damaged": (
        "nothing was changed: udpnote copied {source} to {path}, found the copy damaged ({problem}), and removed it. "
        "To find out what is at fault, run `sqlite3 {source_quoted} 'PRAGMA integrity_check'`. If it prints `ok`, "
        "the disk with the copy is at fault: use another disk. If not, {source} is damaged, too: use an earlier "
        "backup"
    ),
    "copy_has_other_entries": "it has other entries than the notebook",
    "database_inconsistent": "SQLite's check has found: {problem}",
    "key_copy_damaged": (
        "nothing was changed: the copy of the key file for {path} does not have the same keys, and was removed. Use "
        "another disk"
    ),
    "copy_onto_itself": "{path} is the notebook itself: name another file. Nothing was changed",
    "restore_while_served": "nothing was restored, because a server or an import uses {path}: end it first",
    "restore_place_taken": (
        "nothing was restored, because another program has put a file at {path} meanwhile: run the command again"
    ),
    "restore_unasked": (
        "nothing was restored: the file {path} exists already, and udpnote needs a terminal to ask whether to replace it. "
        "--dry-run shows which entries would vanish. --yes restores without a question"
    ),
    # The text file beside the notebook
    "text_file_unsuitable": (
        "{path} cannot be the text file, because it is a folder, a device, a database or a file of the notebook. Name "
        "another file with --text-file"
    ),
    "text_file_not_updated": "the server cannot update the text file, and tries again every few seconds: {error}",
    "text_file_put_aside": (
        "the file {path} was not from this notebook, or another program had changed it. The server has kept it as {aside}, "
        "and writes a new {path}"
    ),
    "too_many_files_put_aside": (
        "the text file {path} is no longer updated: other programs change it again and again. The server has kept {count} "
        "changed files, whose names end with .old, and keeps no more. Stop those programs from writing to {path}, and move "
        "the *.old files away. The notebook has every note"
    ),
}
