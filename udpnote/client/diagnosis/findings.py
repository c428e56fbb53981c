"""What a check of the doctor finds: a verdict, what was seen, and the command that mends a trouble."""

from collections.abc import Collection
from enum import Enum
from typing import NamedTuple

from udpnote.errors import Notice
from udpnote.text.language import marked
from udpnote.text.messages.troubles import cure_of, place_of

CHECKS = {
    marked("broadcasts"),
    marked("buffers"),
    marked("clock"),
    marked("direct answers"),
    marked("disk"),
    marked("firewall rules"),
    marked("host"),
    marked("interfaces"),
    marked("long datagrams"),
    marked("losses"),
    marked("notebooks"),
    marked("outbox"),
    marked("own broadcasts"),
    marked("port"),
    marked("routes"),
    marked("sealed notebooks"),
    marked("sending"),
    marked("server here"),
    marked("servers"),
    marked("settings"),
    marked("way to servers"),
    marked("your notebook"),
}
"""The names of the checks that have translations. The name `IPv6` is not among them, because it is the same in all
languages."""

HARMLESS = frozenset({"buffers_small", "disk_pretends", "clock_off", "same_name"})
"""The kinds of troubles that cannot be the reason why a server does not answer."""


class Verdict(Enum):
    """The result of a check."""

    FINE = marked("fine")
    TROUBLE = marked("trouble")
    NOT_CHECKED = marked("not checked")


class Finding(NamedTuple):
    """What one check has found. `check` is the name of the check.

    `notice` says what was seen, or why nothing was checked.
    """

    check: str
    verdict: Verdict
    notice: Notice

    @property
    def command(self) -> str | None:
        """The command that mends this trouble, or None if this finding is no trouble."""
        return cure_of(self.notice) if self.verdict is Verdict.TROUBLE else None

    @property
    def place(self) -> str:
        """Where to run `command`, such as `on that host`. Empty if it is this host, or if there is no command."""
        return place_of(self.notice) if self.verdict is Verdict.TROUBLE else ""


def fine(check: str, notice: Notice) -> Finding:
    """Make the finding that all is in order; `notice` says what was seen."""
    return Finding(check, Verdict.FINE, notice)


def trouble(check: str, notice: Notice) -> Finding:
    """Make the finding of a trouble. The kind of `notice` is in `text.messages.troubles.TROUBLES`."""
    return Finding(check, Verdict.TROUBLE, notice)


def not_checked(check: str, notice: Notice) -> Finding:
    """Make the finding that something could not be checked; `notice` says why."""
    return Finding(check, Verdict.NOT_CHECKED, notice)


def is_explained(troubles: Collection[str]) -> bool:
    """Whether one of the `troubles` (kinds of troubles) may be the reason why a server does not answer."""
    return not HARMLESS.issuperset(troubles)
