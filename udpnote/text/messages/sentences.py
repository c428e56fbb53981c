"""Makes the sentence for a notice or an error, in English.

Each kind has a template for `str.format` in one of the modules in `TABLES`. If the sentence has a plural, a list or an optional
clause, the kind has a function instead, which takes the values as keyword arguments and returns the sentence.
"""

from collections.abc import Callable

from udpnote.errors import Notice
from udpnote.text.messages import client, command_line, diagnosis, entries, server, service, settings, storage

TABLES = (entries, settings, storage, client, server, command_line, service, diagnosis)

SENTENCES: dict[str, str | Callable[..., str]] = {
    kind: sentence for table in TABLES for kind, sentence in table.SENTENCES.items()
}


def sentence_of(notice: Notice) -> str:
    """The English sentence for `notice`, made from its kind and values, without a full stop at its end.

    If the kind has no sentence, this returns the kind itself: an exception would hide the error that is being reported.
    """
    sentence = SENTENCES.get(notice.kind, notice.kind)
    if isinstance(sentence, str):
        return sentence.format(**notice.values) if notice.values else sentence
    return sentence(**notice.values)
