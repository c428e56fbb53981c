"""`udpnote find` lists the notebooks on the LAN; `udpnote use` chooses one of them."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated

from udpnote.cli import exit_codes
from udpnote.cli.command_line.declared_command import Argument, DeclaredCommands, Option
from udpnote.cli.options.client_options import NO_OPTIONS, ClientOptions
from udpnote.cli.options.declared import FindingClient, Json, Port
from udpnote.cli.terminal.streams import fitted_to, say, terminal_columns
from udpnote.cli.terminal.text import fitted, in_json, padded, padded_left
from udpnote.cli.waiting_elsewhere import waiting_elsewhere
from udpnote.client.client import Client
from udpnote.client.finding.all_notebooks import FoundNotebook
from udpnote.client.finding.destination import destination_of, matches, named_by
from udpnote.errors import InvalidSetting, Notice
from udpnote.lan.probing_endpoint import NAMED_SERVER, THIS_MACHINE, ProbeAttempt
from udpnote.lan.udp_socket import format_host
from udpnote.model.address import parse_server
from udpnote.model.notebook import ID_DIGITS_SHOWN, KnownNotebook, address_of, short_id
from udpnote.settings import PORT, load_settings
from udpnote.text.harmless import harmless
from udpnote.text.language import gettext as _
from udpnote.text.language import marked

TIMEOUT_SECONDS_MAX = 3600
"""The longest `--timeout`: an hour. A larger number is probably a typing error."""

app = DeclaredCommands()


@app.command()
def find(
    timeout: Annotated[float, Option("--timeout", metavar="SECONDS", help="How long to listen.")] = 2.5,
    options: FindingClient = NO_OPTIONS,
    as_json: Json = False,
) -> int:
    """List the notebooks that answer on this LAN.

    Each notebook is printed as soon as it answers. Exit code 69: none has answered.

    Examples:

        udpnote find

        udpnote find --json --timeout 1
    """
    if not 0 < timeout <= TIMEOUT_SECONDS_MAX:
        raise InvalidSetting("timeout_out_of_range", seconds_max=TIMEOUT_SECONDS_MAX, seconds=timeout)
    settings = load_settings(options.flags)
    ports = settings.ports
    if settings.server is not None:
        ports = (parse_server(settings.server, settings.port or PORT)[1],)
    with options.client() as client:
        found = []
        for notebook in client.find(timeout):
            found.append(notebook)
            if as_json:
                print(in_json(_object(notebook)), flush=True)
            else:
                _print_row(notebook, is_first=len(found) == 1)
            if notebook.warning is not None:
                say(notebook.warning)
        _say_if_replaced(client, found)
        if found:
            return exit_codes.DONE
        _explain(client.probe_attempts, ports, timeout)
        return exit_codes.NO_SERVER


@app.command(changes_with=("notebook",))
def use(
    notebook: Annotated[
        str | None, Argument(metavar="[NAME|ID]", help="The notebook; without it, the choice is shown.")
    ] = None,
    port: Port = None,
    as_json: Json = False,
) -> int:
    """Choose the notebook that entries go to, or show the choice.

    A choice is needed only if the LAN has several notebooks. It holds until the next choice. An option, environment variable
    or setting that names a server, a notebook or a key takes precedence over the choice. If a notebook was lost and made anew
    under its name, NAME chooses the new one.

    Examples:

        udpnote use kitchen

        udpnote use
    """
    with ClientOptions(port=port).client() as client:
        before = client.chosen()
        chosen = before if notebook is None else client.use(notebook)
        counts = client.waiting_counts()
        elsewhere = waiting_elsewhere(client, chosen)
        preceding = _setting_that_precedes(chosen, client.named_key_id) if chosen is not None else None
    # Entries that were written when no notebook was known or named go to the notebook that is chosen now.
    for_any_notebook = sum(each.entries for each in counts if each.notebook_id is None and each.destination.names_nothing)
    if chosen is None:
        say(Notice("no_notebook_chosen"))
        return exit_codes.REFUSED
    if as_json:
        from udpnote.cli.json_output import notebook_object  # here, because `find` does not need it

        print(in_json(notebook_object(chosen)))
    else:
        notice = Notice("notebook_chosen", notebook=chosen, is_preceded=preceding is not None)
        print(fitted_to(sys.stdout, harmless(str(notice))))
        if before is not None and before.notebook_id != chosen.notebook_id:
            say(Notice("running_commands_stay"))
        if for_any_notebook:
            say(Notice("entries_wait_for_it", entries=for_any_notebook))
        if elsewhere is not None:
            say(elsewhere)
    if preceding is not None:
        say(preceding)
    return exit_codes.DONE


def _setting_that_precedes(chosen: KnownNotebook, named_key_id: bytes | None) -> Notice | None:
    """Return the notice that says that a setting decides where entries go, and not the user's choice of the notebook `chosen`.
    Return None if no setting does.

    A setting that names a server always decides. A setting that names a notebook or a key decides only if `chosen` has another
    name, id or key. `named_key_id` is the id of the key that the settings name, or None if they name no key.
    """
    settings = load_settings()
    destination = destination_of(settings, names_port=False, key_id=named_key_id)
    for setting, named in named_by(settings, destination).items():
        if named.host is not None or not matches(named, chosen):
            from udpnote.client.status import find_sources  # here, because `find` does not need it

            source = find_sources({}, os.environ)[setting]
            is_variable = source.kind == "environment"
            return Notice(
                "setting_precedes_choice", name=chosen.name, setting=setting, place=source.place, is_variable=is_variable
            )
    return None


def _say_if_replaced(client: Client, found: Sequence[FoundNotebook]) -> None:
    """If the notebook of `client` has not answered, print which notebook in `found` may have replaced it, if there is one.

    `found` are the notebooks that have answered. A notebook may have replaced the notebook of `client` if both have the same
    name or the same address and port, and if both are sealed or both are open. Print nothing if the notebook of `client` is not
    known. Print nothing if an impostor has its name or address, because a warning was printed already.
    """
    own = client.notebook
    if own is None or own.notebook_id.hex() in [each.notebook_id for each in found]:
        return
    place, is_sealed = (format_host(address_of(own)), own.port), own.key_id is not None
    alike = [each for each in found if each.name == own.name or (each.address, each.port) == place]
    others = [each for each in alike if each.is_sealed == is_sealed]
    if others and not any(each.is_impostor for each in alike):
        other_id = others[0].notebook_id[:ID_DIGITS_SHOWN]
        say(Notice("own_notebook_not_found", name=own.name, own_id=short_id(own), other_id=other_id))


def _print_row(notebook: FoundNotebook, *, is_first: bool) -> None:
    """Print a notebook as a row of the table of `find`. If it is the first row (`is_first`), print the headings before it.

    On a terminal, a row that is too wide takes two lines or more.
    """
    host = f"[{notebook.address}]" if ":" in notebook.address else notebook.address
    round_trip = f"{notebook.round_trip_seconds * 1000:.1f} ms"
    headings = (_("NOTEBOOK"), _("ADDRESS"), _("ENTRIES"), _("ROUND TRIP"), _("SEAL"), _("ID"))
    amount = f"{notebook.entries:,}" if notebook.entries is not None else "-"
    row = (notebook.name, f"{host}:{notebook.port}", amount, round_trip, _seal(notebook), notebook.notebook_id)
    width = terminal_columns() if sys.stdout.isatty() else None
    for name, address, entries, duration, seal, notebook_id in [headings, row] if is_first else [row]:
        cells = (
            padded(name, 20), padded(address, 21), padded_left(entries, 9), padded_left(duration, 10), padded(seal, 10),
            notebook_id,
        )  # fmt: skip
        print("\n".join(line.rstrip() for line in fitted(cells, width)), flush=True)


def _object(notebook: "FoundNotebook") -> dict[str, object]:
    """A notebook as an object for `find --json`.

    In the object, `notebook` is the notebook's id, `entries` the number of its entries, or None if this machine has an old key,
    and `rtt_ms` the round-trip time in milliseconds. `impostor` says that the server claims to have a sealed notebook without
    having its key. `key_changed` says that the notebook has a newer key than this machine knows. `other_server` is the address
    and port of another server with the same notebook, or None.
    """
    return {
        "name": notebook.name,
        "notebook": notebook.notebook_id,
        "address": notebook.address,
        "port": notebook.port,
        "entries": notebook.entries,
        "rtt_ms": round(notebook.round_trip_seconds * 1000, 3),
        "sealed": notebook.is_sealed,
        "impostor": notebook.is_impostor,
        "key_changed": notebook.has_new_key,
        "other_server": notebook.other_server,
    }


def _seal(notebook: FoundNotebook) -> str:
    """The word for `notebook` in the column SEAL: `not sealed`, `sealed`, `impostor`, or `old key` if this machine has one."""
    if notebook.is_impostor:
        return _("impostor")
    if notebook.has_new_key:
        return _("old key")
    return _("sealed") if notebook.is_sealed else _("not sealed")


_INTERFACES = {THIS_MACHINE: marked("this machine"), NAMED_SERVER: marked("the named server")}
"""What `find` prints in place of a network interface for a probe that was not sent into the LAN."""


def _explain(attempts: list[ProbeAttempt], ports: Sequence[int], timeout: float) -> None:
    """Print on standard error that no notebook has answered within `timeout` seconds.

    Below that, print a line for each of the `attempts` to send a probe: the network interface, the address, and the error if
    the probe could not be sent. Equal lines are printed once. The probes went to the UDP `ports` of the addresses. At the end,
    print that this machine has no interface to a LAN or, if it has one, the common causes.
    """
    say(Notice("no_notebook_found", seconds=timeout, ports=ports))
    for attempt in dict.fromkeys(attempts):
        result = Notice("probe_not_sent", problem=attempt.error) if attempt.error else Notice("probe_unanswered")
        interface = _(_INTERFACES.get(attempt.interface, "")) or attempt.interface
        print(f"  {padded(interface, 16)}  {attempt.destination:<40}  {result}", file=sys.stderr)
    if attempts and all(attempt.interface == THIS_MACHINE for attempt in attempts):
        cause = Notice("no_interface")
    else:
        cause = Notice("common_causes", ports=ports)
    print(fitted_to(sys.stderr, str(cause)), file=sys.stderr)
