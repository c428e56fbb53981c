"""The sentences that `udpnote serve` prints."""

from collections.abc import Callable

from udpnote.text.language import ngettext


def _entries_not_shown(entries: int) -> str:
    return ngettext(
        "{entries:,} entry was stored but not shown, because the output is too slow: `udpnote list` shows it",
        "{entries:,} entries were stored but not shown, because the output is too slow: `udpnote list` shows them",
        entries,
    ).format(entries=entries)


def _messages_not_shown(messages: int) -> str:
    return ngettext(
        "{messages:,} message was not shown: the output is too slow",
        "{messages:,} messages were not shown: the output is too slow",
        messages,
    ).format(messages=messages)


SENTENCES: dict[str, str | Callable[..., str]] = {
    "serves_notebook": "{name}  (id {notebook_id})",
    "open_on_machine": "everybody on this machine can read it and write in it",
    "open_on_lan": "everybody on this LAN can read it and write in it",
    "sealed_on_lan": "only machines that have its key can use it",
    "listens_at": "{addresses} (UDP)",
    # where the command `example` works
    "write_on_machine": "{example}     on this machine",
    "write_on_lan": "{example}     on any machine of this LAN",
    "write_as_user": "{example}     on this machine, as this user",
    "write_as_user_or_joined": "{example}     on this machine, as this user, and on machines that have joined",
    "write_joined": "{example}     on machines that have joined",
    "entries_not_shown": _entries_not_shown,
    "messages_not_shown": _messages_not_shown,
    "serving_ended": "ended; every acknowledged entry is safe",
}
