"""Runs the commands of systemd: `systemctl`, `loginctl` and `journalctl`."""

import os
import subprocess
from collections.abc import Sequence
from shlex import join

from udpnote.cli.systemd.service_unit import Service
from udpnote.errors import Notice, UdpnoteError

PROPERTIES = ("LoadState", "UnitFileState", "ActiveState", "SubState", "Result", "ExecMainStatus", "StatusText")
"""What `udpnote service status` asks systemd about a unit; see org.freedesktop.systemd1(5)."""

TRIED_AGAIN = "auto-restart"
"""The `SubState` of a service that has failed and that systemd will start again: not after exit code 2, see the unit files."""

_RUNNING_STATES = {"initializing", "starting", "running", "degraded", "maintenance", "stopping"}
"""What `systemctl is-system-running` prints if the manager that it asks is there."""


class ServiceRefused(UdpnoteError):
    """`udpnote service` cannot do what it is asked: systemd is not there or refuses it, or it would be unsafe."""


class FailedCommand(ServiceRefused):
    """A command of systemd has failed."""


def systemctl(service: Service, *words: str) -> list[str]:
    """The command line of `systemctl` with these words, for the manager that has the service."""
    return ["systemctl", *(() if service.is_system else ("--user",)), *words]


def journal(service: Service, *words: str) -> list[str]:
    """The command line of `journalctl` that shows what the service has printed."""
    return ["journalctl", *(() if service.is_system else ("--user",)), "-u", service.unit, *words]


def run(command: Sequence[str]) -> str:
    """Run a command of systemd to its end, and return what it prints to standard output.

    Raises `FailedCommand`, with what it prints to standard error, if its exit code is not 0.
    """
    code, output, problem = _result(command)
    if code:
        raise FailedCommand(
            "systemd_command_failed", command=join(command), problem=" ".join(problem.split()) or Notice("exit_code", code=code)
        )
    return output


def check_manager(*, is_system: bool) -> None:
    """Raise `ServiceRefused` unless systemd runs this system and, if not `is_system`, has a manager for this user."""
    if not _is_manager_there("systemctl", "is-system-running"):
        raise ServiceRefused("no_systemd")
    if not is_system and not _is_manager_there("systemctl", "--user", "is-system-running"):
        raise ServiceRefused("no_user_manager")


def properties(service: Service) -> dict[str, str]:
    """The values of `PROPERTIES` for a service, by their names; none if its manager does not answer."""
    code, output, _ = _result(systemctl(service, "show", service.unit, f"--property={','.join(PROPERTIES)}"))
    return dict(line.split("=", 1) for line in output.splitlines() if "=" in line) if code == 0 else {}


def lingers() -> bool:
    """Whether the services of this user run from boot on, and not only while the user is logged in."""
    return _result(["loginctl", "show-user", str(os.getuid()), "--property=Linger", "--value"])[1].strip() == "yes"


def last_message(service: Service, *, since: float) -> str | None:
    """The last message of the service's server in the journal, without `udpnote: `, or None if none is found.

    A server that systemd ended before `since`, in seconds since 1970 UTC, may have left messages, too. They do not count.
    """
    _, output, _ = _result(journal(service, "--since", f"@{int(since)}", "-n", "20", "-o", "cat", "--no-pager"))
    messages = [line.removeprefix("udpnote: ") for line in output.splitlines() if line.startswith("udpnote: ")]
    return messages[-1] if messages else None


def _is_manager_there(*command: str) -> bool:
    """Whether the manager that this command asks is there. The exit code does not tell: it is not 0 if any service failed."""
    return _result(command)[1].strip() in _RUNNING_STATES


def _result(command: Sequence[str]) -> tuple[int, str, str]:
    """Run a command. Returns its exit code (127: there is no such command), standard output and standard error."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace", check=False
        )
    except OSError as error:  # it is not installed
        return 127, "", str(error.strerror)
    return done.returncode, done.stdout, done.stderr
