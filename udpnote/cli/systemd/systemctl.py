"""Runs the commands of systemd: `systemctl`, `loginctl` and `journalctl`."""

import os
import subprocess
from collections.abc import Sequence
from shlex import join

from udpnote.cli.systemd.service_unit import Service
from udpnote.errors import Notice, UdpnoteError

PROPERTIES = ("LoadState", "UnitFileState", "ActiveState", "SubState", "Result", "ExecMainStatus", "StatusText")
"""What `udpnote service status` asks systemd about a unit (see org.freedesktop.systemd1(5))."""

TRIED_AGAIN = "auto-restart"
"""The `SubState` of a service that has failed and that systemd will start again. After exit code 2, systemd does not: see the
unit files.
"""

_RUNNING_STATES = {"initializing", "starting", "running", "degraded", "maintenance", "stopping"}
"""What `systemctl is-system-running` prints if there is a manager: systemd itself, or the one that it runs for this user."""


class ServiceRefused(UdpnoteError):
    """`udpnote service` cannot do what it is asked: systemd is missing, systemd refuses it, or it would be unsafe."""


class FailedCommand(ServiceRefused):
    """A command of systemd has failed."""


def systemctl(service: Service, *words: str) -> list[str]:
    """Return the command line of `systemctl` with `words`. It asks the manager to which `service` belongs: the system's or the
    user's.
    """
    return ["systemctl", *(() if service.is_system else ("--user",)), *words]


def journal(service: Service, *words: str) -> list[str]:
    """Return the command line of `journalctl`, with `words`, that shows what the server of `service` has printed."""
    return ["journalctl", *(() if service.is_system else ("--user",)), "-u", service.unit, *words]


def run(command: Sequence[str]) -> str:
    """Run a command of systemd to its end, and return its standard output.

    Raises `FailedCommand`, with the command's standard error, if the exit code is not 0.
    """
    code, output, problem = _result(command)
    if code:
        raise FailedCommand(
            "systemd_command_failed", command=join(command), problem=" ".join(problem.split()) or Notice("exit_code", code=code)
        )
    return output


def check_manager(*, is_system: bool) -> None:
    """Raise `ServiceRefused` if systemd does not run on this system. If not `is_system`, raise it also if systemd has no
    manager for this user.
    """
    if not _is_manager_there("systemctl", "is-system-running"):
        raise ServiceRefused("no_systemd")
    if not is_system and not _is_manager_there("systemctl", "--user", "is-system-running"):
        raise ServiceRefused("no_user_manager")


def properties(service: Service) -> dict[str, str]:
    """Ask systemd about `service`. Return the values of `PROPERTIES` by their names; no values if systemd does not answer."""
    code, output, _ = _result(systemctl(service, "show", service.unit, f"--property={','.join(PROPERTIES)}"))
    return dict(line.split("=", 1) for line in output.splitlines() if "=" in line) if code == 0 else {}


def lingers() -> bool:
    """Return whether this user's services start at boot. If they do not, they run only while the user is logged in."""
    return _result(["loginctl", "show-user", str(os.getuid()), "--property=Linger", "--value"])[1].strip() == "yes"


def last_message(service: Service, *, since: float) -> str | None:
    """Return the last message of the service's server in the journal, without `udpnote: `; None if there is none.

    Only the last 20 lines that were printed since `since` (seconds since 1970 UTC) are searched. Earlier ones may come from an
    earlier process.
    """
    _, output, _ = _result(journal(service, "--since", f"@{int(since)}", "-n", "20", "-o", "cat", "--no-pager"))
    messages = [line.removeprefix("udpnote: ") for line in output.splitlines() if line.startswith("udpnote: ")]
    return messages[-1] if messages else None


def _is_manager_there(*command: str) -> bool:
    """Run `command`, which asks for the manager's state, and return whether there is a manager.

    The command's exit code does not tell that: it is not 0 if any service has failed.
    """
    return _result(command)[1].strip() in _RUNNING_STATES


def _result(command: Sequence[str]) -> tuple[int, str, str]:
    """Run `command`. Return its exit code (127: there is no such program), its standard output and its standard error."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace", check=False
        )
    except OSError as error:  # the program is not installed
        return 127, "", str(error.strerror)
    return done.returncode, done.stdout, done.stderr
