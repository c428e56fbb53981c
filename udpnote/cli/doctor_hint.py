"""The line that names `udpnote doctor` where a command has found no server."""

from udpnote.errors import Notice

UNANSWERED = {
    "no_answer_on_lan",
    "no_answer_at_server",
    "no_answer_yet",
    "no_answer_to_reading",
    "no_answer_to_import",
    "key_not_found",
}
"""The kinds of the notices that no server has answered."""


def doctor_hint(notice: Notice) -> Notice | None:
    """The notice that `udpnote doctor` finds out why nothing answers, or None if `notice` is about something else."""
    return Notice("ask_the_doctor") if notice.kind in UNANSWERED else None
