"""A notebook for the LAN over UDP: found by broadcast, every entry stored exactly once.

>>> from udpnote import Client, Server
>>> with Server("notes.sqlite3") as server:
...     entry = Client(server="localhost").send("今天开会")
"""

from udpnote.errors import Notice, make_sentences_with
from udpnote.version import __version__

TYPE_CHECKING = False  # in place of the one in `typing`, whose import would take longer than the rest of this module
if TYPE_CHECKING:
    from udpnote.client.client import Client as Client
    from udpnote.server.server import Server as Server

__all__ = ["Client", "Server", "__version__"]


def _sentence_of(notice: Notice) -> str:
    from udpnote.text.messages.sentences import sentence_of  # here, because a command without errors needs no sentences

    return sentence_of(notice)


make_sentences_with(_sentence_of)


def __getattr__(name: str) -> object:
    """Import `Client` or `Server` when it is first used: a command needs at most one of them."""
    if name == "Client":
        from udpnote.client.client import Client

        return Client
    if name == "Server":
        from udpnote.server.server import Server

        return Server
    raise AttributeError(f"module 'udpnote' has no attribute {name!r}")
