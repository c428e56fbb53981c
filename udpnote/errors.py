"""What can go wrong, as facts: each error and each notice is a kind and its values, and `text.messages` makes the sentence."""

from collections.abc import Callable


class Notice:
    """What a person is told, as facts: a kind, which `text.messages` has a sentence for, and the values in that sentence.

    `str()` of it is the sentence in English. Two notices of the same kind with the same values are equal.
    """

    __slots__ = ("kind", "values")

    def __init__(self, kind: str, /, **values: object) -> None:
        self.kind = kind
        self.values = values

    def __str__(self) -> str:
        return _sentence_of(self)

    def __repr__(self) -> str:
        values = "".join(f", {name}={value!r}" for name, value in self.values.items())
        return f"{type(self).__name__}({self.kind!r}{values})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Notice) and (self.kind, self.values) == (other.kind, other.values)

    def __hash__(self) -> int:
        return hash((self.kind, repr(self.values)))


_sentence_of: Callable[[Notice], str] = repr


def make_sentences_with(sentence_of: Callable[[Notice], str]) -> None:
    """Have `sentence_of` make the sentence of every notice and error: this module, below all others, imports none."""
    global _sentence_of
    _sentence_of = sentence_of


class UdpnoteError(Exception):
    """The base of every error that udpnote raises on purpose.

    `notice` has its facts; `str()` of the error is the sentence made from them.
    """

    def __init__(self, kind: str, /, **values: object) -> None:
        super().__init__(kind, values)
        self.notice = Notice(kind, **values)

    def __str__(self) -> str:
        return str(self.notice)


class InvalidEntry(UdpnoteError, ValueError):
    """A text or an author that no notebook would take: blank, too long, or not Unicode text."""


class InvalidSetting(UdpnoteError, ValueError):
    """A setting, in an argument, the environment or the settings file, that cannot be used."""


class InvalidKey(InvalidSetting):
    """A join code that is none, or that was mistyped; the message does not give it away."""


class InvalidImport(UdpnoteError, ValueError):
    """A line or block of a file to import that is no entry."""


class InvalidQuery(UdpnoteError, ValueError):
    """A question that no notebook can answer as it stands."""


class Unreachable(UdpnoteError):
    """The notebook cannot be reached as things are: it cannot be read, and what is written waits in the outbox."""


class ServerNotFound(Unreachable):
    """No notebook answered, or the server's name could not be resolved."""


class SeveralNotebooks(UdpnoteError):
    """Several notebooks are on the LAN and none of them was chosen."""


class WrongNotebook(UdpnoteError):
    """The notebook that answered is not the one that was asked for; nothing was stored in it."""


class KeyMissing(Unreachable):
    """A notebook is sealed, and its key is not here."""


class OldKey(Unreachable):
    """A notebook is sealed with another key than ours now; `notebook` is the one that has said so, if that tells something."""

    def __init__(self, kind: str, /, notebook: object = None, **values: object) -> None:
        super().__init__(kind, **values)
        self.notebook = notebook


class Outdated(Unreachable):
    """A notebook was joined or left by another command while this one used it."""


class EntriesWait(UdpnoteError):
    """A sealed notebook was to be left while entries wait for it."""


class NotSealed(Unreachable):
    """Only somebody answered who gives itself out as a sealed notebook without having its key; nothing was sent there."""


class Queued(UdpnoteError):
    """An entry is safe in the outbox but not acknowledged yet; a later command delivers it.

    `client_id` (16 bytes) and `sequence` identify it, also when it is acknowledged later.
    """

    def __init__(self, kind: str, /, client_id: bytes, sequence: int, **values: object) -> None:
        super().__init__(kind, **values)
        self.client_id = client_id
        self.sequence = sequence


class ClientClosed(UdpnoteError):
    """The client was used after it was closed."""


class EntryRefused(UdpnoteError):
    """The notebook will never take this entry; it stays in the outbox, marked, and is not sent again."""


class StorageError(UdpnoteError):
    """A notebook or outbox file that cannot be opened, read or written."""


class NotebookInUse(StorageError):
    """A server has the notebook's file: nobody else may write it."""


class NotebookSealed(UdpnoteError):
    """The notebook is sealed, and was to be served to everybody, or sealed once more."""


class NotebookOpen(UdpnoteError):
    """The notebook is open, and was to be served as a sealed one, or opened once more."""


class NoSpace(StorageError):
    """The disk that holds the notebook is full."""


class AddressInUse(UdpnoteError):
    """The port is taken, most likely by another server."""


class AddressUnavailable(UdpnoteError):
    """The address to listen on is not one of this machine's."""


class BadAnswer(UdpnoteError):
    """A server has answered what makes no sense: it is none of this protocol, or none at all."""


class BadDatagram(UdpnoteError, ValueError):
    """Bytes that are no datagram of this protocol; `reason` is one word to count them by."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
