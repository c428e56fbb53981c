"""The sentence for a notice or an error, in English.

Each kind of notice has a template for `str.format`, or a function that makes the sentence from the values, if the sentence has
a plural, a list or an optional clause.
"""

from collections.abc import Callable

from udpnote.errors import Notice
from udpnote.text.messages import client, command_line, entries, server, settings, storage

TABLES = (entries, settings, storage, client, server, command_line)

SENTENCES: dict[str, str | Callable[..., str]] = {
    kind: sentence for table in TABLES for kind, sentence in table.SENTENCES.items()
}


def sentence_of(notice: Notice) -> str:
    """The English sentence for `notice`, without a full stop at its end.

    For a kind that has no sentence it is the kind itself, because an exception here would hide the error that is reported.
    """
    sentence = SENTENCES.get(notice.kind, notice.kind)
    if isinstance(sentence, str):
        return sentence.format(**notice.values) if notice.values else sentence
    return sentence(**notice.values)
