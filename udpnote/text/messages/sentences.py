"""The sentence for a notice or an error, in English.

Each kind has one template for `str.format`. Where the sentence depends on the values (a plural, a list, an optional clause), a
function of the values makes the whole sentence instead.
"""

from collections.abc import Callable

from udpnote.errors import Notice
from udpnote.text.messages import client, command_line, entries, server, settings, storage

TABLES = (entries, settings, storage, client, server, command_line)

SENTENCES: dict[str, str | Callable[..., str]] = {
    kind: sentence for table in TABLES for kind, sentence in table.SENTENCES.items()
}


def sentence_of(notice: Notice) -> str:
    """The sentence, without a full stop at its end.

    A kind without a sentence stands for itself, so that an error never hides behind another one.
    """
    sentence = SENTENCES.get(notice.kind, notice.kind)
    if isinstance(sentence, str):
        return sentence.format(**notice.values) if notice.values else sentence
    return sentence(**notice.values)
