"""Entries as JSON objects, for programs."""

from udpnote.client.results import SentEntry
from udpnote.model.entry import Kind, StoredEntry
from udpnote.text.jsonl import iso_time
from udpnote.text.search_terms import tags


def sent_object(sent: SentEntry) -> dict[str, object]:
    """The outcome of an entry that was sent; `number` is None if the entry is not stored, or its number is not known."""
    entry = sent.entry
    return {
        "number": sent.number,
        "client": entry.client_id.hex(),
        "sequence": entry.sequence,
        "written_at": iso_time(entry.written_at, entry.utc_offset),
        "status": sent.state.value,
    }


def note_object(stored: StoredEntry) -> dict[str, object]:
    """A note with its latest text; `revised` is the number of the revision with that text, or None if there is none."""
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
    """An entry as it was stored. `revises` is the number of the version that its writer saw, or None for a note."""
    entry = stored.entry
    return note_object(stored) | {
        "kind": entry.kind.name.lower(),
        "revises": None if entry.kind is Kind.NOTE else entry.revises,
    }
