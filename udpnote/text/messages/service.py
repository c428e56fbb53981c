"""The sentences of `udpnote service`: why the server cannot become a service, and what became of it."""

from udpnote.text.joining import in_sentences
from udpnote.text.language import gettext as _
from udpnote.text.messages.forms import Sentence

_TRUSTED_PLACE = (
    "For a service of your own, leave out --system. Or install udpnote where only root can write: in the folder with "
    "udpnote's source code, run `sudo /usr/bin/python3 -m venv /opt/udpnote && sudo /opt/udpnote/bin/pip install .`"
)
"""What to do if other users than root can change the executable: a service of the whole system cannot trust it."""


def _service_not_started(unit: str, problem: str | None, is_tried_again: bool, journal: str) -> str:
    """`problem` is the last message of the server, or None if it has printed none. `journal` is a command that shows more.

    `is_tried_again` says whether systemd will start the server again.
    """
    if problem is None:
        what = _("{unit} is installed, but its server did not start").format(unit=unit)
    else:
        what = _("{unit} is installed, but its server did not start: {problem}").format(unit=unit, problem=problem)
    if is_tried_again:
        then = _("systemd tries again every 10 seconds; `{journal}` says more")
    else:
        then = _("systemd does not try again. Mend the fault, and install the service again; `{journal}` says more")
    return in_sentences(what, then.format(journal=journal))


def _service_does_not_run(exit_code: int | None, is_tried_again: bool) -> str:
    """`exit_code` is None if the server has not failed. `is_tried_again` says whether systemd will start the server again."""
    if exit_code is None:
        return _("does not run; systemd will start it again") if is_tried_again else _("does not run")
    if is_tried_again:
        return _("does not run (exit code {exit_code}); systemd will start it again").format(exit_code=exit_code)
    return _("does not run (exit code {exit_code})").format(exit_code=exit_code)


def _notebook_stays(path: str | None, command: str) -> str:
    """`path` is the notebook's file, which the unit file names, or None if somebody has changed the line with its name."""
    if path is None:
        return _("the notebook stays, with the files beside it. To serve it again: `{command}`").format(command=command)
    return _("{path} stays, with the files beside it. To serve it again: `{command}`").format(path=path, command=command)


SENTENCES: dict[str, Sentence] = {
    # where there is no systemd
    "no_systemd": (
        "nothing was done: systemd does not run this system. Let the system's own service manager run `udpnote serve`, "
        "which stays in the foreground and ends cleanly at SIGTERM"
    ),
    "no_user_manager": (
        "nothing was done: systemd runs no service manager for this user. This happens, for example, after `su` or "
        "`sudo`. Log in as this user, at the console or by ssh, and run the command again. Or add --system, for a "
        "service of the whole system"
    ),
    "exit_code": "exit code {code}",
    "systemd_command_failed": "`{command}` has failed: {problem}",
    # who may install what
    "service_needs_root": "nothing was done: a service of the whole system needs root. Run  {command}",
    "service_by_sudo": (
        "nothing was done: with sudo, this would become a service of root alone. For a service of your own, run the "
        "command without sudo. For a service of the whole system, add --system"
    ),
    "service_in_home": (
        "nothing was done: {path} is in /home, /root or /run/user, which systemd hides from a service of the whole system. "
        f"{_TRUSTED_PLACE}"
    ),
    "user_without_name": "user {user}",
    "service_not_of_root": (
        "nothing was done: {path} belongs to {owner}, who could change what a service of the whole system runs. "
        f"{_TRUSTED_PLACE}"
    ),
    "service_writable_by_others": (
        "nothing was done: users other than root may write to {path}, so they could change what a service of the whole system "
        "runs. "
        f"{_TRUSTED_PLACE}"
    ),
    "service_program_unsafe": (
        "nothing was done: systemd cannot start {path!r}, because the path has a quotation mark or a backslash in it. "
        "Install udpnote in another folder"
    ),
    # which service
    "service_instance_invalid": (
        "--instance cannot be {instance!r}: it must have at most 48 bytes of letters, digits, `-`, `_` and `.`, and begin "
        "with a letter or digit"
    ),
    "service_notebook_is_fixed": (
        "--file is only for a service of your own. A service of the whole system keeps its notebook in {folder}, which "
        "systemd makes"
    ),
    "service_needs_sealed": "nothing was done: {path} is sealed. Give --sealed to serve it to the machines that have its key",
    "service_of_open": (
        "nothing was done: {path} is not sealed, so its clients have no key. Leave out --sealed. Or seal the notebook while no "
        "server runs: `udpnote seal --file {path_quoted}`"
    ),
    "unit_not_ours": (
        "nothing was done: {path} was not made by `udpnote service install`. If you do not need the file, move it away: "
        "{command}"
    ),
    "service_not_installed": "nothing was done: there is no {path}. `udpnote service status` lists the services of udpnote",
    "no_service": "there is no service of udpnote: `udpnote service install` makes one",
    # what is done
    "service_installs_system": "installs {unit}, a service of the whole system:",
    "service_installs_user": "installs {unit}, a service of this user:",
    "service_removes_system": "removes {unit}, a service of the whole system:",
    "service_removes_user": "removes {unit}, a service of this user:",
    "step_keeps": "  - keeps {path}, which was changed by hand, under another name",
    "step_writes": "  - writes {path}",
    "step_removes": "  - removes {path}",
    "step_runs": "  - runs {command}",
    # what became of it
    "service_runs": "runs: {what}",
    "service_runs_something": "runs",
    "service_not_known": "unknown: the service manager of this user does not answer",
    "service_does_not_run": _service_does_not_run,
    "started_at_boot": "it is started",
    "started_at_login": (
        "it is not started: it runs only while you are logged in. `loginctl enable-linger` lets it run from boot on"
    ),
    "unit_not_enabled": "it is not started, because the unit is not enabled: `{command}` enables it",
    "notebook_stays": _notebook_stays,
    "unit_changes_stay": "{folder} stays, with the changes of `systemctl edit`",
    "lingering_stays": (
        "your services still run from boot on. If no other service needs that, `loginctl disable-linger` ends it"
    ),
    "unit_put_aside": "{path} had been changed by hand: it is kept as {aside}",
    "service_not_started": _service_not_started,
}
