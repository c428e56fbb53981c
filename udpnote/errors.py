"""Errors and notices as facts: each has a kind and values, from which `text.messages` makes the sentence."""

import sys

TYPE_CHECKING = False  # instead of the one of `typing`, whose import would slow down a one-shot send
if TYPE_CHECKING:
    from typing import Any, Self


class Notice:
    """A message to a person, as facts: a kind, for which `text.messages` has a sentence, and the values in that sentence.

    `str()` of a notice is the sentence in English. Notices are equal if their kinds and their values are.
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


def _sentence_of(notice: Notice) -> str:
    """The sentence of `notice`. This module is below all others and imports none: the package knows who makes sentences."""
    package: Any = sys.modules[__package__ or ""]
    sentence: str = package.sentence_of(notice)
    return sentence


class UdpnoteError(Exception):
    """The base of all errors that udpnote raises on purpose.

    `notice` has its facts. `str()` of the error is the sentence made from them.
    """

    def __init__(self, kind: str, /, **values: object) -> None:
        super().__init__(kind, values)
        self.notice = Notice(kind, **values)

    @classmethod
    def from_notice(cls, notice: Notice, /, **more: "Any") -> "Self":
        """An error of this class with the facts of `notice`, and with the other arguments of the class."""
        return cls(notice.kind, **more, **notice.values)

    def __str__(self) -> str:
        return str(self.notice)

    def __reduce__(self) -> "tuple[Any, ...]":
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind_of_error: "type[UdpnoteError]", args: "tuple[Any, ...]", attributes: "dict[str, Any]") -> UdpnoteError:
    """An error that was copied or pickled, as it was. Calling its class again would need its keyword arguments."""
    error = kind_of_error.__new__(kind_of_error, *args)
    error.__dict__.update(attributes)
    return error


class InvalidEntry(UdpnoteError, ValueError):
    """No notebook takes this text or author: it is blank, too long, or not Unicode text."""


class InvalidSetting(UdpnoteError, ValueError):
    """A setting cannot be used. It comes from an argument, the environment or the settings file."""


class InvalidKey(InvalidSetting):
    """A text is not a join code, or a mistyped one. The message does not repeat the text."""


class InvalidImport(UdpnoteError, ValueError):
    """A line or block of a file to import is not an entry."""


class InvalidQuery(UdpnoteError, ValueError):
    """No notebook can answer this query."""


class Unreachable(UdpnoteError):
    """The notebook cannot be reached: it cannot be read, and new entries wait in the outbox."""


class ServerNotFound(Unreachable):
    """No notebook answered, or the server's name could not be resolved."""


class SeveralNotebooks(UdpnoteError):
    """Several notebooks answered, and none of them was chosen."""


class WrongNotebook(UdpnoteError):
    """Not the named notebook answered, but another one. Nothing was stored in it."""


class KeyMissing(Unreachable):
    """The notebook is sealed, and this machine does not have its key."""


class OldKey(Unreachable):
    """The notebook has a new key, and this machine has an old one. `notebook` is the `KnownNotebook`, if known."""

    def __init__(self, kind: str, /, notebook: object = None, **values: object) -> None:
        super().__init__(kind, **values)
        self.notebook = notebook


class JoinedOrLeftMeanwhile(Unreachable):
    """Another command joined or left the notebook while this one used it."""


class EntriesWait(UdpnoteError):
    """A sealed notebook cannot be left while entries wait for it."""


class NotSealed(Unreachable):
    """The server that answered claims to be a sealed notebook but does not have its key. Nothing was sent to it."""


class Queued(UdpnoteError):
    """The entry is safe in the outbox but not acknowledged yet; a later command delivers it.

    `client_id` (16 bytes) and `sequence` identify it, now and after it is acknowledged.
    """

    def __init__(self, kind: str, /, client_id: bytes, sequence: int, **values: object) -> None:
        super().__init__(kind, **values)
        self.client_id = client_id
        self.sequence = sequence


class ClientClosed(UdpnoteError):
    """The client was used after it was closed."""


class EntryRefused(UdpnoteError):
    """The notebook will never take this entry. It stays in the outbox, marked as refused, and is not sent again."""


class StorageError(UdpnoteError):
    """A file of udpnote, such as a notebook or an outbox, cannot be opened, read or written."""


class NotebookInUse(StorageError):
    """A server is using the notebook's file, and only one process may write it."""


class NotebookSealed(UdpnoteError):
    """The notebook is sealed, and so it can be neither served to everybody nor sealed again."""


class NotebookOpen(UdpnoteError):
    """The notebook is open, and so it can be neither served as a sealed one nor unsealed."""


class NoSpace(StorageError):
    """The disk that holds the file is full."""


class AddressInUse(UdpnoteError):
    """Another process uses the port, most likely another server."""


class AddressUnavailable(UdpnoteError):
    """The server cannot listen at this address: usually it is not one of this machine's."""


class BadAnswer(UdpnoteError):
    """The server sent an answer that makes no sense, so it may not be a udpnote server."""


class BadDatagram(ValueError):
    """These bytes are not a datagram of this protocol. The argument, a word or two, is the reason.

    It is not an `UdpnoteError`, because it is no message to a person: the server counts dropped datagrams by their reason. A
    server that receives many of them raises several for each datagram, so one must cost no more than a plain exception.
    """

    @property
    def reason(self) -> str:
        """Why the bytes are not a datagram of this protocol."""
        return str(self.args[0])
