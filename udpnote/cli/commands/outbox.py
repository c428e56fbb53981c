"""`udpnote outbox`: what still waits to be delivered."""

import sys
from typing import Annotated, Any

import typer

from udpnote.cli import exit_codes
from udpnote.cli.options import Json, Wait, as_command
from udpnote.cli.terminal.streams import say
from udpnote.cli.terminal.text import change_label, count, harmless, in_json, local_time, stored_line
from udpnote.client.client import Client
from udpnote.client.destination import destinations_of, lacks_key, options_for
from udpnote.client.results import SentEntry
from udpnote.errors import Notice, UdpnoteError
from udpnote.model.entry import SEQUENCE_MAX
from udpnote.model.notebook import Destination, called
from udpnote.storage.outbox import WaitingEntry
from udpnote.text.jsonl import iso_time

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
            help="Remove this entry: it is not delivered. May be repeated.",
        ),
    ] = None,
    discard_refused: Annotated[
        bool, typer.Option("--discard-refused", help="Remove the entries that their notebook will never take.")
    ] = False,
    wait: Wait = None,
    as_json: Json = False,
) -> int:
    """Show or deliver the entries that are still queued.

    It says for each since when it waits, and for which notebook.

    Examples:

        udpnote outbox

        udpnote outbox --send

        udpnote outbox --discard 17
    """
    flags: dict[str, Any] = {"wait": wait}
    discarded = discard or []
    told: list[Notice] = []
    with Client(wait=wait, on_notice=told.append) as client:
        for notice in told:
            say(notice)
        if discard_refused:
            discarded += [each.entry.sequence for each in client.waiting() if each.refused is not None]
        if discarded or discard_refused:
            say(f"{count(client.discard(discarded), 'entry', 'entries')} removed")
        waiting, known, named_id = client.waiting(), client.known(), client.named_key_id
    if send:
        for destination in destinations_of(waiting, named_id):
            _deliver(flags, destination, told)
        keyless = sum(lacks_key(each, named_id) for each in waiting)
        if keyless:
            say(
                f"{count(keyless, 'entry was', 'entries were')} written for a key that is not named now: name it by UDPNOTE_KEY"
            )
        with Client(**flags) as client:
            waiting, known = client.waiting(), client.known()
    if as_json:
        print(in_json([_object(each) for each in waiting], indent=2))
    elif waiting:
        _print_table(waiting, {each.notebook_id: called(each, known) for each in known})
    else:
        say("nothing waits")
    return exit_codes.QUEUED if send and waiting else exit_codes.DONE


def _deliver(flags: dict[str, Any], destination: Destination, told: list[Notice]) -> None:
    """Deliver what waits for `destination`; what has been told of already is not told again."""

    def tell(notice: Notice) -> None:
        if notice not in told:
            say(notice)

    def delivered(sent: SentEntry) -> None:
        assert sent.number is not None
        print(stored_line(sent.number, sent.entry), flush=True)

    with Client(**flags, **options_for(destination), on_delivered=delivered, on_notice=tell) as client:
        try:
            client.deliver()
        except UdpnoteError as error:
            say(str(error))


def _print_table(waiting: list[WaitingEntry], names: dict[bytes, str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("SEQUENCE", justify="right", no_wrap=True)
    for heading in ("SINCE", "FOR", "STATE", "TEXT"):
        table.add_column(heading, no_wrap=True, overflow="ellipsis", ratio=1 if heading == "TEXT" else None)
    for each in waiting:
        state = "waits" if each.refused is None else f"refused: {each.refused.name.lower().replace('_', ' ')}"
        since, text = (
            local_time(each.entry.written_at),
            f"{change_label(each.entry)}  {harmless(each.entry.text[:200])}".strip(),
        )
        table.add_row(*map(Text, (str(each.entry.sequence), since, _destination(each, names), state, text)))
    Console(width=None if sys.stdout.isatty() else 200, highlight=False).print(table)


def _destination(waiting: WaitingEntry, names: dict[bytes, str]) -> str:
    if waiting.notebook_id is not None:
        return harmless(names.get(waiting.notebook_id) or waiting.notebook_id.hex())
    named = waiting.meant_for
    if named.names_nothing:
        return "whichever is found"
    place = named.server or f"port {named.port}"
    if named.key_id is not None:
        place += ", by its key"
    return harmless(place if named.wanted is None else f"{named.wanted} at {place}")


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
        "notebook_name": waiting.notebook_name if waiting.notebook_name is not None else waiting.meant_for.wanted,
        "server": waiting.meant_for.server,
        "refused": waiting.refused.name.lower() if waiting.refused is not None else None,
    }
