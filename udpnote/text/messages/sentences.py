"""The sentence for a notice or an error, in English.

Each kind has one template for `str.format`, or, where the sentence depends on the values (a plural, a list, a clause that is
left out), a function of them that gives the whole sentence.
"""

from collections.abc import Callable

from udpnote.errors import Notice
from udpnote.text.messages import client, command_line, entries, network, server, settings, storage

SENTENCES: dict[str, str | Callable[..., str]] = {
    **entries.SENTENCES,
    **settings.SENTENCES,
    **network.SENTENCES,
    **storage.SENTENCES,
    **client.SENTENCES,
    **server.SENTENCES,
    **command_line.SENTENCES,
}


def sentence_of(notice: Notice) -> str:
    """The sentence, without a full stop at its end."""
    sentence = SENTENCES.get(notice.kind, notice.kind)
    if isinstance(sentence, str):
        return sentence.format(**notice.values) if notice.values else sentence
    return sentence(**notice.values)
