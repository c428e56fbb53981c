"""Lists of notes for browsers: which notes are in a list, and where the next list begins."""

from typing import Any

from udpnote.client.client import Client
from udpnote.page.json_objects import note_object
from udpnote.text.query_words import QueryWords, parse_words

CHARACTERS_MAX = 4 << 20
"""How long the whole texts of a list may be together: a list ends with the note that reaches this. The list has only a part of
each long text, but the notebook's server sends it whole, so without this limit a list of long notes would take many seconds.
"""

Place = tuple[int, int]
"""The place of a note in the order of all notes: its `noted_at` and its number."""


def list_notes(
    client: Client,
    arguments: list[str],
    filters: dict[str, Any],
    limit: int,
    before: Place | None,
    after: Place | None,
) -> dict[str, object]:
    """Return a JSON object with at most `limit` notes that match the words in `arguments` and the `filters`, the newest first.

    Only notes between the places `before` and `after` are listed; None sets no bound. If more notes match than the list may
    have, it has the newest of them or, with `after`, the oldest. A list of long notes has fewer than `limit`: see
    `CHARACTERS_MAX`.

    The object says where the next list begins: its field `before` is the `before` of the next request, or None if there are no
    more notes. With `after`, it has a field `after` in place of `before`. Its field `newest` is the number of the notebook's
    newest entry before the notes were read.
    """
    newest = client.last_number()
    words = parse_words(arguments) if arguments else None
    notes, has_more = _notes_between(client, words, filters, limit, before=before, after=after)
    further = "{}-{}".format(*notes[-1][0]) if has_more else None
    if after is not None:
        notes.reverse()
    return {"notes": [note for _, note in notes], "before" if after is None else "after": further, "newest": newest}


def _notes_between(
    client: Client, words: QueryWords | None, filters: dict[str, Any], limit: int, *, before: Place | None, after: Place | None
) -> tuple[list[tuple[Place, dict[str, object]]], bool]:
    """Return at most `limit` notes between the places `before` and `after`: the place of each, and its JSON object. Also return
    whether there may be more notes between the places.

    The newest come first or, with `after`, the oldest. `client` can filter notes by their times, but not by their places, and
    several notes may have the time of `before` or `after`. So this leaves out each note that is not between the places. If
    the list is then not full, it asks `client` for four times as many notes, until there are no more.
    """
    if before is not None:
        filters = {**filters, "until": before[0] + 1}
    if after is not None:
        filters = {**filters, "since": after[0]}
    highlighted, as_typed = (words.wanted, words.as_typed) if words else ((), ())
    asked = limit + 1
    while True:
        read = characters = 0
        notes: list[tuple[Place, dict[str, object]]] = []  # not the entries: their texts may be very long
        for stored in client.entries(words=as_typed, newest_first=after is None, limit=asked, **filters):
            read += 1
            place = (stored.noted_at, stored.number)
            if (before is None or place < before) and (after is None or place > after):
                if len(notes) == limit or characters >= CHARACTERS_MAX:
                    return notes, True
                notes.append((place, note_object(stored, highlighted)))
                characters += len(stored.text)
        if read < asked:
            return notes, False
        asked *= 4
