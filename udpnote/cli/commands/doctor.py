"""`udpnote doctor` says why a notebook is not found, and which command mends that."""

import sys

from udpnote.cli import exit_codes
from udpnote.cli.command_line.declared_command import DeclaredCommands
from udpnote.cli.options.client_options import NO_OPTIONS
from udpnote.cli.options.declared import FindingClient, Json
from udpnote.cli.terminal.streams import fitted_to, say
from udpnote.cli.terminal.styles import Printer
from udpnote.cli.terminal.text import cell_count, in_json, padded
from udpnote.client.diagnosis.doctor import Doctor
from udpnote.client.diagnosis.findings import Finding, Verdict
from udpnote.errors import Notice
from udpnote.text.harmless import harmless
from udpnote.text.language import gettext as _

_STYLES = {Verdict.FINE: "green", Verdict.TROUBLE: "bold red", Verdict.NOT_CHECKED: "yellow"}
_VERDICT_CELLS = 13

app = DeclaredCommands()


@app.command()
def doctor(options: FindingClient = NO_OPTIONS, as_json: Json = False) -> int:
    """Say why a notebook is not found, and which command mends that.

    It examines this host, the LAN, and the way to the servers and back: the servers report what they receive. That takes some
    seconds and needs no privileges. What cannot be examined is shown as "not checked". Exit code 0: no trouble was found. 1: at
    least one was found.

    On the notebook's host it also says which other hosts the server has heard.

    Examples:

        udpnote doctor

        udpnote doctor --server pi.lan
    """
    troubles = 0
    printer = Printer(lambda: None)
    if not as_json and sys.stderr.isatty():
        say(Notice("examining"))
    with Doctor(server=options.server, port=options.port, on_notice=say) as examining:
        for finding in examining.findings():
            if finding.verdict is Verdict.TROUBLE:
                troubles += 1
            if as_json:
                print(in_json(_object(finding)), flush=True)
            else:
                _print(printer, finding)
    if not as_json:
        print(Notice("troubles_found", troubles=troubles))
    return exit_codes.REFUSED if troubles else exit_codes.DONE


def _print(printer: Printer, finding: Finding) -> None:
    """Print a finding as a line, or as several on a terminal that is too narrow. Below it, print the command that mends the
    trouble, if there is one.
    """
    verdict = _(finding.verdict.value)
    label = padded(verdict, _VERDICT_CELLS)
    text = harmless(_("{check}: {finding}").format(check=_(finding.check), finding=finding.notice))
    shown = fitted_to(sys.stdout, label + text, label_cells=cell_count(label))
    printer.print((verdict, _STYLES[finding.verdict]), shown.removeprefix(verdict))
    if finding.command is not None:
        where = _("to mend it, {place}: ").format(place=finding.place) if finding.place else _("to mend it: ")
        printer.print(" " * _VERDICT_CELLS, where, (harmless(finding.command), "bold"))
    sys.stdout.flush()


def _object(finding: Finding) -> dict[str, object]:
    """A finding as an object for `--json`.

    `kind` is the kind of the finding's notice. `command` mends a trouble; it is None if the finding is no trouble. `place` says
    on which host to run `command`; it is None for this host.
    """
    return {
        "check": finding.check.replace(" ", "_"),
        "verdict": finding.verdict.name.lower(),
        "kind": finding.notice.kind,
        "message": str(finding.notice),
        "command": finding.command,
        "place": finding.place or None,
    }
