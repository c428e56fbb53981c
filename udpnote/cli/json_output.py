"""Entries and notebooks as objects that become JSON, for programs. Times are ISO 8601, and ids are hexadecimal."""

from typing import TYPE_CHECKING

from udpnote.client.sending.results import SentEntry
from udpnote.model.entry import Kind, StoredEntry
from udpnote.text.jsonl import iso_time
from udpnote.text.search_terms import tags

if TYPE_CHECKING:
    from udpnote.model.notebook import KnownNotebook


def sent_object(sent: SentEntry) -> dict[str, object]:
    """The object for an entry that was sent, and for its outcome, for the `--json` of a command that sends.

    `status` is the outcome: `stored`, `queued`, `refused` or `discarded` (see `State`). `number` is None if the entry is not
    stored, or if its number is not known. The other fields are `client`, `sequence` and `written_at`.
    """
    entry = sent.entry
    return {
        "number": sent.number,
        "client": entry.client_id.hex(),
        "sequence": entry.sequence,
        "written_at": iso_time(entry.written_at, entry.utc_offset),
        "status": sent.state.value,
    }


def note_object(stored: StoredEntry) -> dict[str, object]:
    """The object for a note with its latest text, for the `--json` of a command that reads.

    `revised` is the number of the revision that has this text, or None if the note was not revised. The other fields are
    `number`, `text`, `written_at`, `stored_at` (in UTC), `author`, `client`, `sequence` and `tags`, a list of the tags in the
    text.
    """
    entry = stored.entry
    return {
        "number": stored.number,
        "text": entry.text,
        "written_at": iso_time(entry.written_at, entry.utc_offset),
        "stored_at": iso_time(stored.stored_at, 0),
        "author": entry.author,
        "client": entry.client_id.hex(),
        "sequence": entry.sequence,
        "tags": tags(entry.text),
        "revised": stored.version if stored.version != stored.number else None,
    }


def log_object(stored: StoredEntry) -> dict[str, object]:
    """The object for a note, revision or deletion as it was stored. It has the fields of `note_object`, and also `kind` and
    `revises`.

    `kind` is `note`, `revision` or `deletion`. `revises` is the number of the version that the writer of a revision or deletion
    saw, and None for a note.
    """
    entry = stored.entry
    return note_object(stored) | {
        "kind": entry.kind.name.lower(),
        "revises": None if entry.kind is Kind.NOTE else entry.revises,
    }


def notebook_object(notebook: "KnownNotebook") -> dict[str, object]:
    """The object for a notebook, for the `--json` of a command that chooses or names one.

    `notebook` is the notebook's id in hexadecimal digits. `address` and `port` are those of the server's last answer. The other
    fields are `name` and `sealed`.
    """
    return {
        "name": notebook.name,
        "notebook": notebook.notebook_id.hex(),
        "address": notebook.host,
        "port": notebook.port,
        "sealed": notebook.key_id is not None,
    }
