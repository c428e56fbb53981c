"""`udpnote outbox`: what still waits to be delivered."""

import sys
from typing import Annotated, Any

import typer

from udpnote.cli import exit_codes
from udpnote.cli.options import Json, Wait, as_command
from udpnote.cli.terminal.streams import say
from udpnote.cli.terminal.text import count, deed, harmless, in_json, local_time, stored_line
from udpnote.client.client import Client
from udpnote.client.notebook_finder import parse_meant_for
from udpnote.client.send_results import SentEntry
from udpnote.errors import UdpnoteError
from udpnote.model.entry import SEQUENCE_MAX
from udpnote.settings import UNSET
from udpnote.storage.outbox import WaitingEntry
from udpnote.text.jsonl import iso_time
from udpnote.text.messages.reasons import called

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
    told: list[str] = []
    with Client(wait=wait, on_notice=told.append) as client:
        for notice in told:
            say(notice)
        if discard_refused:
            discarded += [each.entry.sequence for each in client.waiting() if each.refused is not None]
        if discarded or discard_refused:
            say(f"{count(client.discard(discarded), 'entry', 'entries')} removed")
        waiting, known, named_id = client.waiting(), client.known(), client.named_key_id
    if send:
        for destination in _destinations(waiting, named_id):
            _deliver(flags, destination, told)
        keyless = sum(_lacks_key(each, named_id) for each in waiting)
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


def _destinations(waiting: list[WaitingEntry], named_id: bytes | None) -> list[dict[str, Any]]:
    """For each notebook or server that something waits for, how a client is told to go there.

    The named key, whose id is `named_id`, is only for what has it, or was meant for it.
    """
    destinations: list[dict[str, Any]] = []
    for each in waiting:
        if each.refused is not None or _lacks_key(each, named_id):
            continue
        destination: dict[str, Any] = {"notebook_id": UNSET, "server": UNSET}  # whatever the settings say
        key_id = each.key_id
        if each.notebook_id is not None:
            destination["notebook_id"] = each.notebook_id.hex()
        elif each.meant_for is not None:
            wanted, host, port, key_digits = parse_meant_for(each.meant_for)
            destination.update(notebook_id=wanted or UNSET, server=_server(host, port) or UNSET, port=port)
            key_id = bytes.fromhex(key_digits) if key_digits is not None else None
        if key_id is None or key_id != named_id:
            destination.update(key=UNSET, key_file=UNSET)
        if destination not in destinations:
            destinations.append(destination)
    return destinations


def _lacks_key(waiting: WaitingEntry, named_id: bytes | None) -> bool:
    """Whether an entry waits for a notebook that was meant by its key alone, and that key is not named now."""
    if waiting.refused is not None or waiting.notebook_id is not None or waiting.meant_for is None:
        return False
    key_digits = parse_meant_for(waiting.meant_for).key_id
    return key_digits is not None and (named_id is None or key_digits != named_id.hex())


def _deliver(flags: dict[str, Any], destination: dict[str, Any], told: list[str]) -> None:
    """Deliver what waits for `destination`; what has been told of already is not told again."""

    def notice(text: str) -> None:
        if text not in told:
            say(text)

    def delivered(sent: SentEntry) -> None:
        assert sent.number is not None
        print(stored_line(sent.number, sent.entry), flush=True)

    with Client(**flags, **destination, on_delivered=delivered, on_notice=notice) as client:
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
        since, text = local_time(each.entry.written_at), f"{deed(each.entry)}  {harmless(each.entry.text[:200])}".strip()
        table.add_row(*map(Text, (str(each.entry.sequence), since, _destination(each, names), state, text)))
    Console(width=None if sys.stdout.isatty() else 200, highlight=False).print(table)


def _destination(waiting: WaitingEntry, names: dict[bytes, str]) -> str:
    if waiting.notebook_id is not None:
        return harmless(names.get(waiting.notebook_id) or waiting.notebook_id.hex())
    if waiting.meant_for is None:
        return "whichever is found"
    wanted, host, port, key_id = parse_meant_for(waiting.meant_for)
    place = _server(host, port) or f"port {port}"
    if key_id is not None:
        place += ", by its key"
    return harmless(place if wanted is None else f"{wanted} at {place}")


def _server(host: str | None, port: int) -> str | None:
    if host is None:
        return None
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _object(waiting: WaitingEntry) -> dict[str, object]:
    entry = waiting.entry
    wanted, host, port, _ = parse_meant_for(waiting.meant_for) if waiting.meant_for is not None else (None, None, 0, None)
    return {
        "client": entry.client_id.hex(),
        "sequence": entry.sequence,
        "written_at": iso_time(entry.written_at, entry.utc_offset),
        "author": entry.author,
        "text": entry.text,
        "kind": entry.kind.name.lower(),
        "revises": entry.revises or None,
        "notebook": waiting.notebook_id.hex() if waiting.notebook_id is not None else None,
        "notebook_name": waiting.notebook_name if waiting.notebook_name is not None else wanted,
        "server": _server(host, port),
        "refused": waiting.refused.name.lower() if waiting.refused is not None else None,
    }
