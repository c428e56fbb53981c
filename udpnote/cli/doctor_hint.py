"""The line that recommends `udpnote doctor` when a command has found no server."""

from udpnote.errors import Notice

UNANSWERED = {
    "no_answer_on_lan",
    "no_answer_at_server",
    "no_answer_yet",
    "no_answer_to_reading",
    "no_answer_to_import",
    "key_not_found",
}
"""The kinds of the notices that say that no server has answered."""


def doctor_hint(notice: Notice) -> Notice | None:
    """A notice that recommends `udpnote doctor` if `notice` says that no server has answered; else None."""
    return Notice("ask_the_doctor") if notice.kind in UNANSWERED else None
