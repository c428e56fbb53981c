"""What is known of a service: what its unit file says, and whether systemd runs its server."""

from shlex import join
from typing import NamedTuple

from udpnote.cli.systemd.service_unit import Found, Service, read_unit
from udpnote.cli.systemd.systemctl import TRIED_AGAIN, journal, lingers, properties, systemctl
from udpnote.errors import Notice
from udpnote.text.language import gettext as _


class ServiceState(NamedTuple):
    """What the unit file of a service and systemd say of it: the fields of the object of `udpnote service status --json`.

    `changed` says that somebody has changed the unit file, and `lingers` that this user's services start at boot. A field is
    None if its value is not known, or if there is none.
    """

    unit: str
    system: bool
    instance: str | None
    unit_file: str
    changed: bool
    file: str | None
    name: str | None
    enabled: str | None
    state: str | None
    substate: str | None
    result: str | None
    exit_code: int | None
    serves: str | None
    running: bool
    lingers: bool | None
    journal: str


def state_of(service: Service) -> ServiceState:
    """Read the unit file of `service`, and ask systemd about the service. Return what both say.

    Raises `StorageError` if the file cannot be read.
    """
    found, unit = read_unit(service.path)
    values = properties(service)
    return ServiceState(
        unit=service.unit,
        system=service.is_system,
        instance=service.instance or None,
        unit_file=service.path,
        changed=found is Found.CHANGED,
        file=unit.file if unit is not None else None,
        name=unit.name if unit is not None else None,
        enabled=values.get("UnitFileState") or None,
        state=values.get("ActiveState") or None,
        substate=values.get("SubState") or None,
        result=values.get("Result") or None,
        exit_code=int(values["ExecMainStatus"]) if values.get("ExecMainStatus", "").isdigit() else None,
        serves=values.get("StatusText") or None,
        running=values.get("ActiveState") == "active",
        lingers=None if service.is_system else lingers(),
        journal=join(journal(service, "-n", "20")),
    )


def labelled(state: ServiceState) -> list[tuple[str, str]]:
    """What a person reads about `state`: labels and texts."""
    path = state.unit_file
    return [
        (_("unit"), _("{path}, changed by hand").format(path=path) if state.changed else path),
        (_("file"), state.file or _("unknown")),
        (_("server"), str(_running(state))),
        (_("at boot"), str(_at_boot(state))),
        (_("messages"), state.journal),
    ]


def _running(state: ServiceState) -> Notice:
    """Return the notice that says whether the server runs. If it runs, the notice says what it serves and where. If it has
    failed, the notice has its exit code, and says whether systemd starts it again.
    """
    if state.running:
        return Notice("service_runs", what=state.serves) if state.serves else Notice("service_runs_something")
    if state.state is None:
        return Notice("service_not_known")
    exit_code = state.exit_code if state.result not in (None, "success") else None
    return Notice("service_does_not_run", exit_code=exit_code, is_tried_again=state.substate == TRIED_AGAIN)


def _at_boot(state: ServiceState) -> Notice:
    """Return the notice that says when systemd starts the server by itself: at boot, when the user logs in, or never."""
    if state.state is None:
        return Notice("service_not_known")
    if state.enabled != "enabled":
        service = Service(is_system=state.system, instance=state.instance or "")
        return Notice("unit_not_enabled", command=join(systemctl(service, "enable", state.unit)))
    return Notice("started_at_boot") if state.system or state.lingers else Notice("started_at_login")
