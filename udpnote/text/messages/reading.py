"""The sentences of commands that read: about the pager, the picture of `stats`, and the command of `follow --exec`."""

from collections.abc import Callable

SENTENCES: dict[str, str | Callable[..., str]] = {
    # statistics
    "svg_and_json": "--svg writes a picture, and --json prints figures: use only one of these options",
    "svg_written": "the picture is in {path}: open it with a browser",
    # following
    "exec_failed": "{command} ended with exit code {code} for #{number}; following goes on",
    "exec_empty": "--exec: the command is empty: name a program, for example ~/bin/notify-note",
    "exec_not_found": "--exec: the program {command!r} is not installed, or not in PATH: install it, or write its whole path",
    "exec_not_started": "cannot start {command} for #{number} ({problem}); following goes on. Check the command after --exec",
    "exec_not_understood": (
        "--exec: {command!r} cannot be read: a quotation mark in it is not closed, or it ends with a backslash. Correct the "
        "command after --exec"
    ),
    "exec_takes_long": (
        "{command} has been running for {seconds} s for entry #{number}. Newer entries wait until {command} ends, and none "
        "is lost. Ctrl-C ends {command} and `udpnote follow`"
    ),
    # the pager
    "pager_failed": (
        "the pager {command!r} ended with exit code {code}, so everything is printed without a pager. Set PAGER to another "
        "pager"
    ),
    "pager_failed_late": (
        "the pager {command!r} ended with exit code {code} before it had read everything. Run the command again with "
        "--no-pager, or set PAGER to another pager"
    ),
    "pager_not_started": (
        "cannot start the pager {command!r} ({problem}), so everything is printed without a pager. Set PAGER to another pager"
    ),
}
