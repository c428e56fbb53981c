"""What a check of the doctor finds: a verdict, what was seen, and the command that mends a trouble."""

from enum import Enum
from typing import NamedTuple

from udpnote.errors import Notice
from udpnote.text.messages.diagnosis import cure_of, place_of


class Verdict(Enum):
    """The result of a check."""

    FINE = "fine"
    TROUBLE = "trouble"
    NOT_CHECKED = "not checked"


class Finding(NamedTuple):
    """What one check has found. `check` is its name, a few words. `notice` says what was seen, or why nothing was checked."""

    check: str
    verdict: Verdict
    notice: Notice

    @property
    def command(self) -> str | None:
        """The command that mends this trouble; None: this is no trouble."""
        return cure_of(self.notice) if self.verdict is Verdict.TROUBLE else None

    @property
    def place(self) -> str:
        """Where to run `command`, such as `on that host`; empty: on this host, or there is no command."""
        return place_of(self.notice) if self.verdict is Verdict.TROUBLE else ""


def fine(check: str, notice: Notice) -> Finding:
    """A check that found everything in order."""
    return Finding(check, Verdict.FINE, notice)


def trouble(check: str, notice: Notice) -> Finding:
    """A check that found a trouble; `notice` has a kind in `text.messages.diagnosis.TROUBLES`."""
    return Finding(check, Verdict.TROUBLE, notice)


def not_checked(check: str, notice: Notice) -> Finding:
    """A check that could not be made, or that cannot tell; `notice` says why."""
    return Finding(check, Verdict.NOT_CHECKED, notice)
