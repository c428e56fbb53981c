"""Notes and entries as the JSON objects that the page sends to browsers (docs/page.md)."""

from collections.abc import Sequence

from udpnote.model.entry import StoredEntry
from udpnote.text.highlight import occurrences

TEXT_CHARACTERS_MAX = 4000
"""The most characters of a text in a list or an event. A longer text is cut. A phone shows fewer at once."""

BEFORE_OCCURRENCE_CHARACTERS = 200
"""If a search finds its first word after the first `TEXT_CHARACTERS_MAX` characters of a text, the part that is shown begins
this many characters before the word.
"""


def note_object(stored: StoredEntry, words: Sequence[str] = (), *, is_whole: bool = False) -> dict[str, object]:
    """Return the object of a note with its latest text. `highlights` has the places of the `words` in the text, in UTF-16 code
    units.

    Without `is_whole`, a text of more than `TEXT_CHARACTERS_MAX` characters is cut: the object has a part of it, with `…` in
    place of the rest, and `is_cut` is true.
    """
    text, spans = stored.text, occurrences(stored.text, words) if words else []
    is_cut = not is_whole and len(text) > TEXT_CHARACTERS_MAX
    if is_cut:
        text, spans = _cut(text, spans)
    return {
        "number": stored.number,
        "version": stored.version,
        "author": stored.author,
        "text": text,
        "is_cut": is_cut,
        "highlights": utf_16_spans(text, spans),
        "noted_at": stored.noted_at,
        **_origin(stored),
    }


def version_object(stored: StoredEntry, *, is_whole: bool = False) -> dict[str, object]:
    """Return the object of an entry as it was stored. Without `is_whole`, a long text is cut as in `note_object`."""
    entry = stored.entry
    is_cut = not is_whole and len(entry.text) > TEXT_CHARACTERS_MAX
    return {
        "number": stored.number,
        "kind": entry.kind.name.lower(),
        "author": entry.author,
        "text": _cut(entry.text, [])[0] if is_cut else entry.text,
        "is_cut": is_cut,
        "revises": entry.revises,
        "stored_at": stored.stored_at,
        "noted_at": stored.noted_at,
        **_origin(stored),
    }


def event_object(stored: StoredEntry, note: int | None) -> dict[str, object]:
    """Return the object of an entry as it was stored, for a live event. A long text is cut as in `note_object`.

    `note` is the number of the note that the entry adds or changes, or None if that number is not known.
    """
    return {**version_object(stored), "note": note}


def utf_16_spans(text: str, spans: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return `spans` in UTF-16 code units, which JavaScript counts. Each of `spans` is a beginning and an end in `text`, in
    characters; they must be in ascending order.
    """
    counted, units, result = 0, 0, []
    for span in spans:
        converted = []
        for place in span:
            units += place - counted + sum(character > "\uffff" for character in text[counted:place])
            counted = place
            converted.append(units)
        result.append(converted)
    return result


def _cut(text: str, spans: list[tuple[int, int]]) -> tuple[str, list[tuple[int, int]]]:
    """Cut a long `text`. Return the part that is shown, and those of the `spans` in this part, as places in the part."""
    start = 0
    if spans and spans[0][1] > TEXT_CHARACTERS_MAX:
        start = max(spans[0][0] - BEFORE_OCCURRENCE_CHARACTERS, 0)
    end = start + TEXT_CHARACTERS_MAX
    before, after = "…" if start else "", "…" if end < len(text) else ""
    shift = len(before) - start
    shown = [(first + shift, min(last, end) + shift) for first, last in spans if start <= first < end]
    return before + text[start:end] + after, shown


def _origin(stored: StoredEntry) -> dict[str, object]:
    """The fields that say when and by which client an entry was written."""
    entry = stored.entry
    return {
        "written_at": entry.written_at,
        "utc_offset": entry.utc_offset,
        "client": entry.client_id.hex(),
        "sequence": entry.sequence,
    }
