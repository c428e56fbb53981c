"""Errors and notices. Each has a kind and values, from which `text.messages` makes the sentence for people."""

import errno
import sys

TYPE_CHECKING = False  # type checkers take it for true; importing `typing` would slow down a one-shot send
if TYPE_CHECKING:
    from typing import Any, Self


OUT_OF_FILES = (errno.EMFILE, errno.ENFILE)
"""The two values of `errno` that mean: no more files or sockets can be opened, by this process or in the whole system."""


class Notice:
    """A message to a person. `kind` names a sentence in `text.messages`, and `values` are the values that the sentence shows.

    `str()` of a notice is the sentence, in the language that `text.language.language` returns. If too many files are open to
    import the sentences, `str()` is the `repr()`. Two notices are equal if they have the same kind and values.
    """

    __slots__ = ("kind", "values")

    def __init__(self, kind: str, /, **values: object) -> None:
        self.kind = kind
        self.values = values

    def __str__(self) -> str:
        try:
            return _sentence_of(self)
        except OSError:  # from an import: no more files can be opened, and perhaps this notice is to say so
            return repr(self)

    def __repr__(self) -> str:
        values = "".join(f", {name}={value!r}" for name, value in self.values.items())
        return f"{type(self).__name__}({self.kind!r}{values})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Notice) and (self.kind, self.values) == (other.kind, other.values)

    def __hash__(self) -> int:
        return hash((self.kind, repr(self.values)))


def _sentence_of(notice: Notice) -> str:
    """Return the sentence for `notice`. Raises `OSError` if too many files are open to import the sentences.

    This module must not import `text.messages`, because `text.messages` imports this module. Therefore this function takes
    `sentence_of` from the package `udpnote`, which imports it on the first use.
    """
    package: Any = sys.modules[__package__ or ""]
    sentence: str = package.sentence_of(notice)
    return sentence


class UdpnoteError(Exception):
    """The base class of all errors that udpnote raises for its callers.

    `notice` is a `Notice` with the error's kind and values. `str()` of the error is the sentence made from them.
    """

    def __init__(self, kind: str, /, **values: object) -> None:
        super().__init__(kind, values)
        self.notice = Notice(kind, **values)

    @classmethod
    def from_notice(cls, notice: Notice, /, **more: "Any") -> "Self":
        """Make an error of this class with the kind and values of `notice`.

        `more` are the keyword arguments that only this class takes, such as the `sequence` of `Queued`.
        """
        return cls(notice.kind, **more, **notice.values)

    def __str__(self) -> str:
        return str(self.notice)

    def __reduce__(self) -> "tuple[Any, ...]":
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind_of_error: "type[UdpnoteError]", args: "tuple[Any, ...]", attributes: "dict[str, Any]") -> UdpnoteError:
    """Make the copy of an error: an error of the class `kind_of_error` with these `args` and `attributes`.

    Python calls this function when an error is copied or unpickled, because `__reduce__` names it. By default Python would call
    the class with `args` alone, which fails for classes that need keyword arguments.
    """
    error = kind_of_error.__new__(kind_of_error, *args)
    error.__dict__.update(attributes)
    return error


class InvalidEntry(UdpnoteError, ValueError):
    """This entry cannot be stored: its text or author is blank, too long or not Unicode, or a number in it is impossible."""


class InvalidSetting(UdpnoteError, ValueError):
    """A setting cannot be used. It comes from an argument, the environment or the settings file."""


class InvalidKey(InvalidSetting):
    """A text is not a join code, or is a mistyped one. The message shows one symbol at most: the text may be a secret."""


class InvalidImport(UdpnoteError, ValueError):
    """A file cannot be imported: its format is unknown, or one of its lines or blocks is not an entry."""


class InvalidQuery(UdpnoteError, ValueError):
    """This query cannot be answered: it is too long, asks for too much or for an impossible number, or searches for no word."""


class Unreachable(UdpnoteError):
    """No server of the notebook can be used now: nothing can be read from the notebook, and new entries wait in the outbox."""


class ServerNotFound(Unreachable):
    """No notebook answered, or only others than the user named; or the server's name could not be resolved."""


class SeveralNotebooks(UdpnoteError):
    """Several notebooks answered, and the user has not chosen one of them. Nothing was read or sent."""


class WrongNotebook(UdpnoteError):
    """The server that the user named does not have the notebook that the user named, or not the notebook that it had before.

    Nothing was stored on that server.
    """


class KeyMissing(Unreachable):
    """The notebook is sealed, and this machine does not have its key."""


class OldKey(Unreachable):
    """The notebook has a new key, and this machine has an old one.

    `notebook` is the notebook, a `KnownNotebook`. It is None if the code that raised the error did not know the notebook.
    """

    def __init__(self, kind: str, /, notebook: object = None, **values: object) -> None:
        super().__init__(kind, **values)
        self.notebook = notebook


class JoinedOrLeftMeanwhile(Unreachable):
    """While this process used the notebook, another process saved or removed the notebook's key on this machine."""


class EntriesWait(UdpnoteError):
    """The outbox has entries for a sealed notebook, so `Client.leave` kept its key, or `Client.move` did not move them."""


class NotSealed(Unreachable):
    """A server claims to have a sealed notebook, but does not have that notebook's key. No entry was sent to the server."""


class Queued(UdpnoteError):
    """The entry is saved in the outbox but not acknowledged yet. The next call that sends to the same notebook sends it again.

    `client_id` (16 bytes) and `sequence`, the sequence number, identify the entry in the outbox and later in the notebook.
    """

    def __init__(self, kind: str, /, client_id: bytes, sequence: int, **values: object) -> None:
        super().__init__(kind, **values)
        self.client_id = client_id
        self.sequence = sequence


class ClientClosed(UdpnoteError):
    """The client or `FileReader` was used after it was closed, or in a child process that `os.fork` has made."""


class EntryRefused(UdpnoteError):
    """The notebook has refused an entry for good, or another command has removed the entry from the outbox.

    A refused entry stays in the outbox, marked as refused, and is not sent again. If it was to be imported, the import ends
    there.
    """


class NotTakenBack(UdpnoteError):
    """The last write of this outbox cannot be undone. Nothing was done.

    There is no such write, it is not in the client's notebook, or others have changed its note.
    """


class StorageError(UdpnoteError):
    """A file of udpnote, such as a notebook or an outbox, cannot be opened, read or written."""


class NotebookInUse(StorageError):
    """Another process, most likely a server, has the notebook's file open. Only one process at a time may write to the file."""


class NotebookLost(StorageError):
    """The notebook's file or its log was deleted, emptied, moved, replaced, hard-linked or overwritten while it was in use.

    The server or import stops, and leaves both files as they are. What it acknowledged before is in them, unless another
    program has removed or overwritten it.
    """


class NotebookSealed(UdpnoteError):
    """The notebook is sealed (encrypted with a key). So it cannot be sealed again, or served to clients without the key."""


class NotebookOpen(UdpnoteError):
    """The notebook is open, that is, not sealed. So it has no key to show, change or remove, and cannot be served as sealed."""


class NoSpace(StorageError):
    """A file of udpnote, such as a notebook or an outbox, cannot be created or grow: its disk is full, or a limit is reached.

    An import through a server raises this also if the notebook's host has no disk space left for the notebook.
    """


class AddressInUse(UdpnoteError):
    """Another process uses the port, most likely another server."""


class AddressUnavailable(UdpnoteError):
    """The server cannot listen at an address, because this machine does not have it or the user may not use its port."""


class TooManyOpenFiles(UdpnoteError):
    """The system lets this process open no more sockets, because too many files and sockets are open."""


class BadAnswer(UdpnoteError):
    """The server sent an answer that breaks the protocol, so it may not be a udpnote server."""


class BadDatagram(ValueError):
    """Some bytes are not a valid datagram of this protocol.

    The only argument is the reason, such as "truncated". `_DROPPED` in `text.messages.server` has the words for each reason.
    This class is not a `UdpnoteError`, because no user sees it: the receiver drops the datagram, and a server counts the
    dropped datagrams by reason. Raising it must be cheap, because a server with several keys tries each key on each bad
    datagram.
    """

    @property
    def reason(self) -> str:
        """The reason, in one or two words. A server counts the datagrams that it drops by this reason."""
        return str(self.args[0])
