"""A notebook for the LAN over UDP: found by broadcast, every entry kept exactly once.

>>> from udpnote import Client, Server
>>> with Server("notes.sqlite3") as server:
...     entry = Client(server="localhost").send("今天开会")
"""

from udpnote.errors import Notice, make_sentences_with
from udpnote.version import __version__

TYPE_CHECKING = False  # that of `typing`, which takes a command longer to import than anything else here
if TYPE_CHECKING:
    from udpnote.client.client import Client as Client
    from udpnote.server.server import Server as Server

__all__ = ["Client", "Server", "__version__"]


def _sentence_of(notice: Notice) -> str:
    from udpnote.text.messages.sentences import sentence_of  # here, because a command that succeeds says nothing

    return sentence_of(notice)


make_sentences_with(_sentence_of)


def __getattr__(name: str) -> object:
    """Import `Client` and `Server` when they are first used: one-shot commands need only one of them."""
    if name == "Client":
        from udpnote.client.client import Client

        return Client
    if name == "Server":
        from udpnote.server.server import Server

        return Server
    raise AttributeError(f"module 'udpnote' has no attribute {name!r}")
