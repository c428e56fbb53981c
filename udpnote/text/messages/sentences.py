"""Makes the sentence for a notice or an error, in the language that is spoken (`text.language`).

Each kind has its sentence in one of the modules in `TABLES`, in one of the forms that `messages.forms` describes.
"""

from udpnote.errors import Notice
from udpnote.text.language import gettext, system_text
from udpnote.text.messages import (
    backup,
    client,
    command_line,
    diagnosis,
    entries,
    erasing,
    importing,
    measuring,
    notebooks,
    page,
    reading,
    sealing,
    server,
    service,
    settings,
    silent_servers,
    storage,
    writing,
)
from udpnote.text.messages.forms import Sentence, filled

TABLES = (
    writing, entries, importing, settings, storage, client, silent_servers, server, command_line, reading, backup, sealing,
    notebooks, measuring, service, erasing, diagnosis, page,
)  # fmt: skip

SENTENCES: dict[str, Sentence] = {kind: sentence for table in TABLES for kind, sentence in table.SENTENCES.items()}

SYSTEM_TEXTS = {"problem", "reason"}
"""The names of values that may be a text of the operating system or another program, such as an error's; it is in English."""


def sentence_of(notice: Notice) -> str:
    """Return the sentence for `notice`, made from its kind and values, without a full stop at its end.

    If the kind has no sentence, or if the sentence cannot be made from these values, this returns the kind itself: an exception
    would hide the error that is being reported.
    """
    sentence = SENTENCES.get(notice.kind)
    if sentence is None:
        return notice.kind
    values = {name: system_text(value) if name in SYSTEM_TEXTS else value for name, value in notice.values.items()}
    try:
        return filled(gettext(sentence), values) if isinstance(sentence, str) else sentence(**values)
    except (LookupError, TypeError, ValueError, AttributeError):  # a value is missing, or is of another type
        return notice.kind
