"""`udpnote outbox`: shows, delivers or removes the entries that are still queued."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from udpnote.cli import exit_codes
from udpnote.cli.options import Json, Wait, as_command
from udpnote.cli.terminal.streams import say
from udpnote.cli.terminal.text import change_label, count, harmless, in_json, line_for_writer, local_time
from udpnote.client.client import Client
from udpnote.client.destination import destinations_of, lacks_key, options_for
from udpnote.client.results import SentEntry
from udpnote.errors import Notice, UdpnoteError
from udpnote.model.entry import SEQUENCE_MAX
from udpnote.model.notebook import Destination, KnownNotebook, display_name
from udpnote.storage.outbox import WaitingEntry
from udpnote.text.jsonl import iso_time

TEXT_CHARACTERS_MAX = 200
"""How many characters of a text are put into the table, which then cuts them to the width of the terminal."""

app = typer.Typer(rich_markup_mode="markdown")


@app.command()
@as_command
def outbox(
    send: Annotated[bool, typer.Option("--send", help="Deliver the entries now.")] = False,
    discard: Annotated[
        list[int] | None,
        typer.Option(
            "--discard",
            metavar="SEQUENCE",
            min=1,
            max=SEQUENCE_MAX,
            help="Remove this entry without delivering it. May be repeated.",
        ),
    ] = None,
    discard_refused: Annotated[
        bool, typer.Option("--discard-refused", help="Remove the entries that their notebook has refused.")
    ] = False,
    wait: Wait = None,
    as_json: Json = False,
) -> int:
    """Show or deliver the entries that are still queued.

    Each entry is shown with the time when it was written, and with its notebook. Exit code 75: after `--send` there are still
    entries in the outbox.

    Examples:

        udpnote outbox

        udpnote outbox --send

        udpnote outbox --discard 17
    """
    said: list[Notice] = []
    with Client(wait=wait, on_notice=said.append) as client:
        for notice in said:
            say(notice)
        _discard(client, discard or [], every_refused=discard_refused)
        waiting, known, named_key_id = client.waiting(), client.known(), client.named_key_id
    if send:
        for destination in destinations_of(waiting, named_key_id):
            _deliver(destination, wait, said)
        keyless = sum(lacks_key(each, named_key_id) for each in waiting)
        if keyless:
            say(Notice("key_not_named", entries=keyless))
        with Client(wait=wait) as client:
            waiting, known = client.waiting(), client.known()
    _print(waiting, known, as_json=as_json)
    return exit_codes.QUEUED if send and waiting else exit_codes.DONE


def _discard(client: Client, sequences: Sequence[int], *, every_refused: bool) -> None:
    """Remove the entries with these sequences, and if `every_refused` is set, also those that their notebook has refused."""
    if not sequences and not every_refused:
        return
    refused = [each.entry.sequence for each in client.waiting() if each.refused is not None and every_refused]
    say(f"{count(client.discard([*sequences, *refused]), 'entry', 'entries')} removed")


def _deliver(destination: Destination, wait: float | None, said: Sequence[Notice]) -> None:
    """Deliver the entries that wait for `destination`. Print each when it is stored, and each notice that is not in `said`."""

    def print_stored(sent: SentEntry) -> None:
        assert sent.number is not None, "a delivered entry without a number would be printed"
        print(line_for_writer(sent.number, sent.entry), flush=True)

    def say_what_is_new(notice: Notice) -> None:
        if notice not in said:
            say(notice)

    with Client(wait=wait, **options_for(destination), on_delivered=print_stored, on_notice=say_what_is_new) as client:
        try:
            client.deliver()
        except UdpnoteError as error:
            say(error.notice)


def _print(waiting: Sequence[WaitingEntry], known: Sequence[KnownNotebook], *, as_json: bool) -> None:
    if as_json:
        print(in_json([_object(each) for each in waiting], indent=2))
    elif waiting:
        _print_table(waiting, {each.notebook_id: display_name(each, known) for each in known})
    else:
        say("nothing waits")


def _print_table(waiting: Sequence[WaitingEntry], names: dict[bytes, str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("SEQUENCE", justify="right", no_wrap=True)
    for heading in ("SINCE", "FOR", "STATE", "TEXT"):
        table.add_column(heading, no_wrap=True, overflow="ellipsis", ratio=1 if heading == "TEXT" else None)
    for each in waiting:
        state = "waits" if each.refused is None else f"refused: {each.refused.name.lower().replace('_', ' ')}"
        text = f"{change_label(each.entry)}  {harmless(each.entry.text[:TEXT_CHARACTERS_MAX])}".strip()
        cells = str(each.entry.sequence), local_time(each.entry.written_at), _destination(each, names), state, text
        table.add_row(*map(Text, cells))
    Console(width=None if sys.stdout.isatty() else 200, highlight=False).print(table)


def _destination(waiting: WaitingEntry, names: dict[bytes, str]) -> str:
    """The name of the notebook that an entry waits for or, while it is not known, how the user named it."""
    if waiting.notebook_id is not None:
        return harmless(names.get(waiting.notebook_id) or waiting.notebook_id.hex())
    named = waiting.destination
    if named.names_nothing:
        return "not known yet"
    place = named.server or f"port {named.port}"
    if named.key_id is not None:
        place += ", by its key"
    return harmless(place if named.name_or_id is None else f"{named.name_or_id} at {place}")


def _object(waiting: WaitingEntry) -> dict[str, object]:
    entry = waiting.entry
    return {
        "client": entry.client_id.hex(),
        "sequence": entry.sequence,
        "written_at": iso_time(entry.written_at, entry.utc_offset),
        "author": entry.author,
        "text": entry.text,
        "kind": entry.kind.name.lower(),
        "revises": entry.revises or None,
        "notebook": waiting.notebook_id.hex() if waiting.notebook_id is not None else None,
        "notebook_name": waiting.notebook_name if waiting.notebook_name is not None else waiting.destination.name_or_id,
        "server": waiting.destination.server,
        "refused": waiting.refused.name.lower() if waiting.refused is not None else None,
    }
