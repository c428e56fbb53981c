"""Entries as JSON objects, for programs."""

from udpnote.cli.terminal.text import in_json
from udpnote.model.entry import Kind, StoredEntry
from udpnote.text.jsonl import iso_time
from udpnote.text.search_terms import tags


def note_object(stored: StoredEntry) -> dict[str, object]:
    """A note with its latest text; `revised` is the number of the revision that the text is from, or None."""
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
    """An entry as it was kept, with its `kind`, and in `revises` what its writer saw, or None."""
    entry = stored.entry
    return note_object(stored) | {
        "kind": entry.kind.name.lower(),
        "revises": None if entry.kind is Kind.NOTE else entry.revises,
    }


def in_one_line(value: dict[str, object]) -> str:
    """An object as a line of JSON, without its newline."""
    return in_json(value)
