"""The sentences of commands that read: about the pager, and about the command that `follow --exec` runs."""

from collections.abc import Callable

SENTENCES: dict[str, str | Callable[..., str]] = {
    # the pager
    "pager_failed": "the pager {command!r} ended with exit code {code}: everything is printed without it. Set PAGER to "
    "another one",
    "pager_failed_late": "the pager {command!r} ended with exit code {code} before it had everything: run the command again "
    "with --no-pager, or set PAGER to another one",
    "pager_not_started": "cannot start the pager {command!r} ({problem}): everything is printed without it. Set PAGER to "
    "another one",
}
