"""`udpnote erase`: removes a note for good, on the notebook's host."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from shlex import join
from typing import Annotated

from udpnote.cli import exit_codes
from udpnote.cli.command_line.declared_command import Argument, DeclaredCommands, Option
from udpnote.cli.open_notebook import served_path
from udpnote.cli.options.declared import Json, ServedFile
from udpnote.cli.options.number_ranges import parse_number
from udpnote.cli.terminal.interruption import interruptible_until_last_step
from udpnote.cli.terminal.streams import say
from udpnote.cli.terminal.text import in_json, local_time, shortened, zoned_time
from udpnote.cli.terminal.typed_input import is_confirmed
from udpnote.errors import EntryRefused, NotebookInUse, Notice
from udpnote.machine.clock import wall_microseconds
from udpnote.settings import load_settings
from udpnote.storage.notebook.erasure import Erasure, prepared_erasure
from udpnote.storage.outbox.tables import remove_remains
from udpnote.text.harmless import harmless
from udpnote.text.import_format import Format
from udpnote.text.jsonl import iso_time
from udpnote.text.notebook_text import TEXT_CLIENT_ID
from udpnote.text.other_programs.imported_note import source_client_id

SHOWN_CELLS = 200
"""How much of the note's text is shown before the question, in terminal cells: enough to recognize the note."""

app = DeclaredCommands()


@app.command(changes=True)
def erase(
    number: Annotated[str, Argument(metavar="NUMBER", help="The number of the note, such as 42.")],
    yes: Annotated[bool, Option("--yes", help="Do not ask before the note is erased.")] = False,
    file: ServedFile = None,
    as_json: Json = False,
) -> int:
    """Erase a note for good, with all its versions.

    Run it on the notebook's host while its server is stopped. It shows the note, and asks before it erases. Then the text and
    the author are gone from the notebook, its history, its search index and its text file. No other note gets its number. If
    a machine sends the note again, the notebook refuses it. NUMBER may also be that of a revision: then its note is erased.

    Backups and exports that were made before still have the text. A restored backup brings it back.

    Examples:

        udpnote erase 42

        udpnote erase 42 --file ~/kitchen.sqlite3
    """
    path, named = served_path(file), parse_number(number)
    with (
        interruptible_until_last_step(Notice("nothing_erased", number=named)) as begin_last_step,
        _prepared(path, named, file) as erasure,
    ):
        was_done = erasure.is_done
        if not was_done and not yes:
            if not sys.stdin.isatty():
                raise EntryRefused("erase_unasked", number=erasure.note.number)
            _show(erasure)
            if not is_confirmed(Notice("erase_question")):
                say(Notice("nothing_erased", number=erasure.note.number))
                return exit_codes.REFUSED
        now = wall_microseconds()
        begin_last_step()
        kept = [*erasure.commit(now), *_clean_own_files(erasure.note.entry.text)]
        erased_at = erasure.note.entry.written_at if was_done else now  # an erased note's `written_at` is when it was erased
        _report(erasure, kept, erased_at=erased_at, as_json=as_json)
    return exit_codes.DONE


@contextmanager
def _prepared(path: str, number: int, file: str | None) -> Iterator[Erasure]:
    """Return a context manager that prepares the erasure of the note `number` in the notebook's file `path`, as
    `prepared_erasure` does.

    Raises `NotebookInUse` if a server uses the notebook. If a service of systemd runs that server, the error names three
    commands: they stop the service, erase the note, and start the service again. `file` is the value of `--file` for the
    command that erases.
    """
    try:
        with prepared_erasure(path, number) as erasure:
            yield erasure
    except NotebookInUse as error:
        options = ["--file", file] if file is not None else []
        raise _in_use_by_service(path, ["udpnote", "erase", str(number), *options]) or error from None


def _in_use_by_service(path: str, command: list[str]) -> NotebookInUse | None:
    """Return an error for the user if a service of systemd serves the notebook in the file `path`; None if no service does.

    The error names the commands that stop the service, erase the note (`command`) and start the service again.
    """
    from udpnote.cli.systemd.service_unit import installed_services, read_unit
    from udpnote.cli.systemd.systemctl import systemctl

    for service in installed_services():
        _found, unit = read_unit(service.path)
        if unit is not None and unit.file is not None and os.path.realpath(unit.file) == os.path.realpath(path):
            sudo = ["sudo"] if service.is_system else []
            stop, start = (join([*sudo, *systemctl(service, verb, service.unit)]) for verb in ("stop", "start"))
            return NotebookInUse("erase_while_service_runs", stop=stop, erase=join([*sudo, *command]), start=start)
    return None


def _show(erasure: Erasure) -> None:
    """Print the note on standard error: its number, time, author, the beginning of its text, and how many versions it has."""
    number, entry = erasure.note.number, erasure.note.entry
    at = zoned_time(entry.written_at, entry.utc_offset)
    say(f"#{number}  {at}  {harmless(entry.author)}  {shortened(entry.text, SHOWN_CELLS)}")
    say(Notice("erased_for_good", versions=len(erasure.numbers)))


def _clean_own_files(text: str) -> list[str]:
    """Remove what SQLite has left of sent entries in the file of this user's outbox. Return the paths of files that may still
    have `text`: the outbox, if that removal fails, and the history of `udpnote write`, if it has a line of `text`.
    """
    settings = load_settings()
    kept = [] if remove_remains(settings.outbox) else [settings.outbox]
    lines = {line for each in text.splitlines() if (line := each.strip().encode())}
    with suppress(OSError), open(settings.history, "rb") as history:  # there is no history, or it cannot be read
        if any(line.removeprefix(b"+").strip() in lines for line in history):  # the prompt writes a `+` before a typed line
            kept.append(settings.history)
    return kept


def _report(erasure: Erasure, kept: list[str], *, erased_at: int, as_json: bool) -> None:
    """Print what was erased, and where the text may still be: in the files `kept`, and in copies that other people have.

    `erased_at` is the time of the erasure in microseconds since 1970 UTC.
    """
    number = erasure.note.number
    if as_json:
        values = {"number": number, "versions": erasure.numbers, "erased_at": iso_time(erased_at, 0)}
        print(in_json(values | {"was_erased": erasure.is_done, "kept": kept}))
        return
    if erasure.is_done:
        print(Notice("erased_before", number=number, erased_at=local_time(erased_at)))
    else:
        print(Notice("erased_now", number=number, versions=len(erasure.numbers)))
    if kept:
        say(Notice("erased_but_kept_in", files=kept))
    # These client ids are those of imports that may compute the sequence of an entry from its time and text.
    if erasure.note.entry.client_id in (TEXT_CLIENT_ID, *(source_client_id(each.value) for each in Format)):
        say(Notice("erased_but_identity_computed", number=number))
    if erasure.note.entry.client_id == source_client_id(Format.MARKDOWN.value):
        say(Notice("erased_but_in_markdown", number=number))
    say(Notice("erased_but_copied"))
