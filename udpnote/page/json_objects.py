"""JSON objects of the page (docs/page.md): entries as browsers send them, their outcomes, and notes as browsers get them."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from udpnote.client.entry_arguments import check_entry
from udpnote.errors import InvalidEntry, InvalidQuery, Notice
from udpnote.model.entry import (
    CLIENT_ID_BYTES,
    NOTHING_SEEN,
    SEQUENCE_MAX,
    Entry,
    Kind,
    SeenEntry,
    Status,
    StoredEntry,
    Verdict,
)
from udpnote.page.responses import Refusal, kind_and_reason, malformed
from udpnote.text.highlight import occurrences

ENTRIES_MAX = 100
"""The most entries in one request. A browser sends the rest of a long outbox with its next requests."""

_KINDS = {"note": Kind.NOTE, "revision": Kind.REVISION, "deletion": Kind.DELETION}


class ReadEntry(NamedTuple):
    """An entry of a request. `wrong` says why no notebook would store the entry. If it is None, the entry is sent to the
    notebook.
    """

    entry: Entry
    wrong: Notice | None


def json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in `body`. Raises a `Refusal` if `body` is not a JSON object."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise malformed("body")
    return value


def read_entries(body: bytes, notebook_id: str | None) -> list[ReadEntry]:
    """Return the entries in the `body` of a request, in their order.

    `notebook_id` is the id of the page's notebook in hexadecimal digits, or None if the page does not know its notebook yet.
    Raises a `Refusal` if `body` is malformed or names another notebook: then none of its entries is sent. An entry that is not
    malformed, but that no notebook would store, such as one with a blank text, is only marked as wrong, so that the others are
    sent.
    """
    value = json_object(body)
    wanted = value.get("notebook")
    if wanted is not None and not isinstance(wanted, str):
        raise malformed("notebook")
    if wanted is not None and notebook_id is not None and wanted != notebook_id:
        raise Refusal(409, Notice("page_other_notebook"))
    client_id = _client_id(value, "client")
    entries = value.get("entries")
    if not isinstance(entries, list) or not 0 < len(entries) <= ENTRIES_MAX:
        raise malformed("entries")
    return [_read_entry(client_id, each) for each in entries]


def outcome_object(entry: Entry, verdict: Verdict | None) -> dict[str, object]:
    """Return the outcome of `entry` as a JSON object. `verdict` is the notebook's answer, or None if there was no answer.

    `state` is `stored` only if the notebook has said that it has exactly this entry. It is `later` if the browser should send
    the entry again.
    """
    if verdict is None:
        return _outcome(entry, "later", Notice("page_no_verdict"))
    match verdict.status:
        case Status.STORED | Status.STORED_ALREADY:
            return _outcome(entry, "stored", None, verdict.number)
        case Status.CONFLICT:
            return _outcome(entry, "conflict", Notice("page_identity_taken"))
        case Status.ERASED:
            return _outcome(entry, "erased", Notice("entry_erased", number=entry.revises))
        case Status.NO_SPACE:
            return _outcome(entry, "later", Notice("notebook_disk_full"))
        case Status.OLDER_COPY:
            return _outcome(entry, "refused", Notice("older_copy", number=entry.revises))
        case Status.REFUSED if entry.kind is not Kind.NOTE:
            return _outcome(entry, "refused", Notice("page_note_not_there", number=entry.revises))
        case Status.REFUSED | Status.TOO_LARGE:
            return _outcome(entry, "refused", Notice("entry_refused", status=verdict.status.name))
        case Status.NOT_WRITABLE | Status.PART_KEPT | Status.SPLIT:
            return _outcome(entry, "later", Notice("notebook_not_writable"))


def wrong_outcome(entry: Entry, wrong: Notice) -> dict[str, object]:
    """Return the outcome, as a JSON object, of an entry that is not sent because no notebook would store it. `wrong` says
    why.
    """
    return _outcome(entry, "refused", wrong)


def _outcome(entry: Entry, state: str, reason: Notice | None, number: int | None = None) -> dict[str, object]:
    said = kind_and_reason(reason) if reason is not None else {"kind": None, "reason": None}
    return {"sequence": entry.sequence, "state": state, "number": number, **said}


def _read_entry(client_id: bytes, value: object) -> ReadEntry:
    """Return the entry in `value`, an object of a request, as an entry of the client `client_id`. Raises a `Refusal` if a field
    is missing or has a wrong type.
    """
    if not isinstance(value, dict):
        raise malformed("entries")
    kind = _KINDS.get(_text(value, "kind"))
    if kind is None:
        raise malformed("kind")
    entry = Entry(
        client_id,
        _number(value, "sequence"),
        kind,
        _number(value, "written_at"),
        _number(value, "utc_offset"),
        _text(value, "author"),
        _text(value, "text"),
        _number(value, "revises"),
        _seen(value.get("seen")),
    )
    try:
        check_entry(entry)
    except (InvalidEntry, InvalidQuery) as error:
        return ReadEntry(entry, error.notice)
    return ReadEntry(entry, None)


def _seen(value: object) -> SeenEntry:
    if value is None:
        return NOTHING_SEEN
    if not isinstance(value, dict):
        raise malformed("seen")
    return SeenEntry(_number(value, "number"), _client_id(value, "client"), _seen_sequence(value))


def _seen_sequence(value: dict[str, Any]) -> int:
    """Return the sequence number in `value`. It may be a number, or a text with its digits, as `_identity` makes for a large
    number. Raises a `Refusal` for anything else.
    """
    text = value.get("sequence")
    if not isinstance(text, str):
        return _number(value, "sequence")
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(SEQUENCE_MAX))):
        raise malformed("sequence")
    return int(text)


def _number(value: dict[str, Any], field: str) -> int:
    number = value.get(field)
    if type(number) is not int:
        raise malformed(field)
    return number


def _text(value: dict[str, Any], field: str) -> str:
    text = value.get(field)
    if not isinstance(text, str):
        raise malformed(field)
    return text


def _client_id(value: dict[str, Any], field: str) -> bytes:
    digits = _text(value, field)
    is_id = len(digits) == 2 * CLIENT_ID_BYTES and all(each in "0123456789abcdef" for each in digits)
    if not is_id:
        raise malformed(field)
    return bytes.fromhex(digits)


INTEGER_MAX = 2**53 - 1
"""The largest integer in JSON that every program reads exactly. JavaScript rounds larger ones (RFC 7493, section 2.2)."""

TEXT_CHARACTERS_MAX = 4000
"""The most characters of a text in a list or an event. A longer text is cut. A phone shows fewer at once."""

BEFORE_OCCURRENCE_CHARACTERS = 200
"""If a search finds its first word after the first `TEXT_CHARACTERS_MAX` characters of a text, the part that is shown begins
this many characters before the word.
"""

PART_CHARACTERS, AROUND_CHARACTERS = 16_000, 1_000
"""A long text is searched in parts of so many characters, until one has a word. To find words at the ends of a part, so many
characters around it are searched with it.
"""


def note_object(stored: StoredEntry, words: Sequence[str] = (), *, is_whole: bool = False) -> dict[str, object]:
    """Return the object of the note `stored` with its latest text. Its field `highlights` has the places of
    the `words` in the text, in UTF-16 code units.

    Without `is_whole`, a text of more than `TEXT_CHARACTERS_MAX` characters is cut: the object has a part of it, with `…` in
    place of the rest, and `is_cut` is true.
    """
    text = stored.text
    is_cut = not is_whole and len(text) > TEXT_CHARACTERS_MAX
    find = _first_occurrences if is_cut else occurrences
    spans = find(text, words) if words else []
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


def seen_object(stored: StoredEntry) -> dict[str, object]:
    """Return the object that identifies the entry `stored`. A browser that changes this entry sends it back as `seen`."""
    return {"number": stored.number, **_identity(stored.entry)}


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


def _first_occurrences(text: str, words: Sequence[str]) -> list[tuple[int, int]]:
    """Return the places of the `words` in a long `text`, as `occurrences` does: the first one, and those after it that `_cut`
    can show. The rest of the text is not searched: a word that is everywhere in a megabyte would take a second.
    """
    for start in range(0, len(text), PART_CHARACTERS):
        before = max(start - AROUND_CHARACTERS, 0)
        searched = text[before : start + PART_CHARACTERS + TEXT_CHARACTERS_MAX + AROUND_CHARACTERS]
        places = [(first + before, end + before) for first, end in occurrences(searched, words)]
        found = [place for place in places if place[0] >= start]
        if found and found[0][0] < start + PART_CHARACTERS:
            return found
    return []


def _cut(text: str, spans: list[tuple[int, int]]) -> tuple[str, list[tuple[int, int]]]:
    """Cut a long `text`. Return the part that is shown, and those of the `spans` in this part, as places in the part."""
    start = 0
    if spans and spans[0][1] > TEXT_CHARACTERS_MAX:
        start = max(spans[0][0] - BEFORE_OCCURRENCE_CHARACTERS, 0)
    end = start + TEXT_CHARACTERS_MAX
    before = "…" if start else ""
    after = "…" if end < len(text) else ""
    shift = len(before) - start
    shown = [(first + shift, min(last, end) + shift) for first, last in spans if start <= first < end]
    return before + text[start:end] + after, shown


def _origin(stored: StoredEntry) -> dict[str, object]:
    """The fields that say when and by which client the entry `stored` was written."""
    entry = stored.entry
    return {
        "written_at": entry.written_at,
        "utc_offset": entry.utc_offset,
        **_identity(entry),
    }


def _identity(entry: Entry) -> dict[str, object]:
    """The identity of `entry`. A sequence above `INTEGER_MAX`, as that of a note from another program, is a text, because
    browsers would round the number.
    """
    sequence = entry.sequence if entry.sequence <= INTEGER_MAX else str(entry.sequence)
    return {"client": entry.client_id.hex(), "sequence": sequence}
