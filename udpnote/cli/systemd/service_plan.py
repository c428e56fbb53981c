"""Plans what a service serves, from the options of `udpnote service install` and from this user's settings."""

import os
from collections.abc import Mapping
from contextlib import closing
from typing import NamedTuple

from udpnote.cli.systemd.service_unit import STATE_FOLDER, Service
from udpnote.errors import InvalidSetting, NotebookOpen, NotebookSealed
from udpnote.model.address import parse_port
from udpnote.model.notebook import check_notebook_name
from udpnote.protocol.messages import NAME_BYTES_MAX
from udpnote.settings import Flags, find_places, load_settings
from udpnote.storage.notebook.read_only import ReadOnlyNotebook

_SERVE_SETTINGS = ("name", "bind", "port", "text_file")
"""The settings that are also options of `udpnote serve` with a value, except `file`."""


class ServicePlan(NamedTuple):
    """What a service serves.

    `options` are the arguments of `udpnote`: the command `serve` and its options. `file` is the path of the notebook's file.
    `name` is the notebook's name, or None if the server chooses it. `home` is the value of UDPNOTE_HOME, or None if it is not
    set. `port` is the UDP port, or None if the server takes the first free one. `is_sealed` says whether the notebook is served
    sealed. It is None if the user has not asked for either, and there is no notebook yet that this user can see.
    """

    options: list[str]
    file: str
    name: str | None
    home: str | None
    port: int | None
    is_sealed: bool | None


def plan_service(service: Service, flags: Flags) -> ServicePlan:
    """Plan a service, and return the plan. `flags` are the values of the options `name`, `port`, `file` and `sealed`. None
    means that the user has not given the option. Without a name, the notebook of a service with an `instance` (see `Service`)
    gets the name of the instance.

    Raises `InvalidSetting` if an option or a setting cannot be used. Raises `NotebookSealed` if there is already a sealed
    notebook in the notebook's file, but the settings ask for an open one. Raises `NotebookOpen` if there is an open notebook,
    but the option or the settings ask for a sealed one. Raises `StorageError` if that file cannot be read.
    """
    if service.instance and flags["name"] is None:
        flags = {**flags, "name": service.instance}
    plan = _for_system(service, flags) if service.is_system else _for_user(service, flags)
    if plan.name is not None:
        check_notebook_name(plan.name, bytes_max=NAME_BYTES_MAX)
    return plan._replace(is_sealed=_checked_seal(plan))


def _for_system(service: Service, flags: Flags) -> ServicePlan:
    """Plan a service of the system. Its UDPNOTE_HOME is the folder that systemd makes for it: the notebook is there, and a
    settings file may be. Raises `InvalidSetting` if the user has given `--file`.
    """
    home = os.path.join(STATE_FOLDER, service.folder_name)
    if flags["file"] is not None:
        raise InvalidSetting("service_notebook_is_fixed", folder=home)
    port = None if flags["port"] is None else parse_port(flags["port"], "--port")
    values = {"name": flags["name"], "port": port}
    is_sealed = True if flags["sealed"] else None
    return ServicePlan(
        _options(values, is_sealed=is_sealed), os.path.join(home, "notebook.sqlite3"), flags["name"], home, port, is_sealed
    )


def _for_user(service: Service, flags: Flags) -> ServicePlan:
    """Plan a service of this user. Without the option `file`, a service with an `instance` (see `Service`) gets a notebook's
    file of its own.

    The service reads the user's settings file. Of the environment variables of this command that begin with `UDPNOTE_`, the
    service gets only UDPNOTE_HOME. The settings in the other variables become options. Raises `InvalidSetting` if a setting
    cannot be used.
    """
    if service.instance and flags["file"] is None:
        flags = {**flags, "file": os.path.join(find_places(os.environ).data, f"notebook-{service.instance}.sqlite3")}
    settings = load_settings(flags)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("UDPNOTE_") or name == "UDPNOTE_HOME"}
    in_service = load_settings({}, environ)
    values = {
        name: getattr(settings, name) for name in _SERVE_SETTINGS if getattr(settings, name) != getattr(in_service, name)
    } | {"file": settings.file}
    home = os.environ.get("UDPNOTE_HOME")
    return ServicePlan(
        _options(values, is_sealed=settings.sealed),
        settings.file,
        settings.name,
        None if not home else os.path.abspath(os.path.expanduser(home)),
        settings.port,
        settings.sealed,
    )


def _options(values: Mapping[str, object], *, is_sealed: bool | None) -> list[str]:
    """Return the command `serve` with `--quiet`, options that set these `values`, and `--sealed` or `--open`, as `is_sealed`
    says. A value None needs no option.

    An option and its value are one word, so that the value may begin with a hyphen.
    """
    given = [f"--{name.replace('_', '-')}={value}" for name, value in values.items() if value is not None]
    seal = [] if is_sealed is None else ["--sealed" if is_sealed else "--open"]
    return ["serve", "--quiet", *given, *seal]


def _checked_seal(plan: ServicePlan) -> bool | None:
    """Return whether the server will serve the notebook of `plan` sealed. `plan.is_sealed` is what the user has asked for; None
    stands for the notebook as it is.

    If the notebook's file exists, check it, because the server would refuse a file that does not fit. Raise `NotebookSealed` if
    the file is sealed, but the user has asked for an open notebook, and `NotebookOpen` in the opposite case. Raise
    `StorageError` if the file cannot be read.
    """
    if not os.path.exists(plan.file):  # it will be new, or this user cannot look into the folder
        return plan.is_sealed
    with closing(ReadOnlyNotebook(plan.file)) as notebook:
        is_sealed = notebook.is_sealed
    if is_sealed and plan.is_sealed is False:
        raise NotebookSealed("service_needs_sealed", path=plan.file)
    if plan.is_sealed and not is_sealed:
        raise NotebookOpen("service_of_open", path=plan.file)
    return is_sealed
