"""`udpnote service install`, `uninstall` and `status`: the server as a service of systemd."""

import os
import sys
from collections.abc import Iterator, Sequence
from importlib.resources import files
from shlex import join, quote
from typing import Annotated

from udpnote.cli import exit_codes
from udpnote.cli.command_line.declared_command import DeclaredCommands, Option
from udpnote.cli.options.declared import Json, ListeningPort, Name
from udpnote.cli.systemd.executable import check_trusted, places_of_code, server_program
from udpnote.cli.systemd.service_plan import ServicePlan, plan_service
from udpnote.cli.systemd.service_state import ServiceState, labelled, state_of
from udpnote.cli.systemd.service_unit import (
    Found,
    Service,
    Unit,
    check_instance,
    installed_services,
    put_aside,
    read_unit,
    remove_unit,
    unit_text,
    write_unit,
)
from udpnote.cli.systemd.systemctl import (
    TRIED_AGAIN,
    FailedCommand,
    ServiceRefused,
    check_manager,
    journal,
    last_message,
    lingers,
    properties,
    run,
    systemctl,
)
from udpnote.cli.terminal.streams import say
from udpnote.cli.terminal.text import in_json, padded
from udpnote.errors import Notice
from udpnote.machine.clock import wall_seconds
from udpnote.settings import PORTS
from udpnote.text.harmless import harmless, harmless_lines
from udpnote.text.language import gettext as _

LABEL_CELLS = 11
"""The width, in terminal cells, of the column with the labels of the lines about a service."""

app = DeclaredCommands()
service_app = app.group("service", "Serve at boot, with systemd: install, uninstall, status.\n\nRun it on the notebook's host.")

System = Annotated[bool, Option("--system", help="A service of the whole system, not of this user. Needs root.")]
Instance = Annotated[
    str | None, Option("--instance", metavar="NAME", help="The name of the service for a further notebook on this host.")
]
DryRun = Annotated[bool, Option("--dry-run", help="Only print what would be done.")]


@service_app.command(changes=True)
def install(
    is_system: System = False,
    name: Name = None,
    sealed: Annotated[
        bool, Option("--sealed", help="Answer only clients that have the notebook's key. A new notebook gets a key.")
    ] = False,
    instance: Instance = None,
    port: ListeningPort = None,
    file: Annotated[
        str | None, Option("--file", metavar="FILE", help="The notebook's file.  [default: that of `udpnote serve`]")
    ] = None,
    dry_run: DryRun = False,
) -> int:
    """Let systemd run the server from now on, and say whether it runs.

    Without `--system`, the service is your own: it serves your notebook while you are logged in, or from boot on after
    `loginctl enable-linger`. With `--system` the server runs from boot on, as a user of its own, with a notebook in
    /var/lib/udpnote.

    Examples:

        udpnote service install --name home

        udpnote service install --instance lab --name "Lab 2"

        udpnote service install --system --sealed --dry-run
    """
    service = _service(is_system=is_system, instance=instance)
    program = server_program()
    if is_system:
        check_trusted(places_of_code(program[0]))
    found, _unit = _read_own_unit(service)
    if not dry_run:
        _check_user_and_manager(service, program)
    plan = plan_service(service, {"name": name, "port": port, "file": file, "sealed": sealed or None})
    text = unit_text(service, [*program, *plan.options], file=plan.file, name=plan.name, home=plan.home)
    verbs = [["daemon-reload"], ["enable", service.unit], ["restart", service.unit]]
    commands = [systemctl(service, *words) for words in verbs]
    heading = Notice("service_installs_system" if is_system else "service_installs_user", unit=service.unit)
    writing = Notice("step_writes", path=service.path)
    _say_steps(heading, [*_keeping_steps(found, service), writing, *_steps_of(commands)])
    if dry_run:
        print(harmless_lines(text), end="")
        return exit_codes.DONE
    _put_aside_if_changed(found, service)
    write_unit(service.path, text)
    return _start(service, plan, commands, program)


@service_app.command(changes=True)
def uninstall(is_system: System = False, instance: Instance = None, dry_run: DryRun = False) -> int:
    """End the server's service and remove it. The notebook and all other files stay.

    A unit file that was changed since `udpnote service install` is kept under another name.

    Examples:

        udpnote service uninstall

        udpnote service uninstall --system --instance lab
    """
    service = _service(is_system=is_system, instance=instance)
    found, unit = _read_own_unit(service)
    if unit is None:
        raise ServiceRefused("service_not_installed", path=service.path)
    if not dry_run:
        _check_user_and_manager(service, server_program())
    disable, reload = systemctl(service, "disable", "--now", service.unit), systemctl(service, "daemon-reload")
    removal = _keeping_steps(found, service) or [Notice("step_removes", path=service.path)]
    heading = Notice("service_removes_system" if is_system else "service_removes_user", unit=service.unit)
    _say_steps(heading, [*_steps_of([disable]), *removal, *_steps_of([reload])])
    if not dry_run:
        run(disable)
        if not _put_aside_if_changed(found, service):
            remove_unit(service.path)
        run(reload)
    _say_what_stays(service, unit)
    return exit_codes.DONE


@service_app.command()
def status(as_json: Json = False) -> int:
    """Say which services `udpnote service install` has made, and whether their servers run.

    These are the services of this user and those of the whole system. Exit code 1: there is none, one does not run, or this
    system has no systemd.

    Examples:

        udpnote service status

        udpnote service status --json
    """
    check_manager(is_system=True)
    states = [state_of(service) for service in installed_services()]
    if as_json:
        for state in states:
            print(in_json(state._asdict()))
    elif states:
        print("\n\n".join(map(_state_lines, states)))
    if not states:
        say(Notice("no_service"))
    return exit_codes.DONE if states and all(each.running for each in states) else exit_codes.REFUSED


def _service(*, is_system: bool, instance: str | None) -> Service:
    """Return the service that `--system` and `--instance` name. Raises `InvalidSetting` as `check_instance` does."""
    if instance is not None:
        check_instance(instance)
    return Service(is_system, instance or "")


def _read_own_unit(service: Service) -> tuple[Found, Unit | None]:
    """Read the unit file of `service`, and return what `read_unit` returns. Raises `ServiceRefused` if udpnote has not made the
    file that is there, and `StorageError` if the file cannot be read.
    """
    found, unit = read_unit(service.path)
    if found is Found.FOREIGN:
        raise ServiceRefused("unit_not_ours", path=service.path, command=join(["mv", service.path, f"{service.path}.old"]))
    return found, unit


def _check_user_and_manager(service: Service, program: Sequence[str]) -> None:
    """Raise `ServiceRefused` in three cases: systemd has no manager for the service, a service of the system is changed by
    another user than root, or a service of the user is changed through sudo.

    `program` is the command line that runs udpnote, for the message.
    """
    check_manager(is_system=True)  # first: without systemd, another user could not do it either
    if service.is_system and os.geteuid():
        raise ServiceRefused("service_needs_root", command=join(["sudo", *program, *sys.argv[1:]]))
    if not service.is_system and os.geteuid() == 0 and os.environ.get("SUDO_USER"):
        raise ServiceRefused("service_by_sudo")
    check_manager(is_system=service.is_system)


def _say_steps(heading: Notice, steps: Sequence[Notice]) -> None:
    """Print what a command is going to do with a service: a `heading`, and the `steps` below it."""
    say(heading)
    for step in steps:
        say(step)


def _steps_of(commands: Sequence[Sequence[str]]) -> list[Notice]:
    """Return for each of `commands` the notice that it is run, as a step for `_say_steps`."""
    return [Notice("step_runs", command=join(command)) for command in commands]


def _keeping_steps(found: Found, service: Service) -> list[Notice]:
    """Return the notice that the unit file is kept under another name, as a step for `_say_steps`; none if nobody has changed
    the unit file.
    """
    return [Notice("step_keeps", path=service.path)] if found is Found.CHANGED else []


def _put_aside_if_changed(found: Found, service: Service) -> bool:
    """If somebody has changed the unit file, rename it and print its new name. Return whether it was changed.

    `found` is what is at the path of the unit file.
    """
    if found is Found.CHANGED:
        say(Notice("unit_put_aside", path=service.path, aside=put_aside(service.path)))
    return found is Found.CHANGED


def _start(service: Service, plan: ServicePlan, commands: Sequence[Sequence[str]], program: Sequence[str]) -> int:
    """Run `commands`, the last of which starts the server. Print the outcome and, if the server starts, what the user can do
    next (`_next_steps`). Return the exit code: REFUSED if the server does not start.

    Raises `FailedCommand` if another of the commands fails.
    """
    *first, restart = commands
    for command in first:
        run(command)
    began = wall_seconds()
    try:
        run(restart)
    except FailedCommand:
        problem = last_message(service, since=began)
        notice = Notice(
            "service_not_started",
            unit=service.unit,
            problem=problem.rstrip(".") if problem is not None else None,
            is_tried_again=properties(service).get("SubState") == TRIED_AGAIN,
            journal=join(journal(service, "-n", "20")),
        )
        say(notice)
        return exit_codes.REFUSED
    print(_state_lines(state_of(service)))
    for label, text in _next_steps(service, plan, program):
        print(_line(label, text))
    return exit_codes.DONE


def _next_steps(service: Service, plan: ServicePlan, program: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield what the user can do after an installation, as labels and texts.

    `program` is the command line that runs udpnote, for the commands in the texts.
    """
    sudo = ["sudo"] if service.is_system else []
    if plan.is_sealed:
        yield _("join code"), join([*sudo, *program, "key", "show", "--file", plan.file])
    yield from _firewall(plan.port)
    yield _("to remove"), join([*sudo, *program, "service", "uninstall", *service.options])


def _firewall(port: int | None) -> Iterator[tuple[str, str]]:
    """Yield how to let the server's datagrams through ufw and firewalld, as labels and texts.

    `port` is None if the server takes the first free one of the default ports. For these, udpnote has a profile for each of the
    two firewalls.
    """
    if port is not None and port not in PORTS:
        ufw = f"sudo ufw allow {port}/udp"
        firewalld = f"sudo firewall-cmd --permanent --add-port={port}/udp && sudo firewall-cmd --reload"
    else:
        folder = files("udpnote.cli") / "firewall"
        ufw = f"sudo cp {quote(str(folder / 'udpnote'))} /etc/ufw/applications.d/ && sudo ufw allow udpnote"
        firewalld = (
            f"sudo firewall-cmd --permanent --new-service-from-file={quote(str(folder / 'udpnote.xml'))} && "
            "sudo firewall-cmd --permanent --add-service=udpnote && sudo firewall-cmd --reload"
        )
    yield _("firewall"), _("with ufw:  {command}").format(command=ufw)
    yield "", _("with firewalld:  {command}").format(command=firewalld)


def _state_lines(state: ServiceState) -> str:
    """The lines for people about `state`."""
    return "\n".join(_line(label, text) for label, text in labelled(state))


def _line(label: str, text: str) -> str:
    return f"{padded(label, LABEL_CELLS)}{harmless(text)}"


def _say_what_stays(service: Service, unit: Unit) -> None:
    """Print which files and settings stay after a service was removed."""
    again = join(["udpnote", "service", "install", *service.options])
    say(Notice("notebook_stays", path=unit.file, command=again))
    changes = f"{service.path}.d"
    if os.path.isdir(changes):
        say(Notice("unit_changes_stay", folder=changes))
    if not service.is_system and lingers():
        say(Notice("lingering_stays"))
