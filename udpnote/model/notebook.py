"""What a client knows about notebooks (id, name, last address, id of the key), and how a user refers to one of them.

The id identifies a notebook for ever. Its name and its server's address may change, and two notebooks may have the same name.
"""

from collections.abc import Iterable
from typing import NamedTuple

from udpnote.errors import InvalidSetting, Notice
from udpnote.model.address import Address
from udpnote.model.entry import is_one_line, readable

ID_DIGITS_SHOWN = 8
"""How many hexadecimal digits of a notebook's id messages show: the first eight are enough to tell a few notebooks apart."""


class KnownNotebook(NamedTuple):
    """A notebook whose server has answered this client, and the address from which that server answered last.

    `notebook_id` has 16 bytes. `host` is an IP address, `port` a UDP port. `scope` is the scope id of an IPv6 address, or 0.
    `key_id` is the id of the key with which the notebook is sealed. It is None if the notebook is open (not sealed).
    """

    notebook_id: bytes
    name: str
    host: str
    port: int
    scope: int
    key_id: bytes | None = None

    def __repr__(self) -> str:
        return readable(self)


class SealedNotebook(NamedTuple):
    """A sealed notebook that this client has joined.

    `server` is the server that the user named when joining, as HOST:PORT. It is None if the user named no server.
    """

    notebook: KnownNotebook
    server: str | None

    def is_at(self, server: str, host: str, port: int) -> bool:
        """Whether the notebook is at the given server, by the server's name or by its address.

        True if the user named `server` (HOST:PORT) when joining, or if the notebook's server last answered from the IP address
        `host` and the UDP port `port`.
        """
        return self.server == server or (self.notebook.host, self.notebook.port) == (host, port)


class SilentServer(NamedTuple):
    """A server that does not answer.

    `name` is the `display_name` of its notebook, `host` is its host as messages show it, and `is_sealed` says whether the
    notebook is sealed. `another` is a notebook with the same name or address that has answered in its place; None if no such
    notebook has. `obstacle` is the system's reason for which this machine could not send anything to the server; None if it
    has sent something.
    """

    name: str | Notice
    host: str
    is_sealed: bool
    another: KnownNotebook | None = None
    obstacle: str | None = None


class Destination(NamedTuple):
    """Which notebook a command shall use, as the user says in options, the environment or the settings file.

    `host` and `port` name a server. If `host` is None, discovery looks for the notebook on the LAN, at UDP port `port` or, if
    `port` is None as well, at the ports in the settings. `name_or_id` is the notebook's name, its id in hexadecimal digits, or
    the start of the id. `key_id` is the id of a key that the user gives for one command. If all fields are None, the command
    uses the notebook chosen by `udpnote use` or, if the user has chosen none, the only notebook that answers.
    """

    host: str | None = None
    port: int | None = None
    name_or_id: str | None = None
    key_id: bytes | None = None

    def __repr__(self) -> str:
        return readable(self)

    @property
    def names_nothing(self) -> bool:
        """Whether all fields are None: the user has not said which notebook this command shall use."""
        return self == _NOTHING_NAMED

    @property
    def server(self) -> str | None:
        """The server as HOST:PORT or [IPV6]:PORT. It is None if the user has named no server."""
        if self.host is None:
            return None
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


_NOTHING_NAMED = Destination()


def address_of(notebook: KnownNotebook) -> Address:
    """The address from which the notebook's server has answered last."""
    if ":" in notebook.host:
        return (notebook.host, notebook.port, 0, notebook.scope)
    return (notebook.host, notebook.port)


def display_name(notebook: KnownNotebook, known: Iterable[KnownNotebook], *, shown: str | None = None) -> str | Notice:
    """How messages name `notebook`: by its name or, if given, by `shown`, which is its name cut to a certain length.

    If another notebook in `known` has the same name, the result is a `Notice` that also shows the start of the notebook's id.
    """
    name = notebook.name if shown is None else shown
    return name if _has_own_name(notebook, known) else Notice("notebook_and_id", name=name, id=short_id(notebook))


def name_or_id(notebook: KnownNotebook, known: Iterable[KnownNotebook]) -> str:
    """What to type in a command for this notebook: its name or, if another notebook in `known` has that name, `short_id`."""
    return notebook.name if _has_own_name(notebook, known) else short_id(notebook)


def short_id(notebook: KnownNotebook) -> str:
    """The first `ID_DIGITS_SHOWN` hexadecimal digits of a notebook's id. Messages show them, and commands accept them."""
    return notebook.notebook_id.hex()[:ID_DIGITS_SHOWN]


def _has_own_name(notebook: KnownNotebook, known: Iterable[KnownNotebook]) -> bool:
    """Whether no other notebook in `known` has the name of `notebook`."""
    return all(each.name != notebook.name or each.notebook_id == notebook.notebook_id for each in known)


def check_notebook_name(name: str, *, bytes_max: int) -> None:
    """Raise `InvalidSetting` unless `name` may name a notebook: one line, not blank, of at most `bytes_max` bytes of UTF-8."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise InvalidSetting("notebook_name_not_utf8") from None
    if not is_one_line(name):
        raise InvalidSetting("notebook_name_not_one_line")
    if size > bytes_max:
        raise InvalidSetting("notebook_name_too_long", bytes=size, bytes_max=bytes_max)
