"""Errors and notices. Each holds a kind and values, from which `text.messages` makes the sentence for people."""

import sys

TYPE_CHECKING = False  # type checkers take it for true; importing `typing` would slow down a one-shot send
if TYPE_CHECKING:
    from typing import Any, Self


class Notice:
    """A message to a person: `kind` says which sentence of `text.messages`, `values` are the values in that sentence.

    `str()` of a notice is the sentence in English. Two notices are equal if they have the same kind and values.
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
    """The sentence for `notice`.

    This module must not import `text.messages`, because that imports this module. So it takes the function `sentence_of` from
    the package `udpnote`, which imports it when it is first used.
    """
    package: Any = sys.modules[__package__ or ""]
    sentence: str = package.sentence_of(notice)
    return sentence


class UdpnoteError(Exception):
    """The base class of all errors that udpnote raises for its callers.

    `notice` holds the kind and the values. `str()` of the error is the sentence made from them.
    """

    def __init__(self, kind: str, /, **values: object) -> None:
        super().__init__(kind, values)
        self.notice = Notice(kind, **values)

    @classmethod
    def from_notice(cls, notice: Notice, /, **more: "Any") -> "Self":
        """An error of this class with the kind and values of `notice`; `more` are further arguments of the class."""
        return cls(notice.kind, **more, **notice.values)

    def __str__(self) -> str:
        return str(self.notice)

    def __reduce__(self) -> "tuple[Any, ...]":
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind_of_error: "type[UdpnoteError]", args: "tuple[Any, ...]", attributes: "dict[str, Any]") -> UdpnoteError:
    """Make an error again when it is copied or unpickled; `__reduce__` names this function.

    Python would call the class with `args` alone, but some classes need keyword arguments, too.
    """
    error = kind_of_error.__new__(kind_of_error, *args)
    error.__dict__.update(attributes)
    return error


class InvalidEntry(UdpnoteError, ValueError):
    """No notebook would store this entry: its text or author is blank, too long or not Unicode, or its number is impossible."""


class InvalidSetting(UdpnoteError, ValueError):
    """A setting cannot be used. It comes from an argument, the environment or the settings file."""


class InvalidKey(InvalidSetting):
    """A text is not a join code, or is a mistyped one. The message does not show the text, which may be nearly a secret key."""


class InvalidImport(UdpnoteError, ValueError):
    """A file cannot be imported: its format is unknown, or one of its lines or blocks is not an entry."""


class InvalidQuery(UdpnoteError, ValueError):
    """No notebook can answer this query: it is too long, asks for too much, or has nothing to search for."""


class Unreachable(UdpnoteError):
    """The notebook's server cannot be reached: nothing can be read from it, and new entries wait in the outbox."""


class ServerNotFound(Unreachable):
    """No notebook answered, or the server's name could not be resolved."""


class SeveralNotebooks(UdpnoteError):
    """Several notebooks answered, and the user has not chosen one of them."""


class WrongNotebook(UdpnoteError):
    """The server that the user named has another notebook than the one named. Nothing was stored in it."""


class KeyMissing(Unreachable):
    """The notebook is sealed, and this machine does not have its key."""


class OldKey(Unreachable):
    """The notebook has a new key, and this machine has an old one. `notebook` is the `KnownNotebook`, or None if unknown."""

    def __init__(self, kind: str, /, notebook: object = None, **values: object) -> None:
        super().__init__(kind, **values)
        self.notebook = notebook


class JoinedOrLeftMeanwhile(Unreachable):
    """Another process has joined or left the notebook (stored or removed its key) while this one used it."""


class EntriesWait(UdpnoteError):
    """The outbox holds entries for a sealed notebook, so `udpnote leave` does not remove the notebook's key."""


class NotSealed(Unreachable):
    """A server claims to have a sealed notebook, but does not have the notebook's key. No entry was sent to it."""


class Queued(UdpnoteError):
    """The entry is safe in the outbox but not acknowledged yet; the next command that sends delivers it.

    `client_id` (16 bytes) and `sequence` identify the entry, in the outbox and later in the notebook.
    """

    def __init__(self, kind: str, /, client_id: bytes, sequence: int, **values: object) -> None:
        super().__init__(kind, **values)
        self.client_id = client_id
        self.sequence = sequence


class ClientClosed(UdpnoteError):
    """The client was used after it was closed."""


class EntryRefused(UdpnoteError):
    """The notebook has refused this entry for good. The entry stays in the outbox, marked as refused, and is not sent again."""


class StorageError(UdpnoteError):
    """A file of udpnote, such as a notebook or an outbox, cannot be opened, read or written."""


class NotebookInUse(StorageError):
    """A server uses the notebook's file, and only one process may write it."""


class NotebookLost(StorageError):
    """The notebook's file or its log was deleted, moved, replaced or hard-linked while a server used it. The server stops."""


class NotebookSealed(UdpnoteError):
    """The notebook is sealed (encrypted with a key), so it can be neither served to everybody nor sealed again."""


class NotebookOpen(UdpnoteError):
    """The notebook is open (it has no key), so it can be neither served as a sealed one nor unsealed."""


class NoSpace(StorageError):
    """The disk that holds the file is full."""


class AddressInUse(UdpnoteError):
    """Another process uses the port, most likely another server."""


class AddressUnavailable(UdpnoteError):
    """The server cannot listen at this address: usually it is not one of this machine's."""


class BadAnswer(UdpnoteError):
    """The server sent an answer that breaks the protocol, so it may not be a udpnote server."""


class BadDatagram(ValueError):
    """These bytes are not a datagram of this protocol. The argument is the reason: one of the keys in `text.messages.server`.

    It is not a `UdpnoteError`, because no user sees it: the receiver drops the datagram, and a server counts the reasons. It
    must be as cheap as a plain exception, because a server with several keys raises one per key for each bad datagram.
    """

    @property
    def reason(self) -> str:
        """Why the bytes are not a datagram of this protocol."""
        return str(self.args[0])
