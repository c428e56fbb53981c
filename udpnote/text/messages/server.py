"""The sentences of a server for its owner: what it prints, why it cannot start, keys, dropped datagrams, a failing disk."""

from collections.abc import Mapping

from udpnote.text.joining import listed
from udpnote.text.language import gettext as _
from udpnote.text.language import marked, ngettext
from udpnote.text.messages.forms import Counted, Sentence

_DROPPED = {
    "corrupted": marked("damaged"),
    "early": marked("of an import, out of order"),
    "foreign": marked("not of udpnote"),
    "forged": marked("forged or damaged"),
    "malformed": marked("with invalid fields"),
    "old key": marked("under an earlier key"),
    "overload": marked("too many from one sender"),
    "oversized": marked("too long"),
    "sealed": marked("for sealed notebooks"),
    "strange": marked("under an unknown key"),
    "too many reads": marked("from senders that read too much at once"),
    "too many searches": marked("for too many searches at once"),
    "truncated": marked("too short"),
    "type": marked("of an unknown type"),
    "unexpected": marked("not requests"),
    "unsealed": marked("not sealed"),
    "version": marked("of another protocol version"),
}
"""Why a server has dropped datagrams, as an attribute of "datagrams". The keys are reasons, mostly of `BadDatagram`."""


def _datagrams_dropped(counts: Mapping[str, int]) -> str:
    most_first = sorted(counts.items(), key=lambda each: -each[1])
    reasons = [
        _("{count:,} {reason}").format(count=count, reason=_(_DROPPED[reason]) if reason in _DROPPED else reason)
        for reason, count in most_first
    ]
    total = sum(counts.values())
    return ngettext(
        "{count:,} datagram dropped in the last minute: {reasons}",
        "{count:,} datagrams dropped in the last minute: {reasons}",
        total,
    ).format(count=total, reasons=listed(reasons))


SENTENCES: dict[str, Sentence] = {
    # Why a server cannot start
    "server_port_invalid": "`port` must be a UDP port from 0 to 65535, not {port}",
    "notebook_name_not_utf8": "the notebook's name is not valid UTF-8: give it another name",
    "notebook_name_not_one_line": "the notebook's name is blank or has several lines: write a name of one line",
    "notebook_name_too_long": (
        "the notebook's name has {bytes} bytes of UTF-8, but at most {bytes_max} are allowed: write a shorter name"
    ),
    "notebook_is_sealed": (
        "{path} is sealed. `udpnote serve --sealed` serves it to clients that have its key. `udpnote unseal` opens it to "
        "everybody"
    ),
    "notebook_is_open": (
        "{path} is not sealed, so its clients have no key. `udpnote seal` seals it and keeps every entry. `udpnote serve "
        "--open` serves it unsealed"
    ),
    "server_ended": "this Server has stopped and cannot serve again: make a new Server",
    "server_started": "this Server was started already: `stop` ends it",
    "server_of_another_process": "`os.fork` has copied this Server from another process: make a Server only after the fork",
    "file_open_at_fork": (
        "{path} was open when `os.fork` made this process, so entries could be lost here: open it only after the fork, or "
        "start processes with `spawn` or `forkserver`"
    ),
    # Files that SQLite cannot use
    "file_system_unsuitable": (
        "the file system of {path} does not offer the locks and the shared memory that SQLite needs, as some network folders "
        "do not. Choose a folder on a disk of this machine, for example with UDPNOTE_HOME"
    ),
    "notebook_mounted_alone": (
        "{path} is mounted by itself, as Docker mounts a single file. Its log would not be on the same mount, and entries "
        "could be lost with it. Mount the folder that holds the notebook instead"
    ),
    # Keys
    "key_file_missing": (
        "the key file {path} is missing, and no server of the notebook starts without it. No entry is harmed. Restore the "
        "file from a backup. Or make a new key with `udpnote key rotate`: then every client must join again with the new code"
    ),
    "key_file_in_the_way": (
        "the notebook was not sealed, because there is a key file already, perhaps of an earlier notebook: {path}. To seal "
        "the present notebook, move the key file to a safe place and try again. To use the earlier notebook, move the present "
        "one away, and put the earlier one back"
    ),
    "key_file_left_behind": (
        "{path} is not sealed, but its key file {key_file} is still there ({error}). Remove that file before you seal the "
        "notebook again"
    ),
    "key_file_not_removed": "{path} is still sealed, because its key file cannot be removed: {error}",
    "key_file_not_read": "{error}. Until this is mended, the server goes on with the keys that it has read before",
    "notebook_key_changed": (
        "the notebook's key has changed, and the server uses the new key: `udpnote key show` prints its join code"
    ),
    # While it serves
    "datagrams_dropped": _datagrams_dropped,
    "entries_refused_disk_full": (
        "the disk with {path} is full, or a quota or a limit for the size of files is reached: {datagrams:,} datagrams with "
        "entries were not stored in the last minute. The entries stay in their senders' outboxes, and are sent again later. "
        "Free some space, or have the limit raised"
    ),
    "storage_fails": (
        "{error}. Until this is mended, entries stay in their senders' outboxes, and commands that read get an error"
    ),
    # What `serve` prints at its start and end
    "serves_notebook": "{name}  (id {notebook_id})",
    "open_on_machine": "everybody on this machine can read it and write in it",
    "open_on_lan": "everybody on this LAN can read it and write in it",
    "sealed_on_lan": "only machines that have its key can use it",
    "listens_at": "{addresses} (UDP)",
    # Where the command `example` works
    "write_on_machine": "{example}     on this machine",
    "write_on_lan": "{example}     on any machine of this LAN",
    "write_as_user": "{example}     on this machine, as this user",
    "write_as_user_or_joined": "{example}     on this machine, as this user, and on machines that have joined",
    "write_joined": "{example}     on machines that have joined",
    "entries_not_shown": Counted(
        "entries",
        "{entries:,} entry was stored but not shown, because the output is too slow: `udpnote list` shows it",
        "{entries:,} entries were stored but not shown, because the output is too slow: `udpnote list` shows them",
    ),
    "messages_not_shown": Counted(
        "messages",
        "{messages:,} message was not shown: the output is too slow",
        "{messages:,} messages were not shown: the output is too slow",
    ),
    "serving_ended": "ended; every acknowledged entry is safe",
}
