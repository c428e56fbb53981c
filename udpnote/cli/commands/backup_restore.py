"""`udpnote backup` and `udpnote restore`: copy a notebook's file, and put the copy back, on the notebook's host."""

import os
import sys
from typing import Annotated

from udpnote.cli import exit_codes
from udpnote.cli.command_line.declared_command import Argument, DeclaredCommands, Option
from udpnote.cli.open_notebook import serve_options, served_path
from udpnote.cli.options.declared import Json, ServedFile
from udpnote.cli.terminal.interruption import interruptible_until_last_step
from udpnote.cli.terminal.progress import CopyingProgress
from udpnote.cli.terminal.streams import fitted_to, say
from udpnote.cli.terminal.text import in_json, local_time
from udpnote.cli.terminal.typed_input import is_confirmed
from udpnote.errors import InvalidSetting, Notice, StorageError
from udpnote.settings import absolute_path, find_places
from udpnote.storage.database import own_folder_removed_if_empty
from udpnote.storage.notebook.backup import Backup, back_up
from udpnote.storage.notebook.read_only import LOG_DAMAGES
from udpnote.storage.notebook.restore import KeySource, Restore, Vanishing, check_places, prepared_restore
from udpnote.storage.notebook.verified_copy import Content
from udpnote.text.harmless import harmless

app = DeclaredCommands()


@app.command(changes=True)
def backup(
    backup_file: Annotated[str, Argument(metavar="FILE", help="The backup to make.")],
    with_key: Annotated[
        bool | None,
        Option(
            "--with-key",
            opposite="--without-key",
            help="Whether to save the key, too, in FILE.key. A sealed notebook needs one of these two.",
        ),
    ] = None,
    force: Annotated[bool, Option("--force", help="Replace an earlier backup of this notebook, and its key file.")] = False,
    file: ServedFile = None,
    as_json: Json = False,
) -> int:
    """Make a backup of a notebook, also while its server runs.

    Run it on the notebook's host. The backup has all entries that are stored when it begins. It is read back from the disk
    and checked before it appears at FILE, and only its owner can read it. The search index and a text file are not in it: the
    server makes both again. If the notebook's log is damaged or missing, the backup has what can be read, and the exit code
    is 1.

    Examples:

        udpnote backup /backup/notebook.sqlite3

        udpnote backup --with-key --force /backup/kitchen.sqlite3
    """
    path = served_path(file)
    with interruptible_until_last_step(Notice("backup_interrupted")) as begin_last_step:
        with CopyingProgress() as progress:
            made = back_up(
                path,
                _path(backup_file),
                with_key=with_key,
                replaces=force,
                on_progress=progress.show_copied,
                before_placing=begin_last_step,
            )
        _report_backup(made, os.path.realpath(path), as_json=as_json)
    return exit_codes.DONE if made.is_complete else exit_codes.REFUSED


def _report_backup(made: Backup, path: str, *, as_json: bool) -> None:
    """Print how many entries the backup `made` has, and the path of its file. Print the path of its key file, if it has one.

    With `as_json`, print an object instead. Warn if the backup is not complete. Without `as_json`, warn also if the notebook is
    sealed and the backup has no key file. `path` is that of the notebook.
    """
    content = made.content
    if as_json:
        places = {"backup": made.path, "key_file": made.key_path, "bytes": made.size_bytes, "complete": made.is_complete}
        print(in_json(_object(content) | places))
        if not made.is_complete:
            say(Notice("backup_incomplete", backup=made.path, path=path))
        return
    facts = Notice(
        "backed_up", name=content.name, notebook_id=content.notebook_id.hex(), entries=content.entries, path=made.path
    )
    print(fitted_to(sys.stdout, harmless(str(facts))))
    if not made.is_complete:
        say(Notice("backup_incomplete", backup=made.path, path=path))
    if made.key_path is not None:
        say(Notice("backup_key_beside", path=made.key_path))
        return
    if made.is_complete:
        say(Notice("backup_whole"))
    if content.is_sealed:
        say(Notice("backup_lacks_key"))


@app.command(changes=True)
def restore(
    backup_file: Annotated[str, Argument(metavar="FILE", help="The backup to restore.")],
    with_key: Annotated[
        bool | None,
        Option(
            "--with-key",
            opposite="--without-key",
            help="Whether to take the key from the backup.  [default: only where the notebook has none]",
        ),
    ] = None,
    yes: Annotated[bool, Option("--yes", help="Do not ask before a notebook is replaced.")] = False,
    dry_run: Annotated[bool, Option("--dry-run", help="Only say what would happen; change nothing.")] = False,
    file: ServedFile = None,
    as_json: Json = False,
) -> int:
    """Put a backup in the place of a notebook.

    Run it on the notebook's host while its server is stopped. It says which entries are not in the backup and would vanish, and
    asks before it replaces the notebook. The replaced file is kept under another name.

    Examples:

        udpnote restore /backup/notebook.sqlite3

        udpnote restore --dry-run /backup/notebook.sqlite3
    """
    path, backup_path = os.path.realpath(served_path(file)), _path(backup_file)
    if not (yes or dry_run or sys.stdin.isatty()):
        _check_replaces_nothing(backup_path, path)
    with (
        interruptible_until_last_step(Notice("nothing_changed")) as begin_last_step,
        own_folder_removed_if_empty(path, find_places(os.environ).folders),
        CopyingProgress() as progress,
        prepared_restore(backup_path, path, with_key=with_key, on_progress=progress.show_copied) as prepared,
    ):
        progress.clear()
        say(_holding(backup_path, prepared.content))
        _say_what_vanishes(prepared)
        _say_which_key(prepared)
        if not dry_run and prepared.old is not None and not yes and not is_confirmed(Notice("ask_to_replace", path=path)):
            say(Notice("nothing_changed"))
            return exit_codes.REFUSED
        kept = []
        if not dry_run:
            begin_last_step()
            kept = prepared.commit()
        _report_restore(prepared, kept, is_done=not dry_run, as_json=as_json)
        if not dry_run and not kept and not as_json:
            say(Notice("restored_then_serve", options=serve_options(file, is_sealed=prepared.content.is_sealed)))
    return exit_codes.DONE


def _check_replaces_nothing(backup_path: str, path: str) -> None:
    """Raise `StorageError` if there is a file at `path`, because nobody can be asked whether the backup may replace it.

    If `check_places` finds another reason not to restore, such as a missing backup, the error says that reason instead.
    """
    if os.path.exists(path):
        check_places(backup_path, path)
        raise StorageError("restore_unasked", path=path)


def _report_restore(prepared: Restore, kept: list[str], *, is_done: bool, as_json: bool) -> None:
    """Print what the restore `prepared` has done or, if not `is_done`, that nothing was changed.

    `kept` are the paths under which the replaced files are kept. If a notebook was replaced, its file is the first of them. If
    that notebook could not be read, JSON has null for what has vanished and for the erased notes that have come back.
    """
    if as_json:
        old = prepared.old
        is_unknown = old is not None and old.content is None
        changes = {
            "vanished": old.vanishing.entries if old is not None else 0,
            "erased": old.returning if old is not None else (),
        }
        values = {"file": prepared.path, "restored": is_done} | (dict.fromkeys(changes) if is_unknown else changes)
        print(in_json(_object(prepared.content) | values | {"kept": kept, "key": prepared.key_source.name.lower()}))
        return
    if not is_done:
        say(Notice("nothing_changed"))
        return
    content = prepared.content
    facts = Notice(
        "restored", name=content.name, notebook_id=content.notebook_id.hex(), entries=content.entries, path=prepared.path
    )
    print(fitted_to(sys.stdout, harmless(str(facts))))
    if kept:
        say(Notice("replaced_files_kept", paths=kept))
    if prepared.replaces_another:
        say(Notice("other_notebook_kept", path=kept[0]))
    elif prepared.old is not None and prepared.old.vanishing.entries:
        say(Notice("vanished_entries_kept", path=kept[0]))


def _path(file: str) -> str:
    """Return the absolute path of the backup. `file` is the argument FILE. Raises `InvalidSetting` if `file` is `-`, and as
    `absolute_path` does.
    """
    if file == "-":
        raise InvalidSetting("backup_is_stream")
    return absolute_path(file, "FILE")


def _holding(path: str, content: Content) -> Notice:
    """Return the notice that says what the backup in the file `path` has: `content`."""
    return Notice(
        "backup_holds",
        path=path,
        name=content.name,
        notebook_id=content.notebook_id.hex(),
        entries=content.entries,
        newest=local_time(content.newest_at),
    )


def _object(content: Content) -> dict[str, object]:
    """The `content` of a notebook's file, as an object for `--json`."""
    return {
        "notebook": content.notebook_id.hex(),
        "name": content.name,
        "sealed": content.is_sealed,
        "entries": content.entries,
    }


def _say_what_vanishes(prepared: Restore) -> None:
    """Print what is in the file that the restore replaces: which of its entries the backup lacks, which erased notes come back,
    and whether a sealed notebook becomes open. If the file cannot be read, print only that. If no file is replaced, print
    nothing.
    """
    old, path = prepared.old, prepared.path
    if old is None:
        return
    if old.content is None:
        if old.problem is not None and old.problem.notice.kind in LOG_DAMAGES:
            say(Notice("loss_unknown_by_log", path=path, log=f"{path}-wal"))
        else:
            say(Notice("loss_unknown", path=path, problem=old.problem))
        return
    say(_replacing(path, old.content, old.vanishing, is_other=prepared.replaces_another))
    if old.returning:
        say(Notice("erased_notes_return", numbers=old.returning))
    if old.content.is_sealed and not prepared.content.is_sealed:
        say(Notice("restore_opens"))


def _replacing(path: str, content: Content, vanishing: Vanishing, *, is_other: bool) -> Notice:
    """Return the notice that says which notebook in the file `path` a restore replaces, and which of its entries vanish.

    `content` is that of the replaced notebook. `is_other` says that the backup is of another notebook.
    """
    entries, newest = content.entries, local_time(content.newest_at)
    lost, first, last = vanishing
    if not is_other:
        return Notice("notebook_replaced", path=path, entries=entries, newest=newest, vanishing=lost, first=first, last=last)
    return Notice(
        "other_notebook_replaced",
        path=path,
        name=content.name,
        notebook_id=content.notebook_id.hex(),
        entries=entries,
        newest=newest,
        vanishing=lost,
        first=first,
        last=last,
    )


def _say_which_key(prepared: Restore) -> None:
    """Print which key a sealed notebook has after the restore."""
    match prepared.key_source:
        case KeySource.FROM_BACKUP:
            say(Notice("restore_takes_key"))
        case KeySource.KEPT if prepared.backup_key_problem is not None:
            say(Notice("restore_keeps_key_alone", problem=prepared.backup_key_problem.notice))
        case KeySource.KEPT if prepared.backup_has_other_keys:
            say(Notice("restore_keeps_other_key"))
        case KeySource.KEPT:
            say(Notice("restore_keeps_key"))
        case KeySource.MISSING:
            say(Notice("restore_without_key"))
        case KeySource.OPEN:
            pass
